"""Parts of feature maps, given by boxes, brought to one size.

`roi_align` and `ps_roi_pool` weight pixels by a weight of their row times a weight of their column, so a box is two small
matrices, and its result is rows @ map @ columns: one loop over boxes, none over pixels. That is linear in the map, and
its derivative is the same with the matrices transposed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ... import nn
from ...autograd.function import Function
from ...autograd.tape import Variable, wrap
from ...tensor import cat, full


class _Window(NamedTuple):
    """A box on one image: the weights of its rows (bins, h) from `top`, and of its columns (bins, w) from `left`."""

    image: int
    top: int
    rows: np.ndarray
    left: int
    columns: np.ndarray

    def of(self, maps: np.ndarray) -> np.ndarray:
        """The part (C, h, w) of maps (N, C, H, W)."""
        h, w = self.rows.shape[1], self.columns.shape[1]
        return maps[self.image, :, self.top : self.top + h, self.left : self.left + w]


class _Gathered(Function):
    """Maps (N, C, H, W) to each window's weighted sums (K, C, bins, bins)."""

    @staticmethod
    def forward(ctx, maps, windows, bins):
        ctx.windows, ctx.shape, ctx.bins = windows, tuple(maps.shape), bins
        out = np.zeros((len(windows), maps.shape[1], *bins), maps._array.dtype)
        for k, window in enumerate(windows):
            out[k] = window.rows @ window.of(maps._array) @ window.columns.T
        return wrap(out)

    @staticmethod
    def backward(ctx, g):
        return _Scattered.apply(g, ctx.windows, ctx.shape, ctx.bins), None, None


class _Scattered(Function):
    """The transpose of `_Gathered`."""

    @staticmethod
    def forward(ctx, g, windows, shape, bins):
        ctx.windows, ctx.bins = windows, bins
        out = np.zeros(shape, g._array.dtype)
        for k, window in enumerate(windows):
            part = window.of(out)
            part += window.rows.T @ g._array[k] @ window.columns
        return wrap(out)

    @staticmethod
    def backward(ctx, g):
        return _Gathered.apply(g, ctx.windows, ctx.bins), None, None, None


def pair_of(size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1]) if len(size) > 1 else (size[0], size[0])


def numbered_boxes(boxes, name: str) -> Variable:
    """Boxes (K, 5), the image's number before the corners. AssertionError for other shapes."""
    if isinstance(boxes, (list, tuple)):
        for b in boxes:
            assert b.ndim == 2 and b.shape[1] == 4, (
                f"{name}: The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]: {tuple(b.shape)}"
            )
        numbered = [cat([full((b.shape[0], 1), float(i), dtype=b.dtype), b], 1) for i, b in enumerate(boxes)]
        return cat(numbered, 0)
    assert isinstance(boxes, Variable), f"{name}: boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]"
    assert boxes.ndim == 2 and boxes.shape[1] == 5, (
        f"{name}: The boxes tensor shape is not correct as Tensor[K, 5]: {tuple(boxes.shape)}"
    )
    return boxes


def _given(input: Variable, boxes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Each box's image, and its corners in the maps' dtype. RuntimeError for maps that have not four dimensions."""
    if input.ndim != 4:
        raise RuntimeError(f"{name}: input must have shape (N, C, H, W), got {tuple(input.shape)}")
    boxes = numbered_boxes(boxes, name)
    if boxes.dtype != input.dtype:
        raise RuntimeError(f"{name}: input is {input.dtype} and boxes are {boxes.dtype}; they must be of one dtype")
    array = boxes.detach()._array
    array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    images = array[:, 0].astype(np.int64)
    if images.size and not (0 <= images.min() and images.max() < input.shape[0]):
        raise RuntimeError(f"{name}: boxes name image {images.max()}, there are {input.shape[0]} (0 is the first)")
    return images, array[:, 1:]


def _maps(input: Variable) -> Variable:
    """Maps in which sums can be made."""
    return input if input._array.dtype in (np.float32, np.float64) else input.float()


def _samples(start, step, bins: int, count: int, size: int, dtype) -> tuple[int, np.ndarray]:
    """The first pixel of a side, and the weights (bins, pixels) of the means of `count` interpolated samples a bin."""
    if count == 0:
        return 0, np.zeros((bins, 0), dtype)
    at = start + np.arange(bins, dtype=dtype)[:, None] * step
    at = at + (np.arange(count, dtype=dtype) + dtype(0.5)) * step / dtype(count)
    inside = (at >= -1) & (at <= size)
    at = np.clip(at, 0, size - 1)
    low = at.astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    part = at - low
    first, last = int(low.min()), int(high.max()) + 1
    weights = np.zeros((bins, last - first), dtype)
    rows = np.broadcast_to(np.arange(bins)[:, None], at.shape)
    np.add.at(weights, (rows, low - first), (1 - part) * inside)
    np.add.at(weights, (rows, high - first), part * inside)
    return first, weights / dtype(count)


def _aligned(input, boxes, output_size, spatial_scale: float, sampling_ratio: int, offset: float, at_least, name: str):
    """Means of interpolated samples, in bins of boxes that are no smaller than at_least."""
    images, corners = _given(input, boxes, name)
    bins, (height, width) = pair_of(output_size), input.shape[2:]
    dtype = corners.dtype.type
    corners = corners * dtype(spatial_scale) - dtype(offset)
    windows = []
    for image, (x1, y1, x2, y2) in zip(images, corners):
        sides = []
        for start, end, count, size in ((y1, y2, bins[0], height), (x1, x2, bins[1], width)):
            length = end - start if at_least is None else max(end - start, dtype(at_least))
            step = length / dtype(count)
            samples = sampling_ratio if sampling_ratio > 0 else max(math.ceil(step), 0)
            sides += _samples(start, step, count, samples, size, dtype)
        windows.append(_Window(int(image), *sides))
    return _Gathered.apply(_maps(input), windows, bins).to(input.dtype)


def roi_align(
    input: Variable, boxes, output_size, spatial_scale: float = 1.0, sampling_ratio: int = -1, aligned: bool = False
) -> Variable:
    """Each box's part of the maps, (K, C, *output_size), by means of bilinear samples.

    input: (N, C, H, W). boxes: (K, 5), the image's number and the corners; or for each image its boxes (L, 4).
    spatial_scale: from the boxes' coordinates to the maps'. sampling_ratio: samples along a side of a bin, or, if not
    positive, as many as it has pixels. aligned: pixels' centres lie at halves. AssertionError for boxes of other shapes.
    Source: arXiv 1703.06870.
    """
    offset, at_least = (0.5, None) if aligned else (0.0, 1.0)
    return _aligned(input, boxes, output_size, spatial_scale, sampling_ratio, offset, at_least, "roi_align")


def _bins_of_channels(pooled: Variable, bins: tuple[int, int]) -> Variable:
    """From (K, C, *bins), for each bin its own channels: (K, C / bins, *bins)."""
    k, channels = pooled.shape[:2]
    height, width = bins
    parts = pooled.reshape(k, channels // (height * width), height, width, height, width)
    return parts.diagonal(dim1=2, dim2=4).diagonal(dim1=2, dim2=3).contiguous()


def _check_channels(input: Variable, bins: tuple[int, int], name: str) -> None:
    if input.ndim == 4 and input.shape[1] % (bins[0] * bins[1]) != 0:
        raise RuntimeError(
            f"{name}: input channels must be a multiple of pooling height * pooling width, got {input.shape[1]} and {bins}"
        )


def ps_roi_align(input: Variable, boxes, output_size, spatial_scale: float = 1.0, sampling_ratio: int = -1) -> Variable:
    """`roi_align` where each bin has channels of its own: (N, C * bins, H, W) to (K, C, *output_size).

    RuntimeError if the channels are not a multiple of the bins. Source: arXiv 1711.07264.
    """
    bins = pair_of(output_size)
    _check_channels(input, bins, "ps_roi_align")
    pooled = _aligned(input, boxes, bins, spatial_scale, sampling_ratio, 0.5, None, "ps_roi_align")
    return _bins_of_channels(pooled, bins)


def _rounded(values: np.ndarray) -> np.ndarray:
    """To the nearest whole number, halves away from zero."""
    return np.trunc(values + np.copysign(values.dtype.type(0.5), values))


def _edges(start, length, bins: int, size: int, dtype) -> tuple[np.ndarray, np.ndarray]:
    """The first pixel of each bin of a side, and the pixel after its last."""
    step, at = dtype(length) / dtype(bins), np.arange(bins, dtype=dtype)
    low, high = np.floor(at * step) + start, np.ceil((at + 1) * step) + start
    return np.clip(low, 0, size).astype(np.int64), np.clip(high, 0, size).astype(np.int64)


def _means(start, length, bins: int, size: int, dtype) -> tuple[int, np.ndarray]:
    """The first pixel of a side, and the weights (bins, pixels) of the means of the bins' pixels."""
    # As in torchvision, the last pixel of a map is in no bin.
    low, high = _edges(start, length, bins, size - 1, dtype)
    first, last = int(low.min()), max(int(high.max()), int(low.min()))
    pixels = np.arange(first, last)
    inside = (pixels >= low[:, None]) & (pixels < high[:, None])
    return first, (inside / np.maximum(high - low, 1)[:, None]).astype(dtype)


def ps_roi_pool(input: Variable, boxes, output_size, spatial_scale: float = 1.0) -> Variable:
    """The means of the pixels of each bin of boxes, each bin with channels of its own: (K, C, *output_size).

    RuntimeError if the channels are not a multiple of the bins. Source: arXiv 1605.06409.
    """
    bins, name = pair_of(output_size), "ps_roi_pool"
    _check_channels(input, bins, name)
    images, corners = _given(input, boxes, name)
    dtype = corners.dtype.type
    corners = _rounded(corners) if spatial_scale == 1.0 else _rounded(corners * dtype(spatial_scale))
    windows = []
    for image, (x1, y1, x2, y2) in zip(images, corners):
        height = _means(y1, max(y2 - y1, dtype(1)), bins[0], input.shape[2], dtype)
        width = _means(x1, max(x2 - x1, dtype(1)), bins[1], input.shape[3], dtype)
        windows.append(_Window(int(image), *height, *width))
    return _bins_of_channels(_Gathered.apply(_maps(input), windows, bins).to(input.dtype), bins)


def _largest(maps: np.ndarray, image: int, rows, columns) -> tuple[np.ndarray, np.ndarray]:
    """For each channel and bin, where in `maps` the largest pixel lies, and whether the bin has any: (C, bins, bins)."""
    (top, bottom), (left, right) = rows, columns
    _, channels, height, width = maps.shape
    ys = top[:, None] + np.arange(max((bottom - top).max(), 1))
    xs = left[:, None] + np.arange(max((right - left).max(), 1))
    # (bins, h, bins, w): which pixels are in the bin, and where.
    inside = (ys < bottom[:, None])[:, :, None, None] & (xs < right[:, None])[None, None]
    ys, xs = np.minimum(ys, height - 1), np.minimum(xs, width - 1)
    where = (ys[:, :, None, None] * width + xs[None, None]).transpose(0, 2, 1, 3)
    inside = inside.transpose(0, 2, 1, 3)
    flat = (*where.shape[:2], -1)
    where, inside = where.reshape(flat), inside.reshape(flat)
    values = np.where(inside, maps[image].reshape(channels, -1)[:, where], -np.inf)
    best = values.argmax(-1)
    places = np.take_along_axis(np.broadcast_to(where, values.shape), best[..., None], -1)[..., 0]
    places = places + ((image * channels + np.arange(channels)) * height * width)[:, None, None]
    return places, np.broadcast_to(inside.any(-1), places.shape)


def roi_pool(input: Variable, boxes, output_size, spatial_scale: float = 1.0) -> Variable:
    """The largest pixel of each bin of each box's part of the maps, (K, C, *output_size); zero for an empty bin.

    The arguments are those of `roi_align`. Source: arXiv 1504.08083.
    """
    images, corners = _given(input, boxes, "roi_pool")
    bins, maps = pair_of(output_size), input.detach()._array
    dtype = corners.dtype.type
    corners = _rounded(corners * dtype(spatial_scale))
    places = np.zeros((len(images), input.shape[1], *bins), np.int64)
    found = np.zeros(places.shape, bool)
    for k, (image, (x1, y1, x2, y2)) in enumerate(zip(images, corners)):
        rows = _edges(y1, max(y2 - y1 + 1, 1), bins[0], input.shape[2], dtype)
        columns = _edges(x1, max(x2 - x1 + 1, 1), bins[1], input.shape[3], dtype)
        places[k], found[k] = _largest(maps, int(image), rows, columns)
    return input.reshape(-1)[wrap(places)] * wrap(found).to(input.dtype)


class _Pooler(nn.Module):
    """A region operator with its options."""

    words = ("output_size", "spatial_scale")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{word}={getattr(self, word)}' for word in self.words)})"


class RoIAlign(_Pooler):
    """`roi_align` as a layer."""

    words = ("output_size", "spatial_scale", "sampling_ratio", "aligned")

    def __init__(self, output_size, spatial_scale: float, sampling_ratio: int, aligned: bool = False):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input: Variable, rois) -> Variable:
        """(K, C, *output_size)."""
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)


class RoIPool(_Pooler):
    """`roi_pool` as a layer."""

    def __init__(self, output_size, spatial_scale: float):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input: Variable, rois) -> Variable:
        """(K, C, *output_size)."""
        return roi_pool(input, rois, self.output_size, self.spatial_scale)


class PSRoIAlign(_Pooler):
    """`ps_roi_align` as a layer."""

    words = ("output_size", "spatial_scale", "sampling_ratio")

    def __init__(self, output_size, spatial_scale: float, sampling_ratio: int):
        super().__init__()
        self.output_size, self.spatial_scale, self.sampling_ratio = output_size, spatial_scale, sampling_ratio

    def forward(self, input: Variable, rois) -> Variable:
        """(K, C / bins, *output_size)."""
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)


class PSRoIPool(_Pooler):
    """`ps_roi_pool` as a layer."""

    def __init__(self, output_size, spatial_scale: float):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input: Variable, rois) -> Variable:
        """(K, C / bins, *output_size)."""
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)
