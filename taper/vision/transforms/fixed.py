"""Transforms that do the same to every image.

A transform that has `batch(images)` also takes many images at once, an array (N, H, W) or (N, H, W, C) of bytes or, after
ToTensor, (N, C, H, W) of floats; the numbers are those of the images one by one.
"""

from __future__ import annotations

import numpy as np

from . import functional as F
from .functional import InterpolationMode


class Compose:
    """Transforms one after the other."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for t in self.transforms:
            img = t(img)
        return img

    def batch(self, images: np.ndarray):
        """All images at once, or NotImplemented if a transform cannot."""
        if not all(hasattr(t, "batch") or hasattr(t, "draw") for t in self.transforms):
            return NotImplemented
        # Random numbers are drawn image by image, as they would be one by one.
        random = [t for t in self.transforms if hasattr(t, "draw")]
        if random:
            sizes, size = [], images.shape[1:3]
            for t in self.transforms:
                if hasattr(t, "draw"):
                    sizes.append(size)
                    size = t.size_after(size)
            drawn = [[t.draw(*s) for t, s in zip(random, sizes)] for _ in range(len(images))]
        k = 0
        for t in self.transforms:
            if hasattr(t, "draw"):
                images = t.batch_with(images, [row[k] for row in drawn])
                k += 1
            else:
                images = t.batch(images)
            if images is NotImplemented:
                return NotImplemented
        return images

    def __repr__(self) -> str:
        lines = "".join("\n    " + repr(t).replace("\n", "\n    ") for t in self.transforms)
        return f"{type(self).__name__}({lines}\n)"


class ToTensor:
    """A PIL image or an array (H, W, C) as a float tensor (C, H, W); bytes are divided by 255."""

    def __call__(self, pic):
        return F.to_tensor(pic)

    def batch(self, images: np.ndarray):
        """(N, H, W) or (N, H, W, C) as (N, C, H, W)."""
        if images.dtype != np.uint8:
            return NotImplemented
        planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
        return np.divide(planes, np.float32(255), dtype=np.float32, order="C")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """A PIL image as a tensor (C, H, W) of its own numbers."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def batch(self, images: np.ndarray):
        """(N, H, W) or (N, H, W, C) as (N, C, H, W)."""
        return np.ascontiguousarray(images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype:
    """An image tensor in another dtype, its values scaled to the dtype's range."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __call__(self, image):
        return F.convert_image_dtype(image, self.dtype)


class Normalize:
    """(image - mean) / std for each channel."""

    def __init__(self, mean, std, inplace: bool = False):
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor):
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def batch(self, images: np.ndarray):
        """Float images (N, C, H, W) normalised."""
        return F.normalized(images, self.mean, self.std) if images.dtype.kind == "f" else NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Resize:
    """An image in another size: (height, width), or a number for the shorter side."""

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        if not isinstance(size, (int, tuple, list)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, (tuple, list)) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def __call__(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        mode = getattr(self.interpolation, "value", self.interpolation)
        return f"{type(self).__name__}(size={self.size}, interpolation={mode}, max_size={self.max_size}, antialias={self.antialias})"


class CenterCrop:
    """The middle of an image."""

    def __init__(self, size):
        self.size = F.two(size)

    def __call__(self, img):
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class Pad:
    """An image with a border."""

    def __init__(self, padding, fill=0, padding_mode: str = "constant"):
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class Grayscale:
    """An image in grey, with 1 or 3 channels."""

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def __call__(self, img):
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class FiveCrop:
    """The four corners of an image and its middle, as a tuple. ValueError if the image is smaller than such a part."""

    def __init__(self, size):
        self.size = F.two(size)

    def __call__(self, img):
        return F.five_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class TenCrop:
    """The four corners and the middle of an image and of its mirror image, as a tuple."""

    def __init__(self, size, vertical_flip: bool = False):
        self.size, self.vertical_flip = F.two(size), vertical_flip

    def __call__(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class LinearTransformation:
    """(image - mean) times a square matrix, the image as one row of numbers: whitening. ValueError for other shapes."""

    def __init__(self, transformation_matrix, mean_vector):
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(f"transformation_matrix should be square. Got {rows} x {columns} rectangular matrix.")
        if mean_vector.shape[0] != rows:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of the dimensions of the "
                f"transformation_matrix [{rows} x {columns}]"
            )
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def __call__(self, tensor):
        shape = tensor.shape
        count = shape[-3] * shape[-2] * shape[-1]
        if count != self.transformation_matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{shape[-3]} x {shape[-2]} x {shape[-1]}] != {self.transformation_matrix.shape[0]}"
            )
        return ((tensor.reshape(-1, count) - self.mean_vector) @ self.transformation_matrix).reshape(shape)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )


class Lambda:
    """A function of the user's. TypeError for what cannot be called."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
