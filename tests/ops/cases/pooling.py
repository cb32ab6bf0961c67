"""Pooling."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, Error, booleans, distinct, integers, real

MAX = ("max_pool", "max_pool_grad", "pooled_at")
AVG = ("avg_pool", "avg_pool_grad")
MOST = ("adaptive_max_pool", "max_pool_grad", "pooled_at")
MEAN = ("adaptive_avg_pool", "adaptive_avg_pool_grad")
ALL = (*FLOATS, *HALVES)


def F(name, *arguments, **options):
    return lambda T, *tensors: getattr(T.nn.functional, name)(*tensors, *arguments, **options)


def unpooled(n):
    """Pooled, and put back."""

    def call(T, x):
        pooled, where = getattr(T.nn.functional, f"max_pool{n}d")(x, 2, return_indices=True)
        return getattr(T.nn.functional, f"max_unpool{n}d")(pooled, where, 2, output_size=x.shape)

    return call


CASES = [
    Case("max_pool1d", F("max_pool1d", 2), (distinct(2, 3, 7),), ops=MAX, dtypes=ALL),
    Case("max_pool1d.overlapping", F("max_pool1d", 3, 1, 1), (distinct(2, 3, 7),), ops=MAX),
    Case("max_pool1d.unbatched", F("max_pool1d", 3, 2, dilation=2, ceil_mode=True), (distinct(3, 9),), ops=MAX),
    Case("max_pool2d", F("max_pool2d", 2), (distinct(2, 3, 6, 5),), ops=MAX, dtypes=ALL),
    Case("max_pool2d.padded", F("max_pool2d", (3, 2), (2, 1), (1, 0)), (distinct(2, 2, 6, 5),), ops=MAX),
    Case("max_pool2d.ceiled", F("max_pool2d", 3, 2, 1, ceil_mode=True), (distinct(1, 2, 6, 6),), ops=MAX),
    Case("max_pool2d.dilated", F("max_pool2d", 2, 1, dilation=(2, 3)), (distinct(1, 2, 6, 6),), ops=MAX),
    Case("max_pool2d.indices", F("max_pool2d", 2, return_indices=True), (distinct(1, 2, 6, 6),), ops=MAX),
    Case("max_pool2d.unbatched indices", F("max_pool2d", 2, return_indices=True), (distinct(2, 6, 6),), ops=MAX),
    Case(
        "max_pool2d.NaN",
        F("max_pool2d", 2, 1, return_indices=True),
        (np.where(distinct(1, 1, 4, 4) > 0.6, np.nan, 1.0),),
        ops=MAX,
        smooth=False,
    ),
    Case("max_pool3d", F("max_pool3d", 2, 1), (distinct(1, 2, 3, 4, 3),), ops=MAX),
    Case("max_pool3d.indices", F("max_pool3d", 2, padding=1, return_indices=True), (distinct(1, 2, 3, 4, 3),), ops=MAX),
    Case("avg_pool1d", F("avg_pool1d", 3, 2, 1), (real(2, 3, 8),), ops=AVG, dtypes=ALL),
    Case("avg_pool2d", F("avg_pool2d", 2), (real(2, 3, 6, 5),), ops=AVG, dtypes=ALL),
    Case("avg_pool2d.padded", F("avg_pool2d", 3, 2, 1, ceil_mode=True), (real(2, 2, 6, 6),), ops=AVG),
    Case("avg_pool2d.without padding", F("avg_pool2d", 3, 2, 1, count_include_pad=False), (real(2, 6, 6),), ops=AVG),
    Case("avg_pool2d.divisor", F("avg_pool2d", 2, divisor_override=3), (real(2, 2, 4, 4),), ops=AVG),
    Case("avg_pool2d.ints", F("avg_pool2d", 3, 2, 1), (integers(2, 3, 6, 5, low=-9),), ops=AVG, grad=False),
    Case("avg_pool2d.stride left out", F("avg_pool2d", 2, ()), (real(1, 2, 4, 4),), ops=AVG),
    Error("avg_pool2d of bools", F("avg_pool2d", 2), NotImplementedError, "Bool", (booleans(1, 1, 4, 4),)),
    Error(
        "adaptive_max_pool2d to less than none", F("adaptive_max_pool2d", (-1, 2)), RuntimeError, "-1", (real(1, 4, 4),)
    ),
    Error(
        "max_unpool2d of few indices",
        lambda T, x, i: T.nn.functional.max_unpool2d(x, i, 2),
        RuntimeError,
        "shape of indices",
        (real(1, 1, 4, 4), integers(1, 1, 4, 1)),
    ),
    Case("avg_pool3d", F("avg_pool3d", (2, 1, 2), 1, ceil_mode=True), (real(1, 2, 3, 2, 3),), ops=AVG),
    Case("adaptive_avg_pool1d", F("adaptive_avg_pool1d", 3), (real(2, 3, 8),), ops=MEAN),
    Case("adaptive_avg_pool2d", F("adaptive_avg_pool2d", (2, 3)), (real(2, 3, 5, 6),), ops=MEAN, dtypes=ALL),
    Case("adaptive_avg_pool2d.to one", F("adaptive_avg_pool2d", 1), (real(2, 3, 4, 4),), ops=MEAN),
    Case(
        "adaptive_avg_pool.to one of many dimensions",
        lambda T, x: (
            T.nn.functional.adaptive_avg_pool2d(x, 1),
            T.nn.functional.adaptive_avg_pool3d(x, [1, 1, 1]),
            T.nn.functional.adaptive_avg_pool2d(x[0, 0, 0, 0], 1),
            T.view_as_real(T.nn.functional.adaptive_avg_pool1d(T.complex(x, x)[0, 0, 0], 1)),
        ),
        (real(1, 2, 1, 2, 3, 4),),
        ops=("mean",),
    ),
    Case("adaptive_avg_pool2d.kept", F("adaptive_avg_pool2d", (None, 7)), (real(3, 4, 4),), ops=MEAN),
    Case("adaptive_avg_pool3d", F("adaptive_avg_pool3d", (2, 1, 3)), (real(1, 2, 3, 4, 4),), ops=MEAN),
    Case("adaptive_max_pool1d", F("adaptive_max_pool1d", 3), (distinct(2, 3, 8),), ops=MOST),
    Case(
        "adaptive_max_pool2d", F("adaptive_max_pool2d", (2, 3), return_indices=True), (distinct(2, 3, 5, 6),), ops=MOST
    ),
    Case("adaptive_max_pool3d", F("adaptive_max_pool3d", 2), (distinct(2, 3, 5, 4),), ops=MOST),
    Case("lp_pool1d", F("lp_pool1d", 2, 3, 2), (real(2, 3, 8),), ops=AVG),
    Case("lp_pool2d", F("lp_pool2d", 3.0, 2, ceil_mode=True), (real(1, 2, 5, 4, low=0.5),), ops=AVG),
    Case("lp_pool3d", F("lp_pool3d", 2, 2), (real(1, 2, 4, 4, 2),), ops=AVG),
    Case("max_unpool1d", unpooled(1), (distinct(2, 3, 7),), ops=MAX),
    Case("max_unpool2d", unpooled(2), (distinct(2, 3, 6, 5),), ops=MAX),
    Case("max_unpool3d", unpooled(3), (distinct(1, 2, 4, 4, 2),), ops=MAX),
    Error(
        "max_pool2d of much padding",
        F("max_pool2d", 2, 2, 2),
        RuntimeError,
        "pad should be at most half of effective kernel size",
        (real(1, 1, 4, 4),),
    ),
    Error(
        "max_pool2d of a small image", F("max_pool2d", 5), RuntimeError, "Output size is too small", (real(1, 1, 4, 4),)
    ),
    Error("max_pool2d of a vector", F("max_pool2d", 2), RuntimeError, "max_pool2d", (real(4),)),
    Error(
        "max_pool2d of stride 0", F("max_pool2d", 2, 0), RuntimeError, "stride should not be zero", (real(1, 1, 4, 4),)
    ),
    Error(
        "avg_pool2d of divisor 0",
        F("avg_pool2d", 2, divisor_override=0),
        RuntimeError,
        "divisor must be not zero",
        (real(1, 1, 4, 4),),
    ),
    Error("avg_pool2d of three sizes", F("avg_pool2d", (2, 2, 2)), RuntimeError, "kernel_size", (real(1, 1, 4, 4),)),
    Error(
        "adaptive_avg_pool2d of a vector", F("adaptive_avg_pool2d", 2), RuntimeError, "adaptive_avg_pool2d", (real(4),)
    ),
    Error(
        "max_pool2d of booleans",
        lambda T, x: T.nn.functional.max_pool2d(x > 0, 2),
        NotImplementedError,
        "not implemented for 'Bool'",
        (real(1, 1, 4, 4),),
    ),
    Error(
        "adaptive_avg_pool2d of integers",
        lambda T, x: T.nn.functional.adaptive_avg_pool2d(x.long(), 2),
        NotImplementedError,
        "not implemented for 'Long'",
        (real(1, 1, 4, 4),),
    ),
    Case(
        "avg_pool.integers",
        lambda T, i: (
            T.nn.functional.avg_pool1d(i[0], 3),
            T.nn.functional.avg_pool2d(i, 2, stride=()),
            T.nn.functional.avg_pool2d(i, 2, divisor_override=-3),
            T.nn.functional.avg_pool3d(i[None], (1, 2, 2), ceil_mode=True),
            T.nn.functional.local_response_norm(i, 2),
        ),
        (integers(1, 2, 5, 6, low=-9, high=9),),
        ops=("avg_pool",),
        grad=False,
    ),
    Case(
        "pooled_at.fractional",
        lambda T, x, y, s: (
            T.nn.functional.fractional_max_pool2d(x, 2, output_size=(3, 2), _random_samples=s[:, :2, :2].to(x.dtype)),
            *T.nn.functional.fractional_max_pool2d(
                x, (2, 3), output_ratio=(0.5, 0.5), return_indices=True, _random_samples=s[:, :2, :2].to(x.dtype)
            ),
            *T.nn.functional.fractional_max_pool3d(
                y, 2, output_size=2, return_indices=True, _random_samples=s[:1, :2].to(x.dtype)
            ),
            T.nn.functional.fractional_max_pool2d(x[:0], 2, output_size=2, _random_samples=s[:0, :2, :2].to(x.dtype)),
        ),
        (distinct(2, 2, 7, 6), distinct(2, 4, 5, 6), real(2, 2, 3, low=0.0, high=1.0)),
        ops=("pooled_at",),
        grad=False,
    ),
    Case(
        "pooled_at.fractional_gradient",
        lambda T, x: T.nn.functional.fractional_max_pool2d(
            x, 2, output_size=3, _random_samples=T.tensor([[[0.2, 0.7], [0.9, 0.1]]], dtype=x.dtype)
        ),
        (distinct(1, 2, 7, 6),),
        ops=("pooled_at",),
    ),
    Error(
        "fractional_max_pool.size",
        lambda T, x: T.nn.functional.fractional_max_pool2d(x, 2),
        ValueError,
        "requires specifying",
        (real(1, 1, 4, 4),),
    ),
    Error(
        "fractional_max_pool.large",
        lambda T, x: T.nn.functional.fractional_max_pool2d(x, 3, output_size=3),
        RuntimeError,
        "too large",
        (real(1, 1, 4, 4),),
    ),
    Error(
        "fractional_max_pool.samples",
        lambda T, x: T.nn.functional.fractional_max_pool2d(x, 2, output_size=2, _random_samples=T.ones(1, 1, 3).to(x)),
        RuntimeError,
        "_random_samples",
        (real(1, 1, 4, 4),),
    ),
    Error(
        "adaptive_avg_pool.dims",
        lambda T, x: T.nn.functional.adaptive_avg_pool2d(x, (2, 2)),
        ValueError,
        "at least 3",
        (real(4, 4),),
    ),
    Error(
        "adaptive_max_pool.negative",
        lambda T, x: T.nn.functional.adaptive_max_pool2d(x, -1),
        RuntimeError,
        "negative dimension",
        (real(1, 1, 4, 4),),
    ),
    Error(
        "max_pool.no_channels",
        lambda T, x: T.nn.functional.max_pool2d(x, 2),
        RuntimeError,
        "0 dim",
        (real(1, 0, 4, 4),),
    ),
    Error(
        "max_pool1d.integers",
        lambda T, i: T.nn.functional.max_pool1d(i, 2),
        NotImplementedError,
        "max_pool1d",
        (integers(1, 4),),
    ),
    Error(
        "max_unpool.shapes",
        lambda T, x: T.nn.functional.max_unpool2d(x, x[..., :1].long(), 2),
        RuntimeError,
        "Expected shape of indices",
        (real(1, 1, 4, 4),),
    ),
]
