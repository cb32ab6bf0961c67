"""RetinaNet (Lin et al. 2017, arXiv 1708.02002): one stage, and a loss that forgets what is easy."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from .... import nn
from ....autograd.tape import Variable
from ....dtypes import int64
from ....nn import init
from ....tensor import cat, full, sigmoid, where, zeros_like
from ...ops import Conv2dNormActivation, batched_nms, box_iou, clip_boxes_to_image, sigmoid_focal_loss
from ...ops.feature_pyramid_network import LastLevelP6P7
from ..registry import model
from ..resnet import ResNet50_Weights
from ..weights import WeightsEnum
from .anchor_utils import AnchorGenerator
from .faster_rcnn import resnet_body, resnet_body_v2
from .matching import BoxCoder, Matcher, box_loss, check_boxes, check_sides
from .published import coco, whole, whole_without_eps
from .rpn import by_place
from .transform import GeneralizedRCNNTransform


def default_anchors() -> AnchorGenerator:
    """Boxes of 32 to 512 pixels, three sizes a map, of three ratios."""
    sizes = tuple((x, int(x * 2 ** (1.0 / 3)), int(x * 2 ** (2.0 / 3))) for x in (32, 64, 128, 256, 512))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


class _Tower(nn.Module):
    """Four convolutions, and one that gives `width` numbers for each anchor."""

    _version = 2

    def __init__(self, in_channels: int, norm_layer: Callable[..., nn.Module] | None):
        super().__init__()
        self.conv = nn.Sequential(
            *(Conv2dNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4))
        )

    def _draw_weights(self) -> None:
        for layer in self.conv.modules():
            if isinstance(layer, nn.Conv2d):
                init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") is None or local_metadata["version"] < 2:
            for i in range(4):
                for kind in ("weight", "bias"):
                    if f"{prefix}conv.{2 * i}.{kind}" in state_dict:
                        state_dict[f"{prefix}conv.{i}.0.{kind}"] = state_dict.pop(f"{prefix}conv.{2 * i}.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class RetinaNetClassificationHead(_Tower):
    """The scores of the classes of each anchor."""

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        prior_probability: float = 0.01,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__(in_channels, norm_layer)
        self._draw_weights()
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, stride=1, padding=1)
        init.normal_(self.cls_logits.weight, std=0.01)
        init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))
        self.num_classes, self.num_anchors = num_classes, num_anchors

    def compute_loss(self, targets: list[dict], head_outputs: dict, matched_idxs: list) -> Any:
        """The focal loss of the anchors that are something or nothing."""
        losses = []
        for target, logits, matched in zip(targets, head_outputs["cls_logits"], matched_idxs):
            something = matched >= 0
            truth = zeros_like(logits)
            truth[something, target["labels"][matched[something]]] = 1.0
            counted = matched != Matcher.BETWEEN_THRESHOLDS
            loss = sigmoid_focal_loss(logits[counted], truth[counted], reduction="sum")
            losses.append(loss / max(1, int(something.sum())))
        return _sum(losses) / len(targets)

    def forward(self, x: list) -> Any:
        """(N, anchors, num_classes) of maps (N, C, H, W)."""
        return cat([by_place(self.cls_logits(self.conv(m)), self.num_classes) for m in x], 1)


class RetinaNetRegressionHead(_Tower):
    """How a box differs from each anchor."""

    def __init__(self, in_channels: int, num_anchors: int, norm_layer: Callable[..., nn.Module] | None = None):
        super().__init__(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, stride=1, padding=1)
        init.normal_(self.bbox_reg.weight, std=0.01)
        init.zeros_(self.bbox_reg.bias)
        self._draw_weights()
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self._loss_type = "l1"

    def compute_loss(self, targets: list[dict], head_outputs: dict, anchors: list, matched_idxs: list) -> Any:
        """The loss of the boxes of anchors that are something."""
        losses = []
        for target, codes, mine, matched in zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs):
            something = where(matched >= 0)[0]
            boxes = target["boxes"][matched[something]]
            loss = box_loss(self._loss_type, self.box_coder, mine[something], boxes, codes[something])
            losses.append(loss / max(1, something.numel()))
        return _sum(losses) / max(1, len(targets))

    def forward(self, x: list) -> Any:
        """(N, anchors, 4) of maps (N, C, H, W)."""
        return cat([by_place(self.bbox_reg(self.conv(m)), 4) for m in x], 1)


def _sum(losses: list) -> Any:
    total = losses[0]
    for loss in losses[1:]:
        total = total + loss
    return total


class RetinaNetHead(nn.Module):
    """Both heads."""

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        heads = {"norm_layer": norm_layer}
        self.classification_head = RetinaNetClassificationHead(in_channels, num_anchors, num_classes, **heads)
        self.regression_head = RetinaNetRegressionHead(in_channels, num_anchors, **heads)

    def compute_loss(
        self, targets: list[dict], head_outputs: dict, anchors: list, matched_idxs: list
    ) -> dict[str, Any]:
        """The losses by name."""
        return {
            "classification": self.classification_head.compute_loss(targets, head_outputs, matched_idxs),
            "bbox_regression": self.regression_head.compute_loss(targets, head_outputs, anchors, matched_idxs),
        }

    def forward(self, x: list) -> dict[str, Any]:
        """Scores and differences by name."""
        return {"cls_logits": self.classification_head(x), "bbox_regression": self.regression_head(x)}


class RetinaNet(nn.Module):
    """A backbone with `out_channels`, and heads that give each anchor classes and a box.

    Detections are those scored above score_thresh, the best topk_candidates of a map and detections_per_img of an image, of which
    none overlaps a better one of its class by more than nms_thresh. ValueError and TypeError for parts that do not fit.
    """

    def __init__(
        self,
        backbone: Any,
        num_classes: int,
        min_size: Any = 800,
        max_size: int = 1333,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        anchor_generator: Any = None,
        head: Any = None,
        proposal_matcher: Any = None,
        score_thresh: float = 0.05,
        nms_thresh: float = 0.5,
        detections_per_img: int = 300,
        fg_iou_thresh: float = 0.5,
        bg_iou_thresh: float = 0.4,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ):
        super().__init__()
        if not hasattr(backbone, "out_channels"):
            raise ValueError(
                "backbone should contain an attribute out_channels specifying the number of output channels (assumed to be "
                "the same for all the levels)"
            )
        if anchor_generator is not None and not isinstance(anchor_generator, AnchorGenerator):
            raise TypeError(
                f"anchor_generator should be of type AnchorGenerator or None instead of {type(anchor_generator)}"
            )
        self.backbone = backbone
        self.anchor_generator = anchors = anchor_generator or default_anchors()
        if head is None:
            head = RetinaNetHead(backbone.out_channels, anchors.num_anchors_per_location()[0], num_classes)
        self.head = head
        self.proposal_matcher = proposal_matcher or Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        mean, std = image_mean or [0.485, 0.456, 0.406], image_std or [0.229, 0.224, 0.225]
        self.transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates

    def eager_outputs(self, losses: dict, detections: list[dict]) -> Any:
        """The losses in training, the detections in evaluation."""
        return losses if self.training else detections

    def compute_loss(self, targets: list[dict], head_outputs: dict, anchors: list) -> dict[str, Any]:
        """The losses by name."""
        matched = [
            self.proposal_matcher(box_iou(t["boxes"], mine))
            if t["boxes"].numel()
            else full((len(mine),), -1, dtype=int64)
            for mine, t in zip(anchors, targets)
        ]
        return self.head.compute_loss(targets, head_outputs, anchors, matched)

    def _of_map(self, codes: Any, logits: Any, anchors: Any, size: tuple) -> tuple:
        """The best boxes of one map, with scores and labels."""
        scores = sigmoid(logits).flatten()
        above = where(scores > self.score_thresh)[0]
        scores, best = scores[above].topk(min(self.topk_candidates, above.numel()))
        places = above[best]
        rows, labels = places // logits.shape[-1], places % logits.shape[-1]
        boxes = self.box_coder.decode_single(codes[rows], anchors[rows])
        return clip_boxes_to_image(boxes, size), scores, labels

    def postprocess_detections(
        self, head_outputs: dict[str, list], anchors: list[list], image_shapes: list
    ) -> list[dict]:
        """For each image its detections by name, the best first; outputs and anchors are given map by map."""
        found = []
        for i, size in enumerate(image_shapes):
            maps = zip(head_outputs["bbox_regression"], head_outputs["cls_logits"], anchors[i])
            parts = [self._of_map(codes[i], logits[i], mine, size) for codes, logits, mine in maps]
            boxes, scores, labels = (cat(list(part)) for part in zip(*parts))
            keep = batched_nms(boxes, scores, labels, self.nms_thresh)[: self.detections_per_img]
            found.append({"boxes": boxes[keep], "scores": scores[keep], "labels": labels[keep]})
        return found

    def forward(self, images: list, targets: list[dict] | None = None) -> Any:
        """Losses by name in training, in evaluation for each image (C, H, W) its detections by name.

        targets: for each image `boxes` (N, 4) and `labels` (N,). AssertionError for targets that are missing, or boxes that are none.
        """
        if self.training:
            if targets is None:
                raise AssertionError("targets should not be none when in training mode")
            check_boxes(targets)
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        batch, targets = self.transform(images, targets)
        check_sides(targets or [])
        features = self.backbone(batch.tensors)
        maps = [features] if isinstance(features, Variable) else list(features.values())
        outputs = self.head(maps)
        anchors = self.anchor_generator(batch, maps)
        if self.training:
            return self.eager_outputs(self.compute_loss(targets or [], outputs, anchors), [])
        places = [m.size(2) * m.size(3) for m in maps]
        each = outputs["cls_logits"].size(1) // sum(places)
        counts = [n * each for n in places]
        split = OrderedDict((name, list(out.split(counts, dim=1))) for name, out in outputs.items())
        found = self.postprocess_detections(split, [list(a.split(counts)) for a in anchors], batch.image_sizes)
        return self.eager_outputs({}, self.transform.postprocess(found, batch.image_sizes, sizes))


class RetinaNet_ResNet50_FPN_Weights(WeightsEnum):
    """Published weights of `retinanet_resnet50_fpn`."""

    COCO_V1 = coco("retinanet_resnet50_fpn_coco-eeacb38b.pth", 34014999, "#retinanet", box_map=36.4)
    DEFAULT = COCO_V1


class RetinaNet_ResNet50_FPN_V2_Weights(WeightsEnum):
    """Published weights of `retinanet_resnet50_fpn_v2`."""

    COCO_V1 = coco("retinanet_resnet50_fpn_v2_coco-5905b1c5.pth", 38198935, "pull/5756", box_map=41.5)
    DEFAULT = COCO_V1


@model(RetinaNet_ResNet50_FPN_Weights, legacy="COCO_V1", adapt=whole_without_eps)
def retinanet_resnet50_fpn(
    *, num_classes=None, weights_backbone=ResNet50_Weights.IMAGENET1K_V1, trainable_backbone_layers=None, **options
) -> RetinaNet:
    """RetinaNet on ResNet-50, whose published weights are fetched unless weights_backbone is None."""
    pyramid = {"returned_layers": [2, 3, 4], "extra_blocks": lambda: LastLevelP6P7(256, 256)}
    body = resnet_body(weights_backbone, trainable_backbone_layers, options, **pyramid)
    return RetinaNet(body, 91 if num_classes is None else num_classes, **options)


@model(RetinaNet_ResNet50_FPN_V2_Weights, legacy="COCO_V1", adapt=whole)
def retinanet_resnet50_fpn_v2(
    *, num_classes=None, weights_backbone=None, trainable_backbone_layers=None, **options
) -> RetinaNet:
    """RetinaNet on ResNet-50 with group norms (Zhang et al. 2019, arXiv 1912.02424)."""
    pyramid = {"returned_layers": [2, 3, 4], "extra_blocks": lambda: LastLevelP6P7(2048, 256)}
    body = resnet_body_v2(weights_backbone, trainable_backbone_layers, options, **pyramid)
    anchors = default_anchors()
    classes = 91 if num_classes is None else num_classes
    norm = partial(nn.GroupNorm, 32)
    head = RetinaNetHead(body.out_channels, anchors.num_anchors_per_location()[0], classes, norm_layer=norm)
    head.regression_head._loss_type = "giou"
    return RetinaNet(body, classes, anchor_generator=anchors, head=head, **options)
