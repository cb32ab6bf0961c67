"""The region proposal network (Ren et al. 2015, arXiv 1506.01497): where in an image there may be something."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....nn import init
from ....nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from ....tensor import arange, cat, full, sigmoid, where, zeros
from ...ops import Conv2dNormActivation, batched_nms, box_iou, clip_boxes_to_image, remove_small_boxes
from .anchor_utils import AnchorGenerator
from .matching import BalancedPositiveNegativeSampler, BoxCoder, Matcher

__all__ = ["AnchorGenerator", "RPNHead", "RegionProposalNetwork"]


class RPNHead(nn.Module):
    """For each map: how much each anchor looks like something, and how a box there differs from it."""

    _version = 2

    def __init__(self, in_channels: int, num_anchors: int, conv_depth: int = 1):
        super().__init__()
        layers = [Conv2dNormActivation(in_channels, in_channels, 3, norm_layer=None) for _ in range(conv_depth)]
        self.conv = nn.Sequential(*layers)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    init.constant_(layer.bias, 0)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") is None or local_metadata["version"] < 2:
            for kind in ("weight", "bias"):
                if f"{prefix}conv.{kind}" in state_dict:
                    state_dict[f"{prefix}conv.0.0.{kind}"] = state_dict.pop(f"{prefix}conv.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: list) -> tuple[list, list]:
        """Scores (N, anchors, H, W) and differences (N, anchors x 4, H, W) of maps (N, C, H, W)."""
        inner = [self.conv(m) for m in x]
        return [self.cls_logits(m) for m in inner], [self.bbox_pred(m) for m in inner]


def by_place(layer: Any, width: int) -> Any:
    """(N, anchors x width, H, W) as (N, H x W x anchors, width)."""
    n, _, h, w = layer.shape
    return layer.view(n, -1, width, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, width)


class RegionProposalNetwork(nn.Module):
    """Boxes that may hold something, from all maps' anchors; in training its losses too.

    pre_nms_top_n, post_nms_top_n: {"training": how many, "testing": how many} of the best are kept before, and after, those that overlap
    better ones by more than nms_thresh are dropped. fg_iou_thresh, bg_iou_thresh: the overlap from which an anchor is something, and
    below which nothing.
    """

    def __init__(
        self,
        anchor_generator: Any,
        head: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        pre_nms_top_n: dict[str, int],
        post_nms_top_n: dict[str, int],
        nms_thresh: float,
        score_thresh: float = 0.0,
    ):
        super().__init__()
        self.anchor_generator, self.head = anchor_generator, head
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.box_similarity = box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self._pre_nms_top_n, self._post_nms_top_n = pre_nms_top_n, post_nms_top_n
        self.nms_thresh, self.score_thresh, self.min_size = nms_thresh, score_thresh, 1e-3

    def pre_nms_top_n(self) -> int:
        """How many of a map's best boxes are kept at first."""
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self) -> int:
        """How many of an image's best boxes are kept at last."""
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(self, anchors: list, targets: list[dict]) -> tuple[list, list]:
        """For each image the anchors' labels (1, 0, or -1 for neither) and the true boxes that they are to become."""
        labels, matched = [], []
        for mine, target in zip(anchors, targets):
            boxes = target["boxes"]
            if boxes.numel() == 0:
                labels.append(zeros(mine.shape[0]))
                matched.append(zeros(*mine.shape))
                continue
            found = self.proposal_matcher(self.box_similarity(boxes, mine))
            label = (found >= 0).float()
            label[found == Matcher.BETWEEN_THRESHOLDS] = -1.0
            labels.append(label)
            matched.append(boxes[found.clamp(min=0)])
        return labels, matched

    def _best_of_each_map(self, objectness: Any, counts: list[int]) -> Any:
        """The numbers (N, some) of the best anchors of each map."""
        found, start = [], 0
        for part in objectness.split(counts, 1):
            found.append(part.topk(min(self.pre_nms_top_n(), part.shape[1]), dim=1).indices + start)
            start += part.shape[1]
        return cat(found, 1)

    def filter_proposals(self, proposals: Any, objectness: Any, image_shapes: list, num_anchors_per_level: list[int]):
        """For each image the boxes that are kept, and their scores."""
        images = proposals.shape[0]
        objectness = objectness.detach().reshape(images, -1)
        levels = cat([full((n,), k) for k, n in enumerate(num_anchors_per_level)])
        best = self._best_of_each_map(objectness, num_anchors_per_level)
        rows = arange(images)[:, None]
        scores, proposals, levels = sigmoid(objectness[rows, best]), proposals[rows, best], levels[best]
        kept_boxes, kept_scores = [], []
        for boxes, score, level, size in zip(proposals, scores, levels, image_shapes):
            boxes = clip_boxes_to_image(boxes, size)
            keep = remove_small_boxes(boxes, self.min_size)
            boxes, score, level = boxes[keep], score[keep], level[keep]
            keep = where(score >= self.score_thresh)[0]
            boxes, score, level = boxes[keep], score[keep], level[keep]
            keep = batched_nms(boxes, score, level, self.nms_thresh)[: self.post_nms_top_n()]
            kept_boxes.append(boxes[keep])
            kept_scores.append(score[keep])
        return kept_boxes, kept_scores

    def compute_loss(self, objectness: Any, pred_bbox_deltas: Any, labels: list, regression_targets: Any) -> tuple:
        """The losses of the scores and of the boxes, over anchors that are drawn."""
        positive, negative = (where(cat(masks))[0] for masks in self.fg_bg_sampler(labels))
        drawn = cat([positive, negative])
        targets = cat(regression_targets)[positive]
        box = smooth_l1_loss(pred_bbox_deltas[positive], targets, beta=1 / 9, reduction="sum") / drawn.numel()
        return binary_cross_entropy_with_logits(objectness.flatten()[drawn], cat(labels)[drawn]), box

    def forward(self, images: Any, features: dict[str, Any], targets: list[dict] | None = None) -> tuple[list, dict]:
        """For each image its boxes (some, 4); and the losses. ValueError in training without targets."""
        maps = list(features.values())
        scores, deltas = self.head(maps)
        anchors = self.anchor_generator(images, maps)
        counts = [s[0].numel() for s in scores]
        objectness = cat([by_place(s, 1) for s in scores], 1).flatten(0, -2)
        codes = cat([by_place(d, 4) for d in deltas], 1).reshape(-1, 4)
        proposals = self.box_coder.decode(codes.detach(), anchors).view(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, objectness, images.image_sizes, counts)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError("targets should not be None")
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        found, box = self.compute_loss(objectness, codes, labels, self.box_coder.encode(matched, anchors))
        return boxes, {"loss_objectness": found, "loss_rpn_box_reg": box}
