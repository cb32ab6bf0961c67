"""ConvNeXt (Liu et al. 2022, arXiv 2201.03545)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ... import nn
from ...nn import functional as F
from ...nn import init
from ...tensor import ones
from ..ops.drop import StochasticDepth
from ..ops.layers import Conv2dNormActivation, Permute
from .registry import model
from .weights import WeightsEnum, imagenet


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def forward(self, x):
        """The same shape."""
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """Each channel convolved on its own by 7 x 7, then two linear layers over the channels; the input is added."""

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(in_features=dim, out_features=4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(in_features=4 * dim, out_features=dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        """(N, dim, H, W) to the same shape."""
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


class CNBlockConfig:
    """A stage: its channels, those of the next (None for the last), and how many blocks it has."""

    def __init__(self, input_channels: int, out_channels: int | None, num_layers: int):
        self.input_channels, self.out_channels, self.num_layers = input_channels, out_channels, num_layers

    def __repr__(self) -> str:
        words = (f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({', '.join(words)})"


class ConvNeXt(nn.Module):
    """Stages of a setting, halved between them. ValueError and TypeError for what is no setting."""

    def __init__(
        self,
        block_setting: list[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not (isinstance(block_setting, (list, tuple)) and all(isinstance(s, CNBlockConfig) for s in block_setting)):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block, norm_layer = block or CNBlock, norm_layer or partial(LayerNorm2d, eps=1e-6)
        options = {"padding": 0, "norm_layer": norm_layer, "activation_layer": None, "bias": True}
        layers: list[nn.Module] = [Conv2dNormActivation(3, block_setting[0].input_channels, 4, 4, **options)]
        total, k = sum(cnf.num_layers for cnf in block_setting), 0
        for cnf in block_setting:
            stage = []
            for _ in range(cnf.num_layers):
                stage.append(block(cnf.input_channels, layer_scale, stochastic_depth_prob * k / (total - 1.0)))
                k += 1
            layers.append(nn.Sequential(*stage))
            if cnf.out_channels is not None:
                halving = nn.Conv2d(cnf.input_channels, cnf.out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm_layer(cnf.input_channels), halving))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1]
        width = last.out_channels if last.out_channels is not None else last.input_channels
        self.classifier = nn.Sequential(norm_layer(width), nn.Flatten(1), nn.Linear(width, num_classes))
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.classifier(self.avgpool(self.features(x)))


def _convnext(width: int, depth: int, rate: float, stochastic_depth_prob: float | None = None, **options) -> ConvNeXt:
    """Four stages, each twice as wide as the one before; the third has `depth` blocks."""
    rows = ((1, 2, 3), (2, 4, 3), (4, 8, depth), (8, None, 3))
    setting = [CNBlockConfig(a * width, None if b is None else b * width, n) for a, b, n in rows]
    return ConvNeXt(setting, rate if stochastic_depth_prob is None else stochastic_depth_prob, **options)


class ConvNeXt_Base_Weights(WeightsEnum):
    """Published weights of `convnext_base`."""

    IMAGENET1K_V1 = imagenet(
        "convnext_base-6075fbad.pth", 88591464, 84.062, 96.87, resize=232, least=32, recipe="#convnext"
    )
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Large_Weights(WeightsEnum):
    """Published weights of `convnext_large`."""

    IMAGENET1K_V1 = imagenet(
        "convnext_large-ea097f82.pth", 197767336, 84.414, 96.976, resize=232, least=32, recipe="#convnext"
    )
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Small_Weights(WeightsEnum):
    """Published weights of `convnext_small`."""

    IMAGENET1K_V1 = imagenet(
        "convnext_small-0c510722.pth", 50223688, 83.616, 96.65, resize=230, least=32, recipe="#convnext"
    )
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Tiny_Weights(WeightsEnum):
    """Published weights of `convnext_tiny`."""

    IMAGENET1K_V1 = imagenet(
        "convnext_tiny-983f1562.pth", 28589128, 82.52, 96.146, resize=236, least=32, recipe="#convnext"
    )
    DEFAULT = IMAGENET1K_V1


@model(ConvNeXt_Tiny_Weights)
def convnext_tiny(**options):
    """ConvNeXt, tiny."""
    return _convnext(96, 9, 0.1, **options)


@model(ConvNeXt_Small_Weights)
def convnext_small(**options):
    """ConvNeXt, small."""
    return _convnext(96, 27, 0.4, **options)


@model(ConvNeXt_Base_Weights)
def convnext_base(**options):
    """ConvNeXt, base."""
    return _convnext(128, 27, 0.5, **options)


@model(ConvNeXt_Large_Weights)
def convnext_large(**options):
    """ConvNeXt, large."""
    return _convnext(192, 27, 0.5, **options)
