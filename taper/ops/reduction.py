"""Reductions over axes, each with its derivative. axis: a tuple of axes, or None for all.

Some reductions have two operators, over all elements and over axes, because `grad_fn` shows them under two names.
"""

from __future__ import annotations

import math

from .elementwise import conj, sgn_of
from .operator import op


def spread(xp, g, x_shape, axis, keepdims):
    """A reduced value with its reduced axes back, of size 1."""
    if keepdims or axis is None:
        return g
    return xp.reshape(g, tuple(1 if i in axis else n for i, n in enumerate(x_shape)))


def restored(xp, g, x_shape, axis, keepdims):
    """A reduced gradient spread again over the axes that were reduced."""
    return xp.broadcast_to(spread(xp, g, x_shape, axis, keepdims), x_shape)


def count(shape, axis) -> int:
    """How many elements each result is reduced from."""
    return math.prod(shape if axis is None else [shape[i] for i in axis])


def _sum(name: str, grad_name: str):
    return op(
        name,
        lambda xp, x, *, axis, keepdims: xp.sum(x, axis=axis, keepdims=keepdims),
        grad_name=grad_name,
        x=lambda xp, g, x_shape, axis, keepdims: restored(xp, g, x_shape, axis, keepdims),
    )


def _mean(name: str, grad_name: str):
    return op(
        name,
        lambda xp, x, *, axis, keepdims: xp.mean_of(x, axis, keepdims),
        grad_name=grad_name,
        x=lambda xp, g, x_shape, axis, keepdims: restored(
            xp, g / max(count(x_shape, axis), 1), x_shape, axis, keepdims
        ),
    )


def _prod(name: str, grad_name: str):
    return op(
        name,
        lambda xp, x, *, axis, keepdims: xp.prod(x, axis=axis, keepdims=keepdims),
        grad_name=grad_name,
        x=lambda xp, g, x, axis, keepdims: restored(xp, g, x.shape, axis, keepdims) * conj(xp, others(xp, x, axis)),
    )


def _chosen(name: str, forward, grad_name: str):
    """One of all elements: those equal to it share the gradient, or all NaNs if it is NaN."""
    return op(
        name,
        forward,
        grad_name=grad_name,
        x=lambda xp, g, x, out: shared(xp, g, attained(xp, x, out), None, False),
    )


def _bound(name: str, forward):
    """The elements equal to an extreme over axes share its gradient; of a NaN it is NaN."""
    return op(
        name,
        forward,
        x=lambda xp, g, x, out, axis, keepdims: shared(
            xp, g, x == spread(xp, out, x.shape, axis, keepdims), axis, keepdims
        ),
    )


# fmt: off
# Integers and bools are added and multiplied as int64.
sum, sum_along = _sum("sum", "SumBackward0"), _sum("sum_along", "SumBackward1")
mean, mean_along = _mean("mean", "MeanBackward0"), _mean("mean_along", "MeanBackward1")
prod, prod_along = _prod("prod", "ProdBackward0"), _prod("prod_along", "ProdBackward1")

nansum = op("nansum", lambda xp, x, *, axis, keepdims: xp.sum(without_nan(xp, x, x), axis=axis, keepdims=keepdims),
            x=lambda xp, g, x, axis, keepdims: without_nan(xp, x, restored(xp, g, x.shape, axis, keepdims)))

max_all = _chosen("max_all", lambda xp, x: xp.max(x), "MaxBackward1")
min_all = _chosen("min_all", lambda xp, x: xp.min(x), "MinBackward1")
median_all = _chosen("median_all", lambda xp, x: xp.median_of(x, False), "MedianBackward0")
nanmedian_all = _chosen("nanmedian_all", lambda xp, x: xp.median_of(x, True), "NanmedianBackward0")

amax = _bound("amax", lambda xp, x, *, axis, keepdims: xp.max(x, axis=axis, keepdims=keepdims))
amin = _bound("amin", lambda xp, x, *, axis, keepdims: xp.min(x, axis=axis, keepdims=keepdims))

var = op("var", lambda xp, x, *, axis, correction, keepdims: xp.variance(x, axis, correction, keepdims),
         x=lambda xp, g, x, axis, correction, keepdims: variance_slope(xp, g, x, axis, correction, keepdims))

std = op("std", lambda xp, x, *, axis, correction, keepdims: xp.sqrt(xp.variance(x, axis, correction, keepdims)),
         x=lambda xp, g, x, out, axis, correction, keepdims:
             variance_slope(xp, xp.where(out == 0, xp.zeros_like(g), g / (2 * out)), x, axis, correction, keepdims))

logsumexp = op("logsumexp", lambda xp, x, *, axis, keepdims: xp.logsumexp(x, axis, keepdims),
               x=lambda xp, g, x, out, axis, keepdims:
                   restored(xp, g, x.shape, axis, keepdims)
                   * conj(xp, xp.exp(x - spread(xp, out, x.shape, axis, keepdims))))

norm = op("norm", lambda xp, x, *, p, axis, keepdims: xp.vector_norm(x, p, axis, keepdims),
          grad_name="LinalgVectorNormBackward0",
          x=lambda xp, g, x, out, p, axis, keepdims: norm_slope(xp, g, x, out, p, axis, keepdims))

# Each of several coordinates that are equally far has the whole gradient: PyTorch's, for distances only.
farthest = op("farthest", lambda xp, x: xp.max(xp.abs(x), axis=-1), grad_name="CdistBackward0",
              x=lambda xp, g, x, out: xp.where(xp.abs(x) == out[..., None], g[..., None] * sgn_of(xp, x), xp.zeros_like(x)))

all = op("all", lambda xp, x, *, axis, keepdims: xp.all(x, axis=axis, keepdims=keepdims))
any = op("any", lambda xp, x, *, axis, keepdims: xp.any(x, axis=axis, keepdims=keepdims))
argmax = op("argmax", lambda xp, x, *, axis, keepdims: xp.argmax(x, axis=axis, keepdims=keepdims))
argmin = op("argmin", lambda xp, x, *, axis, keepdims: xp.argmin(x, axis=axis, keepdims=keepdims))
count_nonzero = op("count_nonzero", lambda xp, x, *, axis: xp.count_nonzero(x, axis=axis))
# fmt: on


def without_nan(xp, x, values):
    """Values, but zero where x is NaN."""
    return xp.where(xp.isnan(x), xp.zeros_like(x), values)


def attained(xp, x, out):
    """Where x equals a chosen value; where it is NaN, if NaN was chosen."""
    return (x == out) | (xp.isnan(x) & xp.isnan(out))


def shared(xp, g, hit, axis, keepdims):
    """A reduced gradient in equal parts to the elements that attained the result."""
    hit = xp.astype(hit, g.dtype)
    return restored(xp, g, hit.shape, axis, keepdims) * hit / xp.sum(hit, axis=axis, keepdims=True)


def others(xp, x, axis):
    """For each element the product of all others: of those before times those after, without division by zeros."""
    if axis is None:
        return xp.reshape(others(xp, xp.reshape(x, (-1,)), (0,)), x.shape)
    if not axis:
        return xp.ones_like(x)
    (i,) = axis
    lead = (slice(None),) * i
    one = xp.ones_like(x[(*lead, slice(0, 1))])
    before = xp.cumprod(xp.concat((one, x[(*lead, slice(0, -1))]), axis=i), axis=i)
    behind = xp.flip(xp.concat((x[(*lead, slice(1, None))], one), axis=i), axis=(i,))
    return before * xp.flip(xp.cumprod(behind, axis=i), axis=(i,))


def variance_slope(xp, g, x, axis, correction, keepdims):
    """g * 2 (x - mean) / (n - correction); where that is zero it is infinite, or NaN at the mean."""
    n = count(x.shape, axis)
    if n == 0:
        return xp.zeros_like(x)
    mean = xp.sum(x, axis=axis, keepdims=True) / n
    freedom = n - correction
    return restored(xp, g, x.shape, axis, keepdims) * ((2 / freedom if freedom else math.inf) * (x - mean))


def norm_slope(xp, g, x, out, p, axis, keepdims):
    """The gradient of a p-norm; zero where the norm is zero, none for the number of nonzeros."""
    if p == 0:
        return None
    g, out = restored(xp, g, x.shape, axis, keepdims), spread(xp, out, x.shape, axis, keepdims)
    zero = out == 0
    safe = xp.where(zero, xp.ones_like(out), out)
    if p == 1:
        return g * sgn_of(xp, x)
    if p == 2:
        return xp.where(zero, xp.zeros_like(x), g * (x / safe))
    size = xp.abs(x)
    if math.isinf(p):
        hit = xp.astype(size == out, g.dtype)
        ties = xp.sum(hit, axis=axis, keepdims=True)
        return g * sgn_of(xp, x) * (hit / xp.where(ties == 0, xp.ones_like(ties), ties))
    if p < 2:
        size = xp.where(size == 0, xp.ones_like(size), size)
    return xp.where(zero, xp.zeros_like(x), g * x * (size / safe) ** (p - 2) / safe)
