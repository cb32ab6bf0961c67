"""Views of memory by strides, and the copies that undo them, on NumPy arrays.

`numpy.lib.stride_tricks` hides whose memory its views look at, and marks most of them read-only; these keep the owner
of the memory as their base, so that views of one tensor are known to share it, and can be written.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "expanded",
    "window_of",
    "laid_over",
    "sliding_windows",
    "add_windows",
    "diagonal_of",
    "put_diagonal",
    "bits",
]


def window(x, shape, strides, start=0):
    """A view by shape, strides and start, both in bytes and relative to the first element of x."""
    owner = x
    while owner.base is not None and isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not owner.flags.forc or 0 in shape:
        if start:
            raise RuntimeError("as_strided: the memory is not contiguous. clone() the tensor first.")
        return np.lib.stride_tricks.as_strided(x, shape, strides)
    if owner is not x:
        start += x.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    if owner.flags.c_contiguous and x.dtype.kind != "V":
        return np.ndarray(shape, x.dtype, owner, start, strides)
    flat = owner if owner.flags.c_contiguous else owner.T
    return np.ndarray(shape, x.dtype, flat.reshape(-1).view(np.uint8), start, strides)


def expanded(x, shape):
    """x with its dimensions of size 1, and missing first ones, repeated to a shape: a view with strides of 0."""
    lead = len(shape) - x.ndim
    steps = [s if n == have else 0 for n, have, s in zip(shape[lead:], x.shape, x.strides)]
    strides = (*(0,) * lead, *steps)
    if x.base is None and x.dtype.kind == "f" and x.flags.c_contiguous and 0 not in shape:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return window(x, shape, strides)


def window_of(x, shape, strides, start, x_strides):
    """A view by shape, strides and start in elements, relative to x, which must lie in memory by `x_strides`."""
    size = x.itemsize
    if any(n > 1 and s != want * size for n, s, want in zip(x.shape, x.strides, x_strides)):
        raise RuntimeError(
            "as_strided: the gradient of a tensor that is not contiguous cannot be written through this view. Call "
            "contiguous() before as_strided."
        )
    return window(x, shape, [s * size for s in strides], start * size)


def places(shape, strides, offset):
    """Where in memory each element lies."""
    at = np.full(shape, offset, np.intp)
    for i, (n, stride) in enumerate(zip(shape, strides)):
        at += (np.arange(n) * stride).reshape((n,) + (1,) * (len(shape) - 1 - i))
    return at


def laid_over(g, strides, offset, shape, onto_strides, onto_offset):
    """g added into memory of zeros at one stride and offset, then read from it at another."""
    there, here = places(g.shape, strides, offset), places(shape, onto_strides, onto_offset)
    size = 1 + max(int(np.maximum.reduce(at, axis=None, initial=-1)) for at in (there, here))
    memory = np.zeros(size, g.dtype)
    np.add.at(memory, there, g)
    return memory[here]


def sliding_windows(x, axis, size, step):
    """Windows of a size along an axis, every `step` elements, as a new last dimension: a view."""
    if x.ndim == 0:
        return window(x, (size,), (x.itemsize,))
    shape, strides = list(x.shape), list(x.strides)
    stride = strides[axis]
    shape[axis] = (shape[axis] - size) // step + 1
    strides[axis] *= step
    return window(x, (*shape, size), (*strides, stride))


def add_windows(g, shape, axis, size, step):
    """Zeros of a shape with windows along an axis added where they lie."""
    out = np.zeros(shape, g.dtype)
    if not shape:
        return out + g.sum(dtype=g.dtype)
    lead = (slice(None),) * axis
    count = g.shape[axis]
    for i in range(size):
        out[(*lead, slice(i, i + (count - 1) * step + 1, step))] += g[..., i]
    return out


def diagonal_of(x, offset, axis1, axis2):
    """A diagonal as the last axis: a view, which NumPy marks read-only and this one does not."""
    d = np.diagonal(x, offset, axis1, axis2)
    if x.flags.writeable and not d.flags.writeable:
        d.flags.writeable = True
    return d


def put_diagonal(g, shape, offset, axis1, axis2):
    """Zeros of a shape with g on a diagonal."""
    out = np.zeros(shape, g.dtype)
    diagonal_of(out, offset, axis1, axis2)[...] = g
    return out


def bits(x, dtype):
    """The same memory read as another dtype."""
    return np.ascontiguousarray(x).view(dtype)
