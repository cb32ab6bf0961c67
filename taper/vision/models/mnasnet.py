"""MNASNet, form B1 (Tan et al. 2018, arXiv 1807.11626)."""

from __future__ import annotations

from ... import nn
from ...nn import init
from .registry import model
from .weights import WeightsEnum, imagenet
from .widths import divisible

_MOMENTUM = 1 - 0.9997
"""The paper's, which says how much of the statistics stays, as the share that is new."""


class _InvertedResidual(nn.Module):
    """Wide between two narrow ends, each channel convolved on its own."""

    def __init__(
        self, in_ch: int, out_ch: int, kernel_size: int, stride: int, expansion_factor: int, bn_momentum: float = 0.1
    ):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        if kernel_size not in (3, 5):
            raise ValueError(f"kernel_size should be 3 or 5 instead of {kernel_size}")
        wide = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            nn.Conv2d(in_ch, wide, 1, bias=False),
            nn.BatchNorm2d(wide, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, kernel_size, padding=kernel_size // 2, stride=stride, groups=wide, bias=False),
            nn.BatchNorm2d(wide, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, out_ch, 1, bias=False),
            nn.BatchNorm2d(out_ch, momentum=bn_momentum),
        )

    def forward(self, input):
        """(N, in_ch, H, W) to (N, out_ch, H / stride, W / stride)."""
        return self.layers(input) + input if self.apply_residual else self.layers(input)


def _stack(in_ch: int, out_ch: int, kernel_size: int, stride: int, expansion: int, repeats: int) -> nn.Sequential:
    """Blocks, the first with the stride."""
    first = _InvertedResidual(in_ch, out_ch, kernel_size, stride, expansion, _MOMENTUM)
    rest = [_InvertedResidual(out_ch, out_ch, kernel_size, 1, expansion, _MOMENTUM) for _ in range(1, repeats)]
    return nn.Sequential(first, *rest)


class MNASNet(nn.Module):
    """MNASNet, alpha times as wide. ValueError for an alpha that is not positive."""

    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2):
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha, self.num_classes = alpha, num_classes
        w = [divisible(width * alpha, 8) for width in (32, 16, 24, 40, 80, 96, 192, 320)]
        norm = lambda width: nn.BatchNorm2d(width, momentum=_MOMENTUM)
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, w[0], 3, padding=1, stride=2, bias=False), norm(w[0]), nn.ReLU(inplace=True)),
            nn.Conv2d(w[0], w[0], 3, padding=1, stride=1, groups=w[0], bias=False),
            *(norm(w[0]), nn.ReLU(inplace=True)),
            *(nn.Conv2d(w[0], w[1], 1, padding=0, stride=1, bias=False), norm(w[1])),
            _stack(w[1], w[2], 3, 2, 3, 3),
            _stack(w[2], w[3], 5, 2, 3, 3),
            _stack(w[3], w[4], 5, 2, 6, 3),
            _stack(w[4], w[5], 3, 1, 6, 2),
            _stack(w[5], w[6], 5, 2, 6, 4),
            _stack(w[6], w[7], 3, 1, 6, 1),
            *(nn.Conv2d(w[7], 1280, 1, padding=0, stride=1, bias=False), norm(1280), nn.ReLU(inplace=True)),
        )
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, nn.BatchNorm2d):
                init.ones_(layer.weight)
                init.zeros_(layer.bias)
            elif isinstance(layer, nn.Linear):
                init.kaiming_uniform_(layer.weight, mode="fan_out", nonlinearity="sigmoid")
                init.zeros_(layer.bias)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.classifier(self.layers(x).mean([2, 3]))


class MNASNet0_5_Weights(WeightsEnum):
    """Published weights of `mnasnet0_5`."""

    IMAGENET1K_V1 = imagenet(
        "mnasnet0.5_top1_67.823-3ffadce67e.pth",
        2218512,
        67.734,
        87.49,
        recipe="https://github.com/1e100/mnasnet_trainer",
    )
    DEFAULT = IMAGENET1K_V1


class MNASNet0_75_Weights(WeightsEnum):
    """Published weights of `mnasnet0_75`."""

    IMAGENET1K_V1 = imagenet("mnasnet0_75-7090bc5f.pth", 3170208, 71.18, 90.496, resize=232, recipe="pull/6019")
    DEFAULT = IMAGENET1K_V1


class MNASNet1_0_Weights(WeightsEnum):
    """Published weights of `mnasnet1_0`."""

    IMAGENET1K_V1 = imagenet(
        "mnasnet1.0_top1_73.512-f206786ef8.pth",
        4383312,
        73.456,
        91.51,
        recipe="https://github.com/1e100/mnasnet_trainer",
    )
    DEFAULT = IMAGENET1K_V1


class MNASNet1_3_Weights(WeightsEnum):
    """Published weights of `mnasnet1_3`."""

    IMAGENET1K_V1 = imagenet("mnasnet1_3-a4c69d6f.pth", 6282256, 76.506, 93.522, resize=232, recipe="pull/6019")
    DEFAULT = IMAGENET1K_V1


@model(MNASNet0_5_Weights)
def mnasnet0_5(**options):
    """MNASNet, half as wide."""
    return MNASNet(0.5, **options)


@model(MNASNet0_75_Weights)
def mnasnet0_75(**options):
    """MNASNet, three quarters as wide."""
    return MNASNet(0.75, **options)


@model(MNASNet1_0_Weights)
def mnasnet1_0(**options):
    """MNASNet."""
    return MNASNet(1.0, **options)


@model(MNASNet1_3_Weights)
def mnasnet1_3(**options):
    """MNASNet, 1.3 times as wide."""
    return MNASNet(1.3, **options)
