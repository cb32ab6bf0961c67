"""Running reductions, differences and integrals."""

from __future__ import annotations

import numpy as np

from ..case import COMPLEX, FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

X, D, INTS = real(2, 3, 4), distinct(2, 3, 4), integers(3, 4, low=-3, high=4)
ALL = (*FLOATS, *HALVES)
FACTORS = real(2, 3, 4, low=0.5, high=1.5)
ZEROS = np.array([[2.0, 0.0, 3.0, 0.0, 4.0], [0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, 0.0]])
POINTS = np.array([0.0, 0.5, 2.0, 2.5])
INF = float("inf")

CASES = [
    Case(
        "cumsum",
        lambda T, x: (x.cumsum(1), T.cumsum(x, dim=-1), x.cumsum(axis=0)),
        (X,),
        dtypes=(*ALL, *COMPLEX),
        numpy=lambda x: (x.cumsum(1), x.cumsum(-1), x.cumsum(0)),
    ),
    Case(
        "cumsum.ints",
        lambda T, i, b: (
            i.cumsum(0),
            i.int().cumsum(1),
            b.cumsum(0),
            i.cumsum(0, dtype=T.float32),
            i.cumsum(0, dtype=T.int32),
            i.cumprod(1),
        ),
        (INTS, booleans(5)),
        grad=False,
    ),
    Case("cumsum.inplace", lambda T, x: ((x * 2).cumsum_(1), (x * 2).cumprod_(0)), (X,), ops=("cumsum", "cumprod")),
    Case(
        "cumsum.zero_dim",
        lambda T, x: (x.cumsum(0), x.cumprod(-1), x.logcumsumexp(0), *x.cummax(0)),
        (real(),),
        ops=("cumsum",),
    ),
    Case(
        "cumsum.empty",
        lambda T, x: (x.cumsum(0), x.cumprod(1), x.logcumsumexp(0), *x.cummax(1), x.diff(dim=1)),
        (real(0, 3),),
        grad=False,
    ),
    Case("reversed_cumsum", lambda T, x: x.cumsum(1), (X,), ops=("cumsum", "reversed_cumsum")),
    Case("cumprod", lambda T, x: (x.cumprod(1), T.cumprod(x, -1)), (FACTORS,), dtypes=(*ALL, *COMPLEX)),
    Case("cumprod.zeros", lambda T, x: (x.cumprod(1), x.cumprod(0)), (ZEROS,)),
    Case("logcumsumexp", lambda T, x: (x.logcumsumexp(1), x.logcumsumexp(-1)), (X,), dtypes=(*ALL, *COMPLEX)),
    Case("logcumsumexp.large", lambda T, x: (x * 1000).logcumsumexp(1), (X,), second=False, rtol=1e-4),
    Case("logcumsumexp.one", lambda T, x: (x.logcumsumexp(1)[:, 2], x.logcumsumexp(0)[1]), (X,)),
    Case("logcumsumexp.infinite", lambda T, x: x.logcumsumexp(0), (np.array([-INF, -INF, 1.0, INF, 2.0]),), grad=False),
    Case("cummax", lambda T, x: (*x.cummax(1), *x.cummax(-1)), (D,), dtypes=ALL, ops=("cummax", "argcummax")),
    Case("cummin", lambda T, x: (*x.cummin(1), *x.cummin(-1)), (D,), dtypes=ALL, ops=("cummin", "argcummin")),
    Case(
        "cummax.ties",
        lambda T, x: (*x.cummax(0), *x.cummin(0)),
        (np.array([1.0, 1.0, 0.0, np.nan, 2.0]),),
        smooth=False,
        second=False,
    ),
    Case("cummax.ints", lambda T, i, b: (*i.cummax(0), *i.cummin(1), *b.cummax(0)), (INTS, booleans(5)), grad=False),
    Case(
        "diff",
        lambda T, x: (
            x.diff(),
            x.diff(n=2, dim=1),
            T.diff(x, dim=0, prepend=x, append=x[:1]),
            x.diff(n=0),
            x.diff(n=7),
        ),
        (X,),
        ops=("sub",),
    ),
    Case("diff.kinds", lambda T, i, b: (i.diff(), b.diff()), (INTS, booleans(5)), grad=False, ops=("sub",)),
    Case(
        "trapezoid",
        lambda T, x: (
            T.trapezoid(x),
            T.trapezoid(x, dx=0.5, dim=1),
            T.trapz(x, dim=0),
            T.cumulative_trapezoid(x),
            T.cumulative_trapezoid(x, dim=0),
        ),
        (X,),
        ops=("sum_along",),
    ),
    Case(
        "trapezoid.points",
        lambda T, y, x: (
            T.trapezoid(y, x),
            T.cumulative_trapezoid(y, x),
            T.trapezoid(y, y),
            T.trapezoid(y, x[:3], dim=1),
        ),
        (X, POINTS),
        ops=("sum_along",),
    ),
    Case(
        "trapezoid.few",
        lambda T, x, i: (
            T.trapezoid(x[:1]),
            T.trapezoid(x[:0]),
            T.cumulative_trapezoid(x[:1]),
            T.trapezoid(i),
            T.trapezoid(i[:, :0]),
        ),
        (POINTS, INTS),
        grad=False,
        ops=("sum_along",),
    ),
    Error("diff.prepend_dims", lambda T, x: x.diff(0, 0, x[0]), RuntimeError, "same dimension as input", (X,)),
    Error("diff.append", lambda T, x: x.diff(1, 0, None, x[:, :1]), RuntimeError, "match that of input except", (X,)),
    Error("cumsum.no_dim", lambda T, x: x.cumsum(), TypeError, "dim", (X,)),
    Error("cumsum.dim", lambda T, x: x.cumsum(3), IndexError, "Dimension out of range", (X,)),
    Error("cumsum.no_tensor", lambda T: T.cumsum([1, 2], 0), TypeError, "must be Tensor"),
    Error("logcumsumexp.ints", lambda T, i: i.logcumsumexp(0), NotImplementedError, "Long", (INTS,)),
    Error("cummax.complex", lambda T, x: T.complex(x, x).cummax(0), NotImplementedError, "Complex", (X,)),
    Error("diff.scalar", lambda T, x: x.diff(), RuntimeError, "at least one-dimensional", (real(),)),
    Error("diff.order", lambda T, x: x.diff(-1), RuntimeError, "non-negative", (X,)),
    Error("diff.prepend", lambda T, x: x.diff(prepend=x[0]), RuntimeError, "same dimension", (X,)),
    Error("trapezoid.bool", lambda T, b: T.trapezoid(b), RuntimeError, "bool", (booleans(3),)),
    Error("trapezoid.too_few", lambda T, y, x: T.trapezoid(y, x), RuntimeError, "one `x` value", (X, POINTS[:3])),
    Error("trapezoid.scalar", lambda T, x: T.trapezoid(x), IndexError, "no dimensions", (real(),)),
    Case(
        "logcumsumexp.complex",
        lambda T, x: T.logcumsumexp(T.complex(x * 60, x.flip(0)), 0),
        (real(4, 3),),
        second=False,
    ),
    Case("diff.none", lambda T, x: (T.diff(x, n=0, dim=0), T.diff(x, n=0, prepend=x)), (real(4, 3),), ops=("clone",)),
]
