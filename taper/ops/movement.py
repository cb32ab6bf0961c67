"""Movement: operators that change shape, order or type and compute nothing."""

from __future__ import annotations

from ..backends.cpu.layouts import is_channels_last, laid_out
from .operator import op


def _real_like(xp, g, dtype):
    """A gradient in the dtype of its input; of a complex gradient a real input takes the real part."""
    if g.dtype.kind == "c" and dtype.kind != "c":
        g = xp.real(g)
    return xp.astype(g, dtype)


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    back = [0] * len(axes)
    for i, axis in enumerate(axes):
        back[axis] = i
    return tuple(back)


def _moved(name: str, grad_name: str | None = None):
    """A permutation of axes under one of its names."""
    return op(
        name,
        lambda xp, x, *, axes: xp.permute_dims(x, axes),
        view=True,
        half_native=True,
        grad_name=grad_name,
        x=lambda xp, g, axes: xp.permute_dims(g, inverse(axes)),
    )


def _reshaped(name: str, grad_name: str | None = None):
    """A change of shape under one of its names."""
    return op(
        name,
        lambda xp, x, *, shape: xp.reshape(x, shape),
        view=True,
        half_native=True,
        grad_name=grad_name,
        x=lambda xp, g, x_shape: xp.reshape(g, x_shape),
    )


astype = op(
    "astype",
    lambda xp, x, *, dtype: xp.astype(xp.real(x) if x.dtype.kind == "c" and dtype.kind not in "cb" else x, dtype),
    grad_name="ToCopyBackward0",
    half_native=True,
    x=lambda xp, g, x_dtype: _real_like(xp, g, x_dtype),
)

to_device = op(
    "to_device",
    lambda xp, x, *, where, source, non_blocking: xp.moved(x, where, non_blocking),
    grad_name="ToCopyBackward0",
    half_native=True,
    x=lambda xp, g, source: xp.moved(g, source),
)

clone = op(
    "clone",
    lambda xp, x, *, order: xp.array(x, order=order, copy=True),
    half_native=True,
    x=lambda xp, g: g,
)
"""order: "C", or "K" for the order in memory that x has."""

copy = op(
    "copy",
    lambda xp, x, source: xp.array(xp.broadcast_to(source, x.shape)),
    half_native=True,
    broadcasts=True,
    grad_name="CopyBackwards",
    x=lambda xp, g: xp.zeros_like(g),
    source=lambda xp, g: g,
)
"""What `x.copy_(source)` leaves in x: of its former values nothing."""

fill = op(
    "fill",
    lambda xp, x, *, value: xp.full_like(x, value),
    half_native=True,
    x=lambda xp, g: xp.zeros_like(g),
)

zero = op(
    "zero",
    lambda xp, x: xp.zeros_like(x),
    half_native=True,
    x=lambda xp, g: xp.zeros_like(g),
)

reshape = _reshaped("reshape", "ViewBackward0")
squeeze = _reshaped("squeeze")
squeeze_one = _reshaped("squeeze_one", "SqueezeBackward1")
squeeze_several = _reshaped("squeeze_several", "SqueezeBackward2")
unsqueeze = op(
    "unsqueeze",
    lambda xp, x, *, axis: x[(slice(None),) * axis + (None, ...)],
    view=True,
    half_native=True,
    x=lambda xp, g, x_shape: xp.reshape(g, x_shape),
)
permute = _moved("permute")
transpose = _moved("transpose")
t = _moved("t", "TBackward0")

expand = op(
    "expand",
    lambda xp, x, *, shape: xp.expanded(x, shape),
    view=True,
    half_native=True,
    x=lambda xp, g, x_shape: _collapsed(xp, g, x_shape),
)


def _collapsed(xp, g, shape):
    """The sum of g over the axes along which a tensor of this shape was expanded."""
    lead = g.ndim - len(shape)
    g = xp.sum(g, axis=tuple(range(lead))) if lead else g
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return xp.sum(g, axis=axes, keepdims=True) if axes else g


def _seen_as(xp, x, dtype):
    """The memory of x read as another dtype."""
    see = getattr(xp, "seen_as", None)
    return x.view(dtype) if see is None else see(x, dtype)


bits = op(
    "bits",
    lambda xp, x, *, dtype: _seen_as(xp, x, dtype),
    view=True,
    half_native=True,
    grad_name="ViewAsRealBackward0",
    x=lambda xp, g, x_dtype: xp.bits(g, x_dtype),
)
"""Complex numbers read as pairs of real ones, or the reverse."""

reinterpret = op("reinterpret", lambda xp, x, *, dtype: _seen_as(xp, x, dtype), view=True, half_native=True)
"""The same memory read as another dtype."""

strided = op(
    "as_strided",
    lambda xp, x, *, shape, strides, offset, x_strides, x_offset: xp.window_of(
        x, shape, strides, offset - x_offset, x_strides
    ),
    view=True,
    half_native=True,
    x=lambda xp, g, x_shape, strides, offset, x_strides, x_offset: xp.laid_over(
        g, strides, offset, x_shape, x_strides, x_offset
    ),
)
"""A view of the memory of x by shape, strides and offset, in elements. x_strides, x_offset: how x itself lies in it."""

laid_over = op(
    "laid_over",
    lambda xp, g, *, strides, offset, shape, onto_strides, onto_offset: xp.laid_over(
        g, strides, offset, shape, onto_strides, onto_offset
    ),
    g=lambda xp, h, g_shape, strides, offset, onto_strides, onto_offset: xp.laid_over(
        h, onto_strides, onto_offset, g_shape, strides, offset
    ),
)
"""g added into memory of zeros at one stride and offset, then read from it at another."""

unfold = op(
    "unfold",
    lambda xp, x, *, axis, size, step: xp.sliding_windows(x, axis, size, step),
    view=True,
    half_native=True,
    x=lambda xp, g, x_shape, axis, size, step: xp.add_windows(g, x_shape, axis, size, step),
)

add_windows = op(
    "add_windows",
    lambda xp, g, *, shape, axis, size, step: xp.add_windows(g, shape, axis, size, step),
    g=lambda xp, h, axis, size, step: xp.sliding_windows(h, axis, size, step),
)

flip = op(
    "flip",
    lambda xp, x, *, axes: xp.array(xp.flip(x, axis=axes), order="K", copy=True),
    half_native=True,
    x=lambda xp, g, axes: xp.flip(g, axis=axes),
)

rot90 = op(
    "rot90",
    lambda xp, x, *, turns, axes: xp.array(xp.rot90(x, turns, axes), copy=True),
    half_native=True,
    x=lambda xp, g, turns, axes: xp.rot90(g, -turns, axes),
)

roll = op(
    "roll",
    lambda xp, x, *, shifts, axes: xp.roll(xp.ascontiguousarray(x), shifts, axis=axes),
    half_native=True,
    x=lambda xp, g, shifts, axes: xp.roll(g, tuple(-s for s in shifts), axis=axes),
)

repeat = op(
    "repeat",
    lambda xp, x, *, counts: xp.tile(x, counts),
    half_native=True,
    x=lambda xp, g, x_shape, counts: _folded(xp, g, x_shape, counts),
)


def _folded(xp, g, shape, counts):
    """The gradient of a tiling: the tiles of g added up."""
    lead = len(counts) - len(shape)
    split: list[int] = []
    for i, n in enumerate((1,) * lead + tuple(shape)):
        split += [counts[i], n]
    g = xp.sum(xp.reshape(g, tuple(split)), axis=tuple(range(0, 2 * len(counts), 2)))
    return xp.reshape(g, shape)


diagonal = op(
    "diagonal",
    lambda xp, x, *, offset, axis1, axis2: xp.diagonal_of(x, offset, axis1, axis2),
    view=True,
    half_native=True,
    x=lambda xp, g, x_shape, offset, axis1, axis2: xp.put_diagonal(g, x_shape, offset, axis1, axis2),
)

put_diagonal = op(
    "put_diagonal",
    lambda xp, g, *, shape, offset, axis1, axis2: xp.put_diagonal(g, shape, offset, axis1, axis2),
    half_native=True,
    grad_name="DiagEmbedBackward0",
    g=lambda xp, h, offset, axis1, axis2: xp.diagonal_of(h, offset, axis1, axis2),
)
"""Zeros of a shape with g on a diagonal."""


tril = op(
    "tril",
    lambda xp, x, *, k: xp.tril(x, k),
    half_native=True,
    x=lambda xp, g, k: xp.tril(g, k),
)

triu = op(
    "triu",
    lambda xp, x, *, k: xp.triu(x, k),
    half_native=True,
    x=lambda xp, g, k: xp.triu(g, k),
)


def _in_order(xp, xs, out):
    """What was put together of xs, in order, or with its channels last if all of them are."""
    if out.ndim > 3 and all([is_channels_last(x) for x in xs]):
        return laid_out(out, True)
    return xp.ascontiguousarray(out)


cat = op(
    "cat",
    lambda xp, *xs, axis: _in_order(xp, xs, xp.concat(xs, axis=axis)),
    half_native=True,
    joint=lambda xp, g, xs_shape, axis: split_back(xp, g, [shape[axis] for shape in xs_shape], axis),
)

stack = op(
    "stack",
    lambda xp, *xs, axis: xp.ascontiguousarray(xp.stack(xs, axis=axis)),
    half_native=True,
    joint=lambda xp, g, xs_shape, axis: [g[(slice(None),) * axis + (i,)] for i in range(len(xs_shape))],
)


def split_back(xp, g, sizes: list[int], axis: int) -> list:
    """The pieces of `g` along `axis`, of the given sizes."""
    lead, start, pieces = (slice(None),) * axis, 0, []
    for size in sizes:
        pieces.append(g[(*lead, slice(start, start + size))])
        start += size
    return pieces
