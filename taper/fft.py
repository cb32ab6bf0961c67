"""torch.fft: discrete Fourier transforms and their frequencies.

`norm` says where the factor 1 / n goes: "backward" (the default) into the inverse transform, "forward" into the forward
one, "ortho" its root into both. Sizes (`n`, `s`) crop the input, or fill it up with zeros, before the transform.
Integers are taken as the default floating type; half precision is refused with RuntimeError.
"""

from __future__ import annotations

import math

import numpy as np

from . import dtypes
from .autograd import casting
from .autograd.dispatch import apply
from .autograd.inplace import legacy_name
from .autograd.naming import shown
from .autograd.outputs import into
from .autograd.places import beside
from .autograd.tape import Variable
from .ops import fourier as ops
from .tensor import dims
from .tensor.arguments import check_functions
from .tensor.arrangement import roll
from .tensor.complex_numbers import conj
from .tensor.factory import leaf, place
from .tensor.joining import cat

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]


def _checked(name: str, input, real: bool = False):
    """The input in a floating or complex type."""
    if not isinstance(input, Variable):
        raise TypeError(f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if casting.scopes:
        (input,) = casting.widened(input)
    dtype = input._array.dtype
    if dtype in dtypes.HALF:
        raise RuntimeError(f"Unsupported dtype {legacy_name(dtype)} in fft.{name}. Convert first: x.float().")
    if real and dtype.kind == "c":
        kind = "real" if name in ("rfft", "ihfft") else "real-valued"
        raise RuntimeError(f"{name} expects a {kind} input tensor, but got {legacy_name(dtype)}")
    return input if dtype.kind in "fc" else input.to(dtypes.get_default_dtype())


def _factor(norm: str | None, forward: bool, n: int) -> float:
    """What a transform of n values is multiplied with."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}". It is one of "backward", "ortho", "forward".')
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if forward == (norm == "forward") else 1.0


def _axis(dim: int, ndim: int) -> int:
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return dims.one(dim, ndim)


def _points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _resized(x, axis: int, n: int):
    """x cropped, or filled up with zeros, to size n along an axis."""
    have = x._array.shape[axis]
    if n < have:
        return x.narrow(axis, 0, n)
    if n == have:
        return x
    shape = list(x._array.shape)
    shape[axis] = n - have
    return cat([x, beside(x, np.zeros(shape, x._array.dtype))], axis)


def _given(result, out):
    return result if out is None else into(out, result)


def _complex_1d(name: str, input, n, dim, norm, forward: bool, out):
    x = _checked(name, input)
    axis = _axis(dim, x._array.ndim)
    n = _points(x._array.shape[axis] if n is None else n)
    scale = _factor(norm, forward, n)
    x = _resized(x, axis, n)
    return _given(_transform(x, (axis,), forward, scale), out)


def _transform(x, axes: tuple, forward: bool, scale: float):
    result = apply(ops.c2c, x, axes=axes, forward=forward, scale=scale)
    # Of real numbers PyTorch computes half of the transform, and names it after that.
    return result if x._array.dtype.kind == "c" or not forward else shown(result, "FftR2CBackward0")


def fft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The transform of real or complex numbers along a dimension: sums of x[j] exp(-2 pi i j k / n). Complex."""
    return _complex_1d("fft", input, n, dim, norm, True, out)


def ifft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The inverse of `fft`."""
    return _complex_1d("ifft", input, n, dim, norm, False, out)


def rfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The first n // 2 + 1 values of the transform of real numbers; the others are their conjugates."""
    x = _checked("rfft", input, real=True)
    return _given(_from_real(x, n, dim, norm, True), out)


def ihfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The inverse of `hfft`: the first n // 2 + 1 values of the inverse transform of real numbers."""
    x = _checked("ihfft", input, real=True)
    return _given(_from_real(x, n, dim, norm, False), out)


def _from_real(x, n, dim, norm, forward: bool):
    axis = _axis(dim, x._array.ndim)
    n = _points(x._array.shape[axis] if n is None else n)
    half = apply(ops.r2c, _resized(x, axis, n), axis=axis, scale=_factor(norm, forward, n))
    return half if forward else conj(half)


def irfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The inverse of `rfft`: n real numbers, by default 2 (size - 1), of which the input is half the transform."""
    return _given(_to_real(_checked("irfft", input), n, dim, norm, False), out)


def hfft(input, n=None, dim: int = -1, norm=None, *, out=None):
    """The transform, n real numbers, of the signal of which the input is one half and its conjugates the other."""
    return _given(_to_real(_checked("hfft", input), n, dim, norm, True), out)


def _to_real(x, n, dim, norm, forward: bool):
    axis = _axis(dim, x._array.ndim)
    n = _points(2 * (x._array.shape[axis] - 1) if n is None else n)
    x = _resized(_as_complex(x), axis, n // 2 + 1)
    return apply(ops.c2r, conj(x) if forward else x, axis=axis, n=n, scale=_factor(norm, forward, n))


def _as_complex(x):
    return x if x._array.dtype.kind == "c" else x.to(x.dtype.to_complex())


def _sizes(x, s, dim, last: bool = False) -> list[tuple[int, int]]:
    """(axis, number of points) of each dimension to transform. last: the last has by default 2 (size - 1) points."""
    shape = x._array.shape
    s = (s,) if isinstance(s, int) else s
    dim = (dim,) if isinstance(dim, int) else dim
    if dim is None:
        if s is not None and len(s) > len(shape):
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {len(shape)} dimensions.")
        dim = range(len(shape)) if s is None else range(len(shape) - len(s), len(shape))
    axes = [_axis(d, len(shape)) for d in dim]
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"FFT dims must be unique, got {tuple(dim)}")
    if s is not None and len(s) != len(axes):
        raise RuntimeError(
            f"When given, dim and shape arguments must have the same length, got {len(axes)} and {len(s)}"
        )
    sizes = [shape[axis] for axis in axes]
    if last and sizes:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if s is not None:
        sizes = [have if n == -1 else n for have, n in zip(sizes, s)]
    return [(axis, _points(n)) for axis, n in zip(axes, sizes)]


def _over(x, sizes, norm, forward: bool):
    """The transform over the given dimensions, resized."""
    for axis, n in sizes:
        x = _resized(x, axis, n)
    scale = _factor(norm, forward, math.prod(n for _, n in sizes))
    return _transform(x, tuple(axis for axis, _ in sizes), forward, scale)


def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform over several dimensions: `dim`, by default the last len(s), or all."""
    x = _checked("fftn", input)
    return _given(_over(x, _sizes(x, s, dim), norm, True), out)


def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `fftn`."""
    x = _checked("ifftn", input)
    return _given(_over(x, _sizes(x, s, dim), norm, False), out)


def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform of real numbers over several dimensions, of which the last keeps n // 2 + 1 values."""
    return _given(_real_over("rfftn", input, s, dim, norm, True), out)


def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `hfftn`: of the inverse transform of real numbers the first half in the last dimension."""
    return _given(_real_over("ihfftn", input, s, dim, norm, False), out)


def _real_over(name: str, input, s, dim, norm, forward: bool):
    x = _checked(name, input, real=True)
    sizes = _sizes(x, s, dim)
    if not sizes:
        raise RuntimeError(f"{name} must transform at least one axis")
    *others, (axis, n) = sizes
    for other, size in others:
        x = _resized(x, other, size)
    half = _from_real(x, n, axis, norm, forward)
    return _over(half, others, norm, forward) if others else half


def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `rfftn`: real numbers, by default 2 (size - 1) in the last dimension."""
    return _given(_over_to_real("irfftn", input, s, dim, norm, False), out)


def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform, real numbers, of a signal whose last dimension holds one half, its conjugates being the other."""
    return _given(_over_to_real("hfftn", input, s, dim, norm, True), out)


def _over_to_real(name: str, input, s, dim, norm, forward: bool):
    x = _checked(name, input)
    sizes = _sizes(x, s, dim, last=True)
    if not sizes:
        raise RuntimeError(f"{name} must transform at least one axis")
    *others, (axis, n) = sizes
    if others:
        x = _over(x, others, norm, forward)
    return _to_real(x, n, axis, norm, forward)


def fft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`fftn` over two dimensions, by default the last."""
    return fftn(input, s, dim, norm, out=out)


def ifft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`ifftn` over two dimensions, by default the last."""
    return ifftn(input, s, dim, norm, out=out)


def rfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`rfftn` over two dimensions, by default the last."""
    return rfftn(input, s, dim, norm, out=out)


def irfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`irfftn` over two dimensions, by default the last."""
    return irfftn(input, s, dim, norm, out=out)


def hfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`hfftn` over two dimensions, by default the last."""
    return hfftn(input, s, dim, norm, out=out)


def ihfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`ihfftn` over two dimensions, by default the last."""
    return ihfftn(input, s, dim, norm, out=out)


def _frequencies(values, n: int, d: float, dtype, device, requires_grad: bool, out):
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError("fftfreq requires a floating point or complex dtype")
    with np.errstate(divide="ignore", invalid="ignore"):
        array = (values * np.divide(1.0, n * d)).astype(dtypes.to_numpy(dtype))
    result = _given(leaf(array, False, place(device)), out)
    return result.requires_grad_() if requires_grad else result


def fftfreq(n: int, d: float = 1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad: bool = False):
    """The frequencies of `fft`'s values for samples `d` apart: 0, 1, ..., -2, -1, divided by n d."""
    values = np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)])
    return _frequencies(values, n, d, dtype, device, requires_grad, out)


def rfftfreq(n: int, d: float = 1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad: bool = False):
    """The frequencies of `rfft`'s values for samples `d` apart: 0, 1, ..., n // 2, divided by n d."""
    return _frequencies(np.arange(n // 2 + 1), n, d, dtype, device, requires_grad, out)


def _shifted(input, dim, sign: int):
    ndim = input._array.ndim
    axes = range(ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = tuple(_axis(d, ndim) for d in axes)
    return roll(input, tuple(sign * (input._array.shape[d] // 2) for d in axes), axes)


def fftshift(input, dim=None):
    """The frequency 0 moved to the middle of `dim` (all dimensions by default)."""
    return _shifted(input, dim, 1)


def ifftshift(input, dim=None):
    """The inverse of `fftshift`."""
    return _shifted(input, dim, -1)


check_functions(globals(), __all__)
