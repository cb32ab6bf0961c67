"""VGG (Simonyan and Zisserman 2014, arXiv 1409.1556)."""

from __future__ import annotations

from ... import nn
from ...nn import init
from ...tensor import flatten
from .registry import model


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


def _vgg(cfg: str, batch_norm: bool, **options) -> VGG:
    return VGG(make_layers(cfgs[cfg], batch_norm), **options)


@model
def vgg11(**options):
    """VGG with 11 layers."""
    return _vgg("A", False, **options)


@model
def vgg11_bn(**options):
    """VGG with 11 layers and batch norm."""
    return _vgg("A", True, **options)


@model
def vgg13(**options):
    """VGG with 13 layers."""
    return _vgg("B", False, **options)


@model
def vgg13_bn(**options):
    """VGG with 13 layers and batch norm."""
    return _vgg("B", True, **options)


@model
def vgg16(**options):
    """VGG with 16 layers."""
    return _vgg("D", False, **options)


@model
def vgg16_bn(**options):
    """VGG with 16 layers and batch norm."""
    return _vgg("D", True, **options)


@model
def vgg19(**options):
    """VGG with 19 layers."""
    return _vgg("E", False, **options)


@model
def vgg19_bn(**options):
    """VGG with 19 layers and batch norm."""
    return _vgg("E", True, **options)
