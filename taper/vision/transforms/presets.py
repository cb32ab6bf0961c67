"""The transforms that published weights were evaluated with."""

from __future__ import annotations

from ... import nn
from ...autograd.tape import Variable
from ...dtypes import float32
from . import functional as F
from .functional import InterpolationMode


class ImageClassification(nn.Module):
    """A PIL image or an image tensor (..., C, H, W): resized, its middle cut out, as floats, normalised."""

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        super().__init__()
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img) -> Variable:
        """Floats (..., C, crop_size, crop_size)."""
        img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Variable):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, float32), mean=self.mean, std=self.std)

    def __repr__(self) -> str:
        words = ("crop_size", "resize_size", "mean", "std", "interpolation")
        return "\n".join([f"{type(self).__name__}(", *(f"    {w}={getattr(self, w)}" for w in words), ")"])


class VideoClassification(nn.Module):
    """A clip (..., T, C, H, W) as floats (..., C, T, *crop_size): resized without antialiasing, its middle cut out, normalised."""

    def __init__(
        self,
        *,
        crop_size: tuple[int, int],
        resize_size: tuple[int] | tuple[int, int],
        mean: tuple[float, ...] = (0.43216, 0.394666, 0.37645),
        std: tuple[float, ...] = (0.22803, 0.22145, 0.216989),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    ):
        super().__init__()
        self.crop_size, self.resize_size = list(crop_size), list(resize_size)
        self.mean, self.std, self.interpolation = list(mean), list(std), interpolation

    def forward(self, vid: Variable) -> Variable:
        """The clip, or the batch of clips."""
        shape = vid.shape
        frames = vid.reshape(-1, *shape[-3:])
        frames = F.resize(frames, self.resize_size, interpolation=self.interpolation, antialias=False)
        frames = F.convert_image_dtype(F.center_crop(frames, self.crop_size), float32)
        frames = F.normalize(frames, mean=self.mean, std=self.std)
        return frames.view(*shape[:-2], *self.crop_size).transpose(-3, -4)

    def __repr__(self) -> str:
        words = ("crop_size", "resize_size", "mean", "std", "interpolation")
        return "\n".join([f"{type(self).__name__}(", *(f"    {w}={getattr(self, w)}" for w in words), ")"])


class ObjectDetection(nn.Module):
    """A PIL image or an image tensor (..., C, H, W) as floats."""

    def forward(self, img) -> Variable:
        """Floats (..., C, H, W)."""
        return F.convert_image_dtype(img if isinstance(img, Variable) else F.pil_to_tensor(img), float32)


class SemanticSegmentation(nn.Module):
    """A PIL image or an image tensor (..., C, H, W): resized unless resize_size is None, as floats, normalised."""

    def __init__(
        self,
        *,
        resize_size: int | None,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        super().__init__()
        self.resize_size = [resize_size] if resize_size is not None else None
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img) -> Variable:
        """Floats (..., C, H, W), the shorter side resize_size long."""
        if self.resize_size is not None:
            img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        if not isinstance(img, Variable):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, float32), mean=self.mean, std=self.std)

    def __repr__(self) -> str:
        words = ("resize_size", "mean", "std", "interpolation")
        return "\n".join([f"{type(self).__name__}(", *(f"    {w}={getattr(self, w)}" for w in words), ")"])
