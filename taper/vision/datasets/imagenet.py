"""ImageNet's thousand classes (ILSVRC 2012, Russakovsky et al. 2014), from the archives of its authors or unpacked."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

from ...serialization import load
from .download import checksum
from .folder import ImageFolder

META_FILE = "meta.bin"
_ARCHIVES = {
    "train": ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
    "val": ("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
}


def load_meta_file(root, file: str | None = None) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The names of each class by its WordNet number, and the class of each validation image. RuntimeError without the file."""
    path = Path(root) / (file or META_FILE)
    if not path.is_file():
        raise RuntimeError(
            f"The meta file {path.name} is not present in the root directory or is corrupted. It holds the classes' names "
            "and the validation images' classes, as torchvision writes it from the development kit of ILSVRC 2012."
        )
    return load(path)


def _archive(root, split: str, file: str | None) -> Path:
    name, md5 = _ARCHIVES[split]
    path = Path(root) / (file or name)
    if not path.is_file() or file is None and checksum(path) != md5:
        raise RuntimeError(
            f"The archive {path.name} is not present in the root directory or is corrupted. "
            f"You need to download it externally and place it in {root}."
        )
    return path


def parse_train_archive(root, file: str | None = None, folder: str = "train") -> None:
    """Unpack the training images: an archive of one archive a class. RuntimeError if it is not there, or damaged."""
    target = Path(root) / folder
    with tarfile.open(_archive(root, "train", file)) as packed:
        for member in packed:
            inner = packed.extractfile(member)
            if inner is None:
                continue
            place = target / Path(member.name).stem
            place.mkdir(parents=True, exist_ok=True)
            with tarfile.open(fileobj=inner) as images:
                images.extractall(place, filter="data")


def parse_val_archive(root, file: str | None = None, wnids: list[str] | None = None, folder: str = "val") -> None:
    """Unpack the validation images into a folder for each class. RuntimeError if they are not there, or damaged."""
    wnids = load_meta_file(root)[1] if wnids is None else wnids
    target = Path(root) / folder
    with tarfile.open(_archive(root, "val", file)) as packed:
        packed.extractall(target, filter="data")
    for name, wnid in zip(sorted(os.listdir(target)), wnids):
        (target / wnid).mkdir(exist_ok=True)
        os.replace(target / name, target / wnid / name)


class ImageNet(ImageFolder):
    """The training or validation images under `root/train` or `root/val`, unpacked there from the archives if need be.

    `classes` are the names of each class, `wnids` its WordNet number, `class_to_idx` its number by each of its names. ValueError for
    another split; RuntimeError where archives or `meta.bin` are not there.
    """

    def __init__(self, root, split: str = "train", **options: Any):
        root = self.root = os.path.expanduser(str(root))
        if split not in _ARCHIVES:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {tuple(_ARCHIVES)}.")
        self.split = split
        names = load_meta_file(root)[0]
        if not os.path.isdir(self.split_folder):
            (parse_train_archive if split == "train" else parse_val_archive)(root)
        super().__init__(self.split_folder, **options)
        self.root = root
        self.wnids, self.wnid_to_idx = self.classes, self.class_to_idx
        self.classes = [names[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: i for i, of_class in enumerate(self.classes) for name in of_class}

    @property
    def split_folder(self) -> str:
        """Where the images of the split lie."""
        return os.path.join(self.root, self.split)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
