"""MNIST (LeCun et al. 1998), Fashion-MNIST (Xiao et al. 2017), Kuzushiji-MNIST (Clanuwat et al. 2018) and EMNIST (Cohen et
al. 2017), in the IDX files of their authors."""

from __future__ import annotations

import gzip
import lzma
import os
import string
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ...autograd.tape import wrap
from ..pillow import image_module
from .base import ArrayDataset
from .download import download
from .utils import verify_str_arg

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """An IDX file, plain or gzipped. RuntimeError that names the file if it is damaged."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        zero, code, ndim = struct.unpack_from(">HBB", content)
        if zero or code not in _TYPES:
            raise ValueError("the magic number is wrong")
        shape = struct.unpack_from(f">{ndim}I", content, 4)
        dtype = np.dtype(_TYPES[code])
        count = int(np.prod(shape, dtype=np.int64))
        if len(content) - 4 - 4 * ndim != count * dtype.itemsize:
            raise ValueError(
                f"it holds {len(content) - 4 - 4 * ndim} bytes of data, its header says {count * dtype.itemsize}"
            )
        array = np.frombuffer(content, dtype, count, 4 + 4 * ndim).reshape(shape)
        return array.astype(dtype.newbyteorder("="))
    except (struct.error, ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RuntimeError(f"{path} is damaged ({error}). Delete it and download it again.") from None


class MNIST(ArrayDataset):
    """70,000 handwritten digits, 28 x 28: `root/MNIST/raw` holds the files; images are uint8 in `data`, labels in `targets`.

    train: the 60,000 training images or the 10,000 for testing. download: fetch what is missing. RuntimeError where the
    files are not there, or damaged.
    """

    mirrors = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
    resources = (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(self, root, train: bool = True, transform=None, target_transform=None, download: bool = False):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.data, self.targets = self._load_data()

    @property
    def train_data(self):
        """The images, under a name from older programs."""
        warnings.warn("train_data has been renamed data", stacklevel=2)
        return self.data

    @property
    def train_labels(self):
        """The labels, under a name from older programs."""
        warnings.warn("train_labels has been renamed targets", stacklevel=2)
        return self.targets

    @property
    def test_data(self):
        """The images, under a name from older programs."""
        warnings.warn("test_data has been renamed data", stacklevel=2)
        return self.data

    @property
    def test_labels(self):
        """The labels, under a name from older programs."""
        warnings.warn("test_labels has been renamed targets", stacklevel=2)
        return self.targets

    @property
    def raw_folder(self) -> str:
        """Where the files are."""
        return str(Path(self.root) / type(self).__name__ / "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def _file(self, name: str) -> Path | None:
        """A file, unpacked or packed; None if it is not there."""
        plain = Path(self.raw_folder) / name.removesuffix(".gz")
        packed = Path(self.raw_folder) / name
        return plain if plain.exists() else packed if packed.exists() else None

    def _check_exists(self) -> bool:
        return all(self._file(name) is not None for name, _ in self.resources)

    def download(self) -> None:
        """Fetch the files that are missing, with their checksums."""
        for name, md5 in self.resources:
            if self._file(name) is None:
                download([mirror + name for mirror in self.mirrors], Path(self.raw_folder) / name, md5)

    def _split(self) -> str:
        """How the names of the split's files begin."""
        return "train" if self.train else "t10k"

    def _load_data(self):
        images, labels = (
            read_idx(self._file(f"{self._split()}-{what}.gz")) for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise RuntimeError(
                f"{self.raw_folder}: {images.shape} images and {labels.shape} labels do not fit. Download them again."
            )
        return wrap(np.ascontiguousarray(images, np.uint8)), wrap(labels.astype(np.int64))

    def pixels(self) -> np.ndarray:
        return self.data._array if hasattr(self.data, "_array") else np.asarray(self.data)

    def labels(self) -> np.ndarray:
        return self.targets._array if hasattr(self.targets, "_array") else np.asarray(self.targets)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 pictures of clothes, 28 x 28, laid out as MNIST under `root/FashionMNIST/raw`."""

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """70,000 handwritten Japanese characters, 28 x 28, laid out as MNIST under `root/KMNIST/raw`."""

    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    )
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_MERGED = sorted({*string.digits, *string.ascii_letters} - {*"cijklmopsuvwxyz"})


class EMNIST(MNIST):
    """Handwritten letters and digits, 28 x 28, turned on their side as in their authors' files, under `root/EMNIST/raw`.

    split: byclass, bymerge, balanced, letters, digits or mnist. ValueError for another.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    classes_split_dict = {
        "byclass": sorted(string.digits + string.ascii_letters),
        "bymerge": _MERGED,
        "balanced": _MERGED,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }
    splits = tuple(classes_split_dict)

    def __init__(self, root, split: str, **options):
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {self.splits}.")
        self.split = split
        self.classes = self.classes_split_dict[split]
        super().__init__(root, **options)

    def _split(self) -> str:
        return f"emnist-{self.split}-{'train' if self.train else 'test'}"

    def _check_exists(self) -> bool:
        names = (f"{self._split()}-{what}.gz" for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        return all(self._file(name) is not None for name in names)

    def download(self) -> None:
        """Fetch and unpack the archive of all splits, unless this one's files are there."""
        if self._check_exists():
            return
        raw = Path(self.raw_folder)
        archive = raw / "gzip.zip"
        download([self.url], archive, self.md5)
        with zipfile.ZipFile(archive) as packed:
            for member in packed.namelist():
                if member.endswith(".gz"):
                    part = raw / (Path(member).name + ".part")
                    part.write_bytes(packed.read(member))
                    os.replace(part, raw / Path(member).name)


class QMNIST(MNIST):
    """MNIST's digits with their writers (Yadav and Bottou 2019), and the 50,000 test images that MNIST left out.

    what: train, test, test10k (MNIST's), test50k (the others) or nist (all digits); by default what `train` says. compat: targets are
    digits, else tensors int64 (8,) with everything that is known of an image. Under `root/QMNIST/raw`.
    """

    _PREFIX = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
    subsets = {"train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist"}
    parts = {
        "train": (
            ("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ),
        "test": (
            ("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ),
        "nist": (
            ("xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            ("xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ),
    }

    def __init__(self, root, what: str | None = None, compat: bool = True, train: bool = True, **options):
        self.what = verify_str_arg(what or ("train" if train else "test"), "what", tuple(self.subsets))
        self.compat = compat
        self.resources = self.parts[self.subsets[self.what]]
        super().__init__(root, train, **options)

    def _file(self, name: str) -> Path | None:
        plain = (Path(self.raw_folder) / name).with_suffix("")
        return plain if plain.exists() else None

    def download(self) -> None:
        """Fetch and unpack the files that are missing, with their checksums."""
        for name, md5 in self.resources:
            if self._file(name) is None:
                packed = Path(self.raw_folder) / name
                download([self._PREFIX + name], packed, md5)
                content = packed.read_bytes()
                plain = gzip.decompress(content) if name.endswith(".gz") else lzma.decompress(content)
                packed.with_suffix(".part").write_bytes(plain)
                os.replace(packed.with_suffix(".part"), packed.with_suffix(""))

    def _load_data(self):
        images, targets = (read_idx(self._file(name)) for name, _ in self.resources)
        if images.ndim != 3 or images.dtype != np.uint8 or targets.ndim != 2 or len(images) != len(targets):
            raise RuntimeError(
                f"{self.raw_folder}: {images.shape} images and {targets.shape} targets do not fit. Download them again."
            )
        chosen = {"test10k": slice(10000), "test50k": slice(10000, None)}.get(self.what, slice(None))
        return wrap(images[chosen].copy()), wrap(targets[chosen].astype(np.int64))

    def __getitem__(self, index: int):
        target = int(self.targets[index, 0]) if self.compat else self.targets[index]
        return self.finished(image_module().fromarray(self.pixels()[index]), target)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
