"""Residual networks over space and time (Tran et al. 2017, arXiv 1711.11248): convolutions over both, mixed, or apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .... import nn
from ....nn import init
from ...transforms.presets import VideoClassification
from ..registry import model
from ..weights import Weights, WeightsEnum

KINETICS_CLASSES = (Path(__file__).parent / "kinetics.txt").read_text("utf-8").splitlines()
"""The four hundred classes of Kinetics-400."""


class Conv3DSimple(nn.Conv3d):
    """A convolution over space and time."""

    def __init__(
        self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1, padding: int = 1
    ):
        super().__init__(in_planes, out_planes, (3, 3, 3), stride=stride, padding=padding, bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """What a stride is for time, height and width."""
        return stride, stride, stride


class Conv2Plus1D(nn.Sequential):
    """A convolution over space, and one over time."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1, padding: int = 1):
        space, time = (1, stride, stride), (stride, 1, 1)
        super().__init__(
            nn.Conv3d(in_planes, midplanes, (1, 3, 3), stride=space, padding=(0, padding, padding), bias=False),
            nn.BatchNorm3d(midplanes),
            nn.ReLU(inplace=True),
            nn.Conv3d(midplanes, out_planes, (3, 1, 1), stride=time, padding=(padding, 0, 0), bias=False),
        )

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """What a stride is for time, height and width."""
        return stride, stride, stride


class Conv3DNoTemporal(nn.Conv3d):
    """A convolution over space only."""

    def __init__(
        self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1, padding: int = 1
    ):
        options: dict[str, Any] = {"stride": (1, stride, stride), "padding": (0, padding, padding), "bias": False}
        super().__init__(in_planes, out_planes, (1, 3, 3), **options)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """What a stride is for time, height and width."""
        return 1, stride, stride


def _middle(inplanes: int, planes: int) -> int:
    """So many channels between the parts that both together have the parameters of one convolution over space and time."""
    return (inplanes * planes * 3 * 3 * 3) // (inplanes * 3 * 3 + 3 * planes)


class BasicBlock(nn.Module):
    """Two convolutions, added to what came in."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, conv_builder: Any, stride: int = 1, downsample: Any = None):
        super().__init__()
        width = _middle(inplanes, planes)
        first = conv_builder(inplanes, planes, width, stride)
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(planes), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(conv_builder(planes, planes, width), nn.BatchNorm3d(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: Any) -> Any:
        """(N, C, T, H, W) to (N, planes, T / stride, H / stride, W / stride)."""
        around = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv2(self.conv1(x)) + around)


class Bottleneck(nn.Module):
    """Three convolutions, of which the second is wide, added to what came in."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, conv_builder: Any, stride: int = 1, downsample: Any = None):
        super().__init__()
        width, out = _middle(inplanes, planes), planes * self.expansion
        first, last = nn.Conv3d(inplanes, planes, 1, bias=False), nn.Conv3d(planes, out, 1, bias=False)
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(planes), nn.ReLU(inplace=True))
        middle = conv_builder(planes, planes, width, stride)
        self.conv2 = nn.Sequential(middle, nn.BatchNorm3d(planes), nn.ReLU(inplace=True))
        self.conv3 = nn.Sequential(last, nn.BatchNorm3d(out))
        self.relu = nn.ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: Any) -> Any:
        """(N, C, T, H, W) to (N, 4 planes, T / stride, H / stride, W / stride)."""
        around = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + around)


class BasicStem(nn.Sequential):
    """A convolution over space and time, at half the height and width."""

    def __init__(self):
        conv = nn.Conv3d(3, 64, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        super().__init__(conv, nn.BatchNorm3d(64), nn.ReLU(inplace=True))


class R2Plus1dStem(nn.Sequential):
    """A convolution over space, at half the height and width, and one over time."""

    def __init__(self):
        space = nn.Conv3d(3, 45, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False)
        time = nn.Conv3d(45, 64, (3, 1, 1), stride=(1, 1, 1), padding=(1, 0, 0), bias=False)
        super().__init__(
            space, nn.BatchNorm3d(45), nn.ReLU(inplace=True), time, nn.BatchNorm3d(64), nn.ReLU(inplace=True)
        )


class VideoResNet(nn.Module):
    """Four stages of blocks, of the convolutions that conv_makers names for each."""

    def __init__(
        self,
        block: Any,
        conv_makers: Sequence[Any],
        layers: list[int],
        stem: Callable[..., nn.Module],
        num_classes: int = 400,
        zero_init_residual: bool = False,
    ):
        super().__init__()
        self.inplanes = 64
        self.stem = stem()
        self.layer1 = self._make_layer(block, conv_makers[0], 64, layers[0])
        self.layer2 = self._make_layer(block, conv_makers[1], 128, layers[1], 2)
        self.layer3 = self._make_layer(block, conv_makers[2], 256, layers[2], 2)
        self.layer4 = self._make_layer(block, conv_makers[3], 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool3d((1, 1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv3d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, nn.Linear):
                init.normal_(layer.weight, 0, 0.01)
                init.constant_(layer.bias, 0)
        if zero_init_residual:
            for layer in self.modules():
                if isinstance(layer, Bottleneck):
                    init.constant_(layer.conv3[1].weight, 0)

    def forward(self, x: Any) -> Any:
        """Scores (N, num_classes) of clips (N, 3, T, H, W)."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(self.avgpool(x).flatten(1))

    def _make_layer(self, block: Any, conv_builder: Any, planes: int, blocks: int, stride: int = 1) -> nn.Sequential:
        around, out = None, planes * block.expansion
        if stride != 1 or self.inplanes != out:
            steps = conv_builder.get_downsample_stride(stride)
            around = nn.Sequential(nn.Conv3d(self.inplanes, out, 1, stride=steps, bias=False), nn.BatchNorm3d(out))
        made = [block(self.inplanes, planes, conv_builder, stride, around)]
        self.inplanes = out
        made += [block(out, planes, conv_builder) for _ in range(1, blocks)]
        return nn.Sequential(*made)


def _kinetics(file: str, parameters: int, top1: float, top5: float) -> Weights:
    meta = {
        "min_size": (1, 1),
        "categories": KINETICS_CLASSES,
        "recipe": "https://github.com/pytorch/vision/tree/main/references/video_classification",
        "num_params": parameters,
        "_metrics": {"Kinetics-400": {"acc@1": top1, "acc@5": top5}},
    }
    prepared = partial(VideoClassification, crop_size=(112, 112), resize_size=(128, 171))
    return Weights("https://download.pytorch.org/models/" + file, prepared, meta)


class R3D_18_Weights(WeightsEnum):
    """Published weights of `r3d_18`."""

    KINETICS400_V1 = _kinetics("r3d_18-b3b3357e.pth", 33371472, 63.2, 83.479)
    DEFAULT = KINETICS400_V1


class MC3_18_Weights(WeightsEnum):
    """Published weights of `mc3_18`."""

    KINETICS400_V1 = _kinetics("mc3_18-a90a0ba3.pth", 11695440, 63.96, 84.13)
    DEFAULT = KINETICS400_V1


class R2Plus1D_18_Weights(WeightsEnum):
    """Published weights of `r2plus1d_18`."""

    KINETICS400_V1 = _kinetics("r2plus1d_18-91a641e6.pth", 31505325, 67.463, 86.175)
    DEFAULT = KINETICS400_V1


@model(R3D_18_Weights, legacy="KINETICS400_V1")
def r3d_18(**options) -> VideoResNet:
    """Convolutions over space and time everywhere."""
    return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [2, 2, 2, 2], BasicStem, **options)


@model(MC3_18_Weights, legacy="KINETICS400_V1")
def mc3_18(**options) -> VideoResNet:
    """Convolutions over space and time in the first stage, over space in the others."""
    return VideoResNet(BasicBlock, [Conv3DSimple, *[Conv3DNoTemporal] * 3], [2, 2, 2, 2], BasicStem, **options)


@model(R2Plus1D_18_Weights, legacy="KINETICS400_V1")
def r2plus1d_18(**options) -> VideoResNet:
    """Convolutions over space, then over time."""
    return VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [2, 2, 2, 2], R2Plus1dStem, **options)
