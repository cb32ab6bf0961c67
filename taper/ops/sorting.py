"""Order: operators that find positions, and operators that pick the values there and know the derivative.

The positions of a kept axis and the values at them are two operations, so that the positions need no derivative and the
values' derivative is that of any gathering.
"""

from __future__ import annotations

from .operator import COMPARE, op

# fmt: off
argsort = op("argsort", lambda xp, x, *, axis, descending: xp.sorted_positions(x, axis, descending))
argtopk = op("argtopk", lambda xp, x, *, k, axis, largest, ordered: xp.top_positions(x, k, axis, largest, ordered))
argkth = op("argkth", lambda xp, x, *, k, axis: xp.kth_position(x, k, axis))
argmode = op("argmode", lambda xp, x, *, axis: xp.mode_position(x, axis))
argmedian = op("argmedian", lambda xp, x, *, axis, skip_nan: xp.median_position(x, axis, skip_nan))
searchsorted = op("searchsorted", lambda xp, edges, x, *, right: xp.search(edges, x, right), promote=COMPARE)
# fmt: on


def _picked(name: str, grad_name: str | None = None):
    """The values at positions along an axis, which is kept or dropped, under the name of who found the positions."""
    return op(
        name,
        lambda xp, x, index, *, axis, keepdims: xp.pick_along(x, index, axis, keepdims),
        half_native=True,
        grad_name=grad_name,
        x=lambda xp, g, x_shape, index, axis, keepdims: _put_back(xp, g, x_shape, index, axis, keepdims),
    )


def _put_back(xp, g, x_shape, index, axis, keepdims):
    """Zeros with g added where the values were picked."""
    if not keepdims and x_shape:
        g, index = xp.expand_dims(g, axis), xp.expand_dims(index, axis)
    return xp.scatter_along(g, index, axis, x_shape)


max_at, min_at = _picked("max", "MaxBackward0"), _picked("min", "MinBackward0")
median_at, nanmedian_at = _picked("median", "MedianBackward1"), _picked("nanmedian", "NanmedianBackward1")
mode_at, kthvalue_at = _picked("mode"), _picked("kthvalue")
sort_at, topk_at = _picked("sort"), _picked("topk")
cummax_at, cummin_at = _picked("cummax"), _picked("cummin")

# Results whose shapes depend on the values, and counts: nothing to differentiate.
unique = op("unique", lambda xp, x, *, axis: xp.unique_of(x, axis), outputs=3)
unique_consecutive = op("unique_consecutive", lambda xp, x, *, axis: xp.runs_of(x, axis), outputs=3)
isin = op("isin", lambda xp, x, among, *, invert: xp.isin(x, among, invert=invert), promote=COMPARE)
histc = op("histc", lambda xp, x, *, bins, low, high: xp.equal_bins(x, bins, low, high))
histogram = op("histogram", lambda xp, x, edges, weight, *, density: xp.bins_between(x, edges, weight, density))
histogramdd = op("histogramdd", lambda xp, x, weight, *edges, density: xp.boxes_between(x, edges, weight, density))
bincount = op("bincount", lambda xp, x, weights, *, least: xp.counts_of(x, weights, least))
