"""GoogLeNet with batch norm (Szegedy et al. 2014, arXiv 1409.4842)."""

from __future__ import annotations

import warnings
from collections import namedtuple

from ... import nn
from ...nn import functional as F
from ...nn import init
from ...tensor import cat, flatten, unsqueeze
from .registry import model
from .weights import WeightsEnum, imagenet

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])
"""What a GoogLeNet with auxiliary classifiers gives in training."""


def normalised_as_in_the_paper(x):
    """Images (N, 3, H, W) in [-1, 1], from images normalised as ImageNet's."""
    shifts = zip(range(3), (0.229, 0.224, 0.225), (0.485, 0.456, 0.406))
    return cat([unsqueeze(x[:, i], 1) * (std / 0.5) + (mean - 0.5) / 0.5 for i, std, mean in shifts], 1)


def with_side_classifiers(*names: str, kept: bool = True):
    """How weights are loaded whose state has auxiliary classifiers: they are built, and dropped afterwards.

    kept: whether they stay unless aux_logits says otherwise.
    """

    def adapt(weights, options: dict):
        stay = options.pop("aux_logits", kept)
        options.setdefault("transform_input", True)
        options.update(aux_logits=True, init_weights=False)

        def drop(network) -> None:
            network.aux_logits = False
            for name in names:
                setattr(network, name, None)

        return None if stay else drop

    return adapt


class BasicConv2d(nn.Module):
    """A convolution without bias, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **options):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        """(N, in_channels, H, W) to (N, out_channels, H', W')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four paths side by side. The third has a 3 x 3 kernel where the paper has 5 x 5, as the published weights have."""

    def __init__(
        self, in_channels: int, ch1x1: int, ch3x3red: int, ch3x3: int, ch5x5red: int, ch5x5: int, pool_proj: int
    ):
        super().__init__()
        conv = BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1), conv(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1), conv(ch5x5red, ch5x5, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x):
        """(N, in_channels, H, W) to (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W)."""
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """An auxiliary classifier."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.7):
        super().__init__()
        self.conv = BasicConv2d(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x):
        """Scores (N, num_classes)."""
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4)))
        return self.fc2(self.dropout(F.relu(self.fc1(flatten(x, 1)), inplace=True)))


class GoogLeNet(nn.Module):
    """Nine Inception blocks. With aux_logits, training gives GoogLeNetOutputs; evaluation always gives scores alone.

    transform_input: take images normalised as ImageNet's and bring them to [-1, 1]. init_weights: draw the first weights
    from a truncated normal distribution, slowly; if None that is done, with a FutureWarning.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ):
        super().__init__()
        if init_weights is None:
            warnings.warn(
                "GoogLeNet draws its first weights from a truncated normal distribution, which takes long; torchvision "
                "says that this will change. Give init_weights=True to keep it or init_weights=False for PyTorch's own.",
                FutureWarning,
                stacklevel=2,
            )
            init_weights = True
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = InceptionAux(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights:
            for layer in self.modules():
                if isinstance(layer, (nn.Conv2d, nn.Linear)):
                    init.trunc_normal_(layer.weight, mean=0.0, std=0.01, a=-2, b=2)
                elif isinstance(layer, nn.BatchNorm2d):
                    init.constant_(layer.weight, 1)
                    init.constant_(layer.bias, 0)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W), or GoogLeNetOutputs."""
        if self.transform_input:
            x = normalised_as_in_the_paper(x)
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.inception4a(self.maxpool3(self.inception3b(self.inception3a(x))))
        first = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        x = self.fc(self.dropout(flatten(self.avgpool(x), 1)))
        return GoogLeNetOutputs(x, second, first) if self.training and self.aux_logits else x


class GoogLeNet_Weights(WeightsEnum):
    """Published weights of `googlenet`."""

    IMAGENET1K_V1 = imagenet("googlenet-1378be20.pth", 6624904, 69.778, 89.53, least=15, recipe="#googlenet")
    DEFAULT = IMAGENET1K_V1


@model(GoogLeNet_Weights, adapt=with_side_classifiers("aux1", "aux2", kept=False))
def googlenet(**options):
    """GoogLeNet."""
    return GoogLeNet(**options)
