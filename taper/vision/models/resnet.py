"""ResNet (He et al. 2015, arXiv 1512.03385), ResNeXt (Xie et al. 2016, 1611.05431), wide ResNet (Zagoruyko 2016, 1605.07146)."""

from __future__ import annotations

from ... import nn
from ...nn import init
from ...nn.modules.chain import called_in_turn
from ...tensor import flatten
from .registry import model
from .weights import WeightsEnum, imagenet


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3 x 3 convolution without bias that keeps the size, but for its stride."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, dilation, dilation, groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1 x 1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions, and the input added."""

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock; use a ResNet of Bottlenecks")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        """(N, inplanes, H, W) to (N, planes, H / stride, W / stride)."""
        beside = x if self.downsample is None else self.downsample(x)
        return called_in_turn((self.conv1, self.bn1, self.relu, self.conv2, self.bn2, beside, self.relu), x)


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, and the input added. The stride is on the 3 x 3 one."""

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        """(N, inplanes, H, W) to (N, 4 planes, H / stride, W / stride)."""
        beside = x if self.downsample is None else self.downsample(x)
        first = (self.conv1, self.bn1, self.relu, self.conv2, self.bn2, self.relu)
        return called_in_turn((*first, self.conv3, self.bn3, beside, self.relu), x)


class ResNet(nn.Module):
    """Four stages of residual blocks, `layers` of them in each, the average of each map, and a linear layer.

    zero_init_residual: the last norm of each block starts at zero. groups, width_per_group: of the Bottlenecks'
    middle convolution. replace_stride_with_dilation: for each of the last three stages, whether to dilate. ValueError if
    that is not three truth values.
    """

    def __init__(
        self,
        block,
        layers: list[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation=None,
        norm_layer=None,
    ):
        super().__init__()
        self._norm_layer = norm_layer or nn.BatchNorm2d
        dilate = [False, False, False] if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
                init.constant_(layer.weight, 1)
                init.constant_(layer.bias, 0)
        if zero_init_residual:
            for layer in self.modules():
                if isinstance(layer, (BasicBlock, Bottleneck)):
                    last = layer.bn3 if isinstance(layer, Bottleneck) else layer.bn2
                    if last.weight is not None:
                        init.constant_(last.weight, 0)

    def _make_layer(self, block, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> nn.Sequential:
        """A stage."""
        first_dilation = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, planes * block.expansion, stride), self._norm_layer(planes * block.expansion)
            )
        shared = (self.groups, self.base_width)
        stage = [block(self.inplanes, planes, stride, downsample, *shared, first_dilation, self._norm_layer)]
        self.inplanes = planes * block.expansion
        for _ in range(1, blocks):
            stage.append(block(self.inplanes, planes, 1, None, *shared, self.dilation, self._norm_layer))
        return nn.Sequential(*stage)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        x = called_in_turn((self.conv1, self.bn1, self.relu, self.maxpool), x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))


class ResNet101_Weights(WeightsEnum):
    """Published weights of `resnet101`."""

    IMAGENET1K_V1 = imagenet("resnet101-63fe2227.pth", 44549160, 77.374, 93.546, recipe="#resnet")
    IMAGENET1K_V2 = imagenet(
        "resnet101-cd907fc2.pth", 44549160, 81.886, 95.78, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    """Published weights of `resnet152`."""

    IMAGENET1K_V1 = imagenet("resnet152-394f9c45.pth", 60192808, 78.312, 94.046, recipe="#resnet")
    IMAGENET1K_V2 = imagenet(
        "resnet152-f82ba261.pth", 60192808, 82.284, 96.002, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class ResNet18_Weights(WeightsEnum):
    """Published weights of `resnet18`."""

    IMAGENET1K_V1 = imagenet("resnet18-f37072fd.pth", 11689512, 69.758, 89.078, recipe="#resnet")
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    """Published weights of `resnet34`."""

    IMAGENET1K_V1 = imagenet("resnet34-b627a593.pth", 21797672, 73.314, 91.42, recipe="#resnet")
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    """Published weights of `resnet50`."""

    IMAGENET1K_V1 = imagenet("resnet50-0676ba61.pth", 25557032, 76.13, 92.862, recipe="#resnet")
    IMAGENET1K_V2 = imagenet(
        "resnet50-11ad3fa6.pth", 25557032, 80.858, 95.434, resize=232, recipe="issues/3995#issuecomment-1013906621"
    )
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_32X8D_Weights(WeightsEnum):
    """Published weights of `resnext101_32x8d`."""

    IMAGENET1K_V1 = imagenet("resnext101_32x8d-8ba56ff5.pth", 88791336, 79.312, 94.526, recipe="#resnext")
    IMAGENET1K_V2 = imagenet(
        "resnext101_32x8d-110c445d.pth",
        88791336,
        82.834,
        96.228,
        resize=232,
        recipe="issues/3995#new-recipe-with-fixres",
    )
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_64X4D_Weights(WeightsEnum):
    """Published weights of `resnext101_64x4d`."""

    IMAGENET1K_V1 = imagenet("resnext101_64x4d-173b62eb.pth", 83455272, 83.246, 96.454, resize=232, recipe="pull/5935")
    DEFAULT = IMAGENET1K_V1


class ResNeXt50_32X4D_Weights(WeightsEnum):
    """Published weights of `resnext50_32x4d`."""

    IMAGENET1K_V1 = imagenet("resnext50_32x4d-7cdf4587.pth", 25028904, 77.618, 93.698, recipe="#resnext")
    IMAGENET1K_V2 = imagenet(
        "resnext50_32x4d-1a0047aa.pth", 25028904, 81.198, 95.34, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet101_2_Weights(WeightsEnum):
    """Published weights of `wide_resnet101_2`."""

    IMAGENET1K_V1 = imagenet(
        "wide_resnet101_2-32ee1156.pth", 126886696, 78.848, 94.284, recipe="pull/912#issue-445437439"
    )
    IMAGENET1K_V2 = imagenet(
        "wide_resnet101_2-d733dc28.pth", 126886696, 82.51, 96.02, resize=232, recipe="issues/3995#new-recipe"
    )
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet50_2_Weights(WeightsEnum):
    """Published weights of `wide_resnet50_2`."""

    IMAGENET1K_V1 = imagenet(
        "wide_resnet50_2-95faca4d.pth", 68883240, 78.468, 94.086, recipe="pull/912#issue-445437439"
    )
    IMAGENET1K_V2 = imagenet(
        "wide_resnet50_2-9ba9bcbe.pth",
        68883240,
        81.602,
        95.758,
        resize=232,
        recipe="issues/3995#new-recipe-with-fixres",
    )
    DEFAULT = IMAGENET1K_V2


@model(ResNet18_Weights)
def resnet18(**options):
    """ResNet-18."""
    return ResNet(BasicBlock, [2, 2, 2, 2], **options)


@model(ResNet34_Weights)
def resnet34(**options):
    """ResNet-34."""
    return ResNet(BasicBlock, [3, 4, 6, 3], **options)


@model(ResNet50_Weights)
def resnet50(**options):
    """ResNet-50."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **options)


@model(ResNet101_Weights)
def resnet101(**options):
    """ResNet-101."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **options)


@model(ResNet152_Weights)
def resnet152(**options):
    """ResNet-152."""
    return ResNet(Bottleneck, [3, 8, 36, 3], **options)


@model(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**options):
    """ResNeXt-50, 32 groups of 4."""
    return ResNet(Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4, **options)


@model(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**options):
    """ResNeXt-101, 32 groups of 8."""
    return ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8, **options)


@model(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**options):
    """ResNeXt-101, 64 groups of 4."""
    return ResNet(Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4, **options)


@model(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**options):
    """ResNet-50 with inner convolutions twice as wide."""
    return ResNet(Bottleneck, [3, 4, 6, 3], width_per_group=128, **options)


@model(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**options):
    """ResNet-101 with inner convolutions twice as wide."""
    return ResNet(Bottleneck, [3, 4, 23, 3], width_per_group=128, **options)
