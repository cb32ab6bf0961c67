"""Folders of images as datasets: any file that Pillow reads, of any size and mode, brought to one size and to RGB."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ..vision.datasets.base import ArrayDataset
from ..vision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset
from ..vision.pillow import image_module
from .errors import UserError

SMALLEST, LARGEST = 8, 64
"""Bounds on the sides that images are brought to."""

UNREADABLE = (OSError, ValueError, SyntaxError, ArithmeticError, LookupError, TypeError, EOFError, MemoryError)
UNREADABLE += (struct.error, zlib.error)
"""What Pillow raises for damaged files."""

Samples = list[tuple[str, int]]


class Pictures(ArrayDataset):
    """The images of a folder's split, read once: uint8 (N, H, W, 3) in `data`, class numbers in `targets`.

    size: (height, width); None takes the middle one of the images' sizes. UserError that names what cannot be read.
    """

    def __init__(self, path: Path, train: bool, size: tuple[int, int] | None = None):
        super().__init__(str(path))
        samples, self.classes = split(path, train)
        self.targets = np.array([label for _, label in samples], dtype=np.int64)
        files = [file for file, _ in samples]
        size = size or middle_size(files)
        self.data = np.empty((len(files), *size, 3), np.uint8)
        console = Console()
        quiet = not console.is_terminal
        for i, file in enumerate(track(files, "reading images", console=console, transient=True, disable=quiet)):
            self.data[i] = np.asarray(read_image(file, "RGB", size))

    def pixels(self) -> np.ndarray:
        return self.data


def split(path: Path, train: bool) -> tuple[Samples, list[str]]:
    """The (file, class number) of one split, and the classes.

    `train` and `test` (or `val`) folders inside are the splits; without them every fifth image of each class is for
    testing. UserError for a folder without classes, with one class, or with too few images.
    """
    own = path / "train"
    if any(entry.is_dir() for entry in (own.iterdir() if own.is_dir() else ())):
        other = next((p for p in (path / "test", path / "val") if p.is_dir()), None)
        classes = class_names(own)
        if other is not None:
            if train:
                return samples_of(own, classes), classes
            extra = sorted(set(class_names(other)) - set(classes))
            if extra:
                raise UserError(
                    f"{other} has the class '{extra[0]}', which {own} lacks. Give both the same class folders."
                )
            return samples_of(other, classes, allow_empty=True), classes
        path = own
    classes = class_names(path)
    samples = samples_of(path, classes)
    targets = np.array([label for _, label in samples])
    test = np.zeros(len(targets), bool)
    for label in range(len(classes)):
        where = np.flatnonzero(targets == label)
        test[where[4::5] if len(where) >= 5 else where[1:][-1:]] = True
    chosen = np.flatnonzero(test != train)
    if not chosen.size:
        raise UserError(
            f"'{path}' has one image a class: none is left for testing. Add images, two or more for each class."
        )
    return [samples[i] for i in chosen], classes


def class_names(path: Path) -> list[str]:
    """The folders inside, but for hidden ones. UserError for fewer than two."""
    try:
        names = [name for name in find_classes(path)[0] if not name.startswith((".", "__MACOSX"))]
    except FileNotFoundError:
        names = []
    if len(names) < 2:
        what = f"one class folder, '{names[0]}'" if names else "no class folders"
        raise UserError(
            f"'{path}' has {what}. Give a folder that holds two or more folders of images, one for each class."
        )
    return names


def samples_of(path: Path, classes: list[str], allow_empty: bool = False) -> Samples:
    """The (file, class number) of all images. UserError for a class without any."""
    numbers = {name: i for i, name in enumerate(classes)}
    valid = lambda file: file.lower().endswith(IMG_EXTENSIONS) and not os.path.basename(file).startswith(".")
    found = make_dataset(path, numbers, is_valid_file=valid, allow_empty=True)
    empty = set(range(len(classes))) - {label for _, label in found}
    if not found or (empty and not allow_empty):
        name = classes[min(empty)]
        raise UserError(
            f"'{path / name}' holds no images ({', '.join(IMG_EXTENSIONS)}). Add some, or remove the folder."
        )
    return found


def middle_size(files: list[str]) -> tuple[int, int]:
    """The median height and width of the images, brought into bounds with their proportions as far as they allow."""
    sizes = []
    for file in files:
        with opened(file) as image:
            sizes.append((image.height, image.width))
    middle = np.median(sizes, axis=0)
    shrink = min(1.0, LARGEST / middle.max())
    height, width = (max(SMALLEST, round(float(side) * shrink)) for side in middle)
    return height, width


class opened:
    """A context of an image file. UserError, that names the file, for what goes wrong inside."""

    def __init__(self, path: str | Path):
        self.path = path

    def __enter__(self):
        self.module = needed()
        self.quiet = warnings.catch_warnings()
        self.quiet.__enter__()
        # Pillow warns of odd but readable files.
        warnings.simplefilter("ignore")
        try:
            self.image = self.module.open(self.path)
        except BaseException as error:
            self.quiet.__exit__(None, None, None)
            self.explain(error)
            raise
        return self.image

    def __exit__(self, kind, error, trace) -> None:
        self.image.close()
        self.quiet.__exit__(kind, error, trace)
        if error is not None:
            self.explain(error)

    def explain(self, error: BaseException) -> None:
        """UserError for a damaged file."""
        if isinstance(error, FileNotFoundError):
            raise UserError(f"image {self.path} does not exist. Check the path.") from None
        if isinstance(error, (*UNREADABLE, self.module.DecompressionBombError)):
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UserError(
                f"image {self.path} cannot be read ({reason}). Remove it, or replace it by a whole image."
            ) from None


def needed():
    """PIL.Image. UserError without Pillow."""
    try:
        return image_module()
    except ImportError as error:
        raise UserError(f"{error}.") from None


def read_image(path: str | Path, mode: str, size: tuple[int, int]):
    """An image file of any kind as "L" or "RGB" and of a size (height, width). UserError for what cannot be read."""
    with opened(path) as image:
        return eight_bits(image).convert(mode).resize((size[1], size[0]))


def eight_bits(image):
    """As displayed: upright, of 8 bits, without palette, transparent parts white."""
    from PIL import Image, ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):
        # 16 bits, which Pillow would cut off at 255; some versions give them as 32.
        return Image.fromarray((np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("it holds floating-point numbers, whose range is unknown; save it with 8 or 16 bits")
    if image.mode in ("LA", "PA", "La", "RGBa", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
