"""MobileNetV3 (Howard et al. 2019, arXiv 1905.02244)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ... import nn
from ...tensor import flatten
from ..ops.layers import Conv2dNormActivation
from ..ops.layers import SqueezeExcitation as SElayer
from .registry import model
from .weights import WeightsEnum, imagenet
from .widths import divisible, draw_mobile_weights

_SQUEEZE = partial(SElayer, scale_activation=nn.Hardsigmoid)


class InvertedResidualConfig:
    """A block: channels in, inside and out, times width_mult; kernel, stride, dilation; squeeze-excitation; "RE" or "HS"."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ):
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se, self.use_hs = use_se, activation == "HS"
        self.stride, self.dilation = stride, dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """Channels times width_mult, in eights."""
        return divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """Wide between two narrow ends, each channel convolved on its own. ValueError for another stride than 1 or 2."""

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[..., nn.Module] = _SQUEEZE,
    ):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError(f"illegal stride value {cnf.stride}: it must be 1 or 2")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        wide = cnf.expanded_channels
        options = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU}
        layers: list[nn.Module] = []
        if wide != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, wide, kernel_size=1, **options))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        where = {"kernel_size": cnf.kernel, "stride": stride, "dilation": cnf.dilation, "groups": wide}
        layers.append(Conv2dNormActivation(wide, wide, **where, **options))
        if cnf.use_se:
            layers.append(se_layer(wide, divisible(wide // 4, 8)))
        options["activation_layer"] = None
        layers.append(Conv2dNormActivation(wide, cnf.out_channels, kernel_size=1, **options))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input):
        """(N, C, H, W) to (N, out_channels, H / stride, W / stride)."""
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """Blocks of a setting, and last_channel units before the scores. ValueError and TypeError for no such setting."""

    def __init__(
        self,
        inverted_residual_setting: list[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ):
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(setting, Sequence) and all(isinstance(s, InvertedResidualConfig) for s in setting)):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        options = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish}
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, setting[0].input_channels, kernel_size=3, stride=2, **options)
        ]
        layers += [block(cnf, norm_layer) for cnf in setting]
        narrow, wide = setting[-1].out_channels, 6 * setting[-1].out_channels
        layers.append(Conv2dNormActivation(narrow, wide, kernel_size=1, **options))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(wide, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        draw_mobile_weights(self)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


# Channels in, kernel, channels inside, channels out, squeeze-excitation, activation, stride. The blocks from the stride
# marked -2 on are the tail: half as wide if reduced_tail, and dilated instead of halved if dilated.
# fmt: off
_SETTINGS = {
    "mobilenet_v3_large": (1280, [
        (16, 3, 16, 16, False, "RE", 1), (16, 3, 64, 24, False, "RE", 2), (24, 3, 72, 24, False, "RE", 1),
        (24, 5, 72, 40, True, "RE", 2), (40, 5, 120, 40, True, "RE", 1), (40, 5, 120, 40, True, "RE", 1),
        (40, 3, 240, 80, False, "HS", 2), (80, 3, 200, 80, False, "HS", 1), (80, 3, 184, 80, False, "HS", 1),
        (80, 3, 184, 80, False, "HS", 1), (80, 3, 480, 112, True, "HS", 1), (112, 3, 672, 112, True, "HS", 1),
        (112, 5, 672, 160, True, "HS", -2), (160, 5, 960, 160, True, "HS", 1), (160, 5, 960, 160, True, "HS", 1),
    ]),
    "mobilenet_v3_small": (1024, [
        (16, 3, 16, 16, True, "RE", 2), (16, 3, 72, 24, False, "RE", 2), (24, 3, 88, 24, False, "RE", 1),
        (24, 5, 96, 40, True, "HS", 2), (40, 5, 240, 40, True, "HS", 1), (40, 5, 240, 40, True, "HS", 1),
        (40, 5, 120, 48, True, "HS", 1), (48, 5, 144, 48, True, "HS", 1),
        (48, 5, 288, 96, True, "HS", -2), (96, 5, 576, 96, True, "HS", 1), (96, 5, 576, 96, True, "HS", 1),
    ]),
}
# fmt: on


def _mobilenet_v3_conf(
    arch: str, width_mult: float = 1.0, reduced_tail: bool = False, dilated: bool = False
) -> tuple[list[InvertedResidualConfig], int]:
    """The blocks and the width before the scores. ValueError for another name than the two."""
    if arch not in _SETTINGS:
        raise ValueError(f"Unsupported model type {arch}")
    last_channel, rows = _SETTINGS[arch]
    share, dilation = 2 if reduced_tail else 1, 2 if dilated else 1
    setting, tail = [], False
    for inside, kernel, wide, out, squeeze, activation, stride in rows:
        if tail:
            inside, wide = inside // share, wide // share
        tail = tail or stride < 0
        out = out // share if tail else out
        told = (squeeze, activation, abs(stride), dilation if tail else 1, width_mult)
        setting.append(InvertedResidualConfig(inside, kernel, wide, out, *told))
    return setting, InvertedResidualConfig.adjust_channels(last_channel // share, width_mult)


def _mobilenet_v3(arch: str, width_mult=1.0, reduced_tail=False, dilated=False, **options) -> MobileNetV3:
    return MobileNetV3(*_mobilenet_v3_conf(arch, width_mult, reduced_tail, dilated), **options)


class MobileNet_V3_Large_Weights(WeightsEnum):
    """Published weights of `mobilenet_v3_large`."""

    IMAGENET1K_V1 = imagenet(
        "mobilenet_v3_large-8738ca79.pth", 5483032, 74.042, 91.34, recipe="#mobilenetv3-large--small"
    )
    IMAGENET1K_V2 = imagenet(
        "mobilenet_v3_large-5c1a4163.pth",
        5483032,
        75.274,
        92.566,
        resize=232,
        recipe="issues/3995#new-recipe-with-reg-tuning",
    )
    DEFAULT = IMAGENET1K_V2


class MobileNet_V3_Small_Weights(WeightsEnum):
    """Published weights of `mobilenet_v3_small`."""

    IMAGENET1K_V1 = imagenet(
        "mobilenet_v3_small-047dcff4.pth", 2542856, 67.668, 87.402, recipe="#mobilenetv3-large--small"
    )
    DEFAULT = IMAGENET1K_V1


@model(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**options):
    """MobileNetV3, large."""
    return _mobilenet_v3("mobilenet_v3_large", **options)


@model(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**options):
    """MobileNetV3, small."""
    return _mobilenet_v3("mobilenet_v3_small", **options)
