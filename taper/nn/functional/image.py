"""Rearranging of images: channels into pixels and back, windows into columns and back."""

from __future__ import annotations

from ...autograd.dispatch import apply
from ...autograd.naming import shown_as
from ...ops import convolution as ops
from .floating import needs_floating
from .sizes import per_dim


@shown_as("PixelShuffleBackward0")
def pixel_shuffle(input, upscale_factor: int):
    """(..., C r^2, H, W) as (..., C, H r, W r) (Shi et al. 2016)."""
    if input._array.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input._array.ndim} dimension(s)"
        )
    *lead, c, h, w = input._array.shape
    r = upscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    x = input.reshape(*lead, c // (r * r), r, r, h, w)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, c // (r * r), h * r, w * r)


@shown_as("PixelUnshuffleBackward0")
def pixel_unshuffle(input, downscale_factor: int):
    """(..., C, H r, W r) as (..., C r^2, H, W)."""
    if input._array.ndim < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{input._array.ndim} dimension(s)"
        )
    *lead, c, h, w = input._array.shape
    r = downscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    if h % r or w % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but input of size {(h, w)} "
            f"is not divisible by {r}"
        )
    n = len(lead)
    x = input.reshape(*lead, c, h // r, r, w // r, r)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, c * r * r, h // r, w // r)


@shown_as("ChannelShuffleBackward0")
def channel_shuffle(input, groups: int):
    """The channels of `groups` groups interleaved (Zhang et al. 2018)."""
    if input._array.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    n, c, *rest = input._array.shape
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups} (channel_shuffle)"
        )
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return input.reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(n, c, *rest)


native_channel_shuffle = channel_shuffle


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """All windows of images (N, C, H, W) as columns (N, C * window, number of windows)."""
    kernel, dilation = per_dim(kernel_size, 2, "kernel_size", "unfold"), per_dim(dilation, 2, "dilation", "unfold")
    padding, stride = per_dim(padding, 2, "padding", "unfold"), per_dim(stride, 2, "stride", "unfold")
    for what, sizes in (("kernel size", kernel), ("dilation", dilation), ("stride", stride)):
        if min(sizes) <= 0:
            raise RuntimeError(f"{what} should be greater than zero, but got {what} {sizes} (unfold)")
    batched = input._array.ndim == 4
    if input._array.ndim not in (3, 4) or 0 in input._array.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(input._array.shape)}"
        )
    if input._array.dtype.kind in "iu":
        needs_floating("im2col_out_cpu", input)
    x = input if batched else input.unsqueeze(0)
    oh, ow = _grid(x._array.shape[2:], kernel, dilation, padding, stride)
    if oh < 1 or ow < 1:
        raise RuntimeError(
            f"Given input with spatial size {x._array.shape[2:]}, kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, calculated shape of the array of sliding blocks as {(oh, ow)}, but its components "
            "must be at least one."
        )
    out = apply(ops.im2col, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    return out if batched else out.squeeze(0)


def _grid(size, kernel, dilation, padding, stride):
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in zip(size, kernel, dilation, padding, stride)
    )


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns of windows added up into images (N, C, *output_size): the reverse of `unfold`."""
    size, kernel = per_dim(output_size, 2, "output_size", "fold"), per_dim(kernel_size, 2, "kernel_size", "fold")
    dilation, stride = per_dim(dilation, 2, "dilation", "fold"), per_dim(stride, 2, "stride", "fold")
    padding = per_dim(padding, 2, "padding", "fold")
    if input._array.ndim not in (2, 3) or 0 in input._array.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(input.shape)} (fold)"
        )
    batched = input._array.ndim == 3
    x = input if batched else input.unsqueeze(0)
    n, columns, count = x._array.shape
    area = kernel[0] * kernel[1]
    if columns % area:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={columns} and kernel_size={kernel}."
        )
    oh, ow = _grid(size, kernel, dilation, padding, stride)
    if count != oh * ow:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, "
            f"expected size of input's dimension 2 to match the calculated number of sliding blocks {oh} * {ow} = "
            f"{oh * ow}, but got input.size(2)={count}."
        )
    shape = (n, columns // area, *size)
    out = apply(ops.col2im, x, shape=shape, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    return out if batched else out.squeeze(0)
