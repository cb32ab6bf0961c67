"""Places365 (Zhou et al. 2017), photographs of scenes in lists, and Imagenette, ten classes of ImageNet in folders."""

from __future__ import annotations

import os
from pathlib import Path

from .base import VisionDataset
from .folder import default_loader, find_classes, make_dataset
from .utils import check_integrity, download_and_extract_archive, verify_str_arg


class Places365(VisionDataset):
    """1.8 million photographs (8 million with the challenge's) of 365 kinds of scenes, under root; None for the test images' labels.

    split: train-standard, train-challenge, val or test. small: images of 256 pixels. RuntimeError where the lists are not there, or are
    others.
    """

    _HOST = "http://data.csail.mit.edu/places/places365/"
    _LISTS = {
        "standard": ("filelist_places365-standard.tar", "35a0585fee1fa656440f3ab298f8479c"),
        "challenge": ("filelist_places365-challenge.tar", "70a8307e459c3de41690a7c76c931734"),
    }
    _CATEGORIES = ("categories_places365.txt", "06c963b85866bd0649f97cb43dd16673")
    _FILES = {
        "train-standard": ("places365_train_standard.txt", "30f37515461640559006b8329efbed1a"),
        "train-challenge": ("places365_train_challenge.txt", "b2931dc997b8c33c27e7329c073a6b57"),
        "val": ("places365_val.txt", "e9f2fd57bfd9d07630173f4e8708e4b1"),
        "test": ("places365_test.txt", "2fce8233fe493576d724142e45d93653"),
    }
    _IMAGES = {
        ("train-standard", False): ("train_large_places365standard.tar", "67e186b496a84c929568076ed01a8aa1"),
        ("train-challenge", False): ("train_large_places365challenge.tar", "605f18e68e510c82b958664ea134545f"),
        ("val", False): ("val_large.tar", "9b71c4993ad89d2d8bcbdc4aef38042f"),
        ("test", False): ("test_large.tar", "41a4b6b724b1d2cd862fb3871ed59913"),
        ("train-standard", True): ("train_256_places365standard.tar", "53ca1c756c3d1e7809517cc47c5561c5"),
        ("train-challenge", True): ("train_256_places365challenge.tar", "741915038a5e3471ec7332404dfb64ef"),
        ("val", True): ("val_256.tar", "e27b17d8d44f4af9a78502beb927f808"),
        ("test", True): ("test_256.tar", "f532f6ad7b582262a2ec8009075e186b"),
    }

    def __init__(
        self,
        root,
        split: str = "train-standard",
        small: bool = False,
        download: bool = False,
        transform=None,
        target_transform=None,
        loader=default_loader,
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self._FILES))
        self.small, self.loader = small, loader
        rows = [line.split() for line in self._lines(*self._CATEGORIES, download)]
        self.class_to_idx = {name: int(number) for name, number in rows}
        self.classes = sorted(self.class_to_idx)
        self.imgs = []
        for line in self._lines(*self._FILES[split], download):
            name, *number = line.split()
            path = os.path.join(self.images_dir, name.lstrip("/").replace("/", os.sep))
            self.imgs.append((path, int(number[0]) if number else None))
        self.targets = [label for _, label in self.imgs]
        if download and not os.path.exists(self.images_dir):
            name, md5 = self._IMAGES[split, small]
            download_and_extract_archive(self._HOST + name, self.root, md5=md5)
            if split.startswith("train"):
                os.rename(self.images_dir.rpartition("_")[0], self.images_dir)

    @property
    def variant(self) -> str:
        """standard, or challenge."""
        return "challenge" if "challenge" in self.split else "standard"

    @property
    def images_dir(self) -> str:
        """Where the split's images are."""
        size = "256" if self.small else "large"
        name = f"data_{size}_{self.variant}" if self.split.startswith("train") else f"{self.split}_{size}"
        return os.path.join(self.root, name)

    def _lines(self, name: str, md5: str, download: bool) -> list[str]:
        path = Path(self.root) / name
        if not check_integrity(path, md5):
            if not download:
                raise RuntimeError(
                    f"The file {path} does not exist or is corrupted. You can set download=True to download it."
                )
            archive, its_md5 = self._LISTS[self.variant]
            download_and_extract_archive(self._HOST + archive, self.root, md5=its_md5)
        return [line for line in path.read_text("utf-8").splitlines() if line.strip()]

    def __len__(self) -> int:
        return len(self.imgs)

    def __getitem__(self, index: int):
        path, label = self.imgs[index]
        return self.finished(self.loader(path), label)

    def extra_repr(self) -> str:
        return f"Split: {self.split}\nSmall: {self.small}"


class Imagenette(VisionDataset):
    """13,394 photographs of ten easy classes of ImageNet, under `root/imagenette2` or for smaller ones imagenette2-320 and -160.

    split: train or val. size: full, 320px or 160px. RuntimeError where the files are not there.
    """

    _ARCHIVES = {
        "full": ("imagenette2", "fe2fc210e6bb7c5664d602c3cd71e612"),
        "320px": ("imagenette2-320", "3df6f0d01a2c9592104656642f5e78a3"),
        "160px": ("imagenette2-160", "e793b78cc4c9e9a4ccc0c1155377a412"),
    }
    _NAMES = {
        "n01440764": ("tench", "Tinca tinca"),
        "n02102040": ("English springer", "English springer spaniel"),
        "n02979186": ("cassette player",),
        "n03000684": ("chain saw", "chainsaw"),
        "n03028079": ("church", "church building"),
        "n03394916": ("French horn", "horn"),
        "n03417042": ("garbage truck", "dustcart"),
        "n03425413": ("gas pump", "gasoline pump", "petrol pump", "island dispenser"),
        "n03445777": ("golf ball",),
        "n03888257": ("parachute", "chute"),
    }

    def __init__(
        self,
        root,
        split: str = "train",
        size: str = "full",
        download: bool = False,
        transform=None,
        target_transform=None,
        loader=default_loader,
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self._split = verify_str_arg(split, "split", ("train", "val"))
        self._size = verify_str_arg(size, "size", tuple(self._ARCHIVES))
        name, md5 = self._ARCHIVES[size]
        place = Path(self.root) / name
        if download and not place.exists():
            url = f"https://s3.amazonaws.com/fast-ai-imageclas/{name}.tgz"
            download_and_extract_archive(url, self.root, md5=md5)
        if not place.exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it.")
        self.wnids, self.wnid_to_idx = find_classes(place / split)
        self.classes = [self._NAMES[wnid] for wnid in self.wnids]
        self.class_to_idx = {word: i for wnid, i in self.wnid_to_idx.items() for word in self._NAMES[wnid]}
        self._samples = make_dataset(str(place / split), self.wnid_to_idx, extensions=".jpeg")
        self.loader = loader

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, idx: int):
        path, label = self._samples[idx]
        return self.finished(self.loader(path), label)
