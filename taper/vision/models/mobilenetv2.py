"""MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381)."""

from __future__ import annotations

from ... import nn
from ...nn import init
from ...nn.functional import adaptive_avg_pool2d
from ...tensor import flatten
from .registry import model

SETTING = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]
"""Expansion, channels, blocks and first stride of each stage."""


def _divisible(value: float, divisor: int) -> int:
    """The nearest multiple of divisor that is not more than a tenth below."""
    near = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * value else near


class Conv2dNormActivation(nn.Sequential):
    """A convolution without bias that keeps the size, but for its stride; norm; ReLU6."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, groups: int, norm_layer):
        padding = (kernel_size - 1) // 2
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
        super().__init__(conv, norm_layer(out_channels), nn.ReLU6(inplace=True))
        self.out_channels = out_channels


class InvertedResidual(nn.Module):
    """Wide between two narrow ends, each channel convolved on its own. ValueError for another stride than 1 or 2."""

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        hidden = int(round(inp * expand_ratio))
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1, 1, 1, norm_layer))
        layers += [
            Conv2dNormActivation(hidden, hidden, 3, stride, hidden, norm_layer),
            nn.Conv2d(hidden, oup, 1, 1, 0, bias=False),
            norm_layer(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup

    def forward(self, x):
        """(N, inp, H, W) to (N, oup, H / stride, W / stride)."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Stages of inverted residuals, all widths multiplied by width_mult and rounded to multiples of round_nearest."""

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting=None,
        round_nearest: int = 8,
        block=None,
        norm_layer=None,
        dropout: float = 0.2,
    ):
        super().__init__()
        block, norm_layer = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        setting = SETTING if inverted_residual_setting is None else inverted_residual_setting
        if len(setting) == 0 or len(setting[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {inverted_residual_setting}"
            )
        channels = _divisible(32 * width_mult, round_nearest)
        self.last_channel = _divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [Conv2dNormActivation(3, channels, 3, 2, 1, norm_layer)]
        for expansion, width, blocks, first in setting:
            out = _divisible(width * width_mult, round_nearest)
            for i in range(blocks):
                features.append(block(channels, out, first if i == 0 else 1, expansion, norm_layer))
                channels = out
        features.append(Conv2dNormActivation(channels, self.last_channel, 1, 1, 1, norm_layer))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out")
                if layer.bias is not None:
                    init.zeros_(layer.bias)
            elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
                init.ones_(layer.weight)
                init.zeros_(layer.bias)
            elif isinstance(layer, nn.Linear):
                init.normal_(layer.weight, 0, 0.01)
                init.zeros_(layer.bias)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.classifier(flatten(adaptive_avg_pool2d(self.features(x), (1, 1)), 1))


@model
def mobilenet_v2(**options):
    """MobileNetV2."""
    return MobileNetV2(**options)
