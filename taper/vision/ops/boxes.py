"""Boxes: their areas, overlaps and forms, and which of many to keep.

A box is (x1, y1, x2, y2), the corners at the top left and the bottom right, unless a form `fmt` says otherwise:
"xywh" is (x1, y1, width, height) and "cxcywh" (centre, width, height).
"""

from __future__ import annotations

import math

import numpy as np

from ...autograd.modes import no_grad
from ...autograd.tape import Variable, wrap
from ...dtypes import float32, float64, int32, int64
from ...tensor import atan, maximum, minimum, stack, where, zeros_like

_FORMS = ("xyxy", "xywh", "cxcywh")


def widened(t: Variable) -> Variable:
    """Numbers that can be multiplied: at least float32, or int32."""
    if t.dtype.is_floating_point:
        return t if t.dtype in (float32, float64) else t.float()
    return t if t.dtype in (int32, int64) else t.int()


def _to_corners(boxes: Variable, form: str) -> Variable:
    if form == "xyxy":
        return boxes
    a, b, w, h = boxes.unbind(-1)
    if form == "xywh":
        return stack((a, b, a + w, b + h), -1)
    return stack((a - 0.5 * w, b - 0.5 * h, a + 0.5 * w, b + 0.5 * h), -1)


def _from_corners(boxes: Variable, form: str) -> Variable:
    if form == "xyxy":
        return boxes
    x1, y1, x2, y2 = boxes.unbind(-1)
    if form == "xywh":
        return stack((x1, y1, x2 - x1, y2 - y1), -1)
    return stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), -1)


def box_convert(boxes: Variable, in_fmt: str, out_fmt: str) -> Variable:
    """Boxes (..., 4) in another form. ValueError for a form that is none of xyxy, xywh and cxcywh."""
    if in_fmt not in _FORMS or out_fmt not in _FORMS:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}: "
            f"the forms are {', '.join(_FORMS)}"
        )
    return boxes.clone() if in_fmt == out_fmt else _from_corners(_to_corners(boxes, in_fmt), out_fmt)


def _check_form(fmt: str, name: str) -> None:
    if fmt not in _FORMS:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt} ({name}): use {', '.join(_FORMS)}")


def box_area(boxes: Variable, fmt: str = "xyxy") -> Variable:
    """The areas (N,) of boxes (N, 4). ValueError for an unknown form."""
    _check_form(fmt, "box_area")
    boxes = widened(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return boxes[..., 2] * boxes[..., 3]


def _overlap(boxes1: Variable, boxes2: Variable) -> tuple[Variable, Variable]:
    """The areas of intersection and of union of each box of the first with each of the second, (N, M)."""
    top_left = maximum(boxes1[..., None, :2], boxes2[..., None, :, :2])
    bottom_right = minimum(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    sides = widened(bottom_right - top_left).clamp(min=0)
    inter = sides[..., 0] * sides[..., 1]
    return inter, box_area(boxes1)[..., None] + box_area(boxes2)[..., None, :] - inter


def box_iou(boxes1: Variable, boxes2: Variable, fmt: str = "xyxy") -> Variable:
    """Intersection over union of each of N boxes with each of M, (N, M). ValueError for an unknown form."""
    _check_form(fmt, "box_iou")
    inter, union = _overlap(_to_corners(boxes1, fmt), _to_corners(boxes2, fmt))
    return inter / union


def _hull(boxes1: Variable, boxes2: Variable) -> Variable:
    """Width and height of the smallest box round each pair, (N, M, 2)."""
    low = minimum(boxes1[:, None, :2], boxes2[:, :2])
    high = maximum(boxes1[:, None, 2:], boxes2[:, 2:])
    return widened(high - low).clamp(min=0)


def generalized_box_iou(boxes1: Variable, boxes2: Variable) -> Variable:
    """IoU less the share of the hull that neither box covers, (N, M). Source: arXiv 1902.09630."""
    inter, union = _overlap(boxes1, boxes2)
    sides = _hull(boxes1, boxes2)
    hull = sides[..., 0] * sides[..., 1]
    return inter / union - (hull - union) / hull


def distance_box_iou(boxes1: Variable, boxes2: Variable, eps: float = 1e-7) -> Variable:
    """IoU less the squared distance of the centres, in squares of the hull's diagonal, (N, M). Source: arXiv 1911.08287."""
    boxes1, boxes2 = widened(boxes1), widened(boxes2)
    return _distance_iou(boxes1, boxes2, eps)[0]


def _distance_iou(boxes1: Variable, boxes2: Variable, eps: float) -> tuple[Variable, Variable]:
    iou = box_iou(boxes1, boxes2)
    diagonal = (_hull(boxes1, boxes2) ** 2).sum(-1) + eps
    centres1, centres2 = ((b[:, :2] + b[:, 2:]) / 2 for b in (boxes1, boxes2))
    away = (widened(centres1[:, None] - centres2[None]) ** 2).sum(-1)
    return iou - away / diagonal, iou


def complete_box_iou(boxes1: Variable, boxes2: Variable, eps: float = 1e-7) -> Variable:
    """`distance_box_iou` less a term for unlike proportions, (N, M). Source: arXiv 2005.03572."""
    boxes1, boxes2 = widened(boxes1), widened(boxes2)
    distance, iou = _distance_iou(boxes1, boxes2, eps)
    slopes1, slopes2 = (atan((b[:, 2] - b[:, 0]) / (b[:, 3] - b[:, 1])) for b in (boxes1, boxes2))
    unlike = (4 / math.pi**2) * (slopes1[:, None] - slopes2[None]) ** 2
    with no_grad():
        share = unlike / (1 - iou + unlike + eps)
    return distance - share * unlike


def clip_boxes_to_image(boxes: Variable, size: tuple[int, int]) -> Variable:
    """Boxes (..., 4), none of which leaves an image of `size` (height, width)."""
    height, width = size
    xs, ys = boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)
    return stack((xs, ys), boxes.ndim).reshape(boxes.shape)


def remove_small_boxes(boxes: Variable, min_size: float) -> Variable:
    """The numbers (int64) of the boxes whose two sides are at least min_size."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return where((sides >= min_size).all(-1))[0]


def nms(boxes: Variable, scores: Variable, iou_threshold: float) -> Variable:
    """The numbers (int64) of the boxes that remain, best score first, when a box goes that overlaps a better one by more.

    boxes: (N, 4). scores: (N,). iou_threshold: the largest IoU that two boxes kept may have. RuntimeError for other shapes.
    """
    if boxes.ndim != 2:
        raise RuntimeError(f"boxes should be a 2d tensor, got {boxes.ndim}D")
    if boxes.shape[1] != 4:
        raise RuntimeError(f"boxes should have 4 elements in dimension 1, got {boxes.shape[1]}")
    if scores.ndim != 1:
        raise RuntimeError(f"scores should be a 1d tensor, got {scores.ndim}D")
    if boxes.shape[0] != scores.shape[0]:
        raise RuntimeError(
            "boxes and scores should have same number of elements in dimension 0, "
            f"got {boxes.shape[0]} and {scores.shape[0]}"
        )
    if boxes.dtype != scores.dtype:
        raise RuntimeError(f"dets should have the same type as scores: nms got {boxes.dtype} and {scores.dtype}")
    values = boxes.detach()._array
    # As integers: unlike the negative of a float, which sorts NaN last where PyTorch has it first.
    order = scores.detach().sort(descending=True, stable=True)[1]._array
    x1, y1, x2, y2 = values[order].T
    areas = (x2 - x1) * (y2 - y1)
    alive, kept = np.ones(len(order), bool), []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(order[i])
        rest = slice(i + 1, None)
        w = np.maximum(np.minimum(x2[rest], x2[i]) - np.maximum(x1[rest], x1[i]), 0)
        h = np.maximum(np.minimum(y2[rest], y2[i]) - np.maximum(y1[rest], y1[i]), 0)
        inter = w * h
        with np.errstate(invalid="ignore", divide="ignore"):
            alive[rest] &= ~(inter / (areas[i] + areas[rest] - inter) > iou_threshold)
    return wrap(np.array(kept, np.int64))


_TOGETHER = 4000
"""The numbers in boxes up to which the classes are suppressed in one go, torchvision's bound on the CPU."""


def batched_nms(boxes: Variable, scores: Variable, idxs: Variable, iou_threshold: float) -> Variable:
    """`nms` within each class: boxes with different `idxs` (N,) do not displace each other."""
    if boxes.numel() == 0:
        return wrap(np.empty(0, np.int64))
    if boxes.numel() <= _TOGETHER:
        # Each class is moved to a place of its own.
        shift = idxs.to(boxes.dtype) * (boxes.max() + 1)
        return nms(boxes + shift[:, None], scores, iou_threshold)
    classes = idxs.detach()._array
    keep = np.zeros(len(classes), bool)
    for label in np.unique(classes):
        inside = np.flatnonzero(classes == label)
        chosen = wrap(inside)
        keep[inside[nms(boxes[chosen], scores[chosen], iou_threshold)._array]] = True
    kept = wrap(np.flatnonzero(keep))
    return kept[scores.detach()[kept].sort(descending=True)[1]]


def masks_to_boxes(masks: Variable) -> Variable:
    """The boxes (N, 4), float32, round the pixels of masks (N, H, W) that are not zero; zeros for an empty mask."""
    inside = masks.detach()._array != 0
    out = np.zeros((len(inside), 4), np.float32)
    if inside.size:
        for k, axis in enumerate((1, 2)):
            along = inside.any(axis)
            out[:, k] = along.argmax(1)
            out[:, k + 2] = along.shape[1] - 1 - along[:, ::-1].argmax(1)
        out[~inside.any((1, 2))] = 0
    return wrap(out)


def overlap_of_pairs(boxes1: Variable, boxes2: Variable) -> tuple[Variable, Variable]:
    """The areas of intersection and of union of each box of the first with the same of the second, (N,)."""
    x1, y1, x2, y2 = boxes1.unbind(-1)
    u1, v1, u2, v2 = boxes2.unbind(-1)
    left, top, right, bottom = maximum(x1, u1), maximum(y1, v1), minimum(x2, u2), minimum(y2, v2)
    inter = (right - left) * (bottom - top)
    inter = where((bottom > top) & (right > left), inter, zeros_like(inter))
    return inter, (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - inter
