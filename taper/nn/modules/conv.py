"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math

from ...tensor import empty
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter
from .utils import _each

_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions have: sizes for every spatial dimension, weight and bias.

    weight: (out_channels, in_channels / groups, *kernel_size), for a transposed convolution (in_channels,
    out_channels / groups, *kernel_size); bias: (out_channels). Both first uniform within 1 / sqrt(fan_in).
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(f"padding_mode must be one of {set(_MODES)}, but got padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _for_pad(padding, kernel_size, dilation)
        self._make_parameters(bias, device, dtype)

    def _make_parameters(self, bias: bool, device, dtype) -> None:
        ends = (self.out_channels, self.in_channels // self.groups)
        if self.transposed:
            ends = (self.in_channels, self.out_channels // self.groups)
        self.weight = Parameter(empty((*ends, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(self.out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and biases."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        init.uniform_within_(self.bias, self.weight)

    def _run(self, convolution, input):
        """The convolution, after padding where its own zero padding is not what was asked for."""
        held = self._parameters
        try:
            weight, bias = held["weight"], held["bias"]
        except KeyError:  # a parametrization holds them elsewhere
            weight, bias = self.weight, self.bias
        if self.padding_mode == "zeros":
            return convolution(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return convolution(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        n = len(self.kernel_size)
        if self.padding != (0,) * n:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * n:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _for_pad(padding, kernel_size: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """A convolution's padding as `F.pad` takes it: (before, after) of each dimension, the last first."""
    pairs = []
    for i, (k, d) in enumerate(zip(kernel_size, dilation)):
        if padding == "valid":
            pairs.append((0, 0))
        elif padding == "same":
            total = d * (k - 1)
            pairs.append((total // 2, total - total // 2))
        else:
            pairs.append((padding[i], padding[i]))
    return [n for pair in reversed(pairs) for n in pair]


class _Convolution(_ConvNd):
    """A convolution of `_dims` spatial dimensions."""

    _dims: int

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
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ) -> None:
        n = self._dims
        super().__init__(
            in_channels,
            out_channels,
            _each(kernel_size, n),
            _each(stride, n),
            padding if isinstance(padding, str) else _each(padding, n),
            _each(dilation, n),
            False,
            (0,) * n,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv1d(_Convolution):
    """Convolution over sequences: (N, C, L) or (C, L) -> the same with out_channels and another length."""

    _dims = 1

    def forward(self, input):
        return self._run(F.conv1d, input)


class Conv2d(_Convolution):
    """Convolution over images: (N, C, H, W) or (C, H, W) -> the same with out_channels and other sizes."""

    _dims = 2

    def forward(self, input):
        return self._run(F.conv2d, input)


class Conv3d(_Convolution):
    """Convolution over volumes: (N, C, D, H, W) or (C, D, H, W) -> the same with out_channels and other sizes."""

    _dims = 3

    def forward(self, input):
        return self._run(F.conv3d, input)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution of `_dims` spatial dimensions: the gradient of a convolution, as a layer."""

    _dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups: int = 1,
        bias: bool = True,
        dilation=1,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        n = self._dims
        super().__init__(
            in_channels,
            out_channels,
            _each(kernel_size, n),
            _each(stride, n),
            _each(padding, n),
            _each(dilation, n),
            True,
            _each(output_padding, n),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _run_transposed(self, convolution, input, output_size):
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return convolution(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra(self, input, output_size) -> tuple[int, ...]:
        """The output padding that gives `output_size`. ValueError if none does."""
        n = self._dims
        sizes = list(output_size)
        if len(sizes) == input.dim() and input.dim() > n:
            sizes = sizes[-n:]
        if len(sizes) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {n + 2} elements (got "
                f"{len(sizes)})"
            )
        low = [
            (input.size(-n + i) - 1) * self.stride[i] - 2 * self.padding[i] + self.dilation[i] * (k - 1) + 1
            for i, k in enumerate(self.kernel_size)
        ]
        high = [low[i] + self.stride[i] - 1 for i in range(n)]
        if any(not a <= size <= b for a, size, b in zip(low, sizes, high)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {low} to {high} (for an "
                "input of "
                f"{input.size()[2:]})"
            )
        return tuple(size - a for size, a in zip(sizes, low))


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution over sequences; `output_size` chooses among the lengths that fit."""

    _dims = 1

    def forward(self, input, output_size=None):
        return self._run_transposed(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution over images; `output_size` chooses among the sizes that fit."""

    _dims = 2

    def forward(self, input, output_size=None):
        return self._run_transposed(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution over volumes; `output_size` chooses among the sizes that fit."""

    _dims = 3

    def forward(self, input, output_size=None):
        return self._run_transposed(F.conv_transpose3d, input, output_size)
