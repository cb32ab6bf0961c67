"""Image files as tensors (C, H, W) of bytes, and back."""

from __future__ import annotations

import io
import sys
from enum import Enum
from pathlib import Path

import numpy as np

from ..autograd.tape import Variable, wrap
from .pillow import image_module


class ImageReadMode(Enum):
    """The channels of a decoded image: as in the file, or converted."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_PIL_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def __getattr__(name: str):
    if name == "image":
        # torchvision has a package here, and these functions in its module `image`.
        return sys.modules[__name__]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def read_file(path) -> Variable:
    """A file's bytes, uint8 (N,). RuntimeError for a file that is not there."""
    try:
        return wrap(np.frombuffer(Path(path).read_bytes(), np.uint8).copy())
    except OSError as error:
        raise RuntimeError(f"[Errno {error.errno}] {error.strerror}: '{path}'") from None


def write_file(filename, data) -> None:
    """Write a tensor of bytes, uint8 (N,), to a file."""
    Path(filename).write_bytes(data.numpy().tobytes())


def decode_image(
    input, mode: ImageReadMode = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Variable:
    """The image in a file, or in its bytes (a tensor uint8 (N,)), as uint8 (C, H, W). RuntimeError if it is damaged."""
    if not isinstance(input, Variable):
        return read_image(input, mode, apply_exif_orientation)
    return _decoded(input.numpy().tobytes(), "the data", mode, apply_exif_orientation)


def read_image(path, mode: ImageReadMode = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Variable:
    """An image file as uint8 (C, H, W), 16-bit files as uint16. RuntimeError if it is not there or damaged."""
    return _decoded(read_file(path).numpy().tobytes(), str(path), mode, apply_exif_orientation)


def decode_jpeg(
    input, mode: ImageReadMode = ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation: bool = False
):
    """The JPEG image in a tensor of bytes, or in each of a list of them."""
    if isinstance(input, list):
        return [decode_image(data, mode, apply_exif_orientation) for data in input]
    return decode_image(input, mode, apply_exif_orientation)


def decode_png(input, mode: ImageReadMode = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False):
    """The PNG image in a tensor of bytes."""
    return decode_image(input, mode, apply_exif_orientation)


def _decoded(content: bytes, what: str, mode, turn: bool) -> Variable:
    Image = image_module()
    mode = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
        if turn:
            from PIL import ImageOps

            image = ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RuntimeError(f"{what} is no image that can be read ({error}).") from None
    if mode is not ImageReadMode.UNCHANGED:
        image = image.convert(_PIL_MODES[mode])
    elif image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    array = np.asarray(image)
    array = array.astype(np.uint16) if image.mode.startswith("I;16") else array
    return wrap(np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1)))


def _encoded(input, kind: str, **options) -> bytes:
    if input.dtype.itemsize != 1 or input.ndim != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(
            f"encode_{kind}: Input tensor must be uint8 of shape (1 or 3, H, W), got {input.dtype} {tuple(input.shape)}"
        )
    array = input.numpy()
    out = io.BytesIO()
    image_module().fromarray(np.ascontiguousarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))).save(
        out, format=kind, **options
    )
    return out.getvalue()


def encode_png(input, compression_level: int = 6) -> Variable:
    """An image, uint8 (1 or 3, H, W), as the bytes of a PNG file. RuntimeError for another type or shape."""
    return wrap(np.frombuffer(_encoded(input, "png", compress_level=compression_level), np.uint8).copy())


def encode_jpeg(input, quality: int = 75) -> Variable:
    """An image, uint8 (1 or 3, H, W), as the bytes of a JPEG file. RuntimeError for another type or shape."""
    return wrap(np.frombuffer(_encoded(input, "jpeg", quality=quality), np.uint8).copy())


def write_png(input, filename, compression_level: int = 6) -> None:
    """Write an image, uint8 (1 or 3, H, W), as a PNG file."""
    Path(filename).write_bytes(_encoded(input, "png", compress_level=compression_level))


def write_jpeg(input, filename, quality: int = 75) -> None:
    """Write an image, uint8 (1 or 3, H, W), as a JPEG file."""
    Path(filename).write_bytes(_encoded(input, "jpeg", quality=quality))
