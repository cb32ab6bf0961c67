"""Pooling over windows, and its derivatives."""

from __future__ import annotations

from ..backends.cpu.layouts import laid_out
from .operator import op

# The second result of a maximum, where it is, is also what its gradient needs.
max_pool = op(
    "max_pool",
    lambda xp, x, *, kernel, stride, padding, dilation, ceil_mode: _kept(
        xp.max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    ),
    outputs=2,
    aux=("indices",),
    grad_name="MaxPool2DWithIndicesBackward0",
    x=lambda xp, g, x_shape, x_last, indices, kernel, stride, padding, dilation: laid_out(
        xp.max_pool_grad(g, indices, x_shape, (kernel, stride, padding, dilation)), x_last
    ),
)

# windows: of which windows the indices are (kernel, stride, padding, dilation), "even" for adaptive pooling, or None.
max_pool_grad = op(
    "max_pool_grad",
    lambda xp, g, indices, *, shape, windows: xp.max_pool_grad(g, indices, shape, windows),
    grad_name="MaxPool2DWithIndicesBackwardBackward0",
    g=lambda xp, h, g_shape, indices, windows: xp.pooled_at(h, indices, g_shape, windows),
)

pooled_at = op(
    "pooled_at",
    lambda xp, x, indices, *, shape, windows: xp.pooled_at(x, indices, shape, windows),
    grad_name="GatherBackward0",
    x=lambda xp, g, x_shape, indices, windows: xp.max_pool_grad(g, indices, x_shape, windows),
)

adaptive_max_pool = op(
    "adaptive_max_pool",
    lambda xp, x, *, size: _kept(xp.adaptive_max_pool(x, size)),
    outputs=2,
    aux=("indices",),
    grad_name="AdaptiveMaxPool2DBackward0",
    x=lambda xp, g, x_shape, x_last, indices: laid_out(xp.max_pool_grad(g, indices, x_shape, "even"), x_last),
)

avg_pool = op(
    "avg_pool",
    lambda xp, x, *, kernel, stride, padding, ceil_mode, include_pad, divisor: xp.avg_pool(
        x, kernel, stride, padding, ceil_mode, include_pad, divisor
    ),
    grad_name="AvgPool2DBackward0",
    x=lambda xp, g, x_shape, x_last, kernel, stride, padding, ceil_mode, include_pad, divisor: laid_out(
        xp.avg_pool_grad(g, x_shape, kernel, stride, padding, include_pad, divisor), x_last
    ),
)

avg_pool_grad = op(
    "avg_pool_grad",
    lambda xp, g, *, shape, kernel, stride, padding, include_pad, divisor: xp.avg_pool_grad(
        g, shape, kernel, stride, padding, include_pad, divisor
    ),
    grad_name="AvgPool2DBackwardBackward0",
    g=lambda xp, h, g_shape, kernel, stride, padding, include_pad, divisor: xp.avg_pool(
        h, kernel, stride, padding, _ceiled(g_shape, h.shape, kernel, stride, padding), include_pad, divisor
    ),
)

adaptive_avg_pool = op(
    "adaptive_avg_pool",
    lambda xp, x, *, size: xp.adaptive_avg_pool(x, size),
    grad_name="AdaptiveAvgPool2DBackward0",
    # The gradient of a mean of everything lies in the order of dimensions, as PyTorch's.
    x=lambda xp, g, x_shape, x_last, size: laid_out(xp.adaptive_avg_pool_grad(g, x_shape), x_last and max(size) > 1),
)

adaptive_avg_pool_grad = op(
    "adaptive_avg_pool_grad",
    lambda xp, g, *, shape: xp.adaptive_avg_pool_grad(g, shape),
    grad_name="AdaptiveAvgPool2DBackwardBackward0",
    g=lambda xp, h, g_shape: xp.adaptive_avg_pool(h, g_shape[2:]),
)


def _kept(found):
    values, indices = found
    return values, indices, indices


def _ceiled(output, shape, kernel, stride, padding) -> bool:
    """Whether an output of this shape was made with ceil_mode."""
    return any((n + 2 * p - k) // s + 1 != m for n, k, s, p, m in zip(shape[2:], kernel, stride, padding, output[2:]))
