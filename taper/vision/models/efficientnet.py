"""EfficientNet (Tan and Le 2019, arXiv 1905.11946) and its second version (Tan and Le 2021, arXiv 2104.00298)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial

from ... import nn
from ...nn import init
from ...tensor import flatten
from ..ops.drop import StochasticDepth
from ..ops.layers import Conv2dNormActivation, SqueezeExcitation
from .registry import model
from .weights import WeightsEnum, imagenet
from .widths import divisible


class _MBConvConfig:
    """A stage: how its blocks expand, their kernel, first stride, channels in and out, and how many there are."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Callable[..., nn.Module],
    ):
        self.expand_ratio, self.kernel, self.stride = expand_ratio, kernel, stride
        self.input_channels, self.out_channels, self.num_layers = input_channels, out_channels, num_layers
        self.block = block

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """Channels times width_mult, in eights."""
        return divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """A stage of MBConv blocks, width_mult times as wide and depth_mult times as deep."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Callable[..., nn.Module] | None = None,
    ):
        channels = (self.adjust_channels(c, width_mult) for c in (input_channels, out_channels))
        super().__init__(
            expand_ratio, kernel, stride, *channels, self.adjust_depth(num_layers, depth_mult), block or MBConv
        )

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """Blocks times depth_mult, rounded up."""
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """A stage of FusedMBConv blocks."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Callable[..., nn.Module] | None = None,
    ):
        super().__init__(expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block or FusedMBConv)


class _Residual(nn.Module):
    """A block whose input is added where the shapes agree; in training the block is left out now and then."""

    def __init__(self, cnf: _MBConvConfig, layers: list[nn.Module], stochastic_depth_prob: float):
        super().__init__()
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        """(N, C, H, W) to (N, out_channels, H / stride, W / stride)."""
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


def _check_stride(cnf: _MBConvConfig) -> None:
    if not 1 <= cnf.stride <= 2:
        raise ValueError(f"illegal stride value {cnf.stride}: it must be 1 or 2")


class MBConv(_Residual):
    """Widened, each channel convolved on its own, squeezed and excited, narrowed. ValueError for a stride beyond 2."""

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[..., nn.Module] = SqueezeExcitation,
    ):
        _check_stride(cnf)
        options = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        wide = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers: list[nn.Module] = []
        if wide != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, wide, kernel_size=1, **options))
        layers.append(Conv2dNormActivation(wide, wide, cnf.kernel, cnf.stride, groups=wide, **options))
        squeezed = max(1, cnf.input_channels // 4)
        layers.append(se_layer(wide, squeezed, activation=partial(nn.SiLU, inplace=True)))
        options["activation_layer"] = None
        layers.append(Conv2dNormActivation(wide, cnf.out_channels, kernel_size=1, **options))
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Residual):
    """Widened by an ordinary convolution, and narrowed. ValueError for a stride beyond 2."""

    def __init__(self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: Callable[..., nn.Module]):
        _check_stride(cnf)
        options = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        wide = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        if wide == cnf.input_channels:
            layers = [Conv2dNormActivation(wide, cnf.out_channels, cnf.kernel, cnf.stride, **options)]
        else:
            layers = [Conv2dNormActivation(cnf.input_channels, wide, cnf.kernel, cnf.stride, **options)]
            options["activation_layer"] = None
            layers.append(Conv2dNormActivation(wide, cnf.out_channels, kernel_size=1, **options))
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """Stages of a setting between two convolutions; blocks are left out more often the deeper they lie.

    last_channel: the width before the scores, four times that of the last stage unless given. ValueError and TypeError for what
    is no setting.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        last_channel: int | None = None,
    ):
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(setting, Sequence) and all(isinstance(s, _MBConvConfig) for s in setting)):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or nn.BatchNorm2d
        options = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        layers: list[nn.Module] = [Conv2dNormActivation(3, setting[0].input_channels, 3, stride=2, **options)]
        total, k = sum(cnf.num_layers for cnf in setting), 0
        for cnf in setting:
            stage: list[nn.Module] = []
            for i in range(cnf.num_layers):
                part = copy.copy(cnf)
                if i > 0:
                    part.input_channels, part.stride = part.out_channels, 1
                stage.append(part.block(part, stochastic_depth_prob * float(k) / total, norm_layer))
                k += 1
            layers.append(nn.Sequential(*stage))
        narrow = setting[-1].out_channels
        wide = last_channel if last_channel is not None else 4 * narrow
        layers.append(Conv2dNormActivation(narrow, wide, kernel_size=1, **options))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(wide, num_classes))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out")
                if layer.bias is not None:
                    init.zeros_(layer.bias)
            elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
                init.ones_(layer.weight)
                init.zeros_(layer.bias)
            elif isinstance(layer, nn.Linear):
                bound = 1.0 / math.sqrt(layer.out_features)
                init.uniform_(layer.weight, -bound, bound)
                init.zeros_(layer.bias)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


# fmt: off
# Expansion, kernel, stride, channels in, channels out, blocks.
_STAGES = [
    (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
]
# The stages of fused blocks, and the others.
_STAGES_V2 = {
    "s": ([(1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)],
          [(4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)]),
    "m": ([(1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)],
          [(4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)]),
    "l": ([(1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)],
          [(4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)]),
}
# fmt: on


def _efficientnet(width_mult: float, depth_mult: float, rate: float, *, dropout: float | None = None, **options):
    setting = [MBConvConfig(*stage, width_mult=width_mult, depth_mult=depth_mult) for stage in _STAGES]
    return EfficientNet(setting, rate if dropout is None else dropout, **options)


def _efficientnet_v2(size: str, rate: float, *, dropout: float | None = None, norm_layer=None, **options):
    fused, plain = _STAGES_V2[size]
    setting = [*(FusedMBConvConfig(*stage) for stage in fused), *(MBConvConfig(*stage) for stage in plain)]
    norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=1e-03)
    dropout = rate if dropout is None else dropout
    return EfficientNet(setting, dropout, norm_layer=norm_layer, last_channel=1280, **options)


def _slow_norm(norm_layer):
    """The norm of the larger networks, unless another is asked for."""
    return norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


class EfficientNet_B0_Weights(WeightsEnum):
    """Published weights of `efficientnet_b0`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b0_rwightman-7f5810bc.pth", 5288548, 77.692, 93.532, mode="bicubic", recipe="#efficientnet-v1"
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B1_Weights(WeightsEnum):
    """Published weights of `efficientnet_b1`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b1_rwightman-bac287d4.pth",
        7794184,
        78.642,
        94.186,
        crop=240,
        mode="bicubic",
        recipe="#efficientnet-v1",
    )
    IMAGENET1K_V2 = imagenet(
        "efficientnet_b1-c27df63c.pth",
        7794184,
        79.838,
        94.934,
        crop=240,
        resize=255,
        recipe="issues/3995#new-recipe-with-lr-wd-crop-tuning",
    )
    DEFAULT = IMAGENET1K_V2


class EfficientNet_B2_Weights(WeightsEnum):
    """Published weights of `efficientnet_b2`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b2_rwightman-c35c1473.pth",
        9109994,
        80.608,
        95.31,
        crop=288,
        resize=288,
        mode="bicubic",
        recipe="#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B3_Weights(WeightsEnum):
    """Published weights of `efficientnet_b3`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b3_rwightman-b3899882.pth",
        12233232,
        82.008,
        96.054,
        crop=300,
        resize=320,
        mode="bicubic",
        recipe="#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B4_Weights(WeightsEnum):
    """Published weights of `efficientnet_b4`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b4_rwightman-23ab8bcd.pth",
        19341616,
        83.384,
        96.594,
        crop=380,
        resize=384,
        mode="bicubic",
        recipe="#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B5_Weights(WeightsEnum):
    """Published weights of `efficientnet_b5`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b5_lukemelas-1a07897c.pth",
        30389784,
        83.444,
        96.628,
        crop=456,
        resize=456,
        mode="bicubic",
        recipe="#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B6_Weights(WeightsEnum):
    """Published weights of `efficientnet_b6`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b6_lukemelas-24a108a5.pth",
        43040704,
        84.008,
        96.916,
        crop=528,
        resize=528,
        mode="bicubic",
        recipe="#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B7_Weights(WeightsEnum):
    """Published weights of `efficientnet_b7`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b7_lukemelas-c5b4e57e.pth",
        66347960,
        84.122,
        96.908,
        crop=600,
        resize=600,
        mode="bicubic",
        recipe="#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_L_Weights(WeightsEnum):
    """Published weights of `efficientnet_v2_l`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_l-59c71312.pth",
        118515272,
        85.808,
        97.788,
        crop=480,
        resize=480,
        mode="bicubic",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        least=33,
        recipe="#efficientnet-v2",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_M_Weights(WeightsEnum):
    """Published weights of `efficientnet_v2_m`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_m-dc08266a.pth",
        54139356,
        85.112,
        97.156,
        crop=480,
        resize=480,
        least=33,
        recipe="#efficientnet-v2",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_S_Weights(WeightsEnum):
    """Published weights of `efficientnet_v2_s`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_s-dd5fe13b.pth",
        21458488,
        84.228,
        96.878,
        crop=384,
        resize=384,
        least=33,
        recipe="#efficientnet-v2",
    )
    DEFAULT = IMAGENET1K_V1


@model(EfficientNet_B0_Weights)
def efficientnet_b0(**options):
    """EfficientNet-B0."""
    return _efficientnet(1.0, 1.0, 0.2, **options)


@model(EfficientNet_B1_Weights)
def efficientnet_b1(**options):
    """EfficientNet-B1."""
    return _efficientnet(1.0, 1.1, 0.2, **options)


@model(EfficientNet_B2_Weights)
def efficientnet_b2(**options):
    """EfficientNet-B2."""
    return _efficientnet(1.1, 1.2, 0.3, **options)


@model(EfficientNet_B3_Weights)
def efficientnet_b3(**options):
    """EfficientNet-B3."""
    return _efficientnet(1.2, 1.4, 0.3, **options)


@model(EfficientNet_B4_Weights)
def efficientnet_b4(**options):
    """EfficientNet-B4."""
    return _efficientnet(1.4, 1.8, 0.4, **options)


@model(EfficientNet_B5_Weights)
def efficientnet_b5(norm_layer=None, **options):
    """EfficientNet-B5."""
    return _efficientnet(1.6, 2.2, 0.4, norm_layer=_slow_norm(norm_layer), **options)


@model(EfficientNet_B6_Weights)
def efficientnet_b6(norm_layer=None, **options):
    """EfficientNet-B6."""
    return _efficientnet(1.8, 2.6, 0.5, norm_layer=_slow_norm(norm_layer), **options)


@model(EfficientNet_B7_Weights)
def efficientnet_b7(norm_layer=None, **options):
    """EfficientNet-B7."""
    return _efficientnet(2.0, 3.1, 0.5, norm_layer=_slow_norm(norm_layer), **options)


@model(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**options):
    """EfficientNetV2, small."""
    return _efficientnet_v2("s", 0.2, **options)


@model(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**options):
    """EfficientNetV2, middle."""
    return _efficientnet_v2("m", 0.3, **options)


@model(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**options):
    """EfficientNetV2, large."""
    return _efficientnet_v2("l", 0.4, **options)
