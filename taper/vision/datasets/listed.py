"""Datasets of image files whose classes stand in a list or a file's name: Food-101, Oxford flowers and pets, Caltech, traffic signs."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..pillow import image_module
from .base import VisionDataset
from .folder import default_loader, make_dataset, read_image
from .matlab import read_mat
from .utils import check_integrity, download_and_extract_archive, download_url, extract_archive, verify_str_arg

_MISSING = "Dataset not found. You can use download=True to download it"
_MISSING_OR_DAMAGED = "Dataset not found or corrupted. You can use download=True to download it"


class _Listed(VisionDataset):
    """Images at `_image_files` with `_labels`, read by `loader`."""

    _image_files: list
    _labels: list[int]
    loader: Callable[[Any], Any] = staticmethod(default_loader)

    def __len__(self) -> int:
        return len(self._image_files)

    def __getitem__(self, idx: int):
        return self.finished(self.loader(self._image_files[idx]), self._labels[idx])


class Food101(_Listed):
    """101,000 photographs of 101 dishes, under `root/food-101`. split: train or test. RuntimeError if they are not there."""

    _URL = "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"
    _MD5 = "85eeb15f3717b99a5da872d97d918f87"

    def __init__(
        self, root, split: str = "train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self._split = verify_str_arg(split, "split", ("train", "test"))
        place = Path(self.root) / "food-101"
        there = lambda: (place / "meta").is_dir() and (place / "images").is_dir()
        if download and not there():
            download_and_extract_archive(self._URL, self.root, md5=self._MD5)
        if not there():
            raise RuntimeError(_MISSING)
        listed = json.loads((place / "meta" / f"{split}.json").read_text("utf-8"))
        self.classes = sorted(listed)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        rows = [(self.class_to_idx[name], path) for name, paths in listed.items() for path in paths]
        self._labels = [label for label, _ in rows]
        self._image_files = [place.joinpath("images", *f"{path}.jpg".split("/")) for _, path in rows]
        self.loader = loader

    def extra_repr(self) -> str:
        return f"split={self._split}"


class Flowers102(_Listed):
    """8,189 photographs of 102 flowers, under `root/flowers-102`. split: train, val or test. RuntimeError if they are not there."""

    _PREFIX = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    _FILES = {
        "image": ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
        "label": ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        "setid": ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    }
    classes = (Path(__file__).parent / "flowers.txt").read_text("utf-8").splitlines()

    def __init__(
        self, root, split: str = "train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        self._place = Path(self.root) / "flowers-102"
        if download and not self._check_integrity():
            name, md5 = self._FILES["image"]
            download_and_extract_archive(self._PREFIX + name, self._place, md5=md5)
            for name, md5 in (self._FILES["label"], self._FILES["setid"]):
                download_url(self._PREFIX + name, self._place, md5=md5)
        if not self._check_integrity():
            raise RuntimeError(_MISSING_OR_DAMAGED)
        word = {"train": "trnid", "val": "valid", "test": "tstid"}[split]
        numbers = read_mat(self._place / "setid.mat")[word].reshape(-1)
        labels = read_mat(self._place / "imagelabels.mat")["labels"].reshape(-1)
        self._labels = [int(labels[n - 1]) - 1 for n in numbers]
        self._image_files = [self._place / "jpg" / f"image_{n:05d}.jpg" for n in numbers]
        self.loader = loader

    def _check_integrity(self) -> bool:
        files = (self._FILES["label"], self._FILES["setid"])
        return (self._place / "jpg").is_dir() and all(check_integrity(self._place / name, md5) for name, md5 in files)

    def extra_repr(self) -> str:
        return f"split={self._split}"


class OxfordIIITPet(VisionDataset):
    """7,349 photographs of 37 breeds of cats and dogs, under `root/oxford-iiit-pet`.

    split: trainval or test. target_types: category, binary-category (0 for cats), segmentation (an image of 1 for the animal, 2
    around it, 3 between), or several of them. RuntimeError if the files are not there.
    """

    _RESOURCES = (
        ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
        ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
    )
    _VALID_TARGET_TYPES = ("category", "binary-category", "segmentation")

    def __init__(
        self,
        root,
        split: str = "trainval",
        target_types: Sequence[str] | str = "category",
        transforms=None,
        transform=None,
        target_transform=None,
        download: bool = False,
    ):
        self._split = verify_str_arg(split, "split", ("trainval", "test"))
        kinds = [target_types] if isinstance(target_types, str) else target_types
        self._target_types = [verify_str_arg(kind, "target_types", self._VALID_TARGET_TYPES) for kind in kinds]
        super().__init__(str(root), transforms, transform, target_transform)
        place = Path(self.root) / "oxford-iiit-pet"
        there = lambda: (place / "images").is_dir() and (place / "annotations").is_dir()
        if download and not there():
            for url, md5 in self._RESOURCES:
                download_and_extract_archive(url, place, md5=md5)
        if not there():
            raise RuntimeError(_MISSING)
        rows = [
            line.split()
            for line in (place / "annotations" / f"{split}.txt").read_text("utf-8").splitlines()
            if line.strip()
        ]
        self._labels = [int(row[1]) - 1 for row in rows]
        self._bin_labels = [int(row[2]) - 1 for row in rows]
        breeds = sorted({(label, row[0].rpartition("_")[0]) for row, label in zip(rows, self._labels)})
        self.classes = [" ".join(part.title() for part in name.split("_")) for _, name in breeds]
        self.bin_classes = ["Cat", "Dog"]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.bin_class_to_idx = {name: i for i, name in enumerate(self.bin_classes)}
        self._images = [place / "images" / f"{row[0]}.jpg" for row in rows]
        self._segs = [place / "annotations" / "trimaps" / f"{row[0]}.png" for row in rows]

    def __len__(self) -> int:
        return len(self._images)

    def _one(self, kind: str, idx: int) -> Any:
        if kind == "category":
            return self._labels[idx]
        return self._bin_labels[idx] if kind == "binary-category" else read_image(str(self._segs[idx]))

    def __getitem__(self, idx: int):
        found = tuple(self._one(kind, idx) for kind in self._target_types)
        target = (found if len(found) > 1 else found[0]) if found else None
        return self.finished(read_image(str(self._images[idx])).convert("RGB"), target)


class GTSRB(_Listed):
    """51,839 photographs of 43 traffic signs, under `root/gtsrb`. split: train or test. RuntimeError if they are not there."""

    _PREFIX = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
    _FILES = {
        "train": [("GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478")],
        "test": [
            ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185"),
            ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
        ],
    }

    def __init__(self, root, split: str = "train", transform=None, target_transform=None, download: bool = False):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self._split = verify_str_arg(split, "split", ("train", "test"))
        place = Path(self.root) / "gtsrb"
        images = place / "GTSRB" / ("Training" if split == "train" else "Final_Test/Images")
        if download and not images.is_dir():
            for name, md5 in self._FILES[split]:
                download_and_extract_archive(self._PREFIX + name, place, md5=md5)
        if not images.is_dir():
            raise RuntimeError(_MISSING)
        if split == "train":
            self._samples = make_dataset(str(images), extensions=(".ppm",))
        else:
            with (place / "GT-final_test.csv").open(encoding="utf-8") as file:
                rows = csv.DictReader(file, delimiter=";", skipinitialspace=True)
                self._samples = [(str(images / row["Filename"]), int(row["ClassId"])) for row in rows]
        self._image_files = [path for path, _ in self._samples]
        self._labels = [label for _, label in self._samples]


class Caltech101(VisionDataset):
    """About 9,000 photographs of 101 kinds of things, under `root/caltech101/101_ObjectCategories`.

    target_type: category, annotation (the outline, float64 (2, N)), or both in a list. RuntimeError if the files are not there.
    """

    _FOLDERS = {
        "Faces": "Faces_2",
        "Faces_easy": "Faces_3",
        "Motorbikes": "Motorbikes_16",
        "airplanes": "Airplanes_Side_2",
    }

    def __init__(
        self, root, target_type: list[str] | str = "category", transform=None, target_transform=None, download=False
    ):
        super().__init__(os.path.join(root, "caltech101"), transform=transform, target_transform=target_transform)
        kinds = [target_type] if isinstance(target_type, str) else target_type
        self.target_type = [verify_str_arg(kind, "target_type", ("category", "annotation")) for kind in kinds]
        place = Path(self.root) / "101_ObjectCategories"
        if download and not place.exists():
            self._download()
        if not place.exists():
            raise RuntimeError(_MISSING_OR_DAMAGED)
        self.categories = sorted(name for name in os.listdir(place) if name != "BACKGROUND_Google")
        self.annotation_categories = [self._FOLDERS.get(name, name) for name in self.categories]
        counts = [len(os.listdir(place / name)) for name in self.categories]
        self.index = [i for n in counts for i in range(1, n + 1)]
        self.y = [label for label, n in enumerate(counts) for _ in range(n)]

    def _download(self) -> None:
        url = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
        download_and_extract_archive(url, self.root, md5="3138e1922a9193bfa496528edbbc45d0")
        for archive in sorted(Path(self.root, "caltech-101").glob("*.gz")):
            extract_archive(archive, self.root)

    def __len__(self) -> int:
        return len(self.index)

    def _one(self, kind: str, i: int) -> Any:
        if kind == "category":
            return self.y[i]
        folder = self.annotation_categories[self.y[i]]
        return read_mat(Path(self.root, "Annotations", folder, f"annotation_{self.index[i]:04d}.mat"))["obj_contour"]

    def __getitem__(self, index: int):
        path = Path(
            self.root, "101_ObjectCategories", self.categories[self.y[index]], f"image_{self.index[index]:04d}.jpg"
        )
        found = tuple(self._one(kind, index) for kind in self.target_type)
        return self.finished(read_image(str(path)), found if len(found) > 1 else found[0])

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}"


class Caltech256(VisionDataset):
    """30,607 photographs of 257 kinds of things, under `root/caltech256/256_ObjectCategories`. RuntimeError if they are not there."""

    def __init__(self, root, transform=None, target_transform=None, download: bool = False):
        super().__init__(os.path.join(root, "caltech256"), transform=transform, target_transform=target_transform)
        place = Path(self.root) / "256_ObjectCategories"
        if download and not place.exists():
            url = "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar"
            download_and_extract_archive(url, self.root, md5="67b4f42ca05d46448c6bb8ecd2220f6d")
        if not place.exists():
            raise RuntimeError(_MISSING_OR_DAMAGED)
        self.categories = sorted(os.listdir(place))
        counts = [sum(name.endswith(".jpg") for name in os.listdir(place / c)) for c in self.categories]
        self.index = [i for n in counts for i in range(1, n + 1)]
        self.y = [label for label, n in enumerate(counts) for _ in range(n)]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int):
        label = self.y[index]
        name = f"{label + 1:03d}_{self.index[index]:04d}.jpg"
        return self.finished(
            read_image(str(Path(self.root, "256_ObjectCategories", self.categories[label], name))), label
        )


class SBDataset(VisionDataset):
    """The semantic boundaries of 11,355 photographs of Pascal VOC, under root: `img`, `cls` and the lists.

    image_set: train, val or train_noval. mode: boundaries (uint8 (20, H, W)) or segmentation (an image of class numbers). RuntimeError if
    the files are not there.
    """

    def __init__(
        self, root, image_set: str = "train", mode: str = "boundaries", download: bool = False, transforms=None
    ):
        super().__init__(str(root), transforms)
        self.image_set = verify_str_arg(image_set, "image_set", ("train", "val", "train_noval"))
        self.mode = verify_str_arg(mode, "mode", ("segmentation", "boundaries"))
        self.num_classes = 20
        place = Path(self.root)
        if download:
            self._download(place)
        listed = place / f"{image_set}.txt"
        if not listed.is_file():
            raise RuntimeError(_MISSING_OR_DAMAGED)
        names = listed.read_text("utf-8").split()
        self.images = [str(place / "img" / f"{name}.jpg") for name in names]
        self.masks = [str(place / "cls" / f"{name}.mat") for name in names]

    def _download(self, place: Path) -> None:
        url = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz"
        if not (place / "cls").is_dir():
            download_and_extract_archive(url, place, md5="82b4d87ceb2ed10f6038a1cba92111cb")
            for name in ("cls", "img", "inst", "train.txt", "val.txt"):
                os.replace(place / "benchmark_RELEASE" / "dataset" / name, place / name)
        if self.image_set == "train_noval":
            url = "https://www.cs.cornell.edu/~bharathh/train_noval.txt"
            download_url(url, place, md5="79bff800c5f0b1ec6b21080a3c066722")

    def _target(self, path: str) -> Any:
        record = read_mat(path)["GTcls"].reshape(-1)[0]
        if self.mode == "segmentation":
            return image_module().fromarray(record["Segmentation"])
        return np.stack([lines.astype(np.uint8) for lines in record["Boundaries"].reshape(-1)[: self.num_classes]])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        image = read_image(self.images[index]).convert("RGB")
        return self.finished(image, self._target(self.masks[index]))

    def extra_repr(self) -> str:
        return f"Image set: {self.image_set}\nMode: {self.mode}"
