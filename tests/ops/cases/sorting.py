"""Order and distribution: sorting, selecting, searching, counting."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

X, D, INTS = real(2, 3, 4), distinct(2, 3, 4), integers(3, 4, low=-3, high=4)
ALL = (*FLOATS, *HALVES)
MISSING = np.array([[1.0, np.nan, 3.0], [4.0, 2.0, 9.0]])
EDGES = np.array([-1.0, 0.0, 0.5, 1.0])
EVENLY = np.array([0.0, 0.25, 0.5, 0.625, 0.75, 1.0])


def quantile(function, **options):
    """All quantiles of a table, along a dimension and of everything."""

    def call(T, x):
        q = T.tensor([0.0, 0.2, 0.9, 1.0], dtype=x.dtype)
        f = getattr(T, function)
        return f(x, 0.3, **options), f(x, q, 1, **options), f(x, q[1:2], -1, True, **options), f(x, 1.0, 0, **options)

    return call


CASES = [
    Case(
        "sort",
        lambda T, x: (*T.sort(x, 1), *x.sort(descending=True), T.argsort(x, 0), T.msort(x), x.sort(stable=True).values),
        (D,),
        dtypes=ALL,
        ops=("sort", "argsort"),
    ),
    Case(
        "sort.stable",
        lambda T, i: (T.sort(i, stable=True)[1], T.sort(i, descending=True, stable=True)[1]),
        (integers(40, high=4),),
        grad=False,
    ),
    Case(
        "sort.nan",
        lambda T, x: (*x.sort(1), *x.sort(1, descending=True), *x.topk(2), *x.topk(1, largest=False)),
        (MISSING,),
        grad=False,
    ),
    Case("sort.bools", lambda T, b: (b.sort()[0], b.argsort(stable=True)), (booleans(9),), grad=False),
    Case("sort.zero_dim", lambda T, x: (*x.sort(), *x.topk(1), *x.kthvalue(1), *x.median(0), *x.mode()), (real(),)),
    Case(
        "sort.empty",
        lambda T, x: (*x.sort(0), *x.topk(2, 1), *x.sort(1), x.unique(), x.argsort()),
        (real(0, 3),),
        grad=False,
    ),
    Case(
        "topk",
        lambda T, x: (*T.topk(x, 2), *T.topk(x, 1, 0, largest=False), T.topk(x, 0)[0]),
        (D,),
        dtypes=ALL,
        ops=("topk", "argtopk"),
    ),
    Case("topk.many", lambda T, x: (*T.topk(x, 5), *T.topk(x, 7, largest=False)), (distinct(100),)),
    Case("topk.rows", lambda T, x: (*T.topk(x, 2, 0), T.topk(x, 2, 0, sorted=False)[0].sum(0)), (distinct(20, 3),)),
    Case(
        "kthvalue",
        lambda T, x: (*T.kthvalue(x, 2), *T.kthvalue(x, 1, 0, keepdim=True)),
        (D,),
        dtypes=ALL,
        ops=("kthvalue", "argkth"),
    ),
    Case(
        "median",
        lambda T, x: (x.median(), *x.median(1), *x.median(-1, keepdim=True)),
        (D,),
        dtypes=ALL,
        ops=("median", "median_all", "argmedian"),
    ),
    Case(
        "nanmedian",
        lambda T, x: (x.nanmedian(), *x.nanmedian(1), *x.nanmedian(-1, keepdim=True)),
        (D,),
        dtypes=ALL,
        ops=("nanmedian", "nanmedian_all"),
    ),
    Case(
        "median.nan",
        lambda T, x: (x.median(), x.nanmedian(), *x.median(1), *x.nanmedian(1)),
        (MISSING,),
        smooth=False,
        second=False,
    ),
    Case("median.ints", lambda T, i: (i.median(), i.median(1)[0], i.nanmedian()), (INTS,), grad=False),
    Case(
        "median.ties",
        lambda T, x: (x.median(), x.nanmedian()),
        (np.array([3.0, 1.0, 3.0, 3.0, 5.0]),),
        smooth=False,
        second=False,
    ),
    Case(
        "mode",
        lambda T, x: (*T.mode(x, 1), *x.mode(0, True)),
        (np.round(real(3, 9)),),
        dtypes=ALL,
        ops=("mode", "argmode"),
        smooth=False,
    ),
    Case("mode.ints", lambda T, i: (*T.mode(i, 1), *i.mode(0)), (integers(3, 9, high=3),), grad=False),
    *(
        Case(f"quantile.{how}", quantile("quantile", interpolation=how), (D,), ops=("sort", "gather"), rtol=2e-5)
        for how in ("linear", "lower", "higher", "midpoint", "nearest")
    ),
    Case(
        "quantile.slope",
        lambda T, x, q: T.quantile(x, q, dim=1),
        (D, np.array([0.13, 0.55, 0.97])),
        ops=("sort", "gather", "lerp"),
        rtol=2e-5,
    ),
    Case("quantile.nan", quantile("quantile"), (MISSING,), grad=False, ops=("sort",)),
    Case("nanquantile", quantile("nanquantile"), (MISSING,), ops=("sort",), smooth=False, second=False),
    Case(
        "searchsorted",
        lambda T, e, x: (T.searchsorted(e, x), T.bucketize(x, e, right=True), T.searchsorted(e, x, side="right")),
        (EDGES, X),
        grad=False,
    ),
    Case(
        "searchsorted.rows",
        lambda T, e, x: (T.searchsorted(e.sort()[0], x, right=True), T.searchsorted(e, x, sorter=e.argsort())),
        (D, X),
        grad=False,
    ),
    Case(
        "searchsorted.numbers",
        lambda T, e, i: (
            T.searchsorted(e, 0.5),
            T.bucketize(0.7, e, out_int32=True),
            T.bucketize(i, e),
            T.bucketize(2.5, i.flatten().sort()[0]),
        ),
        (EDGES, INTS),
        grad=False,
    ),
    Case(
        "unique",
        lambda T, i: (
            *T.unique(i, return_inverse=True, return_counts=True),
            T.unique(i),
            *i.unique(return_counts=True),
        ),
        (integers(5, 3, high=2),),
        grad=False,
    ),
    Case(
        "unique.rows",
        lambda T, i: (*T.unique(i, dim=0, return_inverse=True, return_counts=True), T.unique(i, dim=-1)),
        (integers(9, 2, high=2),),
        grad=False,
    ),
    Case(
        "unique.floats",
        lambda T, x: (*x.unique(return_inverse=True), *x.unique(dim=1, return_counts=True)),
        (np.round(X[0]),),
        dtypes=ALL,
        grad=False,
        ops=("unique",),
    ),
    Case(
        "unique_consecutive",
        lambda T, i: (*T.unique_consecutive(i, return_inverse=True, return_counts=True), i.unique_consecutive()),
        (integers(20, high=2),),
        grad=False,
    ),
    Case(
        "unique_consecutive.rows",
        lambda T, i: (*T.unique_consecutive(i, True, True, 0), T.unique_consecutive(i, dim=1)),
        (integers(9, 2, high=2),),
        grad=False,
    ),
    Case(
        "bincount",
        lambda T, i, w: (
            T.bincount(i),
            T.bincount(i, minlength=9),
            T.bincount(i, w),
            T.bincount(i, i),
            i[:0].bincount(),
        ),
        (integers(20), real(20)),
        grad=False,
    ),
    Case("histc", lambda T, x: (T.histc(x, 5, -1, 1), x.histc(4), T.histc(x * 0 + 1, 3)), (X,), grad=False),
    Case(
        "histogram",
        lambda T, x: (
            *T.histogram(x, 5),
            *T.histogram(x, 4, range=(-1.0, 1.0), weight=x.abs()),
            *x.histogram(3, density=True),
        ),
        (X,),
        grad=False,
    ),
    Case(
        "histogram.edges",
        lambda T, x, e: (*T.histogram(x, e), *T.histogram(x[:0], 2), *T.histogram(e[:1], 2)),
        (X, EVENLY),
        grad=False,
    ),
    Case(
        "isin",
        lambda T, i, j: (T.isin(i, j), T.isin(i, j, invert=True), T.isin(i, 2), T.isin(2, i)),
        (INTS, integers(3)),
        grad=False,
    ),
    Error("sort.dim", lambda T, x: x.sort(3), IndexError, "Dimension out of range", (X,)),
    Error("sort.complex", lambda T, x: T.complex(x, x).sort(), RuntimeError, "complex", (X,)),
    Error("sort.no_tensor", lambda T: T.sort([1, 2]), TypeError, "must be Tensor"),
    Error("topk.k", lambda T, x: x.topk(9), RuntimeError, "out of range", (X,)),
    Error("topk.bool", lambda T, b: b.topk(1), RuntimeError, "bool", (booleans(3),)),
    Error("kthvalue.k", lambda T, x: x.kthvalue(9), RuntimeError, "out of range", (X,)),
    Error("kthvalue.empty", lambda T, x: x.kthvalue(1), IndexError, "non-zero size", (real(3, 0),)),
    Error("median.empty", lambda T, x: x.median(0), IndexError, "non-zero size", (real(0),)),
    Error("median.bool", lambda T, b: b.median(), NotImplementedError, "Bool", (booleans(3),)),
    Error("mode.empty", lambda T, x: x.mode(0), IndexError, "non-zero size", (real(0, 3),)),
    Error("quantile.q", lambda T, x: x.quantile(2.0), RuntimeError, "range \\[0, 1\\]", (X,)),
    Error("quantile.dtype", lambda T, i: i.quantile(0.5), RuntimeError, "float or double", (INTS,)),
    Error("quantile.how", lambda T, x: x.quantile(0.5, interpolation="cubic"), RuntimeError, "must be one of", (X,)),
    Error("quantile.empty", lambda T, x: x.quantile(0.5), RuntimeError, "non-empty", (real(0),)),
    Error("quantile.list", lambda T, x: T.quantile(x, [0.5]), TypeError, "", (X,)),
    Error("searchsorted.shapes", lambda T, x: T.searchsorted(x, x[0]), RuntimeError, "first N-1 dimensions", (X,)),
    Error(
        "searchsorted.sides",
        lambda T, e, x: T.searchsorted(e, x, side="left", right=True),
        RuntimeError,
        "opposites",
        (EDGES, X),
    ),
    Error("searchsorted.sorter", lambda T, e: T.searchsorted(e, e, sorter=e), RuntimeError, "long dtype", (EDGES,)),
    Error("bucketize.dims", lambda T, x: T.bucketize(x, x), RuntimeError, "1 dimension", (X,)),
    Error("unique.dim", lambda T, x: x.unique(dim=5), IndexError, "", (X,)),
    Error("unique.nothing", lambda T, x: x.unique(dim=1), RuntimeError, "0 sized", (real(0, 3),)),
    Error("histc.bins", lambda T, x: x.histc(0), RuntimeError, "bins must be > 0", (X,)),
    Error("histc.order", lambda T, x: x.histc(3, 2, 1), RuntimeError, "max must be larger", (X,)),
    Error("histc.nan", lambda T, x: x.histc(3), RuntimeError, "not finite", (MISSING,)),
    Error("histogram.no_edges", lambda T, x, e: T.histogram(x, e[:0]), RuntimeError, "at least 1 element", (X, EDGES)),
    Error("histogram.one_number", lambda T, x, e: T.histogram(x, e[0]), RuntimeError, "one dimension", (X, EDGES)),
    Error("histogram.weight", lambda T, x: T.histogram(x, 3, weight=x[0]), RuntimeError, "weight", (X,)),
    Error("bincount.negative", lambda T, i: T.bincount(i - 5), RuntimeError, "non-negative", (integers(3),)),
    Error("bincount.floats", lambda T, x: T.bincount(x), NotImplementedError, "Float|Double", (real(3),)),
    Error("bincount.weights", lambda T, i: T.bincount(i, T.ones(2)), RuntimeError, "same length", (integers(3),)),
    Error("isin.numbers", lambda T: T.isin(1, 2), TypeError, "invalid combination"),
    Case(
        "histogramdd",
        lambda T, x, w: (
            T.histogramdd(x, bins=3)[0],
            *T.histogramdd(x, bins=[2, 3], range=[-1.0, 1.0, 0.0, 2.0], weight=w)[1],
            T.histogramdd(x, bins=[2, 3], range=[-1.0, 1.0, 0.0, 2.0], weight=w, density=True)[0],
            T.histogramdd(x, bins=[T.tensor([-1.0, 0, 0.5, 1], dtype=x.dtype)] * 2)[0],
            T.histogramdd(x[:0], bins=2)[0],
        ),
        (distinct(9, 2), real(9, low=0.0)),
        grad=False,
    ),
    Error("histogramdd.dims", lambda T, x: T.histogramdd(x, bins=2), RuntimeError, "at least 2 dimensions", (real(3),)),
    Error("histogramdd.bins", lambda T, x: T.histogramdd(x, bins=[2]), RuntimeError, "size of bins", (real(3, 2),)),
    Error("topk.overlap", lambda T, x: T.topk(x, 2, out=(x[:2], T.tensor([0, 0]))), RuntimeError, "single", (real(4),)),
]
