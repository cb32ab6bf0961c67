"""Covariances and numerical derivatives."""

from __future__ import annotations

import numpy as np

from ..case import COMPLEX, FLOATS, HALVES, Case, Error, integers, real

X, V = real(3, 5), real(5)
FREQUENCIES, WEIGHTS = integers(5, low=1), real(5, low=0.5)

CASES = [
    Case(
        "cov",
        lambda T, x, v, f, w: (
            T.cov(x),
            x.cov(correction=0),
            T.cov(x, fweights=f),
            T.cov(x, aweights=w),
            T.cov(x, correction=2, fweights=f, aweights=w),
            T.cov(v),
            T.cov(x[:1]),
        ),
        (X, V, FREQUENCIES, WEIGHTS),
        ops=("matmul",),
        rtol=1e-4,
    ),
    Case("cov.complex", lambda T, x: (T.cov(x), T.corrcoef(x)), (X,), ops=("matmul",), dtypes=COMPLEX, grad=False),
    Case("cov.integers", lambda T, i: (T.cov(i), T.corrcoef(i)), (integers(2, 4),), ops=("matmul",), grad=False),
    Case("corrcoef", lambda T, x, v: (T.corrcoef(x), x.corrcoef(), v.corrcoef()), (X, V), ops=("matmul",), rtol=1e-4),
    Case(
        "gradient",
        lambda T, x: (
            *T.gradient(x),
            *T.gradient(x, spacing=0.5, dim=1),
            *T.gradient(x, spacing=[2.0, 0.5], edge_order=2),
            *T.gradient(x, dim=(1, 0)),
            *T.gradient(x[:2]),
        ),
        (X,),
        ops=("sub",),
        dtypes=(*FLOATS, *HALVES),
    ),
    Case(
        "gradient.coordinates",
        lambda T, x, v: (
            *T.gradient(x, spacing=[v], dim=1),
            *T.gradient(x, spacing=[v], dim=-1, edge_order=2),
            *T.gradient(x.mT, spacing=[v], dim=0, edge_order=2),
        ),
        (X, np.array([0.0, 1.0, 1.5, 3.0, 3.5])),
        ops=("sub",),
        rtol=1e-4,
    ),
    Case("gradient.integers", lambda T, i: T.gradient(i), (integers(3, 4),), ops=("sub",), grad=False),
    Error("cov.dims", lambda T, x: T.cov(x[None]), RuntimeError, "two or fewer dimensions", (X,)),
    Error("cov.bools", lambda T, x: T.cov(x > 0), RuntimeError, "bool dtype", (X,)),
    Error("cov.fweights", lambda T, x, v: T.cov(x, fweights=v), RuntimeError, "integral dtype", (X, V)),
    Error("cov.aweights", lambda T, x: T.cov(x, aweights=-x[0].abs()), RuntimeError, "cannot be negative", (X,)),
    Error("cov.nan", lambda T, x: T.cov(x, aweights=x[0] * float("nan")), RuntimeError, "cannot be negative", (X,)),
    Error("cov.weightless", lambda T, x: T.cov(x, aweights=x[0] * 0), RuntimeError, "sum to zero", (X,)),
    Error("gradient.dims", lambda T, x: T.gradient(x, dim=[], spacing=[1.0]), RuntimeError, "same length", (X,)),
    Error("gradient.order", lambda T, x: T.gradient(x, edge_order=3), RuntimeError, "edge_order", (X,)),
    Error("gradient.spacing", lambda T, x: T.gradient(x, spacing=(1.0,)), RuntimeError, "expected spacing", (X,)),
    Error("gradient.samples", lambda T, x: T.gradient(x[:1]), RuntimeError, "at least edge_order", (X,)),
    Error("gradient.bytes", lambda T, x: T.gradient(x.to(T.uint8)), RuntimeError, "uint8", (X,)),
]
