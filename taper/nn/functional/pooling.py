"""Pooling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...autograd.casting import in_float32
from ...autograd.dispatch import apply
from ...autograd.inplace import legacy_name
from ...autograd.naming import shown
from ...autograd.outputs import into
from ...backends import namespace_of
from ...ops import pooling as ops
from ...tensor.activation import relu
from ...tensor.dims import one
from ...tensor.elementwise import sign
from ...tensor.kinds import refuse
from .floating import needs_floating
from .sizes import per_dim


def _batched(name: str, n: int, input, padding: tuple = ()):
    """The input with batch dimension, and whether it had one."""
    ndim = input._array.ndim
    if ndim in (n + 1, n + 2) and any(p < 0 for p in padding):
        raise RuntimeError(f"{name}: pad must be non-negative, but got pad: {min(padding)}")
    if ndim not in (n + 1, n + 2) or 0 in input._array.shape[ndim - n - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got: {list(input._array.shape)}"
        )
    return (input, True) if ndim == n + 2 else (input.unsqueeze(0), False)


def _name(pool: str, n: int) -> str:
    """What PyTorch calls a node of pooling over n dimensions: over one it squeezes what two gave."""
    return "SqueezeBackward1" if n == 1 else pool.format(f"{n}D") + "Backward0"


def _max_pool(n: int):
    name = f"max_pool{n}d"

    def function(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        options = _windows(n, name, kernel_size, stride, padding, dilation)
        options["ceil_mode"] = bool(ceil_mode)
        x, batched = _batched(name, n, input, options["padding"] if n > 1 else ())
        if x._array.dtype.kind in "bc" or (n == 1 and x._array.dtype.kind in "iu" and not return_indices):
            needs_floating(name, x)
        out, where = apply(ops.max_pool, x, **options)
        if not batched:
            out, where = out.squeeze(0), where.squeeze(0)
        out = shown(out, _name("MaxPool{}WithIndices", n))
        return (out, where) if return_indices else out

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest element of each window over {n} dimension(s); with return_indices also its place.

    Padding counts as minus infinity. RuntimeError for padding of more than half a window, or no output.
    """
    return function


def _windows(n: int, name: str, *sizes) -> dict:
    """Kernel size, stride, padding and (if it is given) dilation: a number for each dimension."""
    return _settled_windows(n, name, *[tuple(v) if v.__class__ is list else v for v in sizes]).copy()


@lru_cache(1024)
def _settled_windows(n: int, name: str, kernel_size, stride, padding, dilation=None) -> dict:
    kernel = per_dim(kernel_size, n, "kernel_size", name)
    stride = kernel if stride is None or stride == () else per_dim(stride, n, "stride", name)
    found = {"kernel": kernel, "stride": stride, "padding": per_dim(padding, n, "padding", name)}
    return found if dilation is None else {**found, "dilation": per_dim(dilation, n, "dilation", name)}


max_pool1d, max_pool2d, max_pool3d = _max_pool(1), _max_pool(2), in_float32(_max_pool(3))


def _avg_pool(n: int):
    name = f"avg_pool{n}d"

    def function(
        input,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
        *,
        out=None,
    ):
        options = _windows(n, name, kernel_size, stride, padding)
        if n == 2:
            one(-3, input._array.ndim)
        x, batched = _batched(name, n, input, options["padding"])
        whole = x._array.dtype == np.int64
        if not whole:
            needs_floating(name, x)
        if n == 3:
            refuse(x._array, "avg_pool3d_out_frame", "h")
        result = apply(
            ops.avg_pool,
            x.double() if whole else x,
            ceil_mode=bool(ceil_mode),
            include_pad=bool(count_include_pad),
            divisor=divisor_override,
            **options,
        )
        result = result.trunc().long() if whole else result
        result = shown(result if batched else result.squeeze(0), _name("AvgPool{}", n))
        return result if out is None else into(out, result)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The mean of each window over {n} dimension(s); of int64 rounded to zero.

    count_include_pad: padding counts as elements. divisor_override: divide by this instead.
    NotImplementedError for other integers, bool and complex.
    """
    return function


avg_pool2d, avg_pool3d = _avg_pool(2), in_float32(_avg_pool(3))
_avg_pool1d = _avg_pool(1)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window over the last dimension, of int64 rounded towards zero.

    count_include_pad: padding counts as elements.
    """
    return _avg_pool1d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _target(n: int, name: str, output_size, spatial) -> tuple[int, ...]:
    """An output size in which None keeps a size."""
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(sizes) != n:
        raise RuntimeError(f"{name}: output_size must have {n} elements, got {tuple(sizes)}")
    found = tuple(have if want is None else int(want) for want, have in zip(sizes, spatial))
    if min(found) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension: elements of output_size must be greater than or equal "
            f"to 0 but {name} received {found}"
        )
    if max(found) >= 2**31:
        raise RuntimeError(f"{name}: can't allocate memory for windows of an output of {found}")
    return found


def _enough_dims(n: int, input, output_size) -> None:
    if n > 1 and isinstance(output_size, (tuple, list)) and input._array.ndim <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")


def _adaptive_avg(n: int):
    name = f"adaptive_avg_pool{n}d"

    def function(input, output_size):
        _enough_dims(n, input, output_size)
        array, batched = input._array, input._array.ndim in (n + 1, n + 2)
        if output_size in (1, (1,) * n, [1] * n) and (n > 1 or batched):
            if not batched or array.dtype.kind not in "fV" or 0 in array.shape:
                return input.mean(tuple(range(-n, 0)), keepdim=True)
        needs_floating(name, input)
        x, batched = _batched(name, n, input)
        size = _target(n, name, output_size, x._array.shape[2:])
        out = apply(ops.adaptive_avg_pool, x, size=size)
        whole = n > 1 and max(size) == 1  # PyTorch takes the mean then
        return shown(out if batched else out.squeeze(0), "MeanBackward1" if whole else _name("AdaptiveAvgPool{}", n))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The mean of windows that divide {n} dimension(s) evenly into output_size (None keeps a size).

    Windows of everything, an output_size of 1, are a mean: of complex numbers too, and of {n} dimensions or more.
    """
    return function


def _adaptive_max(n: int):
    name = f"adaptive_max_pool{n}d"

    def function(input, output_size, return_indices=False):
        _enough_dims(n, input, output_size)
        needs_floating(name, input)
        x, batched = _batched(name, n, input)
        out, where = apply(ops.adaptive_max_pool, x, size=_target(n, name, output_size, x._array.shape[2:]))
        if not batched:
            out, where = out.squeeze(0), where.squeeze(0)
        out = shown(out, _name("AdaptiveMaxPool{}", n))
        return (out, where) if return_indices else out

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest element of windows that divide {n} dimension(s) evenly into output_size.

    None keeps a size. With return_indices also where it is.
    """
    return function


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    _adaptive_avg(1),
    _adaptive_avg(2),
    in_float32(_adaptive_avg(3)),
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _adaptive_max(1),
    _adaptive_max(2),
    in_float32(_adaptive_max(3)),
)


def _lp_pool(n: int):
    averages = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}[n]
    name = f"lp_pool{n}d"

    def function(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        kernel = per_dim(kernel_size, n, "kernel_size", name)
        count = 1
        for k in kernel:
            count *= k
        mean = averages(input.pow(norm_type), kernel, stride, 0, ceil_mode)
        return shown((sign(mean) * relu(abs(mean))).mul(count).pow(1.0 / norm_type), "PowBackward0")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The p-norm of each window over {n} dimension(s)."
    return function


lp_pool1d, lp_pool2d, lp_pool3d = _lp_pool(1), _lp_pool(2), _lp_pool(3)


def _unpooled(size: tuple, have: tuple, options: dict) -> tuple:
    """A size asked for, that may have batch and channels before it, and must be near the size before pooling."""
    n = len(have)
    if len(size) == n + 2:
        size = size[2:]
    if len(size) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '{len(size)}'"
        )
    for d, (want, m, k, s, p) in enumerate(zip(size, have, options["kernel"], options["stride"], options["padding"])):
        default = (m - 1) * s - 2 * p + k
        if not default - s < want < default + s:
            raise ValueError(f'invalid output_size "{size}" (dim {d} must be between {default - s} and {default + s})')
    return size


def _max_unpool(n: int):
    name = f"max_unpool{n}d"

    def function(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        options = _windows(n, name, kernel_size, stride, padding)
        x, batched = _batched(name, n, input)
        needs_floating(name, x)
        if indices._array.dtype != np.int64:
            kind = legacy_name(indices._array.dtype)
            raise RuntimeError(f"{name}: elements in indices should be type int64 but got: {kind}")
        if indices._array.shape != input._array.shape:
            raise RuntimeError(
                f"{name}: Expected shape of indices to be same as that of the input tensor ({list(input._array.shape)}) "
                f"but got indices tensor with shape: {list(indices._array.shape)}"
            )
        where, _ = _batched(name, n, indices)
        if output_size is None:
            spatial = tuple(
                (m - 1) * s - 2 * p + k
                for m, k, s, p in zip(x._array.shape[2:], options["kernel"], options["stride"], options["padding"])
            )
        else:
            spatial = _unpooled(tuple(output_size), x._array.shape[2:], options)
        array, limit = where._array, 1
        for size in spatial:
            limit *= size
        if array.size and namespace_of(array).found((array < 0) | (array >= limit)):
            raise RuntimeError(
                f"Found an invalid max index: {int(array.max())} (output volumes are of size {list(spatial)})"
            )
        flat = x.new_zeros((*x._array.shape[:2], limit))
        out = flat.scatter(2, where.flatten(2), x.flatten(2)).reshape(*x._array.shape[:2], *spatial)
        return out if batched else out.squeeze(0)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The values of max_pool{n}d put back where its indices say, zeros elsewhere."
    return function


max_unpool1d, max_unpool2d, max_unpool3d = (in_float32(_max_unpool(n)) for n in (1, 2, 3))


def _with_indices(function):
    name = f"{function.__name__}_with_indices"

    def both(input, *arguments, return_indices=True, **options):
        return function(input, *arguments, return_indices=True, **options)

    both.__name__ = both.__qualname__ = name
    both.__doc__ = f"`{function.__name__}` with return_indices=True."
    return both


max_pool1d_with_indices, max_pool2d_with_indices = _with_indices(max_pool1d), _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)
adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d)
