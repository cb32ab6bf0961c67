"""DenseNet (Huang et al. 2016, arXiv 1608.06993)."""

from __future__ import annotations

import re
from collections import OrderedDict

from ... import nn
from ...nn import functional as F
from ...nn import init
from ...tensor import cat, flatten
from ...utils.checkpoint import checkpoint
from .registry import model
from .weights import WeightsEnum, imagenet


class _DenseLayer(nn.Module):
    """Norm, ReLU and convolution twice, over all maps so far; new maps come out."""

    def __init__(
        self, num_input_features: int, growth_rate: int, bn_size: int, drop_rate: float, memory_efficient: bool = False
    ):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, stride=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, stride=1, padding=1, bias=False)
        self.drop_rate, self.memory_efficient = float(drop_rate), memory_efficient

    def _narrowed(self, *maps):
        return self.conv1(self.relu1(self.norm1(cat(maps, 1))))

    def forward(self, input):
        """New maps (N, growth_rate, H, W) of a list of maps."""
        maps = input if isinstance(input, list) else [input]
        if self.memory_efficient and any(m.requires_grad for m in maps):
            narrow = checkpoint(self._narrowed, *maps, use_reentrant=False)
        else:
            narrow = self._narrowed(*maps)
        new = self.conv2(self.relu2(self.norm2(narrow)))
        return F.dropout(new, p=self.drop_rate, training=self.training) if self.drop_rate > 0 else new


class _DenseBlock(nn.ModuleDict):
    """Layers, each of which sees the maps of all before it."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ):
        super().__init__()
        options = (growth_rate, bn_size, drop_rate, memory_efficient)
        for i in range(num_layers):
            self.add_module(f"denselayer{i + 1}", _DenseLayer(num_input_features + i * growth_rate, *options))

    def forward(self, init_features):
        """All maps: those given, and those of each layer."""
        maps = [init_features]
        for layer in self.values():
            maps.append(layer(maps))
        return cat(maps, 1)


class _Transition(nn.Sequential):
    """Fewer maps of half the size."""

    def __init__(self, num_input_features: int, num_output_features: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, stride=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Blocks of block_config layers, each of which adds growth_rate maps; bn_size times as many inside a layer.

    memory_efficient: compute the inner maps again in backward instead of keeping them.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, int, int, int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ):
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(num_init_features),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        width = num_init_features
        for i, layers in enumerate(block_config):
            block = _DenseBlock(layers, width, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i + 1}", block)
            width += layers * growth_rate
            if i != len(block_config) - 1:
                self.features.add_module(f"transition{i + 1}", _Transition(width, width // 2))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight)
            elif isinstance(layer, nn.BatchNorm2d):
                init.constant_(layer.weight, 1)
                init.constant_(layer.bias, 0)
            elif isinstance(layer, nn.Linear):
                init.constant_(layer.bias, 0)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


def _with_todays_names(state: dict) -> dict:
    """The published states say `norm.1` where the layers now are called `norm1`."""
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key): value for key, value in state.items()}


class DenseNet121_Weights(WeightsEnum):
    """Published weights of `densenet121`."""

    IMAGENET1K_V1 = imagenet("densenet121-a639ec97.pth", 7978856, 74.434, 91.972, least=29, recipe="pull/116")
    DEFAULT = IMAGENET1K_V1


class DenseNet161_Weights(WeightsEnum):
    """Published weights of `densenet161`."""

    IMAGENET1K_V1 = imagenet("densenet161-8d451a50.pth", 28681000, 77.138, 93.56, least=29, recipe="pull/116")
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    """Published weights of `densenet169`."""

    IMAGENET1K_V1 = imagenet("densenet169-b2777c0a.pth", 14149480, 75.6, 92.806, least=29, recipe="pull/116")
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    """Published weights of `densenet201`."""

    IMAGENET1K_V1 = imagenet("densenet201-c1103571.pth", 20013928, 76.896, 93.37, least=29, recipe="pull/116")
    DEFAULT = IMAGENET1K_V1


@model(DenseNet121_Weights, rename=_with_todays_names)
def densenet121(**options):
    """DenseNet with 121 layers."""
    return DenseNet(32, (6, 12, 24, 16), 64, **options)


@model(DenseNet161_Weights, rename=_with_todays_names)
def densenet161(**options):
    """DenseNet with 161 layers, wider than the others."""
    return DenseNet(48, (6, 12, 36, 24), 96, **options)


@model(DenseNet169_Weights, rename=_with_todays_names)
def densenet169(**options):
    """DenseNet with 169 layers."""
    return DenseNet(32, (6, 12, 32, 32), 64, **options)


@model(DenseNet201_Weights, rename=_with_todays_names)
def densenet201(**options):
    """DenseNet with 201 layers."""
    return DenseNet(32, (6, 12, 48, 32), 64, **options)
