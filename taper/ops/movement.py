"""Movement: operators that change shape, order or type and compute nothing."""

from __future__ import annotations

from .operator import op


def _real_like(xp, g, dtype):
    """A gradient in the dtype of its input; of a complex gradient a real input takes the real part."""
    if g.dtype.kind == "c" and dtype.kind != "c":
        g = xp.real(g)
    return xp.astype(g, dtype)


astype = op(
    "astype",
    lambda xp, x, *, dtype: xp.astype(x, dtype),
    grad_name="ToCopyBackward0",
    half_native=True,
    x=lambda xp, g, x_dtype: _real_like(xp, g, x_dtype),
)

reshape = op(
    "reshape",
    lambda xp, x, *, shape: xp.reshape(x, shape),
    view=True,
    half_native=True,
    grad_name="ViewBackward0",
    x=lambda xp, g, x_shape: xp.reshape(g, x_shape),
)

permute = op(
    "permute",
    lambda xp, x, *, axes: xp.permute_dims(x, axes),
    view=True,
    half_native=True,
    x=lambda xp, g, axes: xp.permute_dims(g, inverse(axes)),
)

transpose = op(
    "transpose",
    lambda xp, x, *, axes: xp.permute_dims(x, axes),
    view=True,
    half_native=True,
    x=lambda xp, g, axes: xp.permute_dims(g, inverse(axes)),
)

expand = op(
    "expand",
    lambda xp, x, *, shape: xp.broadcast_to(x, shape),
    view=True,
    half_native=True,
    broadcasts=True,
    x=lambda xp, g: g,
)


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    back = [0] * len(axes)
    for i, axis in enumerate(axes):
        back[axis] = i
    return tuple(back)


cat = op(
    "cat",
    lambda xp, *xs, axis: xp.concat(xs, axis=axis),
    half_native=True,
    joint=lambda xp, g, xs_shape, axis: split_back(xp, g, [shape[axis] for shape in xs_shape], axis),
)

stack = op(
    "stack",
    lambda xp, *xs, axis: xp.stack(xs, axis=axis),
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
