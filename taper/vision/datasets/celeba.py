"""CelebA (Liu et al. 2015): 202,599 photographs of faces with 40 attributes, who they are, boxes and landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...autograd.tape import wrap
from .base import VisionDataset
from .folder import read_image

_SPLITS = {"train": 0, "valid": 1, "test": 2, "all": None}
_FILES = {
    "attr": "list_attr_celeba.txt",
    "identity": "identity_CelebA.txt",
    "bbox": "list_bbox_celeba.txt",
    "landmarks": "list_landmarks_align_celeba.txt",
}


def _table(path: Path, header: bool) -> tuple[list[str], list[str], np.ndarray]:
    """The columns' names, the images' names, and the numbers; a header has the count of rows above it."""
    lines = path.read_text("utf-8").splitlines()
    columns = lines[1].split() if header else []
    rows = [line.split() for line in lines[2 if header else 0 :] if line.strip()]
    return columns, [row[0] for row in rows], np.array([row[1:] for row in rows], np.int64)


class CelebA(VisionDataset):
    """Faces under `root/celeba`, aligned, 178 x 218: the images of a split, with what target_type says.

    split: train, valid, test or all. target_type: attr (40 attributes, 0 or 1), identity, bbox (x, y, width, height), landmarks (five
    points), or a list of them; an empty list for none. RuntimeError where the files are not there, ValueError for unknown words.
    """

    base_folder = "celeba"

    def __init__(
        self, root, split: str = "train", target_type="attr", transform=None, target_transform=None, download=False
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.split = split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        if not self.target_type and self.target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        place = Path(self.root) / self.base_folder
        names = ["list_eval_partition.txt", *_FILES.values()]
        if not (place / "img_align_celeba").is_dir() or not all((place / name).exists() for name in names):
            if download:
                raise RuntimeError(
                    "CelebA lies on a drive that hands files to browsers only. Fetch img_align_celeba.zip and the "
                    f"text files from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, and unpack them in {place}."
                )
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        key = split.lower() if isinstance(split, str) else split
        if key not in _SPLITS:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {tuple(_SPLITS)}.")
        _, files, parts = _table(place / "list_eval_partition.txt", False)
        chosen = slice(None) if _SPLITS[key] is None else parts[:, 0] == _SPLITS[key]
        self.filename = list(np.array(files, object)[chosen])
        self.attr_names, _, attributes = _table(place / _FILES["attr"], True)
        self.attr = wrap((attributes[chosen] + 1) // 2)
        self.identity = wrap(_table(place / _FILES["identity"], False)[2][chosen])
        self.bbox = wrap(_table(place / _FILES["bbox"], True)[2][chosen])
        self.landmarks_align = wrap(_table(place / _FILES["landmarks"], True)[2][chosen])

    def _one(self, kind: str, index: int) -> Any:
        if kind == "attr":
            return self.attr[index, :]
        if kind == "identity":
            return self.identity[index, 0]
        if kind == "bbox":
            return self.bbox[index, :]
        if kind == "landmarks":
            return self.landmarks_align[index, :]
        raise ValueError(f'Target type "{kind}" is not recognized.')

    def __getitem__(self, index: int):
        path = Path(self.root) / self.base_folder / "img_align_celeba" / self.filename[index]
        target: Any = tuple(self._one(kind, index) for kind in self.target_type)
        target = (target if len(target) > 1 else target[0]) if target else None
        image = read_image(path)
        if self.transform is not None:
            image = self.transform(image)
        return image, self.target_transform(
            target
        ) if self.target_transform is not None and target is not None else target

    def __len__(self) -> int:
        return len(self.attr)

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}\nSplit: {self.split}"
