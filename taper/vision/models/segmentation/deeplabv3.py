"""DeepLab v3 (Chen et al. 2017, arXiv 1706.05587)."""

from __future__ import annotations

from collections.abc import Sequence

from .... import nn
from ....nn.functional import interpolate
from ....tensor import cat
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..registry import model
from ..resnet import ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from ..weights import WeightsEnum
from .fcn import DILATED, FCNHead, on_resnet
from .network import (
    IntermediateLayerGetter,
    SegmentationModel,
    backbone_weights,
    inner_layers,
    voc_labels,
    whole,
)


class DeepLabV3(SegmentationModel):
    """A backbone, and convolutions with several dilations on it."""


class ASPPConv(nn.Sequential):
    """A dilated convolution."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False)
        super().__init__(conv, nn.BatchNorm2d(out_channels), nn.ReLU())


class ASPPPooling(nn.Sequential):
    """The whole image's average, at every pixel."""

    def __init__(self, in_channels: int, out_channels: int):
        conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        super().__init__(nn.AdaptiveAvgPool2d(1), conv, nn.BatchNorm2d(out_channels), nn.ReLU())

    def forward(self, x):
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        return interpolate(super().forward(x), size=x.shape[-2:], mode="bilinear", align_corners=False)


class ASPP(nn.Module):
    """Convolutions with dilations from atrous_rates, side by side."""

    def __init__(self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256):
        super().__init__()
        plain = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        paths: list[nn.Module] = [nn.Sequential(plain, nn.BatchNorm2d(out_channels), nn.ReLU())]
        paths += [ASPPConv(in_channels, out_channels, rate) for rate in tuple(atrous_rates)]
        paths.append(ASPPPooling(in_channels, out_channels))
        self.convs = nn.ModuleList(paths)
        self.project = nn.Sequential(
            nn.Conv2d(len(self.convs) * out_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Dropout(0.5),
        )

    def forward(self, x):
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        return self.project(cat([conv(x) for conv in self.convs], 1))


class DeepLabHead(nn.Sequential):
    """ASPP and two convolutions."""

    def __init__(self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)):
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


class DeepLabV3_ResNet50_Weights(WeightsEnum):
    """Published weights of `deeplabv3_resnet50`."""

    COCO_WITH_VOC_LABELS_V1 = voc_labels(
        "deeplabv3_resnet50_coco-cd0a2569.pth", 42004074, 66.4, 92.4, "deeplabv3_resnet50"
    )
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_ResNet101_Weights(WeightsEnum):
    """Published weights of `deeplabv3_resnet101`."""

    COCO_WITH_VOC_LABELS_V1 = voc_labels("deeplabv3_resnet101_coco-586e9e4e.pth", 60996202, 67.4, 92.4, "fcn_resnet101")
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_MobileNet_V3_Large_Weights(WeightsEnum):
    """Published weights of `deeplabv3_mobilenet_v3_large`."""

    COCO_WITH_VOC_LABELS_V1 = voc_labels(
        "deeplabv3_mobilenet_v3_large-fc3c493d.pth", 11029328, 60.3, 91.2, "deeplabv3_mobilenet_v3_large"
    )
    DEFAULT = COCO_WITH_VOC_LABELS_V1


@model(DeepLabV3_ResNet50_Weights, legacy="COCO_WITH_VOC_LABELS_V1", adapt=whole)
def deeplabv3_resnet50(
    *, num_classes=None, aux_loss=None, weights_backbone=ResNet50_Weights.IMAGENET1K_V1, **options
) -> DeepLabV3:
    """DeepLab v3 on ResNet-50, whose published weights are fetched unless weights_backbone is None."""
    weights = backbone_weights(ResNet50_Weights, weights_backbone, options)
    return on_resnet(DeepLabV3, DeepLabHead, resnet50(weights=weights, **DILATED, **options), num_classes, aux_loss)


@model(DeepLabV3_ResNet101_Weights, legacy="COCO_WITH_VOC_LABELS_V1", adapt=whole)
def deeplabv3_resnet101(
    *, num_classes=None, aux_loss=None, weights_backbone=ResNet101_Weights.IMAGENET1K_V1, **options
) -> DeepLabV3:
    """DeepLab v3 on ResNet-101, whose published weights are fetched unless weights_backbone is None."""
    weights = backbone_weights(ResNet101_Weights, weights_backbone, options)
    return on_resnet(DeepLabV3, DeepLabHead, resnet101(weights=weights, **DILATED, **options), num_classes, aux_loss)


@model(DeepLabV3_MobileNet_V3_Large_Weights, legacy="COCO_WITH_VOC_LABELS_V1", adapt=whole)
def deeplabv3_mobilenet_v3_large(
    *, num_classes=None, aux_loss=None, weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1, **options
) -> DeepLabV3:
    """DeepLab v3 on a dilated MobileNetV3, whose published weights are fetched unless weights_backbone is None."""
    weights = backbone_weights(MobileNet_V3_Large_Weights, weights_backbone, options)
    features = mobilenet_v3_large(weights=weights, dilated=True, **options).features
    last, side = inner_layers(features)[-1], inner_layers(features)[-4]
    wanted = {str(last): "out", **({str(side): "aux"} if aux_loss else {})}
    classes = 21 if num_classes is None else num_classes
    aux = FCNHead(features[side].out_channels, classes) if aux_loss else None
    head = DeepLabHead(features[last].out_channels, classes)
    return DeepLabV3(IntermediateLayerGetter(features, wanted), head, aux)
