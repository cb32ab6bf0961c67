"""The datasets that `taper train` knows, as splits of images that a model can take."""

from __future__ import annotations

import copy
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.data import DataLoader, Dataset
from ..vision import datasets, transforms
from ..vision.datasets.base import ArrayDataset
from .errors import UserError
from .folder import Pictures

NAMES = ("digits", "mnist", "fashion-mnist", "cifar10")
FLIPPED = ("fashion-mnist", "cifar10")
"""Datasets whose images mean the same when mirrored."""


@dataclass(frozen=True)
class Facts:
    """What a model needs to know of its images, and what a run keeps to read others like them."""

    dataset: str
    classes: list[str]
    channels: int
    size: tuple[int, int]
    mean: list[float]
    std: list[float]

    def check(self, dataset: ArrayDataset) -> None:
        """UserError for a dataset with other classes or images than those the model learned from."""
        found = described(self.dataset, dataset)
        for what in ("classes", "channels", "size"):
            if getattr(found, what) != getattr(self, what):
                raise UserError(
                    f"dataset '{self.dataset}' has changed since training: {what} {getattr(found, what)} instead of "
                    f"{getattr(self, what)}. Restore it, or train again."
                )

    def transform(self, augment: bool = False):
        """From an image of the model's size and mode to its input."""
        steps: list[Any] = []
        if augment:
            steps.append(transforms.RandomCrop(self.size, padding=max(1, min(self.size) // 8)))
            if self.dataset in FLIPPED or self.dataset not in NAMES:
                steps.append(transforms.RandomHorizontalFlip())
        return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(self.mean, self.std)])


def open_dataset(
    name: str, root: Path, train: bool, download: bool, size: tuple[int, int] | None = None
) -> ArrayDataset:
    """One split of a dataset by name, or of a folder, whose images get the size. UserError for what is not there."""
    if name not in NAMES:
        path = Path(name)
        if not path.is_dir():
            what = f"'{name}' is neither a dataset ({', '.join(NAMES)}) nor a folder"
            raise UserError(f"{what}. Check the name, or give a folder that holds one folder of images for each class.")
        try:
            found = Pictures(path, train, size)
        except OSError as error:
            raise UserError(f"the folder {path} cannot be read ({error}). Check its permissions.") from None
    else:
        found = _known(name, root, train, download)
    labels = found.labels()
    if not len(labels):
        raise UserError(f"dataset '{name}' has no images {'to train on' if train else 'to test with'}. Replace it.")
    if labels.min() < 0 or labels.max() >= len(found.classes):
        raise UserError(
            f"dataset '{name}' has labels beyond its {len(found.classes)} classes: it is damaged. Replace it."
        )
    return found


def _known(name: str, root: Path, train: bool, download: bool) -> ArrayDataset:
    if name == "digits":
        try:
            return datasets.Digits(train=train)
        except ImportError as error:
            raise UserError(f"{error}.") from None
    kind = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST, "cifar10": datasets.CIFAR10}[name]
    fix = "Check --data-root." if download else "Give --data-root the folder that holds it, or leave out --no-download."
    try:
        return kind(str(root), train=train, download=download)
    except (RuntimeError, OSError, ValueError, EOFError, tarfile.TarError) as error:
        # How programs ask for a download is no help on the command line.
        reason = str(error).removesuffix(" You can use download=True to download it").rstrip(".")
        raise UserError(f"dataset '{name}' cannot be read from {root}: {reason}. {fix}") from None


def described(name: str, dataset: ArrayDataset) -> Facts:
    """Classes, sizes, mean and deviation of a training split."""
    pixels = dataset.pixels()
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    levels = np.arange(256) / 255
    mean, std = [], []
    for channel in range(pixels.shape[-1]):
        share = np.bincount(pixels[..., channel].reshape(-1), minlength=256) / pixels[..., channel].size
        mean.append(float(share @ levels))
        std.append(max(float(np.sqrt(share @ (levels - mean[-1]) ** 2)), 1e-3))
    return Facts(
        name,
        [str(c) for c in dataset.classes],
        pixels.shape[-1],
        (pixels.shape[1], pixels.shape[2]),
        [round(m, 6) for m in mean],
        [round(s, 6) for s in std],
    )


def transformed(dataset: ArrayDataset, transform) -> ArrayDataset:
    """The same images, with a transform."""
    made = copy.copy(dataset)
    made.transform = transform
    return made


def loader(dataset: Dataset, batch_size: int) -> DataLoader:
    """Batches of a dataset, in its order."""
    return DataLoader(dataset, batch_size=batch_size)
