"""Covariances of variables, and numerical derivatives of samples."""

from __future__ import annotations

import numpy as np

from ..autograd.inplace import legacy_name
from ..autograd.tape import Variable
from ..backends import namespace_of
from ..errors import warn
from . import dims
from .complex_numbers import complex as complex_of
from .elementwise import clamp
from .joining import cat
from .products import matmul
from .reduction import sum
from .shape import check_tensor, reshape, unsqueeze

__all__ = ["cov", "corrcoef", "gradient"]


def _found(condition) -> bool:
    """Whether a condition of a tensor holds somewhere; a captured step asks at each run, and leaves the call to eager then."""
    return namespace_of(condition._array).found(condition._array)


def _weights(name: str, weights, count: int, kinds: str, words: str) -> None:
    """RuntimeError unless there is one weight of the right type, not negative, for each observation."""
    array = weights._array
    if array.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {array.ndim} dimensions"
        )
    if array.dtype.kind not in kinds:
        raise RuntimeError(
            f"cov(): expected {name} to have {words} dtype but got {name} with {legacy_name(array.dtype)} dtype"
        )
    if array.size != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{array.size} != {count}"
        )
    if _found((weights >= 0).logical_not()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


def cov(input, *, correction: int = 1, fweights=None, aweights=None):
    """The covariances of the rows of a matrix, whose columns are observations; of a vector, its variance.

    fweights: how often each observation occurred, integers. aweights: how much each counts. correction: what is taken
    from the number of observations before dividing by it. RuntimeError for bools and more than two dimensions.
    """
    check_tensor(input, "cov")
    array = input._array
    if array.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {array.ndim} dimensions"
        )
    if array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = reshape(input, (1, -1)) if array.ndim < 2 else input
    count_of_rows, count = x._array.shape
    weights = None
    if fweights is not None:
        _weights("fweights", fweights, count, "iu", "integral")
        weights = fweights
    if aweights is not None:
        _weights("aweights", aweights, count, "fV", "floating point")
        weights = aweights if weights is None else weights * aweights
    if weights is None:
        total, average = count, sum(x, 1, True) / count
        divisor = count - correction
    else:
        total = sum(weights)
        if _found(total == 0):
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        average = sum(x * weights, 1, True) / total
        if aweights is None or correction == 0:
            divisor = total - correction
        else:
            divisor = total - correction * sum(weights * aweights) / total
    if _found(divisor <= 0) if isinstance(divisor, Variable) else divisor <= 0:
        warn("cov(): degrees of freedom is <= 0")
        divisor = 0.0
    x = x - average
    y = x if weights is None else x * weights
    result = matmul(x, (y.conj() if y._array.dtype.kind == "c" else y).t()) / divisor
    return reshape(result, ()) if count_of_rows == 1 else result


def corrcoef(input):
    """The correlation coefficients of the rows of a matrix, whose columns are observations, kept within [-1, 1]."""
    check_tensor(input, "corrcoef")
    if input._array.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input._array.ndim} dimensions"
        )
    c = cov(input)
    if c._array.ndim == 0:
        return c / c
    d = c.diagonal()
    d = (d.real if c._array.dtype.kind == "c" else d).sqrt()
    c = c / unsqueeze(d, 1) / d
    if c._array.dtype.kind == "c":
        return complex_of(clamp(c.real, -1, 1), clamp(c.imag, -1, 1))
    return clamp(c, -1, 1)


def gradient(input, *, spacing=None, dim=None, edge_order: int = 1):
    """The derivatives of samples along dimensions, by central differences: a tuple with one tensor per dimension.

    spacing: the distance of samples, one for each dimension, or the coordinates of the samples, a vector for each.
    dim: a dimension or several; all by default. edge_order: 1 or 2, the order of the one-sided differences at the
    ends. RuntimeError for fewer than edge_order + 1 samples.
    """
    check_tensor(input, "gradient")
    array = input._array
    dims_given = dim is not None
    listed = isinstance(spacing, (list, tuple))
    count = 1 if isinstance(dim, int) else len(dim) if dims_given else array.ndim
    if dims_given and listed and len(spacing) != count:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the "
            f"same length, but got a spacing argument of length {len(spacing)} and a dim argument of length {count}."
        )
    axes = list(range(array.ndim)) if not dims_given else dims.several(dim, array.ndim, "gradient") or ()
    if array.dtype == np.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    spacings = _spacings(spacing, len(axes), array.ndim)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    for axis, h in zip(axes, spacings):
        n = array.shape[axis]
        if n < edge_order + 1:
            raise RuntimeError(
                f"torch.gradient expected each dimension size to be at least edge_order+1, but dimension {axis} has {n}"
            )
        if isinstance(h, Variable) and h._array.size != n:
            raise RuntimeError(
                f"torch.gradient expected the coordinates of dimension {axis} to be as many as its {n} samples, "
                f"but got {h._array.size}"
            )
    return tuple([_slopes(input, axis, h, edge_order) for axis, h in zip(axes, spacings)])


def _spacings(spacing, count: int, ndim: int) -> list:
    """A distance or coordinates for each dimension."""
    if spacing is None:
        return [1] * count
    if isinstance(spacing, Variable):
        if spacing._array.ndim:
            raise TypeError(
                "gradient() received an invalid combination of arguments: spacing is a number, or a list with a number "
                "or a vector of coordinates for each dimension"
            )
        spacing = spacing.item()
    if isinstance(spacing, (int, float, complex)):
        return [spacing] * count
    spacing = list(spacing)
    if len(spacing) != count:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{ndim}', since dim was not given, but got a list of length {len(spacing)}"
        )
    for h in spacing:
        if isinstance(h, Variable) and h._array.ndim != 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                f"{h._array.ndim} dimensions!"
            )
    return spacing


def _slopes(x, axis: int, h, order: int):
    """The derivative along one dimension, by the polynomials through neighbours."""

    def along(start, stop):
        return x[(*(slice(None),) * axis, slice(start, stop))]

    n = x._array.shape[axis]
    steps = h[1:] - h[:-1] if isinstance(h, Variable) else None
    if steps is not None:
        steps = reshape(steps, (-1, *(1,) * (x._array.ndim - axis - 1)))
    parts = []
    if n > 2:
        if steps is None:
            middle = (along(2, n) - along(0, n - 2)) / (2 * h)
        else:
            a, b = steps[:-1], steps[1:]
            middle = (
                along(0, n - 2) * (-b / (a * (a + b)))
                + along(1, n - 1) * ((b - a) / (a * b))
                + along(2, n) * (a / (b * (a + b)))
            )
        parts = [middle]
    points = [along(i, i + 1) for i in range(order + 1)]
    last = [along(n - 1 - i, n - i) for i in range(order + 1)]
    if steps is None:
        ends = [_edge(points, [h] * order), _edge(last, [-h] * order)]
    else:
        ends = [
            _edge(points, [steps[i : i + 1] for i in range(order)]),
            _edge(last, [-steps[n - 2 - i : n - 1 - i] for i in range(order)]),
        ]
    return cat([ends[0], *parts, ends[1]], axis)


def _edge(points, steps):
    """The derivative at the first of two or three points, from the steps between them."""
    if len(steps) == 1:
        return (points[1] - points[0]) / steps[0]
    a, b = steps
    return (
        points[0] * (-(2 * a + b) / (a * (a + b))) + points[1] * ((a + b) / (a * b)) - points[2] * (a / (b * (a + b)))
    )


class StatisticsMethods:
    """Covariances as methods."""

    __slots__ = ()

    cov = cov
    corrcoef = corrcoef
