"""torch.masked: reductions and normalisations of the elements that a mask keeps."""

from __future__ import annotations

import numpy as np

from ..case import COMPLEX, HALVES, Case, Error, distinct, integers, real

X = distinct(3, 4)
MASK = np.array([[True, False, True, True], [False, False, False, True], [False] * 4])
SOME = np.array([True, False, True, True])
ROWS = np.array([[True], [False], [True]])
I = integers(3, 4)

INF = float("inf")


def _over_dims(name: str, *args, **named):
    """The function over one dimension, several and all, under masks that broadcast."""

    def call(T, x, mask, some, rows):
        f = getattr(T.masked, name)
        return (
            f(x, *args, dim=1, mask=mask, **named),
            f(x, *args, dim=(0, -1), keepdim=True, mask=some, **named),
            f(x, *args, dim=0, mask=rows, **named),
            f(x, *args, mask=mask, **named),
            f(x, *args, dim=(), mask=some, **named),
            f(x, *args, dim=[1], keepdim=True, **named),
        )

    return call


def _along(name: str, *args, **named):
    """The function that keeps the shape, along both dimensions."""

    def call(T, x, mask, some, rows):
        f = getattr(T.masked, name)
        return (
            f(x, *args, dim=1, mask=some, **named),
            f(x, *args, dim=-2, mask=rows, **named),
            f(x, *args, dim=0, **named),
        )

    return call


GIVEN = (X, MASK, SOME, ROWS)
WHOLE = (I, MASK, SOME, ROWS)

CASES = [
    Case("masked.sum", _over_dims("sum"), GIVEN, ops=("sum",), dtypes=("float32", "float64", *HALVES, *COMPLEX)),
    Case("masked.prod", _over_dims("prod"), GIVEN, ops=("prod",)),
    Case("masked.amax", _over_dims("amax"), GIVEN, ops=("amax",), second=False, smooth=False),
    Case("masked.amin", _over_dims("amin"), GIVEN, ops=("amin",), second=False, smooth=False),
    *(
        Case(
            f"masked.{name}.extreme",
            lambda T, x, name=name: (
                getattr(T.masked, name)(x, mask=T.tensor([True, False, True])),
                getattr(T.masked, name)(x, mask=T.tensor([False, False, False])),
            ),
            (integers(3),),
            ops=(name,),
            grad=False,
        )
        for name in ("amax", "amin")
    ),
    *(
        Case(
            f"masked.{name}",
            lambda T, x, mask, name=name: (
                getattr(T.masked, name)(x, 1, mask=mask),
                getattr(T.masked, name)(x, mask=mask, keepdim=True),
                getattr(T.masked, name)(x, 0, dtype=T.int64),
            ),
            (X, MASK),
            ops=(name,),
            grad=False,
        )
        for name in ("argmax", "argmin")
    ),
    Case("masked.mean", _over_dims("mean"), (X, MASK[:2].repeat(2, 0)[1:], SOME, ROWS), ops=("div",), smooth=False),
    Case("masked.norm", _over_dims("norm", 3.0), GIVEN, ops=("norm",), second=False, smooth=False),
    Case(
        "masked.norm.orders",
        lambda T, x, mask: tuple(T.masked.norm(x, p, 1, mask=mask) for p in (0, 1, 2.0, INF, -INF, -1)),
        (X, MASK),
        ops=("norm",),
        grad=False,
    ),
    Case("masked.logsumexp", _over_dims("logsumexp"), (X, *GIVEN[1:]), ops=("logsumexp",), smooth=False, second=False),
    Case("masked.softmax", _along("softmax"), (X, MASK, SOME, np.array([[True], [False], [True]])), ops=("softmax",)),
    Case("masked.log_softmax", _along("log_softmax"), GIVEN, ops=("log_softmax",), grad=False),
    Case("masked.softmin", _along("softmin"), GIVEN, ops=("softmax",)),
    Case("masked.normalize", _along("normalize", 2.0), GIVEN, ops=("norm",), second=False),
    Case("masked.cumsum", _along("cumsum"), GIVEN, ops=("cumsum",), dtypes=("float32", "float64", *COMPLEX)),
    Case("masked.cumprod", _along("cumprod"), GIVEN, ops=("cumprod",)),
    Case(
        "masked.median",
        lambda T, x, mask: (T.masked.median(x, 1, mask=mask), T.masked.median(x, 0, keepdim=True), T.masked.median(x)),
        (X, MASK),
        ops=("nanmedian",),
        second=False,
        smooth=False,
    ),
    *(
        Case(
            f"masked.{name}",
            lambda T, x, mask, some, name=name: (
                getattr(T.masked, name)(x, 1, mask=some),
                getattr(T.masked, name)(x, (0, 1), False, mask=mask, keepdim=True),
                getattr(T.masked, name)(x, mask=mask, correction=0.5),
                getattr(T.masked, name)(x, 0),
            ),
            (X, MASK, SOME),
            ops=("mul",),
            dtypes=("float32", "float64", *COMPLEX),
        )
        for name in ("var", "std")
    ),
    Case(
        "masked.var.nothing",
        lambda T, x, mask: (T.masked.var(x, 1, mask=mask, correction=3), T.masked.std(x, 1, mask=mask)),
        (X, MASK),
        ops=("mul",),
        grad=False,
    ),
    Case(
        "masked.logaddexp",
        lambda T, x, y, mask: (
            T.masked.logaddexp(x, y, input_mask=mask),
            T.masked.logaddexp(x, y, input_mask=mask, other_mask=~mask),
            T.masked.logaddexp(x, y, dtype=T.float64),
        ),
        (X, real(3, 4), MASK),
        ops=("logaddexp",),
        second=False,
        smooth=False,
    ),
    Case(
        "masked.integers",
        lambda T, i, mask, some, rows: (
            T.masked.sum(i.to(T.uint8), 1, mask=mask),
            T.masked.prod(i > 1, 0, mask=rows),
            T.masked.sum(i, dtype=T.float32, mask=some),
            T.masked.prod(i, (0, 1), mask=mask, dtype=T.float64),
            T.masked.cumsum(i.to(T.int8), 1, mask=some),
            T.masked.cumprod(i, 1, mask=some, dtype=T.float64),
            T.masked.argmax(i, 1, mask=mask),
            T.masked.amin(i, 0, mask=rows, dtype=T.float32),
            T.masked.var(i, 1, mask=mask),
            T.masked.std(i),
            T.masked.median(i, 0, mask=rows),
            T.masked.median(i, 1),
            T.masked.logsumexp(i, 1, dtype=T.float32),
            T.masked.mean(i, 1, mask=some, dtype=T.float64),
        ),
        WHOLE,
        ops=("sum",),
        dtypes=("float32",),
        grad=False,
    ),
    Case(
        "masked.zero_dims",
        lambda T, x: (
            T.masked.sum(x, mask=T.tensor(False)),
            T.masked.sum(x, 0),
            T.masked.amax(x, (), mask=T.tensor(True)),
            T.masked.softmax(x, 0),
            T.masked.cumsum(x, 0, mask=T.tensor(False)),
        ),
        (real(),),
        ops=("sum",),
        second=False,
        smooth=False,
    ),
    Error("masked.mask", lambda T, x: T.masked.sum(x, mask=(x > 0)[None]), IndexError, "broadcastable mask", (X,)),
    Error("masked.shape", lambda T, x: T.masked.sum(x, mask=x[:2] > 0), RuntimeError, "", (X,)),
    Error("masked.twice", lambda T, x: T.masked.sum(x, (0, 0)), RuntimeError, "appears multiple times", (X,)),
    Error("masked.dim", lambda T, x: T.masked.softmax(x, 7), IndexError, "out of range", (X,)),
    Error("masked.mean.int", lambda T, x: T.masked.mean(x.long()), ValueError, "Input dtype must be", (X,)),
    Error(
        "masked.mean.dtype", lambda T, x: T.masked.mean(x, dtype=T.int64), ValueError, "Optional dtype must be", (X,)
    ),
    Error("masked.norm.none", lambda T, x: T.masked.norm(x, None), TypeError, "must be Number", (X,)),
    Error("masked.var.bool", lambda T, x: T.masked.var(x > 0), RuntimeError, "Subtraction", (X,)),
    Error("masked.var.both", lambda T, x: T.masked.var(x, 0, True, correction=2), AssertionError, "Only one", (X,)),
    Error(
        "masked.median.int",
        lambda T, x: T.masked.median(x.long(), 1, mask=x > 100),
        ValueError,
        "fully masked out rows",
        (X,),
    ),
    Error("masked.amax.bool", lambda T, x: T.masked.amax(x > 0, mask=x > 0), NotImplementedError, "identity", (X,)),
    Error("masked.amax.complex", lambda T, x: T.masked.amax(x + 1j, mask=x > 0), TypeError, "", (X,)),
]
