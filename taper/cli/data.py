"""The datasets that `taper train` knows, as splits of images that a model can take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.data import DataLoader, Dataset, Subset
from ..vision import datasets, transforms
from ..vision.datasets.folder import pil_loader
from .errors import UserError

NAMES = ("digits", "mnist", "fashion-mnist", "cifar10")
FLIPPED = ("fashion-mnist", "cifar10")
"""Datasets whose images mean the same when mirrored."""

FOLDER_LIMIT = 64
"""Images of a folder are brought to the size of the first, but no side is longer than this."""


@dataclass(frozen=True)
class Facts:
    """What a model needs to know of its images, and what a run keeps to read others like them."""

    dataset: str
    classes: list[str]
    channels: int
    size: tuple[int, int]
    mean: list[float]
    std: list[float]

    def transform(self, augment: bool = False):
        """From an image of any kind to the model's input."""
        steps: list[Any] = []
        if augment:
            steps.append(transforms.RandomCrop(self.size, padding=max(1, min(self.size) // 8)))
            if self.dataset in FLIPPED or self.dataset not in NAMES:
                steps.append(transforms.RandomHorizontalFlip())
        return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(self.mean, self.std)])


def open_dataset(name: str, root: Path, train: bool, download: bool, transform=None) -> Dataset:
    """One split of a dataset by name, or of a folder. UserError for what is not there."""
    try:
        if name == "digits":
            return datasets.Digits(train=train, transform=transform)
        known = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST, "cifar10": datasets.CIFAR10}.get(name)
        if known is not None:
            return known(str(root), train=train, transform=transform, download=download)
        return _folder(Path(name), train, transform)
    except ImportError as error:
        raise UserError(str(error)) from None
    except (RuntimeError, OSError, ValueError) as error:
        raise UserError(
            f"dataset '{name}' cannot be read from {root}: {error} Give --data-root a folder that holds it, or leave out "
            "--no-download."
        ) from None


def _folder(path: Path, train: bool, transform) -> Dataset:
    """A folder of class folders, split by `train` and `test` folders inside it if there are such."""
    if not path.is_dir():
        what = f"'{path}' is neither a dataset ({', '.join(NAMES)}) nor a folder"
        raise UserError(f"{what}. Check the name, or give a folder that holds one folder of images for each class.")
    part = path / ("train" if train else "test")
    if (path / "train").is_dir() and part.is_dir():
        return datasets.ImageFolder(str(part), transform=transform, loader=read_file)
    whole = datasets.ImageFolder(str(path), transform=transform, loader=read_file)
    # Without a split of its own, every fifth image of each class is for testing.
    targets = np.asarray(whole.targets)
    test = np.zeros(len(targets), bool)
    for label in range(len(whole.classes)):
        test[np.flatnonzero(targets == label)[4::5]] = True
    return Subset(whole, np.flatnonzero(~test if train else test).tolist())


def read_file(path: str):
    """An image file as an RGB image. UserError that names a file that cannot be read."""
    try:
        return pil_loader(path)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"image {path} cannot be read ({error}). Remove or replace it.") from None


def labels_of(dataset: Dataset) -> np.ndarray:
    """The class index of every image."""
    if isinstance(dataset, Subset):
        return labels_of(dataset.dataset)[np.asarray(dataset.indices, dtype=np.int64)]
    return np.asarray(dataset.targets)


def describe(name: str, dataset: Dataset) -> Facts:
    """Classes, sizes, mean and deviation of a training split. UserError for images that cannot be read."""
    base = dataset.dataset if isinstance(dataset, Subset) else dataset
    classes = [str(c) for c in base.classes]
    data = getattr(base, "data", None)
    if data is not None:
        pixels = np.asarray(data)
        pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    else:
        pixels = _sample(dataset)
    channels = pixels.shape[-1]
    values = pixels.reshape(-1, channels).astype(np.float64) / 255
    std = np.maximum(values.std(0), 1e-3)
    return Facts(
        name,
        classes,
        channels,
        (pixels.shape[1], pixels.shape[2]),
        values.mean(0).round(6).tolist(),
        std.round(6).tolist(),
    )


def _sample(dataset: Dataset, count: int = 256) -> np.ndarray:
    """Some images of a folder, brought to the size of the first."""
    indices = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int)
    images, size = [], None
    for i in indices:
        image = dataset[int(i)][0].convert("RGB")
        if size is None:
            shrink = min(1.0, FOLDER_LIMIT / max(image.size))
            size = tuple(max(8, round(n * shrink)) for n in image.size)
        images.append(np.asarray(image.resize(size)))
    return np.stack(images)


def folder_transform(facts: Facts, augment: bool):
    """For images of any size: to RGB, to the run's size, then as usual."""
    inner = facts.transform(augment)
    mode = "L" if facts.channels == 1 else "RGB"
    width_first = (facts.size[1], facts.size[0])

    def apply(image):
        return inner(image.convert(mode).resize(width_first))

    return apply


def loader(dataset: Dataset, batch_size: int, shuffle: bool) -> DataLoader:
    """Batches of a dataset."""
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)
