"""Reductions over all elements and over dimensions."""

from __future__ import annotations

import numpy as np

from ..case import COMPLEX, FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

X, D, INTS = real(2, 3, 4), distinct(2, 3, 4), integers(3, 4, low=-3, high=4)
ALL = (*FLOATS, *HALVES)
TIES = np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 2.0]])
ZEROS = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [2.0, 3.0, 4.0]])
MISSING = np.array([[1.0, np.nan, 3.0], [4.0, 2.0, 9.0]])
INF = float("inf")


def everyway(name, x=X, dims=((), (1,), (-1,), ((0, 2),)), keepdim=True, ops=(), **options):
    """A reduction over all, one and several dimensions, with and without keepdim; ops: (of all, over dimensions)."""
    rows = []
    for dim in dims:
        for keep in (False, True) if dim and keepdim else (False,):
            extra = {"keepdim": True} if keep else {}
            label = f"{name}.{'all' if not dim else dim[0]}{'.keep' if keep else ''}"
            used = ops[bool(dim)] if ops else (name,)
            rows.append(
                Case(label, lambda T, t, d=dim, k=extra: getattr(T, name)(t, *d, **k), (x,), ops=used, **options)
            )
    return rows


CASES = [
    *everyway("sum", dtypes=(*ALL, *COMPLEX), ops=(("sum",), ("sum_along",))),
    *everyway("mean", dtypes=(*ALL, *COMPLEX), ops=(("mean",), ("mean_along",))),
    *everyway(
        "prod",
        dims=((), (1,)),
        x=real(2, 3, 4, low=0.5, high=1.5),
        dtypes=(*FLOATS, *COMPLEX),
        ops=(("prod",), ("prod_along",)),
    ),
    *everyway("nansum", dtypes=ALL),
    *everyway("amax", D, dtypes=ALL),
    *everyway("amin", D, dtypes=ALL),
    *everyway("max", D, dims=((), (1,), (-1,)), dtypes=ALL, ops=(("max_all",), ("max", "argmax"))),
    *everyway("min", D, dims=((), (1,), (-1,)), dtypes=ALL, ops=(("min_all",), ("min", "argmin"))),
    *everyway("var", dtypes=(*ALL, *COMPLEX)),
    *everyway("std", dtypes=(*ALL, *COMPLEX)),
    *everyway("logsumexp", dims=((1,), ((0, 2),)), dtypes=ALL),
    *everyway("argmax", D, dims=((), (1,)), grad=False),
    *everyway("argmin", D, dims=((), (1,)), grad=False),
    *everyway("all", booleans(2, 3, 4), grad=False),
    *everyway("any", booleans(2, 3, 4), grad=False),
    *everyway("count_nonzero", np.round(X), keepdim=False, dims=((), (1,), ((0, 2),)), grad=False),
    Case(
        "sum.numpy",
        lambda T, x: (x.sum(), x.mean(1), x.var(), x.prod(0)),
        (X,),
        numpy=lambda x: (x.sum(), x.mean(1), x.var(ddof=1), x.prod(0)),
        ops=("sum", "mean_along", "var", "prod_along"),
        grad=False,
    ),
    Case(
        "sum.ints",
        lambda T, i, b: (
            i.sum(),
            i.int().sum(0),
            b.sum(),
            i.to(T.uint8).sum(),
            i.sum(dtype=T.float32),
            i.sum(dtype=T.int32),
        ),
        (INTS, booleans(5)),
        grad=False,
    ),
    Case(
        "sum.empty",
        lambda T, x: (x.sum(), x.sum(0), x.sum(1), x.prod(), x.mean(), x.mean(1)),
        (real(0, 3),),
        grad=False,
    ),
    Case(
        "sum.zero_dim",
        lambda T, x: (x.sum(), x.sum(0), x.mean(), x.sum(-1, keepdim=True), x.max(0)[0], x.prod()),
        (real(),),
        ops=("sum", "mean"),
    ),
    Case(
        "sum.numpy_names",
        lambda T, x: (x.sum(axis=1, keepdims=True), x.mean(axis=0), x.max(axis=1)[0], x.argmax(axis=1), x.std(axis=0)),
        (D[0],),
        ops=("sum_along",),
    ),
    Case(
        "mean.dtype", lambda T, i: (i.mean(dtype=T.float64), i.prod(), i.prod(0, dtype=T.float32)), (INTS,), grad=False
    ),
    Case("nansum.nan", lambda T, x: (x.nansum(), x.nanmean(1), x.nansum(0)), (MISSING,), second=False, smooth=False),
    Case("nanmean", lambda T, x: (x.nanmean(), x.nanmean(0), x.nanmean((1, 2), True)), (X,), ops=("nansum",)),
    Case("prod.zeros", lambda T, x: (x.prod(), x.prod(1), x.prod(0)), (ZEROS,)),
    Case(
        "amax.ties",
        lambda T, x: (x.amax(1), x.amin(), x.max(), x.max(1)[0], x.min(0)[0], x.aminmax()[0]),
        (TIES,),
        smooth=False,
        second=False,
    ),
    Case("amax.nan", lambda T, x: (x.amax(1), *x.max(1), x.argmax(1), x.min(), x.argmin()), (MISSING,), grad=False),
    Case("amax.ints", lambda T, i: (i.amax(1), i.max(), *i.min(0), i.argmax(), *i.aminmax(dim=0)), (INTS,), grad=False),
    Case("max.pairs", lambda T, x, y: (T.max(x, y), T.min(x, y)), (D, D[::-1].copy()), ops=("maximum", "minimum")),
    Case(
        "var.correction",
        lambda T, x: (
            x.var(unbiased=False),
            x.var(1, correction=0),
            T.var_mean(x, 1)[1],
            x.std(0, False),
            x.std(correction=2.5),
        ),
        (X,),
        ops=("var", "std"),
    ),
    Case(
        "var.mean",
        lambda T, x: (*T.var_mean(x, 1, keepdim=True), *T.std_mean(x), *T.std_mean(x, (0, 1), correction=0)),
        (X,),
        ops=("var", "std"),
    ),
    Case(
        "var.unbiased_first",
        lambda T, x: (x.std(False), x.var(True), T.std(x, False), *T.std_mean(x, True), *T.var_mean(x, False)),
        (X,),
        ops=("var", "std"),
    ),
    Case(
        "sum.to_size",
        lambda T, x: (x.sum_to_size(3, 1), x.sum_to_size((2, 3, 4)), x.sum_to_size([1, 4]), x.sum_to_size(())),
        (X,),
        ops=("sum",),
    ),
    Case(
        "var.none_left",
        lambda T, x: (x[:1].var(), x.var(correction=3), x[:0].var(), x.std(correction=4)),
        (real(3),),
        grad=False,
    ),
    Case("std.constant", lambda T, x: x.std(), (np.ones(3),), second=False, smooth=False),
    Case(
        "norm",
        lambda T, x: (x.norm(), x.norm(dim=1), x.norm(1), x.norm(3, dim=0), x.norm(1.5, (0, 2), True), x.norm(-1)),
        (D,),
        rtol=2e-5,
    ),
    Case("norm.inf", lambda T, x: (x.norm(INF), x.norm(-INF, dim=1), x.norm(0)), (X,), second=False, smooth=False),
    Case("norm.ties", lambda T, x: (x.norm(INF), x.norm(-INF, 1), x.norm(INF, 0)), (TIES,), second=False, smooth=False),
    Case(
        "norm.zero",
        lambda T, x: (x.norm(), x.norm(3), x.norm(1), x.norm(1.5)),
        (np.zeros(3),),
        second=False,
        smooth=False,
    ),
    Case(
        "norm.options",
        lambda T, x: (T.norm(x, "fro", (0, 1)), T.norm(x, dtype=T.float64), T.norm(x, None)),
        (X,),
        ops=("norm",),
    ),
    Case(
        "dist",
        lambda T, x, y: (T.dist(x, y), T.dist(x, y, 3), x.dist(y, 1)),
        (real(5), real(5, seed="y")),
        ops=("norm",),
    ),
    Case(
        "renorm",
        lambda T, x: (T.renorm(x, 2, 0, 1.0), x.renorm(1, -1, 2.0), T.renorm(x, 3, 1, 100.0)),
        (D,),
        ops=("norm",),
        rtol=2e-5,
    ),
    Case(
        "cdist",
        lambda T, x, y: (T.cdist(x, y), T.cdist(x, y, 1), T.cdist(x, y[0], 3.0), T.cdist(x, x[:, :1], float("inf"))),
        (distinct(2, 3, 4), distinct(2, 5, 4, seed="y") * 1.3),
        ops=("norm",),
        second=False,
        rtol=2e-5,
    ),
    Case(
        "cdist.many",
        lambda T, x, y: (T.cdist(x, y), T.cdist(x[:3], y, compute_mode="use_mm_for_euclid_dist")),
        (real(30, 4), real(7, 4, seed="y") + 1),
        ops=("matmul",),
        rtol=1e-4,
    ),
    Case(
        "cdist.nan",
        lambda T, x: T.cdist(x, x, compute_mode="use_mm_for_euclid_dist"),
        (MISSING,),
        ops=("matmul", "where"),
        grad=False,
    ),
    Case(
        "sum.out",
        lambda T, x: [
            getattr(T, name)(x, 0, out=T.empty(0, dtype=getattr(T, dtype)))
            for name in ("sum", "prod", "cumsum", "cumprod")
            for dtype in ("int64", "uint8", "float64")
        ],
        (real(2, 3, low=1.0, high=4.0),),
        ops=("sum_along", "prod_along", "cumsum", "cumprod"),
        grad=False,
    ),
    Case(
        "cdist.same",
        lambda T, x: (
            T.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist"),
            T.cdist(x, x, 0.5),
            T.cdist(x[:0], x),
        ),
        (real(3, 2),),
        ops=("norm",),
        smooth=False,
        second=False,
    ),
    Case(
        "aminmax",
        lambda T, x: (*T.aminmax(x, dim=1), *x.aminmax(), *x.aminmax(dim=0, keepdim=True)),
        (D,),
        ops=("amin", "amax"),
    ),
    Case("logsumexp.large", lambda T, x: (x * 1000).logsumexp(1), (X,), second=False, rtol=1e-4),
    Case(
        "logsumexp.special",
        lambda T, x: (x.logsumexp(1), x[:, :0].logsumexp(1)),
        (np.array([[-INF, -INF], [INF, 0.0], [-INF, 1.0]]),),
        grad=False,
    ),
    Case("logsumexp.ints", lambda T, i: i.logsumexp(0), (INTS,), grad=False),
    Case(
        "all.kinds",
        lambda T, x, i: (
            x.all(),
            x.any(1),
            i.all(0),
            i.to(T.uint8).any(),
            T.all(x[:0]),
            T.any(x[:0]),
            x.all(()),
            x.any((0, 1)),
        ),
        (np.array([[0.0, np.nan], [1.0, 2.0]]), INTS),
        grad=False,
    ),
    Error("mean.ints", lambda T, i: i.mean(), RuntimeError, "could not infer output dtype", (INTS,)),
    Error("nanmean.ints", lambda T, i: i.nanmean(), RuntimeError, "floating point or complex", (INTS,)),
    Error("sum.dim", lambda T, x: x.sum(3), IndexError, "Dimension out of range", (X,)),
    Error("sum.twice", lambda T, x: x.sum((0, 0)), RuntimeError, "multiple times", (X,)),
    Error("sum.no_tensor", lambda T: T.sum(3), TypeError, "must be Tensor, not int"),
    Error("sum.unknown", lambda T, x: x.sum(dims=1), TypeError, "", (X,)),
    Error("prod.several", lambda T, x: x.prod((0, 1)), TypeError, "must be int", (X,)),
    Error("max.empty", lambda T, x: x.max(), RuntimeError, "numel\\(\\) == 0", (real(0),)),
    Error("max.empty_dim", lambda T, x: x.max(0), IndexError, "non-zero size", (real(0, 3),)),
    Error("max.complex_all", lambda T, x: T.complex(x, x).max(), NotImplementedError, "order", (X,)),
    Error("amin.complex", lambda T, x: T.complex(x, x).amin(0), NotImplementedError, "order", (X,)),
    Error("max.complex_both", lambda T, x: T.max(T.complex(x, x), T.complex(x, x)), RuntimeError, "complex", (X,)),
    Error("max.complex", lambda T, x: T.complex(x, x).max(0), RuntimeError, "", (X,)),
    Error("amax.empty", lambda T, x: x.amax(), RuntimeError, "numel\\(\\) == 0", (real(0),)),
    Error("argmax.empty", lambda T, x: x.argmax(), IndexError, "", (real(0),)),
    Error("argmax.bool", lambda T, b: b.argmax(), RuntimeError, "bool", (booleans(3),)),
    Error("var.ints", lambda T, i: i.var(), RuntimeError, "", (INTS,)),
    Error("norm.ints", lambda T, i: i.norm(), RuntimeError, "floating point or complex", (INTS,)),
    Error("norm.empty", lambda T, x: x.norm(INF), RuntimeError, "identity", (real(0),)),
    Error("norm.word", lambda T, x: x.norm("sup"), RuntimeError, "sup", (X,)),
    Error("cdist.columns", lambda T, x: T.cdist(x, x[:, :, :2]), RuntimeError, "number of columns", (X,)),
    Error("cdist.dtypes", lambda T, x: T.cdist(x, x.float()), RuntimeError, "expected scalar type", (X,)),
    Error("cdist.no_mode", lambda T, x: T.cdist(x, x, 2, None), ValueError, "compute_mode", (X,)),
    Error("cdist.nan_order", lambda T, x: T.cdist(x, x, float("nan")), RuntimeError, "non-negative p", (X,)),
    Error("aminmax.empty", lambda T: T.aminmax(T.ones(0)), RuntimeError, "no identity"),
    Error("cdist.dims", lambda T, x: T.cdist(x, x), RuntimeError, "at least 2D", (real(3),)),
    Error("cdist.order", lambda T, x: T.cdist(x, x, -1.0), RuntimeError, "non-negative", (X,)),
    Error("cdist.ints", lambda T, i: T.cdist(i, i), RuntimeError, "floating", (INTS,)),
    Error("cdist.mode", lambda T, x: T.cdist(x, x, compute_mode="fast"), ValueError, "compute_mode", (X,)),
    Error("renorm.dims", lambda T, x: x.renorm(2, 0, 1.0), RuntimeError, "at least 2", (real(3),)),
    Error("renorm.order", lambda T, x: x.renorm(-1, 0, 1.0), RuntimeError, "non-positive", (X,)),
    Error("renorm.bound", lambda T, x: x.renorm(2, 0, -1.0), RuntimeError, ">= 0", (X,)),
]
