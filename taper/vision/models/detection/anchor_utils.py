"""Anchors: the boxes that a detector starts from, at every place of its maps."""

from __future__ import annotations

import math
from typing import Any

from .... import nn
from ....tensor import arange, as_tensor, cat, meshgrid, sqrt, stack, tensor


class AnchorGenerator(nn.Module):
    """Boxes of all `sizes` and `aspect_ratios` (height over width) of a map, at each of its places.

    sizes, aspect_ratios: for each map its own, or one list of sizes for as many maps, and of ratios for all of them.
    """

    def __init__(self, sizes: Any = ((128, 256, 512),), aspect_ratios: Any = ((0.5, 1.0, 2.0),)):
        super().__init__()
        self.sizes = sizes if isinstance(sizes[0], (list, tuple)) else tuple((s,) for s in sizes)
        each = isinstance(aspect_ratios[0], (list, tuple))
        self.aspect_ratios = aspect_ratios if each else (aspect_ratios,) * len(self.sizes)
        self.cell_anchors = [self.generate_anchors(s, a) for s, a in zip(self.sizes, self.aspect_ratios)]

    def generate_anchors(self, scales: Any, aspect_ratios: Any, dtype: Any = None, device: Any = None) -> Any:
        """The boxes round the origin, in whole pixels, (ratios x sizes, 4)."""
        sizes, ratios = as_tensor(scales, dtype=dtype).float(), as_tensor(aspect_ratios, dtype=dtype).float()
        tall = sqrt(ratios)
        widths, heights = ((side[:, None] * sizes[None, :]).view(-1) for side in (1 / tall, tall))
        return (stack([-widths, -heights, widths, heights], 1) / 2).round()

    def num_anchors_per_location(self) -> list[int]:
        """How many boxes each map has at a place."""
        return [len(s) * len(a) for s, a in zip(self.sizes, self.aspect_ratios)]

    def grid_anchors(self, grid_sizes: list, strides: list) -> list:
        """The boxes of each map, (places x boxes, 4). AssertionError where there are more or fewer maps than sizes."""
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise AssertionError(
                "Anchors should be Tuple[Tuple[int]] because each feature map could potentially have different sizes and aspect "
                "ratios. There needs to be a match between the number of feature maps passed and the number of sizes / aspect "
                f"ratios specified: {len(grid_sizes)} maps, {len(self.cell_anchors)} sizes."
            )
        made = []
        for (rows, columns), (down, across), cell in zip(grid_sizes, strides, self.cell_anchors):
            y, x = meshgrid(arange(0, rows) * down, arange(0, columns) * across, indexing="ij")
            x, y = x.reshape(-1), y.reshape(-1)
            made.append((stack((x, y, x, y), 1).view(-1, 1, 4) + cell.view(1, -1, 4)).reshape(-1, 4))
        return made

    def forward(self, image_list: Any, feature_maps: list) -> list:
        """The boxes of all maps, for each image, (boxes, 4)."""
        grids = [tuple(f.shape[-2:]) for f in feature_maps]
        height, width = image_list.tensors.shape[-2:]
        self.cell_anchors = [cell.to(feature_maps[0].dtype) for cell in self.cell_anchors]
        boxes = cat(self.grid_anchors(grids, [(height // g[0], width // g[1]) for g in grids]))
        return [boxes for _ in image_list.image_sizes]


class DefaultBoxGenerator(nn.Module):
    """SSD's boxes: for each map squares of two scales, and boxes of its aspect_ratios both ways. Source: arXiv 1512.02325.

    scales: of the image's side, one more than maps; by default evenly from min_ratio to max_ratio. steps: a place's size in pixels. clip:
    boxes no larger than the image. ValueError for more or fewer steps than maps.
    """

    def __init__(
        self,
        aspect_ratios: list[list[int]],
        min_ratio: float = 0.15,
        max_ratio: float = 0.9,
        scales: list[float] | None = None,
        steps: list[int] | None = None,
        clip: bool = True,
    ):
        super().__init__()
        if steps is not None and len(aspect_ratios) != len(steps):
            raise ValueError("aspect_ratios and steps should have the same length")
        self.aspect_ratios, self.steps, self.clip = aspect_ratios, steps, clip
        count = len(aspect_ratios)
        if scales is not None:
            self.scales = scales
        elif count > 1:
            self.scales = [*(min_ratio + (max_ratio - min_ratio) * k / (count - 1.0) for k in range(count)), 1.0]
        else:
            self.scales = [min_ratio, max_ratio]
        self._wh_pairs = [self._pairs(k) for k in range(count)]

    def _pairs(self, k: int) -> Any:
        small, between = self.scales[k], math.sqrt(self.scales[k] * self.scales[k + 1])
        pairs = [[small, small], [between, between]]
        for ratio in self.aspect_ratios[k]:
            w, h = small * math.sqrt(ratio), small / math.sqrt(ratio)
            pairs += [[w, h], [h, w]]
        return as_tensor(pairs).float()

    def num_anchors_per_location(self) -> list[int]:
        """How many boxes each map has at a place."""
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def _of_map(self, k: int, rows: int, columns: int, image_size: tuple, dtype: Any) -> Any:
        high, wide = (rows, columns) if self.steps is None else (side / self.steps[k] for side in image_size)
        xs, ys = (((arange(0, n) + 0.5) / of).to(dtype) for n, of in ((columns, wide), (rows, high)))
        y, x = meshgrid(ys, xs, indexing="ij")
        centres = stack((x.reshape(-1), y.reshape(-1)) * len(self._wh_pairs[k]), -1).reshape(-1, 2)
        sides = self._wh_pairs[k].clamp(min=0, max=1) if self.clip else self._wh_pairs[k]
        return cat((centres, sides.repeat(rows * columns, 1)), 1)

    def forward(self, image_list: Any, feature_maps: list) -> list:
        """The boxes of all maps in pixels, for each image, (boxes, 4)."""
        size = tuple(image_list.tensors.shape[-2:])
        dtype = feature_maps[0].dtype
        every = cat([self._of_map(k, *f.shape[-2:], size, dtype) for k, f in enumerate(feature_maps)])
        scale = tensor([size[1], size[0]])
        half = 0.5 * every[:, 2:]
        boxes = cat([(every[:, :2] - half) * scale, (every[:, :2] + half) * scale], -1)
        return [boxes for _ in image_list.image_sizes]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(aspect_ratios={self.aspect_ratios}, clip={self.clip}, scales={self.scales}, "
            f"steps={self.steps})"
        )
