"""ShuffleNet V2 (Ma et al. 2018, arXiv 1807.11164)."""

from __future__ import annotations

from collections.abc import Callable

from ... import nn
from ...tensor import cat
from .registry import model
from .weights import WeightsEnum, imagenet


def channel_shuffle(x, groups: int):
    """(N, C, H, W) with the channels of the groups taken in turns."""
    n, channels, height, width = x.shape
    return x.view(n, groups, channels // groups, height, width).transpose(1, 2).contiguous().view(x.shape)


def _depthwise(channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)


def _pointwise(inp: int, oup: int) -> nn.Conv2d:
    return nn.Conv2d(inp, oup, kernel_size=1, stride=1, padding=0, bias=False)


class InvertedResidual(nn.Module):
    """Half of the channels convolved, the other half kept; or, with stride 2, all of them on two paths. ValueError for others."""

    def __init__(self, inp: int, oup: int, stride: int):
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError(f"illegal stride value {stride}")
        self.stride, half = stride, oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. "
                "If stride == 1 then inp should be equal to oup // 2 << 1."
            )
        norm, relu = nn.BatchNorm2d, lambda: nn.ReLU(inplace=True)
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(_depthwise(inp, stride), norm(inp), _pointwise(inp, half), norm(half), relu())
        self.branch2 = nn.Sequential(
            *(_pointwise(inp if stride > 1 else half, half), norm(half), relu()),
            *(_depthwise(half, stride), norm(half)),
            *(_pointwise(half, half), norm(half), relu()),
        )

    def forward(self, x):
        """(N, inp, H, W) to (N, oup, H / stride, W / stride)."""
        if self.stride == 1:
            kept, given = x.chunk(2, dim=1)
        else:
            kept, given = self.branch1(x), x
        return channel_shuffle(cat((kept, self.branch2(given)), 1), 2)


class ShuffleNetV2(nn.Module):
    """Three stages of stages_repeats blocks, between two convolutions; ValueError for other than 3 repeats and 5 widths."""

    def __init__(
        self,
        stages_repeats: list[int],
        stages_out_channels: list[int],
        num_classes: int = 1000,
        inverted_residual: Callable[..., nn.Module] = InvertedResidual,
    ):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        self._stage_out_channels = stages_out_channels
        first, *widths, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        inside = first
        stages = []
        for repeats, width in zip(stages_repeats, widths):
            blocks = [inverted_residual(inside, width, 2)]
            blocks += [inverted_residual(width, width, 1) for _ in range(repeats - 1)]
            stages.append(nn.Sequential(*blocks))
            inside = width
        self.stage2, self.stage3, self.stage4 = stages
        self.conv5 = nn.Sequential(_pointwise(inside, last), nn.BatchNorm2d(last), nn.ReLU(inplace=True))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


class ShuffleNet_V2_X0_5_Weights(WeightsEnum):
    """Published weights of `shufflenet_v2_x0_5`."""

    IMAGENET1K_V1 = imagenet(
        "shufflenetv2_x0.5-f707e7126e.pth",
        1366792,
        60.552,
        81.746,
        recipe="https://github.com/ericsun99/Shufflenet-v2-Pytorch",
    )
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_0_Weights(WeightsEnum):
    """Published weights of `shufflenet_v2_x1_0`."""

    IMAGENET1K_V1 = imagenet(
        "shufflenetv2_x1-5666bf0f80.pth",
        2278604,
        69.362,
        88.316,
        recipe="https://github.com/ericsun99/Shufflenet-v2-Pytorch",
    )
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_5_Weights(WeightsEnum):
    """Published weights of `shufflenet_v2_x1_5`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x1_5-3c479a10.pth", 3503624, 72.996, 91.086, resize=232, recipe="pull/5906")
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X2_0_Weights(WeightsEnum):
    """Published weights of `shufflenet_v2_x2_0`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x2_0-8be3c8ee.pth", 7393996, 76.23, 93.006, resize=232, recipe="pull/5906")
    DEFAULT = IMAGENET1K_V1


@model(ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**options):
    """ShuffleNet V2, half as wide."""
    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], **options)


@model(ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**options):
    """ShuffleNet V2."""
    return ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], **options)


@model(ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**options):
    """ShuffleNet V2, one and a half times as wide."""
    return ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], **options)


@model(ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**options):
    """ShuffleNet V2, twice as wide."""
    return ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], **options)
