"""RegNet (Radosavovic et al. 2020, arXiv 2003.13678)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import numpy as np

from ... import nn
from ...nn import init
from ..ops.layers import Conv2dNormActivation, SqueezeExcitation
from .registry import model
from .weights import WeightsEnum, imagenet
from .widths import divisible


class SimpleStemIN(Conv2dNormActivation):
    """The first convolution, which halves the image."""

    def __init__(self, width_in: int, width_out: int, norm_layer, activation_layer):
        options = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        super().__init__(width_in, width_out, kernel_size=3, stride=2, **options)


class BottleneckTransform(nn.Sequential):
    """1 x 1, 3 x 3 in groups, squeeze-excitation, 1 x 1."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer,
        activation_layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ):
        width = int(round(width_out * bottleneck_multiplier))
        options = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = Conv2dNormActivation(width_in, width, kernel_size=1, stride=1, **options)
        layers["b"] = Conv2dNormActivation(width, width, 3, stride, groups=width // group_width, **options)
        if se_ratio:
            squeezed = int(round(se_ratio * width_in))
            layers["se"] = SqueezeExcitation(width, squeezed, activation=activation_layer)
        options["activation_layer"] = None
        layers["c"] = Conv2dNormActivation(width, width_out, kernel_size=1, stride=1, **options)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """A bottleneck, and its input added, through a convolution where the shapes differ."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer,
        activation_layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ):
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            options = {"norm_layer": norm_layer, "activation_layer": None}
            self.proj = Conv2dNormActivation(width_in, width_out, kernel_size=1, stride=stride, **options)
        inner = (group_width, bottleneck_multiplier, se_ratio)
        self.f = BottleneckTransform(width_in, width_out, stride, norm_layer, activation_layer, *inner)
        self.activation = activation_layer(inplace=True)

    def forward(self, x):
        """(N, width_in, H, W) to (N, width_out, H / stride, W / stride)."""
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


class AnyStage(nn.Sequential):
    """Blocks of one width, the first with the stride."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        depth: int,
        block_constructor: Callable[..., nn.Module],
        norm_layer,
        activation_layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None = None,
        stage_index: int = 0,
    ):
        super().__init__()
        options = (norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio)
        for i in range(depth):
            where = (width_out, width_out, 1) if i else (width_in, width_out, stride)
            self.add_module(f"block{stage_index}-{i}", block_constructor(*where, *options))


class BlockParams:
    """Of each stage: how many blocks, how wide, in groups how wide, the inner width's factor and the stride."""

    def __init__(
        self,
        depths: list[int],
        widths: list[int],
        group_widths: list[int],
        bottleneck_multipliers: list[float],
        strides: list[int],
        se_ratio: float | None = None,
    ):
        self.depths, self.widths, self.group_widths = depths, widths, group_widths
        self.bottleneck_multipliers, self.strides, self.se_ratio = bottleneck_multipliers, strides, se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
        **options,
    ) -> BlockParams:
        """Widths that grow from w_0 by w_a a block, each at the nearest of w_0 times a power of w_m, in eights.

        ValueError for numbers that make no such widths.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        steps = np.round(np.log((np.arange(depth) * np.float32(w_a) + np.float32(w_0)) / w_0) / math.log(w_m))
        blocks = (np.round(w_0 * np.power(np.float32(w_m), steps) / 8) * 8).astype(int)
        widths, depths = (found.tolist() for found in np.unique(blocks, return_counts=True))
        groups = []
        for i, width in enumerate(widths):
            inner = int(width * bottleneck_multiplier)
            groups.append(min(group_width, inner))
            widths[i] = int(divisible(inner, groups[-1]) / bottleneck_multiplier)
        n = len(widths)
        return cls(depths, widths, groups, [bottleneck_multiplier] * n, [2] * n, se_ratio)


class RegNet(nn.Module):
    """A stem, the stages of block_params, the average of each map, and a linear layer."""

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Callable[..., nn.Module] | None = None,
        block_type: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        activation: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        norm_layer, activation = norm_layer or nn.BatchNorm2d, activation or nn.ReLU
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm_layer, activation)
        stages: list[tuple[str, nn.Module]] = []
        width, p = stem_width, block_params
        rows = zip(p.widths, p.strides, p.depths, p.group_widths, p.bottleneck_multipliers)
        for i, (out, stride, depth, groups, factor) in enumerate(rows):
            options = (block_type or ResBottleneckBlock, norm_layer, activation, groups, factor, p.se_ratio, i + 1)
            stages.append((f"block{i + 1}", AnyStage(width, out, stride, depth, *options)))
            width = out
        self.trunk_output = nn.Sequential(OrderedDict(stages))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(in_features=width, out_features=num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels
                init.normal_(layer.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
            elif isinstance(layer, nn.BatchNorm2d):
                init.ones_(layer.weight)
                init.zeros_(layer.bias)
            elif isinstance(layer, nn.Linear):
                init.normal_(layer.weight, mean=0.0, std=0.01)
                init.zeros_(layer.bias)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(start_dim=1))


def _regnet(depth: int, w_0: int, w_a: float, w_m: float, group_width: int, se_ratio=None, norm_layer=None, **options):
    norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1)
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, se_ratio=se_ratio)
    return RegNet(params, norm_layer=norm_layer, **options)


class RegNet_X_16GF_Weights(WeightsEnum):
    """Published weights of `regnet_x_16gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_16gf-2007eb11.pth", 54278536, 80.058, 94.944, recipe="#medium-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_x_16gf-ba3796d7.pth", 54278536, 82.716, 96.196, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_X_1_6GF_Weights(WeightsEnum):
    """Published weights of `regnet_x_1_6gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_1_6gf-e3633e7f.pth", 9190136, 77.04, 93.44, recipe="#small-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_x_1_6gf-a12f2b72.pth", 9190136, 79.668, 94.922, resize=232, recipe="issues/3995#new-recipe-with-fixres"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_X_32GF_Weights(WeightsEnum):
    """Published weights of `regnet_x_32gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_32gf-9d47f8d0.pth", 107811560, 80.622, 95.248, recipe="#large-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_x_32gf-6eb8fdc6.pth", 107811560, 83.014, 96.288, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_X_3_2GF_Weights(WeightsEnum):
    """Published weights of `regnet_x_3_2gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_3_2gf-f342aeae.pth", 15296552, 78.364, 93.992, recipe="#medium-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_x_3_2gf-7071aa85.pth", 15296552, 81.196, 95.43, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_X_400MF_Weights(WeightsEnum):
    """Published weights of `regnet_x_400mf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_400mf-adf1edd5.pth", 5495976, 72.834, 90.95, recipe="#small-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_x_400mf-62229a5f.pth", 5495976, 74.864, 92.322, resize=232, recipe="issues/3995#new-recipe-with-fixres"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_X_800MF_Weights(WeightsEnum):
    """Published weights of `regnet_x_800mf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_800mf-ad17e45c.pth", 7259656, 75.212, 92.348, recipe="#small-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_x_800mf-94a99ebd.pth", 7259656, 77.522, 93.826, resize=232, recipe="issues/3995#new-recipe-with-fixres"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_X_8GF_Weights(WeightsEnum):
    """Published weights of `regnet_x_8gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_8gf-03ceed89.pth", 39572648, 79.344, 94.686, recipe="#medium-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_x_8gf-2b70d774.pth", 39572648, 81.682, 95.678, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_128GF_Weights(WeightsEnum):
    """Published weights of `regnet_y_128gf`."""

    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_128gf_swag-c8ce3e52.pth",
        644812894,
        88.228,
        98.682,
        crop=384,
        resize=384,
        mode="bicubic",
        recipe="https://github.com/facebookresearch/SWAG",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_128gf_lc_swag-cbe8ce12.pth",
        644812894,
        86.068,
        97.844,
        resize=224,
        mode="bicubic",
        recipe="pull/5793",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


class RegNet_Y_16GF_Weights(WeightsEnum):
    """Published weights of `regnet_y_16gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_16gf-9e6ed7dd.pth", 83590140, 80.424, 95.24, recipe="#large-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_y_16gf-3e4a00f9.pth", 83590140, 82.886, 96.328, resize=232, recipe="issues/3995#new-recipe"
    )
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_16gf_swag-43afe44d.pth",
        83590140,
        86.012,
        98.054,
        crop=384,
        resize=384,
        mode="bicubic",
        recipe="https://github.com/facebookresearch/SWAG",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_16gf_lc_swag-f3ec0043.pth",
        83590140,
        83.976,
        97.244,
        resize=224,
        mode="bicubic",
        recipe="pull/5793",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_1_6GF_Weights(WeightsEnum):
    """Published weights of `regnet_y_1_6gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_1_6gf-b11a554e.pth", 11202430, 77.95, 93.966, recipe="#small-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_y_1_6gf-0d7bc02a.pth", 11202430, 80.876, 95.444, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_32GF_Weights(WeightsEnum):
    """Published weights of `regnet_y_32gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_32gf-4dee3f7a.pth", 145046770, 80.878, 95.34, recipe="#large-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_y_32gf-8db6d4b5.pth", 145046770, 83.368, 96.498, resize=232, recipe="issues/3995#new-recipe"
    )
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_32gf_swag-04fdfa75.pth",
        145046770,
        86.838,
        98.362,
        crop=384,
        resize=384,
        mode="bicubic",
        recipe="https://github.com/facebookresearch/SWAG",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_32gf_lc_swag-e1583746.pth",
        145046770,
        84.622,
        97.48,
        resize=224,
        mode="bicubic",
        recipe="pull/5793",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_3_2GF_Weights(WeightsEnum):
    """Published weights of `regnet_y_3_2gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_3_2gf-b5a9779c.pth", 19436338, 78.948, 94.576, recipe="#medium-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_y_3_2gf-9180c971.pth", 19436338, 81.982, 95.972, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_400MF_Weights(WeightsEnum):
    """Published weights of `regnet_y_400mf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_400mf-c65dace8.pth", 4344144, 74.046, 91.716, recipe="#small-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_y_400mf-e6988f5f.pth", 4344144, 75.804, 92.742, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_800MF_Weights(WeightsEnum):
    """Published weights of `regnet_y_800mf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_800mf-1b27b58c.pth", 6432512, 76.42, 93.136, recipe="#small-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_y_800mf-58fc7688.pth", 6432512, 78.828, 94.502, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_8GF_Weights(WeightsEnum):
    """Published weights of `regnet_y_8gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_8gf-d0d0e4a8.pth", 39381472, 80.032, 95.048, recipe="#medium-models")
    IMAGENET1K_V2 = imagenet(
        "regnet_y_8gf-dc2b1b54.pth", 39381472, 82.828, 96.33, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


@model(RegNet_Y_400MF_Weights)
def regnet_y_400mf(**options):
    """RegNetY of 400 million multiplications."""
    return _regnet(16, 48, 27.89, 2.09, 8, 0.25, **options)


@model(RegNet_Y_800MF_Weights)
def regnet_y_800mf(**options):
    """RegNetY of 800 million multiplications."""
    return _regnet(14, 56, 38.84, 2.4, 16, 0.25, **options)


@model(RegNet_Y_1_6GF_Weights)
def regnet_y_1_6gf(**options):
    """RegNetY of 1.6 billion multiplications."""
    return _regnet(27, 48, 20.71, 2.65, 24, 0.25, **options)


@model(RegNet_Y_3_2GF_Weights)
def regnet_y_3_2gf(**options):
    """RegNetY of 3.2 billion multiplications."""
    return _regnet(21, 80, 42.63, 2.66, 24, 0.25, **options)


@model(RegNet_Y_8GF_Weights)
def regnet_y_8gf(**options):
    """RegNetY of 8 billion multiplications."""
    return _regnet(17, 192, 76.82, 2.19, 56, 0.25, **options)


@model(RegNet_Y_16GF_Weights)
def regnet_y_16gf(**options):
    """RegNetY of 16 billion multiplications."""
    return _regnet(18, 200, 106.23, 2.48, 112, 0.25, **options)


@model(RegNet_Y_32GF_Weights)
def regnet_y_32gf(**options):
    """RegNetY of 32 billion multiplications."""
    return _regnet(20, 232, 115.89, 2.53, 232, 0.25, **options)


@model(RegNet_Y_128GF_Weights, legacy=None)
def regnet_y_128gf(**options):
    """RegNetY of 128 billion multiplications."""
    return _regnet(27, 456, 160.83, 2.52, 264, 0.25, **options)


@model(RegNet_X_400MF_Weights)
def regnet_x_400mf(**options):
    """RegNetX of 400 million multiplications."""
    return _regnet(22, 24, 24.48, 2.54, 16, **options)


@model(RegNet_X_800MF_Weights)
def regnet_x_800mf(**options):
    """RegNetX of 800 million multiplications."""
    return _regnet(16, 56, 35.73, 2.28, 16, **options)


@model(RegNet_X_1_6GF_Weights)
def regnet_x_1_6gf(**options):
    """RegNetX of 1.6 billion multiplications."""
    return _regnet(18, 80, 34.01, 2.25, 24, **options)


@model(RegNet_X_3_2GF_Weights)
def regnet_x_3_2gf(**options):
    """RegNetX of 3.2 billion multiplications."""
    return _regnet(25, 88, 26.31, 2.25, 48, **options)


@model(RegNet_X_8GF_Weights)
def regnet_x_8gf(**options):
    """RegNetX of 8 billion multiplications."""
    return _regnet(23, 80, 49.56, 2.88, 120, **options)


@model(RegNet_X_16GF_Weights)
def regnet_x_16gf(**options):
    """RegNetX of 16 billion multiplications."""
    return _regnet(22, 216, 55.59, 2.1, 128, **options)


@model(RegNet_X_32GF_Weights)
def regnet_x_32gf(**options):
    """RegNetX of 32 billion multiplications."""
    return _regnet(23, 320, 69.86, 2.0, 168, **options)
