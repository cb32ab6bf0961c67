"""Points of what was found: each a map of scores over its box, of which the highest place counts."""

from __future__ import annotations

from typing import Any

from ....nn.functional import cross_entropy, interpolate
from ....tensor import arange, cat, stack, where, zeros


def keypoints_to_heatmap(keypoints: Any, rois: Any, heatmap_size: int) -> tuple[Any, Any]:
    """For points (N, K, 3) the places (N, K) in maps of boxes (N, 4), and whether (1 or 0) they are visible and inside."""
    places = []
    for axis in (0, 1):
        low, high = rois[:, axis, None], rois[:, axis + 2, None]
        at = keypoints[..., axis]
        place = ((at - low) * (heatmap_size / (high - low))).floor().long()
        # A point on the far edge belongs to the last place.
        places.append(where(at == high, place.new_full((), heatmap_size - 1), place))
    x, y = places
    inside = (x >= 0) & (y >= 0) & (x < heatmap_size) & (y < heatmap_size)
    valid = (inside & (keypoints[..., 2] > 0)).long()
    return (y * heatmap_size + x) * valid, valid


def heatmaps_to_keypoints(maps: Any, rois: Any) -> tuple[Any, Any]:
    """Points (N, K, 3) and their scores (N, K) from maps (N, K, H, W) of boxes (N, 4)."""
    count = maps.shape[1]
    points, scores = [], []
    for heat, box in zip(maps, rois):
        width, height = (box[2] - box[0]).clamp(min=1), (box[3] - box[1]).clamp(min=1)
        wide, tall = int(width.ceil().item()), int(height.ceil().item())
        grown = interpolate(heat[:, None], size=(tall, wide), mode="bicubic", align_corners=False)[:, 0]
        best = grown.reshape(count, -1).argmax(dim=1)
        x, y = best % wide, best // wide
        at_x = (x.float() + 0.5) * (width / wide) + box[0]
        at_y = (y.float() + 0.5) * (height / tall) + box[1]
        points.append(stack((at_x, at_y, zeros(count) + 1), 1))
        scores.append(grown[arange(count), y, x])
    if not points:
        return zeros(0, count, 3), zeros(0, count)
    return stack(points), stack(scores)


def keypointrcnn_loss(keypoint_logits: Any, proposals: list, gt_keypoints: list, keypoint_matched_idxs: list) -> Any:
    """The loss of the maps' places. ValueError for maps that are not square."""
    n, k, h, w = keypoint_logits.shape
    if h != w:
        raise ValueError(
            f"keypoint_logits height and width (last two elements of shape) should be equal. Instead got H = {h} and W = {w}"
        )
    rows = zip(proposals, gt_keypoints, keypoint_matched_idxs)
    made = [keypoints_to_heatmap(points[i], boxes, h) for boxes, points, i in rows]
    targets = cat([places.view(-1) for places, _ in made])
    valid = where(cat([v.view(-1) for _, v in made]))[0]
    if targets.numel() == 0 or len(valid) == 0:
        return keypoint_logits.sum() * 0
    return cross_entropy(keypoint_logits.view(n * k, h * w)[valid], targets[valid])


def keypointrcnn_inference(x: Any, boxes: list) -> tuple[list, list]:
    """For each image the points and their scores."""
    parts = x.split([b.size(0) for b in boxes], dim=0)
    found = [heatmaps_to_keypoints(maps, b) for maps, b in zip(parts, boxes)]
    return [points for points, _ in found], [scores for _, scores in found]
