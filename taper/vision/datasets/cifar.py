"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in the pickled batches of their author, read without executing anything."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from .base import ArrayDataset
from .download import checksum, download


class _Arrays(pickle.Unpickler):
    """Reads dictionaries of lists, bytes and NumPy arrays, and refuses everything else."""

    _ALLOWED = {
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        # NumPy 2 has renamed the module that older files name.
        module = module.replace("numpy.core.", "numpy._core.")
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a CIFAR batch")
        return super().find_class(module, name)


def read_batch(path: Path) -> dict:
    """One batch file. RuntimeError that names it if it is damaged."""
    try:
        return _Arrays(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        TypeError,
        UnicodeDecodeError,
    ) as error:
        raise RuntimeError(f"{path} is damaged ({error}). Delete it and download the dataset again.") from None


class CIFAR10(ArrayDataset):
    """60,000 colour images of 32 x 32 in 10 classes, under `root/cifar-10-batches-py`; uint8 (N, 32, 32, 3) in `data`.

    train: the 50,000 training images or the 10,000 for testing. download: fetch what is missing. RuntimeError where the
    files are not there, or damaged.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(self, root, train: bool = True, transform=None, target_transform=None, download: bool = False):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        batches = [read_batch(self._path(name)) for name, _ in (self.train_list if train else self.test_list)]
        planes = np.concatenate([b["data"] for b in batches]).reshape(-1, 3, 32, 32)
        self.data = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        self.targets = [int(t) for b in batches for t in b.get("labels", b.get("fine_labels", []))]
        self.classes = list(read_batch(self._path(self.meta["filename"]))[self.meta["key"]])
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _path(self, name: str) -> Path:
        return Path(self.root) / self.base_folder / name

    def _check_integrity(self) -> bool:
        names = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return all(self._path(name).exists() and checksum(self._path(name)) == md5 for name, md5 in names)

    def download(self) -> None:
        """Fetch and unpack the archive, unless its files are there."""
        if self._check_integrity():
            return
        archive = Path(self.root) / self.filename
        download([self.url], archive, self.tgz_md5)
        with tempfile.TemporaryDirectory(dir=self.root) as scratch:
            with tarfile.open(archive) as tar:
                for member in tar:
                    if member.isfile():
                        target = Path(scratch) / Path(member.name).name
                        source = tar.extractfile(member)
                        if source is not None:
                            target.write_bytes(source.read())
            folder = Path(self.root) / self.base_folder
            folder.mkdir(exist_ok=True)
            for file in Path(scratch).iterdir():
                os.replace(file, folder / file.name)

    def pixels(self) -> np.ndarray:
        return self.data

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """60,000 colour images of 32 x 32 in 100 classes, under `root/cifar-100-python`."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
