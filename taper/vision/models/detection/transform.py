"""What goes before and after a detector: images normalised, resized and padded to one size; boxes and masks brought back."""

from __future__ import annotations

import math
from typing import Any

from .... import nn
from ....nn.functional import interpolate, pad
from ....tensor import as_tensor, empty, stack, tensor, zeros
from .image_list import ImageList


def _ratios(old: tuple, new: tuple) -> list:
    """Height and width of a size in those of another, in float32."""
    return [tensor(float(n)) / tensor(float(o)) for n, o in zip(new, old)]


def resize_boxes(boxes: Any, original_size: tuple, new_size: tuple) -> Any:
    """Boxes (N, 4) of an image (height, width) in an image of another size."""
    tall, wide = _ratios(original_size, new_size)
    x1, y1, x2, y2 = boxes.unbind(1)
    return stack((x1 * wide, y1 * tall, x2 * wide, y2 * tall), 1)


def resize_keypoints(keypoints: Any, original_size: tuple, new_size: tuple) -> Any:
    """Points (N, K, 3), each x, y and visibility, of an image (height, width) in an image of another size."""
    tall, wide = _ratios(original_size, new_size)
    return stack((keypoints[..., 0] * wide, keypoints[..., 1] * tall, keypoints[..., 2]), -1)


def paste_masks_in_image(masks: Any, boxes: Any, img_shape: tuple[int, int], padding: int = 1) -> Any:
    """Masks (N, 1, M, M) of boxes (N, 4) as masks (N, 1, H, W) of the whole image."""
    side = masks.shape[-1]
    scale = (side + 2 * padding) / side
    masks = pad(masks, (padding,) * 4)
    half_w, half_h = (boxes[:, 2] - boxes[:, 0]) * 0.5 * scale, (boxes[:, 3] - boxes[:, 1]) * 0.5 * scale
    x, y = (boxes[:, 2] + boxes[:, 0]) * 0.5, (boxes[:, 3] + boxes[:, 1]) * 0.5
    corners = stack((x - half_w, y - half_h, x + half_w, y + half_h), 1).long().tolist()
    height, width = img_shape
    made = []
    for mask, (x1, y1, x2, y2) in zip(masks, corners):
        size = (max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1))
        grown = interpolate(mask[None], size=size, mode="bilinear", align_corners=False)[0, 0]
        whole = zeros(height, width, dtype=mask.dtype)
        left, right, top, bottom = max(x1, 0), min(x2 + 1, width), max(y1, 0), min(y2 + 1, height)
        whole[top:bottom, left:right] = grown[top - y1 : bottom - y1, left - x1 : right - x1]
        made.append(whole)
    return stack(made)[:, None] if made else empty(0, 1, height, width, dtype=masks.dtype)


class GeneralizedRCNNTransform(nn.Module):
    """Normalises, resizes and batches images with their targets, and brings results back to the images' sizes.

    min_size: what the shorter side becomes (one drawn from several in training, the last in evaluation), unless the longer one would
    exceed max_size. fixed_size: (width, height) in place of both. size_divisible: of the batch's sides.
    """

    def __init__(
        self,
        min_size: Any,
        max_size: int,
        image_mean: list[float],
        image_std: list[float],
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
        **kwargs: Any,
    ):
        super().__init__()
        self.min_size = min_size if isinstance(min_size, (list, tuple)) else (min_size,)
        self.max_size, self.image_mean, self.image_std = max_size, image_mean, image_std
        self.size_divisible, self.fixed_size = size_divisible, fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)

    def forward(self, images: list, targets: list[dict] | None = None) -> tuple[ImageList, list[dict] | None]:
        """The batch, and the targets in its coordinates. ValueError for an image that is not (C, H, W)."""
        made, moved = [], None if targets is None else [dict(t) for t in targets]
        for i, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(f"images is expected to be a list of 3d tensors of shape [C, H, W], got {image.shape}")
            image, target = self.resize(self.normalize(image), None if moved is None else moved[i])
            made.append(image)
            if moved is not None:
                moved[i] = target
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in made]
        return ImageList(self.batch_images(made, self.size_divisible), sizes), moved

    def normalize(self, image: Any) -> Any:
        """Less the mean of each channel, over its deviation. TypeError for integers."""
        if not image.is_floating_point():
            raise TypeError(
                f"Expected input images to be of floating type (in range [0, 1]), but found type {image.dtype} instead"
            )
        mean, std = (as_tensor(v, dtype=image.dtype)[:, None, None] for v in (self.image_mean, self.image_std))
        return (image - mean) / std

    def torch_choice(self, k: Any) -> Any:
        """One of several, at random."""
        return k[int(empty(1).uniform_(0.0, float(len(k))).item())]

    def resize(self, image: Any, target: dict | None = None) -> tuple[Any, dict | None]:
        """An image and its target in the detector's size."""
        old = tuple(image.shape[-2:])
        if self.training and self._skip_resize:
            return image, target
        side = self.torch_choice(self.min_size) if self.training else self.min_size[-1]
        options: dict[str, Any] = (
            {"size": [self.fixed_size[1], self.fixed_size[0]]} if self.fixed_size is not None else {}
        )
        if not options:
            factor = min(side / min(old), self.max_size / max(old))
            options = {"scale_factor": factor, "recompute_scale_factor": True}
        image = interpolate(image[None], mode="bilinear", align_corners=False, **options)[0]
        if target is None:
            return image, None
        new = tuple(image.shape[-2:])
        if "masks" in target:
            target["masks"] = interpolate(target["masks"][:, None].float(), **options)[:, 0].byte()
        target["boxes"] = resize_boxes(target["boxes"], old, new)
        if "keypoints" in target:
            target["keypoints"] = resize_keypoints(target["keypoints"], old, new)
        return image, target

    def batch_images(self, images: list, size_divisible: int = 32) -> Any:
        """The images in the upper left corners of one tensor of zeros."""
        channels, height, width = (max(sizes) for sizes in zip(*(image.shape for image in images)))
        up = lambda n: math.ceil(n / size_divisible) * size_divisible
        batch = images[0].new_full((len(images), channels, up(height), up(width)), 0)
        for row, image in zip(batch, images):
            row[: image.shape[0], : image.shape[1], : image.shape[2]].copy_(image)
        return batch

    def postprocess(self, result: list[dict], image_shapes: list, original_image_sizes: list) -> list[dict]:
        """Results in the coordinates of the images as they came."""
        if self.training:
            return result
        for found, size, original in zip(result, image_shapes, original_image_sizes):
            found["boxes"] = resize_boxes(found["boxes"], size, original)
            if "masks" in found:
                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], original)
            if "keypoints" in found:
                found["keypoints"] = resize_keypoints(found["keypoints"], size, original)
        return result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(\n    Normalize(mean={self.image_mean}, std={self.image_std})\n"
            f"    Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')\n)"
        )
