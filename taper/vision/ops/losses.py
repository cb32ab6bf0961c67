"""Losses of detectors: for boxes, and for classes of which one is rare."""

from __future__ import annotations

import math

from ...autograd.modes import no_grad
from ...autograd.tape import Variable
from ...nn.functional import binary_cross_entropy_with_logits
from ...tensor import atan, maximum, minimum, sigmoid
from .boxes import overlap_of_pairs, widened


def _reduced(loss: Variable, reduction: str) -> Variable:
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum() if loss.numel() > 0 else 0.0 * loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction}'. Supported reduction modes: 'none', 'mean', 'sum'"
    )


def sigmoid_focal_loss(
    inputs: Variable, targets: Variable, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Variable:
    """Cross-entropy of each score with its target, 0 or 1, weighted down where it is right already.

    inputs, targets: floats of one shape. alpha: the weight of the positive ones, or -1 for none. gamma: how fast the weight
    falls. ValueError for an alpha outside [0, 1] that is not -1, or an unknown reduction. Source: arXiv 1708.02002.
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = sigmoid(inputs)
    loss = binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    loss = loss * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def _hull(boxes1: Variable, boxes2: Variable) -> tuple[Variable, Variable]:
    """Width and height of the smallest box round each pair."""
    low, high = minimum(boxes1[..., :2], boxes2[..., :2]), maximum(boxes1[..., 2:], boxes2[..., 2:])
    return (high - low).unbind(-1)


def generalized_box_iou_loss(
    boxes1: Variable, boxes2: Variable, reduction: str = "none", eps: float = 1e-7
) -> Variable:
    """1 - generalised IoU of each pair of boxes (N, 4). ValueError for an unknown reduction. Source: arXiv 1902.09630."""
    boxes1, boxes2 = widened(boxes1), widened(boxes2)
    inter, union = overlap_of_pairs(boxes1, boxes2)
    w, h = _hull(boxes1, boxes2)
    return _reduced(1 - (inter / (union + eps) - (w * h - union) / (w * h + eps)), reduction)


def _distance(boxes1: Variable, boxes2: Variable, eps: float) -> tuple[Variable, Variable]:
    inter, union = overlap_of_pairs(boxes1, boxes2)
    iou = inter / (union + eps)
    w, h = _hull(boxes1, boxes2)
    centres1, centres2 = ((b[..., :2] + b[..., 2:]) / 2 for b in (boxes1, boxes2))
    away = ((centres1 - centres2) ** 2).sum(-1)
    return 1 - iou + away / (w**2 + h**2 + eps), iou


def distance_box_iou_loss(boxes1: Variable, boxes2: Variable, reduction: str = "none", eps: float = 1e-7) -> Variable:
    """1 - distance IoU of each pair of boxes (N, 4). ValueError for an unknown reduction. Source: arXiv 1911.08287."""
    return _reduced(_distance(widened(boxes1), widened(boxes2), eps)[0], reduction)


def complete_box_iou_loss(boxes1: Variable, boxes2: Variable, reduction: str = "none", eps: float = 1e-7) -> Variable:
    """1 - complete IoU of each pair of boxes (N, 4). ValueError for an unknown reduction. Source: arXiv 2005.03572."""
    boxes1, boxes2 = widened(boxes1), widened(boxes2)
    loss, iou = _distance(boxes1, boxes2, eps)
    slopes1, slopes2 = (atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2))
    unlike = (4 / math.pi**2) * (slopes2 - slopes1) ** 2
    with no_grad():
        share = unlike / (1 - iou + unlike + eps)
    return _reduced(loss + share * unlike, reduction)
