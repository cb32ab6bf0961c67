"""Indexing: views by numbers and slices, gathering and scattering by arrays of positions."""

from __future__ import annotations

from .movement import split_back
from .operator import op


def _part(name: str, grad_name: str):
    """A view by numbers, slices, None and Ellipsis, under the name by which `grad_fn` shows it."""
    return op(
        name,
        lambda xp, x, *, index: x[index],
        view=True,
        half_native=True,
        grad_name=grad_name,
        x=lambda xp, g, x_shape, index: xp.put_part(g, x_shape, index),
    )


part_slice = _part("slice", "SliceBackward0")
part_select = _part("select", "SelectBackward0")
part_none = _part("insert_axis", "UnsqueezeBackward0")

alias = op("alias", lambda xp, x: x[...], view=True, half_native=True, x=lambda xp, g: g)

put_part = op(
    "put_part",
    lambda xp, g, *, shape, index: xp.put_part(g, shape, index),
    half_native=True,
    grad_name="SliceBackwardBackward0",
    g=lambda xp, h, index: h[index],
)
"""Zeros of a shape with g where `index` points."""

split = op(
    "split",
    lambda xp, x, *, sizes, axis: split_back(xp, x, sizes, axis),
    outputs=None,
    view=True,
    half_native=True,
    part=lambda attrs, i, made: (part_slice, {"index": _piece(attrs["sizes"], attrs["axis"], i)}),
    x=lambda xp, g, axis: xp.concat(g, axis=axis),
)

unbind = op(
    "unbind",
    lambda xp, x, *, axis: [x[(slice(None),) * axis + (i, ...)] for i in range(x.shape[axis])],
    outputs=None,
    view=True,
    half_native=True,
    part=lambda attrs, i, made: (part_select, {"index": (slice(None),) * attrs["axis"] + (i, ...)}),
    x=lambda xp, g, axis: xp.stack(g, axis=axis),
)


def _piece(sizes, axis: int, i: int) -> tuple:
    start = sum(sizes[:i])
    return (*(slice(None),) * axis, slice(start, start + sizes[i]))


# `spec` is an index with None where an array of positions stands, and slice(None) elsewhere.
take_at = op(
    "index",
    lambda xp, x, *indices, spec: xp.take_at(x, indices, spec),
    half_native=True,
    x=lambda xp, g, x_shape, indices, spec: xp.add_at(g, x_shape, indices, spec),
)

add_at = op(
    "add_at",
    lambda xp, g, *indices, shape, spec: xp.add_at(g, shape, indices, spec),
    grad_name="IndexPutBackward0",
    g=lambda xp, h, indices, spec: xp.take_at(h, indices, spec),
)
"""Zeros of a shape with g added at positions, which may repeat."""

put_at = op(
    "index_put",
    lambda xp, x, value, *indices, spec, accumulate: xp.put_at(x, value, indices, spec, accumulate),
    half_native=True,
    broadcasts=True,
    x=lambda xp, g, indices, spec, accumulate: g if accumulate else xp.put_at(g, 0, indices, spec, False),
    value=lambda xp, g, indices, spec: xp.take_at(g, indices, spec),
)

where = op(
    "where",
    lambda xp, condition, x, y: xp.where(condition, x, y),
    half_native=True,
    broadcasts=True,
    x=lambda xp, g, condition: xp.where(condition, g, xp.zeros_like(g)),
    y=lambda xp, g, condition: xp.where(condition, xp.zeros_like(g), g),
)

masked_fill = op(
    "masked_fill",
    lambda xp, x, mask, value: xp.where(mask, value, x),
    half_native=True,
    broadcasts=True,
    x=lambda xp, g, mask: xp.where(mask, xp.zeros_like(g), g),
    value=lambda xp, g, mask: xp.where(mask, g, xp.zeros_like(g)),
)

gather = op(
    "gather",
    lambda xp, x, index, *, axis: xp.take_along(x, index, axis),
    half_native=True,
    x=lambda xp, g, x_shape, index, axis: xp.scatter_along(g, index, axis, x_shape),
)
"""x at `index` along an axis; the index may be smaller than x in the other dimensions."""

scatter_along = op(
    "scatter_along",
    lambda xp, g, index, *, axis, shape: xp.scatter_along(g, index, axis, shape),
    grad_name="ScatterAddBackward0",
    g=lambda xp, h, index, axis: xp.take_along(h, index, axis),
)
"""Zeros of a shape with g added at `index` along an axis."""

scatter = op(
    "scatter",
    lambda xp, x, source, index, *, axis: xp.scatter(x, source, index, axis),
    half_native=True,
    x=lambda xp, g, index, axis: xp.scatter(g, xp.zeros_beside(g, index.shape), index, axis),
    source=lambda xp, g, index, axis: xp.take_along(g, index, axis),
)

scatter_add = op(
    "scatter_add",
    lambda xp, x, source, index, *, axis: x + xp.scatter_along(source, index, axis, x.shape),
    x=lambda xp, g: g,
    source=lambda xp, g, index, axis: xp.take_along(g, index, axis),
)

index_select = op(
    "index_select",
    lambda xp, x, index, *, axis: xp.take(x, index, axis=axis),
    half_native=True,
    x=lambda xp, g, x_shape, index, axis: xp.add_rows(g, index, axis, x_shape),
)

add_rows = op(
    "add_rows",
    lambda xp, g, index, *, axis, shape: xp.add_rows(g, index, axis, shape),
    grad_name="IndexAddBackward0",
    g=lambda xp, h, index, axis: xp.take(h, index, axis=axis),
)
"""Zeros of a shape with the slices of g along an axis added at positions, which may repeat."""

embedding = op(
    "embedding",
    lambda xp, weight, index, *, padding: xp.take(weight, index, axis=0),
    half_native=True,
    weight=lambda xp, g, weight_shape, index, padding: xp.add_embedding(g, index, weight_shape, padding),
)
"""Rows of `weight`; the row `padding` (-1: none) gets no gradient."""

masked_select = op(
    "masked_select",
    lambda xp, x, mask: x[mask],
    half_native=True,
    x=lambda xp, g, x_shape, mask: xp.put_masked(g, mask, x_shape),
)

put_masked = op(
    "put_masked",
    lambda xp, g, mask, *, shape: xp.put_masked(g, mask, shape),
    half_native=True,
    grad_name="MaskedScatterBackward0",
    g=lambda xp, h, mask: xp.pick_masked(h, mask),
)
"""Zeros of a shape with the elements of g, in order, where the mask is set."""

repeat_interleave = op(
    "repeat_interleave",
    lambda xp, x, *, counts, axis: xp.repeat(x, counts, axis=axis),
    half_native=True,
    x=lambda xp, g, x_shape, counts, axis: xp.add_rows(g, xp.run_numbers(g, counts, x_shape[axis]), axis, x_shape),
)

one_hot = op("one_hot", lambda xp, index, *, classes: xp.one_hot(index, classes))
nonzero = op("nonzero", lambda xp, x: xp.argwhere_of(x))

reduce_at = op(
    "scatter_reduce",
    lambda xp, x, source, index, *, axis, how, include_self: xp.scatter_reduce(
        x, source, index, axis, how, include_self
    ),
    joint=lambda xp, g, x, source, index, out, axis, how, include_self: scatter_reduce_slopes(
        xp, g, x, source, index, out, axis, how, include_self
    ),
)


def scatter_reduce_slopes(xp, g, x, source, index, out, axis, how, include_self):
    """The gradients of x and source of a reduction of `source` into x."""
    touched = xp.scatter_along(xp.ones_like(source), index, axis, x.shape) > 0
    own = xp.ones_like(x) if include_self else xp.where(touched, xp.zeros_like(x), xp.ones_like(x))
    if how == "sum":
        return g * own, xp.take_along(g, index, axis), None
    if how == "mean":
        count = xp.scatter_along(xp.ones_like(source), index, axis, x.shape) + own
        return g * own / count, xp.take_along(g / count, index, axis), None
    if how == "prod":
        return _prod_slopes(xp, g, x, source, index, out, axis, own)
    hit = xp.where(source == xp.take_along(out, index, axis), xp.ones_like(source), xp.zeros_like(source))
    mine = xp.where(x == out, own, xp.zeros_like(x))
    share = g / (mine + xp.scatter_along(hit, index, axis, x.shape))
    return share * mine, xp.take_along(share, index, axis) * hit, None


def _prod_slopes(xp, g, x, source, index, out, axis, own):
    """For each factor the product of the others: the product of all by it; for a single zero, that of all but zeros."""
    mine = xp.where(own == 0, xp.ones_like(x), x)
    x_safe = xp.where(mine == 0, xp.ones_like(x), mine)
    of_x = xp.scatter_reduce(x_safe, source, index, axis, "prod", True) / x_safe
    zero = source == 0
    safe = xp.where(zero, xp.ones_like(source), source)
    zeros = xp.scatter_along(xp.astype(zero, g.dtype), index, axis, x.shape)
    product = xp.scatter_reduce(mine, safe, index, axis, "prod", True)
    there = [xp.take_along(v, index, axis) for v in (g, out, product, zeros)]
    alone = xp.where(there[3] == 1, there[2], xp.zeros_like(source))
    return g * own * of_x, there[0] * xp.where(zero, alone, there[1] / safe), None
