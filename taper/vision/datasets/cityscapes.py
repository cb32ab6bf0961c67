"""Cityscapes (Cordts et al. 2016): street scenes of fifty cities with a class, and a thing, for each pixel."""

from __future__ import annotations

import json
import os
from collections import namedtuple
from pathlib import Path
from typing import Any

from .base import VisionDataset
from .folder import read_image
from .utils import extract_archive, verify_str_arg

_FIELDS = ("name", "id", "train_id", "category", "category_id", "has_instances", "ignore_in_eval", "color")
_ENDINGS = {"instance": "instanceIds.png", "semantic": "labelIds.png", "color": "color.png", "polygon": "polygons.json"}


CityscapesClass = namedtuple("CityscapesClass", _FIELDS)


def _class(line: str) -> CityscapesClass:
    name, number, train, category, its_number, things, ignored, *color = line.split(",")
    flags = (things == "1", ignored == "1")
    return CityscapesClass(name, int(number), int(train), category, int(its_number), *flags, tuple(map(int, color)))


class Cityscapes(VisionDataset):
    """Photographs under `root/leftImg8bit/{split}` with what target_type says, under `root/gtFine` or `root/gtCoarse`.

    mode: fine (split train, val or test) or coarse (train, train_extra or val). target_type: instance, semantic, color (images), polygon
    (a dictionary), or a list of them. The archives are unpacked where they lie in root; they are for registered users. ValueError for
    other words, RuntimeError where the files are not there.
    """

    CityscapesClass = CityscapesClass
    classes = [_class(line) for line in (Path(__file__).parent / "cityscapes.txt").read_text("utf-8").splitlines()]

    def __init__(
        self,
        root,
        split: str = "train",
        mode: str = "fine",
        target_type: list[str] | str = "instance",
        transform=None,
        target_transform=None,
        transforms=None,
    ):
        super().__init__(str(root), transforms, transform, target_transform)
        verify_str_arg(mode, "mode", ("fine", "coarse"))
        splits = ("train", "test", "val") if mode == "fine" else ("train", "train_extra", "val")
        listed = ", ".join(f"'{s}'" for s in splits)
        message = f"Unknown value '{split}' for argument split if mode is '{mode}'. Valid values are {{{listed}}}."
        verify_str_arg(split, "split", splits, message)
        self.mode, self.split = "gtFine" if mode == "fine" else "gtCoarse", split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        for kind in self.target_type:
            verify_str_arg(kind, "target_type", tuple(_ENDINGS))
        self.images_dir = os.path.join(self.root, "leftImg8bit", split)
        self.targets_dir = os.path.join(self.root, self.mode, split)
        if not (os.path.isdir(self.images_dir) and os.path.isdir(self.targets_dir)):
            self._unpack()
        self.images, self.targets = [], []
        for city in os.listdir(self.images_dir):
            for name in os.listdir(os.path.join(self.images_dir, city)):
                scene = name.split("_leftImg8bit")[0]
                files = [f"{scene}_{self.mode}_{_ENDINGS[kind]}" for kind in self.target_type]
                self.images.append(os.path.join(self.images_dir, city, name))
                self.targets.append([os.path.join(self.targets_dir, city, file) for file in files])

    def _unpack(self) -> None:
        part = "trainextra" if self.split == "train_extra" else "trainvaltest"
        names = f"leftImg8bit_{part}.zip", "gtFine_trainvaltest.zip" if self.mode == "gtFine" else "gtCoarse.zip"
        archives = [os.path.join(self.root, name) for name in names]
        if not all(map(os.path.isfile, archives)):
            raise RuntimeError(
                'Dataset not found or incomplete. Please make sure all required folders for the specified "split" and "mode" '
                f'are inside the "root" directory, or {" and ".join(names)} from www.cityscapes-dataset.com'
            )
        for archive in archives:
            extract_archive(archive, self.root)

    def __len__(self) -> int:
        return len(self.images)

    def _target(self, kind: str, path: str) -> Any:
        return json.loads(Path(path).read_text("utf-8")) if kind == "polygon" else read_image(path)

    def __getitem__(self, index: int):
        found = tuple(self._target(*pair) for pair in zip(self.target_type, self.targets[index]))
        image = read_image(self.images[index]).convert("RGB")
        return self.finished(image, found if len(found) > 1 else found[0])

    def extra_repr(self) -> str:
        return f"Split: {self.split}\nMode: {self.mode}\nType: {self.target_type}"
