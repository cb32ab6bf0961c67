"""Reductions, order and running reductions."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

X, D, I = real(2, 3, 4), distinct(2, 3, 4), integers(3, 4, low=-3, high=4)
ALL = (*FLOATS, *HALVES)


def everyway(name, x=X, dims=((), (1,), (-1,), ((0, 2),)), keepdim=True, **options):
    """A reduction over all, one and several dimensions, with and without keepdim."""
    rows = []
    for dim in dims:
        for keep in (False, True) if dim and keepdim else (False,):
            extra = {"keepdim": True} if keep else {}
            label = f"{name}.{'all' if not dim else dim[0]}{'.keep' if keep else ''}"
            rows.append(Case(label, lambda T, t, dim=dim, extra=extra: getattr(T, name)(t, *dim, **extra), (x,), **options))
    return rows


CASES = [
    *everyway("sum", dtypes=ALL),
    *everyway("mean", dtypes=ALL),
    *everyway("prod", dims=((), (1,)), x=real(2, 3, 4, low=0.5, high=1.5)),
    *everyway("amax", D, dtypes=FLOATS),
    *everyway("amin", D, dtypes=FLOATS),
    *everyway("var"),
    *everyway("std"),
    *everyway("logsumexp", dims=((1,), ((0, 2),)), ops=("logsumexp",)),
    *everyway("argmax", D, dims=((), (1,)), grad=False),
    *everyway("argmin", D, dims=((), (1,)), grad=False),
    *everyway("all", booleans(2, 3, 4), grad=False),
    *everyway("any", booleans(2, 3, 4), grad=False),
    *everyway("max", D, dims=((), (1,), (-1,)), ops=("amax", "argmax", "gather")),
    *everyway("min", D, dims=((), (1,)), ops=("amin", "argmin", "gather")),
    *everyway("nansum", ops=("sum",)),
    *everyway("count_nonzero", np.round(X), keepdim=False, dims=((), (1,)), grad=False),
    Case("sum.ints", lambda T, i, b: (i.sum(), i.int().sum(0), b.sum(), i.to(T.uint8).sum(), i.sum(dtype=T.float32)), (I, booleans(5)), grad=False),
    Case("sum.empty", lambda T, x: (x.sum(), x.sum(0), x.sum(1), x.prod()), (real(0, 3),), grad=False),
    Case("sum.zero_dim", lambda T, x: (x.sum(), x.sum(0), x.mean(), x.sum(-1, keepdim=True)), (real(),), second=False, ops=("sum", "mean")),
    Case("sum.numpy_names", lambda T, x: (x.sum(axis=1, keepdims=True), x.mean(axis=0), x.max(axis=1)[0], x.argmax(axis=1)), (D[0],), ops=("sum",)),
    Case("mean.dtype", lambda T, i: i.mean(dtype=T.float64), (I,), grad=False),
    Case("prod.zeros", lambda T, x: (x.prod(), x.prod(1)), (np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [2.0, 3.0, 4.0]]),), second=False, smooth=False),
    Case("amax.ties", lambda T, x: (x.amax(1), x.max(), x.max(1)[0]), (np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 2.0]]),), smooth=False, second=False),
    Case("amax.nan", lambda T, x: (x.amax(1), x.max(1), x.argmax(1))[0], (np.array([[1.0, np.nan], [2.0, 1.0]]),), grad=False),
    Case("var.correction", lambda T, x: (x.var(unbiased=False), x.var(1, correction=0), T.var_mean(x, 1)[1], x.std(0, False)), (X,), ops=("var", "std")),
    Case("norm", lambda T, x: (x.norm(), x.norm(dim=1), x.norm(1), x.norm(3, dim=0)), (D,), rtol=2e-5),
    Case("norm.inf", lambda T, x: (x.norm(float("inf")), x.norm(-float("inf"), dim=1), x.norm(0)), (X,), second=False, smooth=False),
    Case("norm.zero", lambda T, x: x.norm(), (np.zeros(3),), second=False, smooth=False),
    Case("dist", lambda T, x, y: T.dist(x, y, 2), (real(5), real(5, seed="y")), ops=("norm",)),
    Case("aminmax", lambda T, x: tuple(T.aminmax(x, dim=1)), (D,), ops=("amin", "amax")),
    Case("argsort", lambda T, x: (*T.sort(x, 1), *x.sort(descending=True), T.argsort(x, 0), T.msort(x)), (D,), ops=("argsort", "gather"), second=False),
    Case("argsort.stable", lambda T, i: (T.sort(i, stable=True)[1], T.sort(i, descending=True, stable=True)[1]), (integers(40, high=4),), grad=False),
    Case("topk", lambda T, x: (*T.topk(x, 2), *T.topk(x, 1, 0, largest=False)), (D,), second=False),
    Case("topk.many", lambda T, x: T.topk(x, 5)[0], (distinct(100),), second=False),
    Case("kthvalue", lambda T, x: (*T.kthvalue(x, 2), *T.kthvalue(x, 1, 0, keepdim=True)), (D,), second=False),
    Case("median", lambda T, x: (x.median(), *x.median(1), *x.median(-1, keepdim=True)), (D,), second=False),
    Case("median.nan", lambda T, x: (x.median(), x.nanmedian(), x.median(1)[0], x.nanmedian(1)[0]), (np.array([[1.0, np.nan, 3.0], [4.0, 2.0, 9.0]]),), grad=False),
    Case("mode", lambda T, i: T.mode(i, 1)[0], (integers(3, 9, high=3),), grad=False),
    Case("quantile", lambda T, x: (x.quantile(0.3), x.quantile(T.tensor([0.2, 0.9], dtype=x.dtype), dim=1)), (D,), second=False, ops=("argsort", "gather")),
    Case("searchsorted", lambda T, e, x: (T.searchsorted(e, x), T.bucketize(x, e, right=True)), (np.array([-1.0, 0.0, 0.5, 1.0]), X), grad=False),
    Case("unique", lambda T, i: (*T.unique(i, return_inverse=True, return_counts=True), T.unique(i, dim=0)), (integers(5, 3, high=2),), grad=False, ops=("argsort",)),
    Case("unique_consecutive", lambda T, i: T.unique_consecutive(i, return_inverse=True, return_counts=True), (integers(20, high=2),), grad=False, ops=("argsort",)),
    Case("bincount", lambda T, i, w: (T.bincount(i), T.bincount(i, minlength=9), T.bincount(i, w)), (integers(20), real(20)), grad=False, ops=("sum",)),
    Case("histc", lambda T, x: T.histc(x, 5, -1, 1), (X,), grad=False, ops=("sum",)),
    Case("isin", lambda T, i, j: T.isin(i, j), (I, integers(3)), grad=False, ops=("eq",)),
    Case("cumsum", lambda T, x: x.cumsum(1), (X,), dtypes=ALL),
    Case("reversed_cumsum", lambda T, x: x.cumsum(1).sum(), (X,), ops=("cumsum", "reversed_cumsum")),
    Case("cumprod", lambda T, x: x.cumprod(1), (real(2, 3, 4, low=0.5, high=1.5),)),
    Case("cumprod.zeros", lambda T, x: x.cumprod(0), (np.array([2.0, 0.0, 3.0, 0.0, 4.0]),), second=False, smooth=False),
    Case("logcumsumexp", lambda T, x: x.logcumsumexp(1), (X,)),
    Case("cummax", lambda T, x: tuple(x.cummax(1)), (D,), second=False),
    Case("cummin", lambda T, x: tuple(x.cummin(1)), (D,), second=False),
    Case("diff", lambda T, x: (x.diff(), x.diff(n=2, dim=1)), (X,), ops=("sub",)),
    Case("trapezoid", lambda T, x: (T.trapezoid(x), T.trapezoid(x, dx=0.5, dim=1), T.cumulative_trapezoid(x)), (X,), ops=("sum",)),
    Error("mean.ints", lambda T, i: i.mean(), RuntimeError, "could not infer output dtype", (I,)),
    Error("sum.dim", lambda T, x: x.sum(3), IndexError, "Dimension out of range", (X,)),
    Error("sum.twice", lambda T, x: x.sum((0, 0)), RuntimeError, "multiple times", (X,)),
    Error("max.empty", lambda T, x: x.max(), RuntimeError, "numel\\(\\) == 0", (real(0),)),
    Error("max.empty_dim", lambda T, x: x.max(0), IndexError, "non-zero size", (real(0, 3),)),
    Error("argmax.empty", lambda T, x: x.argmax(), IndexError, "", (real(0),)),
    Error("topk.k", lambda T, x: x.topk(9), RuntimeError, "out of range", (X,)),
    Error("kthvalue.k", lambda T, x: x.kthvalue(9), RuntimeError, "out of range", (X,)),
    Error("var.ints", lambda T, i: i.var(), RuntimeError, "", (I,)),
    Error("bincount.negative", lambda T, i: T.bincount(i - 5), RuntimeError, "non-negative", (integers(3),)),
]
