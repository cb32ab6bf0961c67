"""Datasets whose images lie in one file of bytes: SVHN and STL-10."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..pillow import image_module
from .base import VisionDataset
from .matlab import read_mat
from .utils import check_integrity, download_and_extract_archive, download_url, verify_str_arg

_MISSING = "Dataset not found or corrupted. You can use download=True to download it"


class _Planes(VisionDataset):
    """Images uint8 (N, 3, H, W) in `data` with `labels`."""

    data: np.ndarray
    labels: np.ndarray
    split: str

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int):
        image = image_module().fromarray(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self.finished(image, int(self.labels[index]))

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


class SVHN(_Planes):
    """House numbers from street view, 32 x 32, under root; uint8 (N, 3, 32, 32) in `data`, digits in `labels`.

    split: train (73,257), test (26,032) or extra (531,131). RuntimeError if the file is not there, or another.
    """

    split_list = {
        name: [f"http://ufldl.stanford.edu/housenumbers/{name}_32x32.mat", f"{name}_32x32.mat", md5]
        for name, md5 in (
            ("train", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            ("test", "eb5a983be6a315427106f1b164d9cef3"),
            ("extra", "a93ce644f1a588dc4d68dda5feec44a7"),
        )
    }

    def __init__(self, root, split: str = "train", transform=None, target_transform=None, download: bool = False):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        path = Path(self.root) / self.filename
        if download:
            download_url(self.url, self.root, self.filename, self.file_md5)
        if not check_integrity(path, self.file_md5):
            raise RuntimeError(_MISSING)
        found = read_mat(path)
        # The file says 10 for the digit 0.
        self.labels = found["y"].astype(np.int64).reshape(-1) % 10
        self.data = found["X"].transpose(3, 2, 0, 1)


class STL10(_Planes):
    """Photographs of 10 classes, 96 x 96, under `root/stl10_binary`; uint8 (N, 3, 96, 96) in `data`, -1 in `labels` for no label.

    split: train (5,000), test (8,000), unlabeled (100,000) or train+unlabeled. folds: one of the ten parts of the training images,
    by number. RuntimeError if the files are not there, or others; ValueError for other splits and folds.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list = [["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"], ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"]]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root,
        split: str = "train",
        folds: int | None = None,
        transform=None,
        target_transform=None,
        download=False,
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        if folds is not None and not isinstance(folds, int):
            raise ValueError(f"Expected type None or int for argument folds, but got type {type(folds)}.")
        if folds is not None and folds not in range(10):
            raise ValueError(f"Value for argument folds should be in the range [0, 10), but got {folds}.")
        self.folds = folds
        self._place = Path(self.root) / self.base_folder
        if download and not self._check_integrity():
            download_and_extract_archive(self.url, self.root, md5=self.tgz_md5)
        if not self._check_integrity():
            raise RuntimeError(_MISSING)
        parts = []
        if "train" in split:
            parts.append(self._fold(*self._labelled("train")))
        if "unlabeled" in split:
            images = self._images("unlabeled_X.bin")
            parts.append((images, np.full(len(images), -1)))
        if split == "test":
            parts.append(self._labelled("test"))
        self.data = np.concatenate([images for images, _ in parts]) if len(parts) > 1 else parts[0][0]
        self.labels = np.concatenate([labels for _, labels in parts])
        names = self._place / self.class_names_file
        if names.is_file():
            self.classes = names.read_text("utf-8").splitlines()

    def _images(self, name: str) -> np.ndarray:
        # The file has the columns of each image one after the other.
        return np.fromfile(self._place / name, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)

    def _labelled(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        labels = np.fromfile(self._place / f"{part}_y.bin", np.uint8).astype(np.int64) - 1
        return self._images(f"{part}_X.bin"), labels

    def _fold(self, images, labels):
        if self.folds is None:
            return images, labels
        lines = (self._place / self.folds_list_file).read_text("utf-8").splitlines()
        chosen = np.array(lines[self.folds].split(), np.int64)
        return images[chosen], labels[chosen]

    def _check_integrity(self) -> bool:
        return all(check_integrity(self._place / name, md5) for name, md5 in self.train_list + self.test_list)
