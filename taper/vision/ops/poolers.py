"""Parts of the maps of a pyramid: each box from the level that fits its size."""

from __future__ import annotations

import math

import numpy as np

from ... import nn
from ...autograd.tape import Variable, wrap
from ...tensor import cat
from .regions import numbered_boxes, pair_of, roi_align


class MultiScaleRoIAlign(nn.Module):
    """`roi_align` on maps by name, a box of canonical_scale pixels from level canonical_level. Source: arXiv 1612.03144."""

    def __init__(
        self,
        featmap_names: list[str],
        output_size,
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ):
        super().__init__()
        self.featmap_names, self.sampling_ratio = featmap_names, sampling_ratio
        self.output_size = pair_of(output_size)
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level

    def _scales(self, maps: list[Variable], image_shapes: list[tuple[int, int]]) -> list[float]:
        """Each map's size in sizes of the largest image, to the nearest power of two."""
        largest = max(h for h, _ in image_shapes), max(w for _, w in image_shapes)
        return [2.0 ** round(math.log2(m.shape[-2] / largest[0])) for m in maps]

    def forward(self, x: dict[str, Variable], boxes: list[Variable], image_shapes: list[tuple[int, int]]) -> Variable:
        """Parts (K, C, *output_size) of maps (N, C, H, W), the boxes of each image in coordinates of its pixels."""
        maps = [m for name, m in x.items() if name in self.featmap_names]
        if not maps or not image_shapes:
            raise ValueError("images list should not be empty, and x must have one of the maps' names")
        rois, scales = numbered_boxes(boxes, "MultiScaleRoIAlign"), self._scales(maps, image_shapes)
        options = (self.output_size,)
        if len(maps) == 1:
            return roi_align(maps[0], rois, *options, scales[0], self.sampling_ratio)
        corners = rois.detach()._array[:, 1:]
        sides = np.sqrt((corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1]))
        first, last = -int(math.log2(scales[0])), -int(math.log2(scales[-1]))
        with np.errstate(divide="ignore"):
            level = np.floor(self.canonical_level + np.log2(sides / self.canonical_scale) + sides.dtype.type(1e-6))
        level = (np.clip(level, first, last) - first).astype(np.int64)
        order, parts = [], []
        for i, (features, scale) in enumerate(zip(maps, scales)):
            chosen = np.flatnonzero(level == i)
            order.append(chosen)
            parts.append(roi_align(features, rois[wrap(chosen)], *options, scale, self.sampling_ratio))
        return cat(parts, 0)[wrap(np.argsort(np.concatenate(order)))]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )
