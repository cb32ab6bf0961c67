"""Convolution whose taps are moved by offsets of their own (Dai et al. 2017, arXiv 1703.06211; with a mask, 1811.11168)."""

from __future__ import annotations

import math

import numpy as np

from ... import nn
from ...autograd.tape import Variable, wrap
from ...nn import init
from ...tensor import einsum, empty, floor

__all__ = ["DeformConv2d", "deform_conv2d"]


def _pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _interpolated(maps: Variable, y: Variable, x: Variable) -> Variable:
    """Maps (B, C, H, W) at points y, x (B, P): (B, C, P), bilinear, zero outside."""
    batch, channels, height, width = maps.shape
    flat = maps.reshape(batch, channels, height * width)
    y_low, x_low = floor(y.detach()), floor(x.detach())
    down, right = y - y_low, x - x_low
    out = None
    for dy, weight_y in ((0, 1 - down), (1, down)):
        for dx, weight_x in ((0, 1 - right), (1, right)):
            rows, columns = y_low._array + dy, x_low._array + dx
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            where = np.where(inside, rows * width + columns, 0).astype(np.int64)
            index = wrap(where).unsqueeze(1).expand(batch, channels, where.shape[1])
            weight = weight_y * weight_x * wrap(inside).to(maps.dtype)
            part = flat.gather(2, index) * weight.unsqueeze(1)
            out = part if out is None else out + part
    return out


def deform_conv2d(
    input: Variable,
    offset: Variable,
    weight: Variable,
    bias: Variable | None = None,
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
    mask: Variable | None = None,
) -> Variable:
    """A convolution that reads the pixel `offset` away from where each tap would read, times `mask`.

    input: (N, C, H, W). weight: (O, C / groups, kh, kw). offset: (N, 2 * parts * kh * kw, H', W'), for each of `parts` parts of the
    channels and each tap the distance down and to the right. mask: (N, parts * kh * kw, H', W') or None. bias: (O,) or None.
    Returns (N, O, H', W'). RuntimeError for shapes that do not fit.
    """
    stride, padding, dilation = _pair(stride), _pair(padding), _pair(dilation)
    if input.ndim != 4 or weight.ndim != 4 or offset.ndim != 4:
        raise RuntimeError(
            "deform_conv2d: input, offset and weight must have 4 dimensions, got shapes "
            f"{tuple(input.shape)}, {tuple(offset.shape)} and {tuple(weight.shape)}"
        )
    n, channels, height, width = input.shape
    out_channels, per_group, kh, kw = weight.shape
    taps = kh * kw
    parts, groups = offset.shape[1] // (2 * taps), channels // per_group
    if parts == 0 or offset.shape[1] % (2 * taps) or channels % parts:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of 2 * weight.size[2] * "
            f"weight.size[3], by a divisor of the channels.\nGot offset.size[1]={offset.shape[1]}, while 2 * weight.size[2] * "
            f"weight.size[3]={2 * taps}"
        )
    if groups == 0 or channels % per_group or out_channels % groups:
        raise RuntimeError(f"deform_conv2d: weight {tuple(weight.shape)} does not fit input {tuple(input.shape)}")
    out_h, out_w = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip((height, width), padding, dilation, (kh, kw), stride)
    )
    if tuple(offset.shape) != (n, offset.shape[1], out_h, out_w):
        raise RuntimeError(
            f"offset output dims: got {tuple(offset.shape)}, computed {(n, offset.shape[1], out_h, out_w)}"
        )
    if mask is not None and tuple(mask.shape) != (n, parts * taps, out_h, out_w):
        raise RuntimeError(f"mask output dims: got {tuple(mask.shape)}, computed {(n, parts * taps, out_h, out_w)}")
    dtype = input._array.dtype
    rows = np.arange(kh).repeat(kw)[:, None] * dilation[0] - padding[0] + np.arange(out_h) * stride[0]
    columns = np.tile(np.arange(kw), kh)[:, None] * dilation[1] - padding[1] + np.arange(out_w) * stride[1]
    moved = offset.reshape(n * parts, taps, 2, out_h, out_w)
    y = moved[:, :, 0] + wrap(rows[:, :, None].astype(dtype))
    x = moved[:, :, 1] + wrap(columns[:, None, :].astype(dtype))
    maps = input.reshape(n * parts, channels // parts, height, width)
    read = _interpolated(maps, y.reshape(n * parts, -1), x.reshape(n * parts, -1))
    if mask is not None:
        read = read * mask.reshape(n * parts, 1, -1)
    read = read.reshape(n, groups, per_group * taps, out_h * out_w)
    kernels = weight.reshape(groups, out_channels // groups, per_group * taps)
    out = einsum("gok,ngkp->ngop", kernels, read).reshape(n, out_channels, out_h, out_w)
    return out if bias is None else out + bias.reshape(1, -1, 1, 1)


class DeformConv2d(nn.Module):
    """`deform_conv2d` as a layer with weight and bias. ValueError for channels that the groups do not divide."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups: int = 1,
        bias: bool = True,
    ):
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.weight = nn.Parameter(empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = nn.Parameter(empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first weights, as a Conv2d's."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(init._calculate_fan_in_and_fan_out(self.weight)[0])
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Variable, offset: Variable, mask: Variable | None = None) -> Variable:
        """(N, in_channels, H, W) to (N, out_channels, H', W')."""
        options = (self.stride, self.padding, self.dilation, mask)
        return deform_conv2d(input, offset, self.weight, self.bias, *options)

    def __repr__(self) -> str:
        words = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        words += f", padding={self.padding}" if self.padding != (0, 0) else ""
        words += f", dilation={self.dilation}" if self.dilation != (1, 1) else ""
        words += f", groups={self.groups}" if self.groups != 1 else ""
        words += ", bias=False" if self.bias is None else ""
        return f"{type(self).__name__}({words})"
