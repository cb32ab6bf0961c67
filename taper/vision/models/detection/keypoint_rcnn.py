"""Keypoint R-CNN (He et al. 2017, arXiv 1703.06870): Faster R-CNN with points of each detection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....nn import init
from ....nn.functional import interpolate
from ...ops import MultiScaleRoIAlign
from ..registry import model
from ..resnet import ResNet50_Weights
from ..weights import Weights, WeightsEnum
from .faster_rcnn import FasterRCNN, resnet_body
from .published import coco, whole, whole_without_eps

KEYPOINTS = [
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle"),
    "right_ankle",
]
"""The points of a person that COCO marks."""


class KeypointRCNN(FasterRCNN):
    """A `FasterRCNN`, whose options it takes, with `keypoints` (N, K, 3) and `keypoints_scores` (N, K).

    keypoint_roi_pool, keypoint_head, keypoint_predictor: its parts; num_keypoints is None where the last is given.
    """

    def __init__(
        self,
        backbone: Any,
        num_classes: int | None = None,
        *args: Any,
        keypoint_roi_pool: Any = None,
        keypoint_head: Any = None,
        keypoint_predictor: Any = None,
        num_keypoints: int | None = None,
        **options: Any,
    ):
        if keypoint_roi_pool is not None and not isinstance(keypoint_roi_pool, MultiScaleRoIAlign):
            raise TypeError(
                f"keypoint_roi_pool should be of type MultiScaleRoIAlign or None instead of {type(keypoint_roi_pool)}"
            )
        if num_classes is not None and keypoint_predictor is not None:
            raise ValueError("num_classes should be None when keypoint_predictor is specified")
        pool = keypoint_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2)
        head = KeypointRCNNHeads(backbone.out_channels, (512,) * 8) if keypoint_head is None else keypoint_head
        predictor = keypoint_predictor
        if predictor is None:
            predictor = KeypointRCNNPredictor(512, 17 if num_keypoints is None else num_keypoints)
        if not args:
            options.setdefault("min_size", (640, 672, 704, 736, 768, 800))
        super().__init__(backbone, num_classes, *args, **options)
        self.roi_heads.keypoint_roi_pool = pool
        self.roi_heads.keypoint_head = head
        self.roi_heads.keypoint_predictor = predictor


class KeypointRCNNHeads(nn.Sequential):
    """Convolutions of these widths."""

    def __init__(self, in_channels: int, layers: Sequence[int]):
        blocks: list[nn.Module] = []
        for width in layers:
            blocks += [nn.Conv2d(in_channels, width, 3, stride=1, padding=1), nn.ReLU(inplace=True)]
            in_channels = width
        super().__init__(*blocks)
        for layer in self.children():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                init.constant_(layer.bias, 0)


class KeypointRCNNPredictor(nn.Module):
    """The scores of each point's places, four times as wide and high."""

    def __init__(self, in_channels: int, num_keypoints: int):
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, stride=2, padding=1)
        init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        init.constant_(self.kps_score_lowres.bias, 0)
        self.up_scale, self.out_channels = 2, num_keypoints

    def forward(self, x: Any) -> Any:
        """(N, in_channels, H, W) to (N, num_keypoints, 4 H, 4 W)."""
        x = self.kps_score_lowres(x)
        options = {"mode": "bilinear", "align_corners": False, "recompute_scale_factor": False}
        return interpolate(x, scale_factor=float(self.up_scale), **options)


def _people(file: str, recipe: str, **metrics: float) -> Weights:
    found = coco(file, 59137258, recipe, ["no person", "person"], **metrics)
    found.meta["keypoint_names"] = KEYPOINTS
    return found


class KeypointRCNN_ResNet50_FPN_Weights(WeightsEnum):
    """Published weights of `keypointrcnn_resnet50_fpn`."""

    COCO_LEGACY = _people("keypointrcnn_resnet50_fpn_coco-9f466800.pth", "issues/1606", box_map=50.6, kp_map=61.1)
    COCO_V1 = _people("keypointrcnn_resnet50_fpn_coco-fc266e95.pth", "#keypoint-r-cnn", box_map=54.6, kp_map=65.0)
    DEFAULT = COCO_V1


def _adapted(weights: WeightsEnum, options: dict):
    latest = weights is KeypointRCNN_ResNet50_FPN_Weights.COCO_V1
    return whole_without_eps(weights, options) if latest else whole(weights, options)


@model(KeypointRCNN_ResNet50_FPN_Weights, legacy="COCO_V1", adapt=_adapted)
def keypointrcnn_resnet50_fpn(
    *,
    num_classes=None,
    num_keypoints=None,
    weights_backbone=ResNet50_Weights.IMAGENET1K_V1,
    trainable_backbone_layers=None,
    **options,
) -> KeypointRCNN:
    """Keypoint R-CNN on ResNet-50, whose published weights are fetched unless weights_backbone is None."""
    body = resnet_body(weights_backbone, trainable_backbone_layers, options)
    points = 17 if num_keypoints is None else num_keypoints
    return KeypointRCNN(body, 2 if num_classes is None else num_classes, num_keypoints=points, **options)
