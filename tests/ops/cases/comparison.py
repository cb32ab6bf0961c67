"""Comparison, logic and bits."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, INTEGERS, Case, Error, booleans, integers, real

X, Y, I, J = real(3, 4), real(3, 4, seed="y"), integers(3, 4, high=3), integers(3, 4, high=3, seed="j")
ODD = np.array([1.0, np.nan, np.inf, -np.inf, 0.0, -0.0])


def pair(name, **options):
    return Case(
        name,
        lambda T, x, y, i, j: (getattr(T, name)(x, y), getattr(T, name)(i, j)),
        (X, Y, I, J),
        grad=False,
        dtypes=(*FLOATS, *HALVES),
        **options,
    )


def whole(name):
    return Case(name, lambda T, i, j: getattr(T, name)(i, j), (I, J), grad=False)


CASES = [
    *[pair(name) for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")],
    Case("logical_not", lambda T, x, i: (T.logical_not(x), T.logical_not(i)), (X, I), grad=False),
    *[
        Case(name, lambda T, x, i, name=name: (getattr(T, name)(x), getattr(T, name)(i)), (ODD, I), grad=False)
        for name in ("isnan", "isinf", "isfinite", "signbit")
    ],
    Case("isposinf", lambda T, x: (T.isposinf(x), T.isneginf(x)), (ODD,), grad=False, ops=("eq",)),
    Case(
        "isclose",
        lambda T, x: (T.isclose(x, x + 1e-6), T.isclose(x, x, equal_nan=True), T.isclose(x, x)),
        (ODD,),
        grad=False,
        dtypes=("float64",),
    ),
    Case("isclose.ints", lambda T, i, j: T.isclose(i, j, atol=1), (I, J), grad=False),
    Case(
        "isclose.values",
        lambda T, x: (T.allclose(x, x + 1e-3), T.allclose(x, x + 1e-12), T.equal(x, x.clone())),
        (X,),
        grad=False,
        dtypes=("float64",),
    ),
    *[
        whole(n)
        for n in ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm")
    ],
    Case("bitwise_not", lambda T, i, b: (~i, ~b), (I, booleans(3)), grad=False),
    Case(
        "bitwise_and.python",
        lambda T, b, c, i: (b & c, b | c, b ^ c, i & 1, 3 | i, i << 2, i >> 1, True & b),
        (booleans(5), booleans(5, seed="c"), integers(5)),
        grad=False,
    ),
    Case("eq.numbers", lambda T, x, i: (x == 1, i == 1.0, i > 0.5, x == x), (X, I), grad=False),
    Case("eq.dtypes", lambda T, i: (i == i.float(), i < i.to(T.uint8) + 1), (I,), grad=False),
    Case("lt.broadcast", lambda T, x, y: x < y, (real(3, 1), real(4)), grad=False, dtypes=(*FLOATS, *INTEGERS)),
    Error("bitwise_and.floats", lambda T, x: x & x, NotImplementedError, "bitwise_and", (X,)),
    Error("bitwise_not.function", lambda T, x: T.bitwise_not(x), NotImplementedError, "bitwise_not", (X,)),
    Error("gcd.floats", lambda T, x: T.gcd(x, x), NotImplementedError, "gcd", (X,)),
    Error("gcd.number", lambda T, i: T.gcd(i, 2), TypeError, "must be Tensor", (I,)),
    Error("lt.complex", lambda T, x: T.complex(x, x) < 1, NotImplementedError, "lt", (X,)),
    Error("signbit.complex", lambda T, x: T.signbit(T.complex(x, x)), NotImplementedError, "signbit", (X,)),
    Error("isposinf.complex", lambda T, x: T.isposinf(T.complex(x, x)), RuntimeError, "complex", (X,)),
    Error("eq.number_first", lambda T, x: T.eq(2, x), TypeError, "invalid combination of arguments", (X,)),
    Error("logical_and.number", lambda T, x: T.logical_and(x, 1), TypeError, "must be Tensor", (X,)),
    Error("isclose.number", lambda T, x: T.isclose(x, 1), TypeError, "must be Tensor", (X,)),
    Error("isclose.negative", lambda T, x: T.isclose(x, x, rtol=-1), RuntimeError, "rtol", (X,)),
    Error("isclose.nan", lambda T, x: T.isclose(x, x, atol=float("nan")), RuntimeError, "atol must be greater", (X,)),
    Error("bitwise_not.floats", lambda T, x: ~x, TypeError, "", (X,)),
    Error("lt.string", lambda T, x: x < "a", TypeError, "", (X,)),
    Error("isclose.dtypes", lambda T, x: T.isclose(x, x.float()), RuntimeError, "did not match", (X,)),
]
