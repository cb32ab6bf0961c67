"""VGG (Simonyan and Zisserman 2014, arXiv 1409.1556)."""

from __future__ import annotations

import math

from ... import nn
from ...nn import init
from ...tensor import flatten
from .registry import model
from .weights import WeightsEnum, imagenet


class VGG(nn.Module):
    """Convolutions of 3 x 3 in stages (`features`), and three linear layers."""

    def __init__(self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            for layer in self.modules():
                _first_weights(layer)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def _first_weights(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        if layer.bias is not None:
            init.constant_(layer.bias, 0)
    elif isinstance(layer, nn.BatchNorm2d):
        init.constant_(layer.weight, 1)
        init.constant_(layer.bias, 0)
    elif isinstance(layer, nn.Linear):
        init.normal_(layer.weight, 0, 0.01)
        init.constant_(layer.bias, 0)


def make_layers(cfg: list, batch_norm: bool = False) -> nn.Sequential:
    """Stages from a list of widths, with "M" for a halving by max pooling."""
    layers: list[nn.Module] = []
    channels = 3
    for width in cfg:
        if width == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
        channels = width
    return nn.Sequential(*layers)


def _stages(*depths: int) -> list:
    """Widths 64, 128, 256, 512, 512, each as often as said, and a halving after each."""
    return [entry for width, depth in zip((64, 128, 256, 512, 512), depths) for entry in (*[width] * depth, "M")]


cfgs = {
    "A": _stages(1, 1, 2, 2, 2),
    "B": _stages(2, 2, 2, 2, 2),
    "D": _stages(2, 2, 3, 3, 3),
    "E": _stages(2, 2, 4, 4, 4),
}


def _without_first_weights(weights, options: dict) -> None:
    options["init_weights"] = False


def _vgg(cfg: str, batch_norm: bool, **options) -> VGG:
    return VGG(make_layers(cfgs[cfg], batch_norm), **options)


class VGG11_Weights(WeightsEnum):
    """Published weights of `vgg11`."""

    IMAGENET1K_V1 = imagenet("vgg11-8a719046.pth", 132863336, 69.02, 88.628, least=32, recipe="#alexnet-and-vgg")
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    """Published weights of `vgg11_bn`."""

    IMAGENET1K_V1 = imagenet("vgg11_bn-6002323d.pth", 132868840, 70.37, 89.81, least=32, recipe="#alexnet-and-vgg")
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    """Published weights of `vgg13`."""

    IMAGENET1K_V1 = imagenet("vgg13-19584684.pth", 133047848, 69.928, 89.246, least=32, recipe="#alexnet-and-vgg")
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    """Published weights of `vgg13_bn`."""

    IMAGENET1K_V1 = imagenet("vgg13_bn-abd245e5.pth", 133053736, 71.586, 90.374, least=32, recipe="#alexnet-and-vgg")
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    """Published weights of `vgg16`."""

    IMAGENET1K_V1 = imagenet("vgg16-397923af.pth", 138357544, 71.592, 90.382, least=32, recipe="#alexnet-and-vgg")
    IMAGENET1K_FEATURES = imagenet(
        "vgg16_features-amdegroot-88682ab5.pth",
        138357544,
        math.nan,
        math.nan,
        mean=(0.48235, 0.45882, 0.40784),
        std=(1 / 255, 1 / 255, 1 / 255),
        least=32,
        classes=None,
        recipe="https://github.com/amdegroot/ssd.pytorch#training-ssd",
    )
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    """Published weights of `vgg16_bn`."""

    IMAGENET1K_V1 = imagenet("vgg16_bn-6c64b313.pth", 138365992, 73.36, 91.516, least=32, recipe="#alexnet-and-vgg")
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    """Published weights of `vgg19`."""

    IMAGENET1K_V1 = imagenet("vgg19-dcbb9e9d.pth", 143667240, 72.376, 90.876, least=32, recipe="#alexnet-and-vgg")
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    """Published weights of `vgg19_bn`."""

    IMAGENET1K_V1 = imagenet("vgg19_bn-c79401a0.pth", 143678248, 74.218, 91.842, least=32, recipe="#alexnet-and-vgg")
    DEFAULT = IMAGENET1K_V1


@model(VGG11_Weights, adapt=_without_first_weights)
def vgg11(**options):
    """VGG with 11 layers."""
    return _vgg("A", False, **options)


@model(VGG11_BN_Weights, adapt=_without_first_weights)
def vgg11_bn(**options):
    """VGG with 11 layers and batch norm."""
    return _vgg("A", True, **options)


@model(VGG13_Weights, adapt=_without_first_weights)
def vgg13(**options):
    """VGG with 13 layers."""
    return _vgg("B", False, **options)


@model(VGG13_BN_Weights, adapt=_without_first_weights)
def vgg13_bn(**options):
    """VGG with 13 layers and batch norm."""
    return _vgg("B", True, **options)


@model(VGG16_Weights, adapt=_without_first_weights)
def vgg16(**options):
    """VGG with 16 layers."""
    return _vgg("D", False, **options)


@model(VGG16_BN_Weights, adapt=_without_first_weights)
def vgg16_bn(**options):
    """VGG with 16 layers and batch norm."""
    return _vgg("D", True, **options)


@model(VGG19_Weights, adapt=_without_first_weights)
def vgg19(**options):
    """VGG with 19 layers."""
    return _vgg("E", False, **options)


@model(VGG19_BN_Weights, adapt=_without_first_weights)
def vgg19_bn(**options):
    """VGG with 19 layers and batch norm."""
    return _vgg("E", True, **options)
