"""Pillow, the extra `vision`, imported where an image is needed."""

from __future__ import annotations


def image_module():
    """PIL.Image. ImportError with what to install where Pillow is missing."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("images need Pillow: pip install 'taper[vision]'") from None
    return Image


def enhance_module():
    """PIL.ImageEnhance."""
    image_module()
    from PIL import ImageEnhance

    return ImageEnhance


def ops_module():
    """PIL.ImageOps."""
    image_module()
    from PIL import ImageOps

    return ImageOps


def pen(picture, mode: str | None, font: str | None, size: int | None):
    """A pen for a PIL image, and the letters it writes."""
    image_module()
    from PIL import ImageDraw, ImageFont

    letters = ImageFont.load_default() if font is None else ImageFont.truetype(font, size or 10)
    return ImageDraw.Draw(picture, mode), letters


def is_pil(image) -> bool:
    """Whether this is a PIL image; without importing Pillow."""
    return hasattr(image, "getbands") and hasattr(image, "size")


def get_image_backend() -> str:
    """What reads image files: "PIL"."""
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Choose what reads image files: "PIL" alone. ValueError for a name that torchvision does not know either."""
    if backend == "accimage":
        raise NotImplementedError("set_image_backend: Taper reads image files by Pillow; leave the call out")
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage'")
