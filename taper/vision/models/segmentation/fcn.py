"""Fully convolutional networks (Long et al. 2014, arXiv 1411.4038) on a dilated ResNet."""

from __future__ import annotations

from .... import nn
from ..registry import model
from ..resnet import ResNet, ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from ..weights import WeightsEnum
from .network import IntermediateLayerGetter, SegmentationModel, backbone_weights, voc_labels, whole


class FCN(SegmentationModel):
    """A backbone, and convolutions on it."""


class FCNHead(nn.Sequential):
    """Two convolutions."""

    def __init__(self, in_channels: int, channels: int):
        inside = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inside, 3, padding=1, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inside, channels, 1),
        )


def on_resnet(kind, head, backbone: ResNet, num_classes: int | None, aux_loss: bool | None) -> SegmentationModel:
    """A network of a kind on a ResNet's last two stages."""
    wanted = {"layer4": "out", **({"layer3": "aux"} if aux_loss else {})}
    classes = 21 if num_classes is None else num_classes
    aux = FCNHead(1024, classes) if aux_loss else None
    return kind(IntermediateLayerGetter(backbone, wanted), head(2048, classes), aux)


DILATED = {"replace_stride_with_dilation": [False, True, True]}


class FCN_ResNet50_Weights(WeightsEnum):
    """Published weights of `fcn_resnet50`."""

    COCO_WITH_VOC_LABELS_V1 = voc_labels("fcn_resnet50_coco-1167a1af.pth", 35322218, 60.5, 91.4, "fcn_resnet50")
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class FCN_ResNet101_Weights(WeightsEnum):
    """Published weights of `fcn_resnet101`."""

    COCO_WITH_VOC_LABELS_V1 = voc_labels("fcn_resnet101_coco-7ecb50ca.pth", 54314346, 63.7, 91.9, "deeplabv3_resnet101")
    DEFAULT = COCO_WITH_VOC_LABELS_V1


@model(FCN_ResNet50_Weights, legacy="COCO_WITH_VOC_LABELS_V1", adapt=whole)
def fcn_resnet50(*, num_classes=None, aux_loss=None, weights_backbone=ResNet50_Weights.IMAGENET1K_V1, **options) -> FCN:
    """FCN on ResNet-50, whose published weights are fetched unless weights_backbone is None."""
    weights = backbone_weights(ResNet50_Weights, weights_backbone, options)
    return on_resnet(FCN, FCNHead, resnet50(weights=weights, **DILATED, **options), num_classes, aux_loss)


@model(FCN_ResNet101_Weights, legacy="COCO_WITH_VOC_LABELS_V1", adapt=whole)
def fcn_resnet101(
    *, num_classes=None, aux_loss=None, weights_backbone=ResNet101_Weights.IMAGENET1K_V1, **options
) -> FCN:
    """FCN on ResNet-101, whose published weights are fetched unless weights_backbone is None."""
    weights = backbone_weights(ResNet101_Weights, weights_backbone, options)
    return on_resnet(FCN, FCNHead, resnet101(weights=weights, **DILATED, **options), num_classes, aux_loss)
