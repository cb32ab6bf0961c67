"""How a detector learns: boxes as differences to anchors, anchors matched with the true boxes, and which of them count."""

from __future__ import annotations

import math
from typing import Any

from ....nn.functional import l1_loss, smooth_l1_loss
from ....tensor import arange, cat, clamp, exp, log, randperm, stack, where, zeros_like
from ...ops import FrozenBatchNorm2d, complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss


class BoxCoder:
    """Boxes as differences to others: of the centres, in sides of the other, and logarithms of the sides' ratios, each weighted."""

    def __init__(self, weights: tuple[float, float, float, float], bbox_xform_clip: float = math.log(1000.0 / 16)):
        self.weights, self.bbox_xform_clip = weights, bbox_xform_clip

    def encode(self, reference_boxes: list, proposals: list) -> tuple:
        """The differences of each image's boxes to its proposals."""
        counts = [len(b) for b in reference_boxes]
        return self.encode_single(cat(reference_boxes), cat(proposals)).split(counts, 0)

    def encode_single(self, reference_boxes: Any, proposals: Any) -> Any:
        """The differences (N, 4) of boxes (N, 4) to proposals (N, 4)."""
        x, y, w, h = _centred(proposals)
        true_x, true_y, true_w, true_h = _centred(reference_boxes)
        wx, wy, ww, wh = self.weights
        parts = wx * (true_x - x) / w, wy * (true_y - y) / h, ww * log(true_w / w), wh * log(true_h / h)
        return stack(parts, 1)

    def decode(self, rel_codes: Any, boxes: list) -> Any:
        """The boxes (N, K, 4) that differ so, (N, 4 K), from each image's boxes."""
        total = sum(len(b) for b in boxes)
        codes = rel_codes.reshape(total, -1) if total else rel_codes
        made = self.decode_single(codes, cat(boxes))
        return made.reshape(total, -1, 4) if total else made

    def decode_single(self, rel_codes: Any, boxes: Any) -> Any:
        """The boxes (N, 4 K) that differ so, (N, 4 K), from boxes (N, 4)."""
        x, y, w, h = (part[:, None] for part in _centred(boxes.to(rel_codes.dtype)))
        dx, dy, dw, dh = (rel_codes[:, i::4] / weight for i, weight in enumerate(self.weights))
        centre_x, centre_y = dx * w + x, dy * h + y
        half_w = 0.5 * (exp(clamp(dw, max=self.bbox_xform_clip)) * w)
        half_h = 0.5 * (exp(clamp(dh, max=self.bbox_xform_clip)) * h)
        corners = (centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)
        return stack(corners, 2).flatten(1)


def _centred(boxes: Any) -> tuple:
    """Centres and sides of boxes (N, 4)."""
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return boxes[:, 0] + 0.5 * w, boxes[:, 1] + 0.5 * h, w, h


class Matcher:
    """For each proposal the true box that it covers best: its number, -1 below low_threshold, -2 between the thresholds.

    allow_low_quality_matches: a true box keeps those that cover it best, however badly. ValueError without boxes or proposals.
    """

    BELOW_LOW_THRESHOLD, BETWEEN_THRESHOLDS = -1, -2

    def __init__(self, high_threshold: float, low_threshold: float, allow_low_quality_matches: bool = False):
        if low_threshold > high_threshold:
            raise AssertionError("low_threshold should be <= high_threshold")
        self.high_threshold, self.low_threshold = high_threshold, low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix: Any) -> Any:
        """The numbers (M,) for overlaps (true boxes, M)."""
        if match_quality_matrix.numel() == 0:
            what = "ground-truth" if match_quality_matrix.shape[0] == 0 else "proposal"
            raise ValueError(f"No {what} boxes available for one of the images during training")
        best, every = match_quality_matrix.max(dim=0)
        matches = every.clone()
        matches[best < self.low_threshold] = self.BELOW_LOW_THRESHOLD
        matches[(best >= self.low_threshold) & (best < self.high_threshold)] = self.BETWEEN_THRESHOLDS
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.max(dim=1).values
            kept = where(match_quality_matrix == highest[:, None])[1]
            matches[kept] = every[kept]
        return matches


class SSDMatcher(Matcher):
    """A `Matcher` in which each true box has the proposal that covers it best."""

    def __init__(self, threshold: float):
        super().__init__(threshold, threshold)

    def __call__(self, match_quality_matrix: Any) -> Any:
        matches = super().__call__(match_quality_matrix)
        chosen = match_quality_matrix.max(dim=1).indices
        matches[chosen] = arange(chosen.size(0))
        return matches


class BalancedPositiveNegativeSampler:
    """Draws batch_size_per_image of each image's proposals, of which up to positive_fraction have a label of 1 or more."""

    def __init__(self, batch_size_per_image: int, positive_fraction: float):
        self.batch_size_per_image, self.positive_fraction = batch_size_per_image, positive_fraction

    def __call__(self, matched_idxs: list) -> tuple[list, list]:
        """Masks (uint8) of those drawn with, and of those drawn without a true box; labels below 0 are not drawn."""
        with_box, without = [], []
        for labels in matched_idxs:
            positive, negative = where(labels >= 1)[0], where(labels == 0)[0]
            most = min(positive.numel(), int(self.batch_size_per_image * self.positive_fraction))
            rest = min(negative.numel(), self.batch_size_per_image - most)
            drawn = positive[randperm(positive.numel())[:most]], negative[randperm(negative.numel())[:rest]]
            for masks, chosen in zip((with_box, without), drawn):
                mask = zeros_like(labels).byte()
                mask[chosen] = 1
                masks.append(mask)
        return with_box, without


def box_loss(kind: str, coder: BoxCoder, anchors: Any, true_boxes: Any, codes: Any) -> Any:
    """The sum of the losses of a kind: l1, smooth_l1, giou, diou or ciou. AssertionError for another."""
    if kind in ("l1", "smooth_l1"):
        loss = l1_loss if kind == "l1" else smooth_l1_loss
        return loss(codes, coder.encode_single(true_boxes, anchors), reduction="sum")
    losses = {"giou": generalized_box_iou_loss, "diou": distance_box_iou_loss, "ciou": complete_box_iou_loss}
    if kind not in losses:
        raise AssertionError(f"Unsupported loss: {kind}")
    return losses[kind](coder.decode_single(codes, anchors), true_boxes, reduction="sum", eps=1e-7)


def overwrite_eps(model: Any, eps: float) -> None:
    """Give all frozen batch norms another eps: older weights were learned without one."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps


def check_boxes(targets: list[dict]) -> None:
    """AssertionError for targets whose boxes are no tensor (N, 4)."""
    for target in targets:
        boxes = target["boxes"]
        if not hasattr(boxes, "shape"):
            raise AssertionError(f"Expected target boxes to be of type Tensor, got {type(boxes)}.")
        if boxes.dim() != 2 or boxes.shape[-1] != 4:
            raise AssertionError(f"Expected target boxes to be a tensor of shape [N, 4], got {boxes.shape}.")


def check_sides(targets: list[dict]) -> None:
    """AssertionError for a box without height or width."""
    for i, target in enumerate(targets):
        flat = (target["boxes"][:, 2:] <= target["boxes"][:, :2]).any(dim=1)
        if flat.any():
            box = target["boxes"][where(flat)[0][0]].tolist()
            raise AssertionError(
                f"All bounding boxes should have positive height and width. Found invalid box {box} for target at index {i}."
            )
