"""SqueezeNet (Iandola et al. 2016, arXiv 1602.07360)."""

from __future__ import annotations

from ... import nn
from ...nn import init
from ...tensor import cat, flatten
from .registry import model
from .weights import WeightsEnum, imagenet


class Fire(nn.Module):
    """Narrowed by 1 x 1, then widened by 1 x 1 beside 3 x 3."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int):
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        """(N, inplanes, H, W) to (N, expand1x1_planes + expand3x3_planes, H, W)."""
        x = self.squeeze_activation(self.squeeze(x))
        one, three = self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))
        return cat([one, three], 1)


# The first convolution (maps, kernel), then for each Fire how far it narrows, with None for a halving by max pooling.
_VERSIONS = {
    "1_0": ((96, 7), [None, 16, 16, 32, None, 32, 48, 48, 64, None, 64]),
    "1_1": ((64, 3), [None, 16, 16, None, 32, 32, None, 48, 48, 64, 64]),
}


class SqueezeNet(nn.Module):
    """SqueezeNet of version "1_0", or "1_1" with fewer operations. ValueError for another version."""

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5):
        super().__init__()
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        (width, kernel), fires = _VERSIONS[version]
        self.num_classes = num_classes
        layers: list[nn.Module] = [nn.Conv2d(3, width, kernel_size=kernel, stride=2), nn.ReLU(inplace=True)]
        for narrow in fires:
            if narrow is None:
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
                continue
            layers.append(Fire(width, narrow, 4 * narrow, 4 * narrow))
            width = 8 * narrow
        self.features = nn.Sequential(*layers)
        final = nn.Conv2d(512, self.num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), final, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                if layer is final:
                    init.normal_(layer.weight, mean=0.0, std=0.01)
                else:
                    init.kaiming_uniform_(layer.weight)
                init.constant_(layer.bias, 0)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return flatten(self.classifier(self.features(x)), 1)


class SqueezeNet1_0_Weights(WeightsEnum):
    """Published weights of `squeezenet1_0`."""

    IMAGENET1K_V1 = imagenet(
        "squeezenet1_0-b66bff10.pth", 1248424, 58.092, 80.42, least=21, recipe="pull/49#issuecomment-277560717"
    )
    DEFAULT = IMAGENET1K_V1


class SqueezeNet1_1_Weights(WeightsEnum):
    """Published weights of `squeezenet1_1`."""

    IMAGENET1K_V1 = imagenet(
        "squeezenet1_1-b8a52dc0.pth", 1235496, 58.178, 80.624, least=17, recipe="pull/49#issuecomment-277560717"
    )
    DEFAULT = IMAGENET1K_V1


@model(SqueezeNet1_0_Weights)
def squeezenet1_0(**options):
    """SqueezeNet 1.0."""
    return SqueezeNet("1_0", **options)


@model(SqueezeNet1_1_Weights)
def squeezenet1_1(**options):
    """SqueezeNet 1.1."""
    return SqueezeNet("1_1", **options)
