"""Convolution (cross-correlation) over 1, 2 or 3 spatial dimensions, and its two gradients, by matrix products.

The windows of a few images at a time are copied into the columns of one matrix (im2col; K. Chellapilla, S. Puri and
P. Simard, "High performance convolutional neural networks for document processing", 2006), so that a block stays in
the cache and the product is one large BLAS call. Within a block the images are innermost: what a tap of the kernel
touches is then a run of (output width) x (images) elements, long enough to be copied at memory's speed. Depthwise
convolution takes the same way: multiplying and adding tap by tap is no faster (11-20 ms against 9 for float32
32 x 64 x 32 x 32, 3 x 3).

Arrays: x (N, C, *spatial), w (O, C / groups, *kernel), g (N, O, *output); float32 or float64. `stride`, `padding` and
`dilation` have one number for each spatial dimension; `padding` zeros are added on both sides.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .large import accelerated
from .layouts import in_given_order

__all__ = ["conv", "conv_input_grad", "conv_output_shape", "conv_weight_grad", "winograd"]

Sizes = tuple[int, ...]

NATIVE = 1 << 16
"""Multiplications from which a convolution runs natively."""

winograd = True
"""Whether native 3 x 3 convolutions may use Winograd's algorithm where it is faster; `taper.backends.cpu.winograd = False`
keeps to sums of products in programs made from then on."""

# Bytes of a block's columns, where that is no less than the weights: about a core's L2 cache.
BLOCK_BYTES = 1 << 20


def conv_output_shape(spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    """The spatial shape of a convolution's output. RuntimeError where the dilated kernel exceeds the padded input."""
    padded = tuple(n + 2 * p for n, p in zip(spatial, padding))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation))
    if any(n < r for n, r in zip(padded, reach)):
        raise RuntimeError(
            f"conv: Calculated padded input size per channel: ({' x '.join(map(str, padded))}). "
            f"Kernel size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size. "
            "Pad the input, or use a smaller kernel or dilation."
        )
    return tuple((n - r) // s + 1 for n, r, s in zip(padded, reach, stride))


def _accelerated(multiplications: Callable[..., int]):
    return functools.partial(accelerated, pays=lambda *args: multiplications(*args) >= NATIVE)


@in_given_order(2)
@_accelerated(lambda x, w, stride, *rest: x.size // max(x.shape[1], 1) * w.size // prod(stride))
def conv(
    x: np.ndarray,
    w: np.ndarray,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """out[n, o, p] = bias[o] + the sum over c, k of w[o, c, k] * x[n, c, p * stride + k * dilation - padding].

    Returns (N, O, *output) of x's dtype, contiguous, or channels-last if x or w is (as PyTorch's). The channels are split into `groups` equal parts, each of which
    sees its own part of the input. RuntimeError where the kernel does not fit into the input.
    """
    kernel = w.shape[2:]
    output = conv_output_shape(x.shape[2:], kernel, stride, padding, dilation)
    out = np.empty((x.shape[0], w.shape[0], *output), x.dtype)
    # BLAS takes no negative strides, which reversed weights have.
    matrix = np.ascontiguousarray(w.reshape(groups, w.shape[0] // groups, -1))
    if _is_pointwise(kernel, padding):
        np.matmul(matrix, _by_group(_subsampled(x, output, stride), groups), out=_by_group(out, groups))
        if bias is not None:
            out += bias.reshape(-1, *(1,) * len(output))
        return out
    if bias is not None:
        bias = bias.reshape(groups, -1, 1)
    for images, parts in _blocks(x.shape[0], x.shape[1], kernel, output, w):
        for rows in parts:
            columns = _columns(x, images, rows, kernel, output, stride, padding, dilation)
            result = np.matmul(matrix, columns.reshape(groups, matrix.shape[2], -1))
            if bias is not None:
                result += bias
            target = out[images, :, rows]
            target[...] = np.moveaxis(result.reshape(*target.shape[1:], target.shape[0]), -1, 0)
    return out


@in_given_order(2)
@_accelerated(lambda g, w, *rest: g.size // max(g.shape[1], 1) * w.size)
def conv_input_grad(
    g: np.ndarray, w: np.ndarray, x_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> np.ndarray:
    """The gradient of `conv` with respect to x: of shape x_shape = (N, C, *spatial), of g's dtype.

    It is also the transposed convolution of g, where x_shape is the shape wanted: input beyond the last window,
    which `output_padding` adds, gets zeros.
    """
    kernel, output, spatial = w.shape[2:], g.shape[2:], x_shape[2:]
    if _is_pointwise(kernel, padding):
        matrix = w.reshape(groups, w.shape[0] // groups, -1).swapaxes(1, 2)
        dx = np.matmul(matrix, _by_group(g, groups)).reshape(*x_shape[:2], *output)
        if spatial == output:
            return dx
        spread = np.zeros(x_shape, g.dtype)
        _subsampled(spread, output, stride)[...] = dx
        return spread
    if _is_narrower_turned(w, spatial, output, stride, padding, dilation, groups):
        border = tuple(d * (k - 1) - p for k, p, d in zip(kernel, padding, dilation))
        return conv(g, _turned(w, groups), stride, border, dilation, groups)
    matrix = np.ascontiguousarray(w.reshape(groups, w.shape[0] // groups, -1).swapaxes(1, 2))
    dx = np.empty(x_shape, g.dtype)
    padded = tuple(n + 2 * p for n, p in zip(spatial, padding))
    for images, parts in _blocks(x_shape[0], x_shape[1], kernel, output, w):
        piece = np.zeros((x_shape[1], *padded, images.stop - images.start), g.dtype)
        for rows in parts:
            columns = np.matmul(matrix, _gradient_rows(g, images, rows, groups))
            columns = columns.reshape(x_shape[1], *kernel, rows.stop - rows.start, *output[1:], -1)
            starts = (rows.start, *(0 for _ in output[1:]))
            stops = (rows.stop, *output[1:])
            for tap in product(*map(range, kernel)):
                at = tuple(
                    slice(first * s + k * d, (last - 1) * s + k * d + 1, s)
                    for first, last, k, s, d in zip(starts, stops, tap, stride, dilation)
                )
                piece[(slice(None), *at)] += columns[(slice(None), *tap)]
        inside = tuple(slice(p, p + n) for n, p in zip(spatial, padding))
        dx[images] = np.moveaxis(piece[(slice(None), *inside)], -1, 0)
    return dx


@_accelerated(lambda g, x, w_shape, *rest: g.size * prod(w_shape[1:]))
def conv_weight_grad(
    g: np.ndarray, x: np.ndarray, w_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> np.ndarray:
    """The gradient of `conv` with respect to w: of shape w_shape = (O, C / groups, *kernel), of g's dtype.

    For a transposed convolution, g is its input and x the gradient of its output.
    """
    kernel, output = w_shape[2:], g.shape[2:]
    dw = np.zeros((groups, w_shape[0] // groups, prod(w_shape[1:])), g.dtype)
    for images, parts in _blocks(x.shape[0], x.shape[1], kernel, output, dw):
        for rows in parts:
            columns = _columns(x, images, rows, kernel, output, stride, padding, dilation)
            columns = columns.reshape(groups, dw.shape[2], -1)
            dw += np.matmul(_gradient_rows(g, images, rows, groups), columns.swapaxes(1, 2))
    return dw.reshape(w_shape)


def _columns(x, images: slice, rows: slice, kernel, output, stride, padding, dilation) -> np.ndarray:
    """The windows of some images and output rows, copied: (C, *kernel, rows, *output[1:], images)."""
    low = rows.start * stride[0] - padding[0]
    high = (rows.stop - 1) * stride[0] - padding[0] + dilation[0] * (kernel[0] - 1) + 1
    first = min(max(low, 0), x.shape[2])
    last = max(first, min(high, x.shape[2]))
    source = np.moveaxis(x[images, :, first:last], 0, -1)
    width = tuple(n + 2 * p for n, p in zip(x.shape[3:], padding[1:]))
    piece = (np.zeros if any(padding) else np.empty)((x.shape[1], high - low, *width, source.shape[-1]), x.dtype)
    inside = (slice(first - low, last - low), *(slice(p, p + n) for n, p in zip(x.shape[3:], padding[1:])))
    piece[(slice(None), *inside)] = source
    channel, *along, image = piece.strides
    windows = as_strided(
        piece,
        (x.shape[1], *kernel, rows.stop - rows.start, *output[1:], source.shape[-1]),
        (channel, *(n * d for n, d in zip(along, dilation)), *(n * s for n, s in zip(along, stride)), image),
        writeable=False,
    )
    return np.ascontiguousarray(windows)


def _gradient_rows(g, images: slice, rows: slice, groups: int) -> np.ndarray:
    """g of some images and output rows, ordered as the columns are: (groups, O / groups, positions)."""
    block = np.ascontiguousarray(np.moveaxis(g[images, :, rows], 0, -1))
    return block.reshape(groups, g.shape[1] // groups, -1)


def _blocks(batch: int, channels: int, kernel: Sizes, output: Sizes, w) -> Iterator[tuple[slice, list[slice]]]:
    """Some images and parts of the output rows that cover them: as many images as fill a block of columns, at least
    one, and all rows; or of a single large image as many rows as fill a block."""
    # Every block reads all the weights: a block smaller than they are would spend its time on that.
    budget = max(BLOCK_BYTES, w.nbytes)
    row_bytes = max(1, channels * prod(kernel) * prod(output[1:]) * w.itemsize)
    images = max(1, budget // (row_bytes * output[0]))
    rows = output[0] if images > 1 else min(output[0], max(1, budget // row_bytes))
    parts = [slice(start, min(start + rows, output[0])) for start in range(0, output[0], rows)]
    return ((slice(start, min(start + images, batch)), parts) for start in range(0, batch, images))


def _is_pointwise(kernel: Sizes, padding: Sizes) -> bool:
    return not any(padding) and all(k == 1 for k in kernel)


def _is_narrower_turned(w, spatial, output, stride, padding, dilation, groups: int) -> bool:
    """Whether the input gradient is an ordinary convolution of g, and one whose columns are no taller than x's."""
    return (
        all(s == 1 for s in stride)
        and w.shape[0] // groups <= w.shape[1]
        and all(p <= d * (k - 1) for k, p, d in zip(w.shape[2:], padding, dilation))
        and output == tuple(n + 2 * p - d * (k - 1) for n, k, p, d in zip(spatial, w.shape[2:], padding, dilation))
    )


def _turned(w, groups: int) -> np.ndarray:
    """The weights with input and output channels exchanged and the taps reversed: (C, O / groups, *kernel)."""
    apart = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
    return np.flip(apart, tuple(range(3, apart.ndim))).reshape(-1, apart.shape[2], *w.shape[2:])


def _subsampled(x, output: Sizes, stride: Sizes) -> np.ndarray:
    """The view of every stride-th position, for a kernel of one tap."""
    along = (slice(0, (n - 1) * s + 1, s) for n, s in zip(output, stride))
    return x[(slice(None), slice(None), *along)]


def _by_group(x, groups: int) -> np.ndarray:
    """(N, C, *spatial) as (N, groups, C / groups, positions)."""
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, prod(x.shape[2:]))
