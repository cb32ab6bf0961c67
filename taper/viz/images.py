"""Images in rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .pictures import Picture, array_of, figure, finished


def mistakes(images: Sequence, captions: Sequence[str], path=None, title: str = "", columns: int = 8) -> Picture:
    """A grid of images that were mistaken, with captions. images: (H, W) or (H, W, 3), 0 to 1."""
    return _grid(
        [array_of(image) for image in images], captions, path, title or ("" if images else "no mistakes"), columns
    )


def image_grid(images, captions: Sequence | None = None, path=None, title: str = "", columns: int = 8) -> Picture:
    """Images in a grid, with captions: tensors (N, H, W) or (N, C, H, W) with 1 or 3 channels, or a list of such or of PIL
    images. Floats run from 0 to 1 if they lie there, else from the smallest to the largest. ValueError for other shapes.
    """
    plain = [_drawable(image) for image in images]
    if captions is not None and len(captions) != len(plain):
        raise ValueError(f"image_grid: there are {len(plain)} images and {len(captions)} captions.")
    names = [""] * len(plain) if captions is None else [str(c) for c in captions]
    return _grid(plain, names, path, title, columns)


def _drawable(image) -> np.ndarray:
    """An image as (H, W) or (H, W, 3), 0 to 1."""
    array = array_of(image)
    if array.ndim == 3 and array.shape[0] in (1, 3) and hasattr(image, "detach"):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError(f"image_grid: an image is (H, W), (1, H, W) or (3, H, W), got {tuple(array.shape)}.")
    if array.dtype == np.uint8:
        return array / 255
    array = array.astype(np.float64)
    low, high = array.min(), array.max()
    return array if 0 <= low and high <= 1 else (array - low) / max(high - low, 1e-12)


def _grid(images: Sequence[np.ndarray], captions: Sequence[str], path, title: str, columns: int) -> Picture:
    columns = max(1, min(columns, len(images) or 1)) if len(images) < columns else columns
    rows = max(1, -(-len(images) // columns))
    made = figure(columns * 1.3, rows * 1.6 + 0.5)
    axes = np.atleast_1d(made.subplots(rows, columns)).reshape(-1)
    for axis in axes:
        axis.set_axis_off()
    for axis, image, caption in zip(axes, images, captions):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(caption, fontsize=8)
    if title:
        made.suptitle(title)
    return finished(made, path)
