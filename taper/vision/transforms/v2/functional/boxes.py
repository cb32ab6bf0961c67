"""Boxes and points in other formats, and kept inside their canvas."""

from __future__ import annotations

from typing import Any

from .....autograd.tape import Variable
from .....tensor import stack
from ....ops.boxes import box_convert
from ....tv_tensors import BoundingBoxes, BoundingBoxFormat, KeyPoints, is_rotated_bounding_format
from ....tv_tensors import wrap as wrap_like


def _check_upright(format: BoundingBoxFormat) -> str:
    if is_rotated_bounding_format(format):
        raise NotImplementedError(f"boxes in {format} cannot be transformed: use XYXY, XYWH or CXCYWH")
    return format.value.lower()


def _floating(boxes: Variable) -> Variable:
    return boxes.view_as(boxes) if boxes.dtype.is_floating_point else boxes.float()


def corners_of(boxes: BoundingBoxes) -> Variable:
    """The corners (x1, y1, x2, y2) of boxes, as floats."""
    return box_convert(_floating(boxes), _check_upright(boxes.format), "xyxy")


def with_corners(boxes: BoundingBoxes, corners: Variable, canvas_size) -> Any:
    """Boxes of the same format and dtype with other corners."""
    out = box_convert(corners, "xyxy", _check_upright(boxes.format)).to(boxes.dtype)
    return wrap_like(out, like=boxes, canvas_size=tuple(canvas_size))


def _told(value, given, name: str):
    """What boxes say of themselves, or what is given for a plain tensor. ValueError where it is given twice or not at all."""
    if isinstance(value, (BoundingBoxes, KeyPoints)):
        if given is not None:
            raise ValueError(f"For bounding box tv_tensor inputs, `{name}` must not be passed.")
        return getattr(value, name)
    if given is None:
        raise ValueError(f"For pure tensor inputs, `{name}` has to be passed.")
    return given


def convert_bounding_box_format(
    inpt: Variable,
    old_format: BoundingBoxFormat | str | None = None,
    new_format: BoundingBoxFormat | str | None = None,
    inplace: bool = False,
) -> Any:
    """Boxes in another format. old_format is for plain tensors only. TypeError without a new_format."""
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    old = inpt.format if isinstance(inpt, BoundingBoxes) and old_format is None else _told(inpt, old_format, "format")
    old, new = (BoundingBoxFormat[f.upper()] if isinstance(f, str) else f for f in (old, new_format))
    out = inpt.clone()
    if old is not new:
        out = box_convert(_floating(inpt), _check_upright(old), _check_upright(new)).to(inpt.dtype)
    if inplace:
        out = inpt.copy_(out)
    return wrap_like(out, like=inpt, format=new) if isinstance(inpt, BoundingBoxes) else out


def clamp_bounding_boxes(
    inpt: Variable,
    format: BoundingBoxFormat | str | None = None,
    canvas_size: tuple[int, int] | None = None,
    clamping_mode: str | None = "auto",
) -> Any:
    """Boxes cut off where they leave their canvas. format, canvas_size: for plain tensors, and only for those.

    clamping_mode: "soft", "hard", None, or "auto" for what the boxes say, which plain tensors do not. ValueError for others.
    """
    if clamping_mode not in ("soft", "hard", "auto", None):
        raise ValueError(f"clamping_mode must be soft, hard, auto or None, got {clamping_mode}")
    boxes = inpt
    if not isinstance(inpt, BoundingBoxes):
        if clamping_mode == "auto":
            raise ValueError("For pure tensor inputs, `clamping_mode` has to be passed.")
        told = {"format": _told(inpt, format, "format"), "canvas_size": _told(inpt, canvas_size, "canvas_size")}
        boxes = BoundingBoxes(inpt, **told)
    else:
        _told(inpt, canvas_size, "canvas_size")
    mode = boxes.clamping_mode if clamping_mode == "auto" else clamping_mode
    if mode is None:
        return inpt.clone()
    height, width = boxes.canvas_size
    corners = corners_of(boxes)
    xs, ys = corners[..., 0::2].clamp(0, width), corners[..., 1::2].clamp(0, height)
    out = with_corners(boxes, stack((xs[..., 0], ys[..., 0], xs[..., 1], ys[..., 1]), -1), boxes.canvas_size)
    return out if isinstance(inpt, BoundingBoxes) else out.view_as(out)


def clamp_keypoints(inpt: Variable, canvas_size: tuple[int, int] | None = None) -> Any:
    """Points moved to the nearest pixel of their canvas. canvas_size: for plain tensors only."""
    height, width = _told(inpt, canvas_size, "canvas_size")
    out = stack((inpt[..., 0].clamp(0, width - 1), inpt[..., 1].clamp(0, height - 1)), -1)
    return wrap_like(out, like=inpt) if isinstance(inpt, KeyPoints) else out


def sanitize_bounding_boxes(
    bounding_boxes: Variable,
    format: BoundingBoxFormat | str | None = None,
    canvas_size: tuple[int, int] | None = None,
    min_size: float = 1.0,
    min_area: float = 1.0,
) -> tuple[Any, Variable]:
    """The boxes that lie inside their canvas and are large enough, and which those are (N,)."""
    boxes = bounding_boxes
    if not isinstance(boxes, BoundingBoxes):
        told = {"format": _told(boxes, format, "format"), "canvas_size": _told(boxes, canvas_size, "canvas_size")}
        boxes = BoundingBoxes(bounding_boxes, **told)
    elif format is not None or canvas_size is not None:
        raise ValueError("For bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed.")
    corners = corners_of(boxes)
    x1, y1, x2, y2 = corners.unbind(-1)
    (w, h), (height, width) = (x2 - x1, y2 - y1), boxes.canvas_size
    valid = (w >= min_size) & (h >= min_size) & (w * h >= min_area) & (corners >= 0).all(-1)
    valid = valid & (x1 <= width) & (x2 <= width) & (y1 <= height) & (y2 <= height)
    kept = bounding_boxes[valid]
    return (wrap_like(kept, like=boxes) if boxes is bounding_boxes else kept), valid
