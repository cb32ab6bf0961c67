"""Lite R-ASPP, the small head of MobileNetV3 (Howard et al. 2019, arXiv 1905.02244)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .... import nn
from ....nn.functional import interpolate
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..registry import model
from ..weights import WeightsEnum
from .network import IntermediateLayerGetter, backbone_weights, inner_layers, voc_labels


class LRASPPHead(nn.Module):
    """A classifier of the fine maps, and one of the coarse maps scaled by their averages."""

    def __init__(self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int):
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: dict[str, Any]):
        """Scores (N, num_classes, H, W) of maps `low` (N, low_channels, H, W) and `high`."""
        low, high = input["low"], input["high"]
        x = self.cbr(high) * self.scale(high)
        x = interpolate(x, size=low.shape[-2:], mode="bilinear", align_corners=False)
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(nn.Module):
    """A backbone that gives `low` and `high`, and the head."""

    def __init__(
        self, backbone: nn.Module, low_channels: int, high_channels: int, num_classes: int, inter_channels: int = 128
    ):
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input) -> OrderedDict[str, Any]:
        """`out`: scores (N, num_classes, H, W) of images (N, 3, H, W)."""
        out = self.classifier(self.backbone(input))
        return OrderedDict(out=interpolate(out, size=input.shape[-2:], mode="bilinear", align_corners=False))


class LRASPP_MobileNet_V3_Large_Weights(WeightsEnum):
    """Published weights of `lraspp_mobilenet_v3_large`."""

    COCO_WITH_VOC_LABELS_V1 = voc_labels(
        "lraspp_mobilenet_v3_large-d234d4ea.pth", 3221538, 57.9, 91.2, "lraspp_mobilenet_v3_large"
    )
    DEFAULT = COCO_WITH_VOC_LABELS_V1


def _whole(weights, options: dict) -> None:
    options["weights_backbone"] = None


@model(LRASPP_MobileNet_V3_Large_Weights, legacy="COCO_WITH_VOC_LABELS_V1", adapt=_whole)
def lraspp_mobilenet_v3_large(
    *, num_classes=None, weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1, **options
) -> LRASPP:
    """Lite R-ASPP on a dilated MobileNetV3, whose published weights are fetched unless weights_backbone is None."""
    if options.pop("aux_loss", False):
        raise NotImplementedError("lraspp_mobilenet_v3_large has no auxiliary classifier: leave aux_loss out")
    weights = backbone_weights(MobileNet_V3_Large_Weights, weights_backbone, options)
    features = mobilenet_v3_large(weights=weights, dilated=True, **options).features
    low, high = inner_layers(features)[-4], inner_layers(features)[-1]
    backbone = IntermediateLayerGetter(features, {str(low): "low", str(high): "high"})
    channels = features[low].out_channels, features[high].out_channels
    return LRASPP(backbone, *channels, 21 if num_classes is None else num_classes)
