"""Images with annotations in COCO's form (Lin et al. 2014): boxes, outlines, captions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .base import VisionDataset
from .folder import pil_loader


def _listed(value: Any) -> list:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


class Coco:
    """A file of annotations: `imgs`, `anns` and `cats` by number. RuntimeError that names it if it is damaged."""

    def __init__(self, annotation_file):
        try:
            self.dataset = json.loads(Path(annotation_file).read_text("utf-8"))
        except ValueError as error:
            raise RuntimeError(f"{annotation_file} is no file of COCO annotations ({error}).") from None
        self.imgs = {row["id"]: row for row in self.dataset.get("images", [])}
        self.anns = {row["id"]: row for row in self.dataset.get("annotations", [])}
        self.cats = {row["id"]: row for row in self.dataset.get("categories", [])}
        self.imgToAnns: dict[Any, list] = {}
        for row in self.dataset.get("annotations", []):
            self.imgToAnns.setdefault(row["image_id"], []).append(row)

    def getAnnIds(self, imgIds=(), catIds=(), areaRng=(), iscrowd=None) -> list:
        """The numbers of the annotations of images, categories, a range of areas, and of crowds or not; all by default."""
        images, kinds = _listed(imgIds), _listed(catIds)
        rows = [r for i in images for r in self.imgToAnns.get(i, [])] if images else self.dataset.get("annotations", [])
        return [
            row["id"]
            for row in rows
            if (not kinds or row["category_id"] in kinds)
            and (not len(areaRng) or areaRng[0] < row["area"] < areaRng[1])
            and (iscrowd is None or row["iscrowd"] == iscrowd)
        ]

    def getImgIds(self, imgIds=(), catIds=()) -> list:
        """The numbers of the images that have all of these categories; all by default."""
        found = set(_listed(imgIds)) or set(self.imgs)
        for kind in _listed(catIds):
            found &= {row["image_id"] for row in self.anns.values() if row["category_id"] == kind}
        return list(found)

    def getCatIds(self, catNms=(), supNms=(), catIds=()) -> list:
        """The numbers of the categories with these names, of these kinds, among these numbers; all by default."""
        names, kinds, numbers = _listed(catNms), _listed(supNms), _listed(catIds)
        return [
            key
            for key, row in self.cats.items()
            if (not names or row["name"] in names)
            and (not kinds or row["supercategory"] in kinds)
            and (not numbers or key in numbers)
        ]

    def loadAnns(self, ids=()) -> list[dict]:
        """Annotations by their numbers."""
        return [self.anns[i] for i in _listed(ids)]

    def loadImgs(self, ids=()) -> list[dict]:
        """What is said of images, by their numbers."""
        return [self.imgs[i] for i in _listed(ids)]

    def loadCats(self, ids=()) -> list[dict]:
        """Categories by their numbers."""
        return [self.cats[i] for i in _listed(ids)]


class CocoDetection(VisionDataset):
    """The images of a file of annotations, in the order of their numbers, each with the list of its annotations.

    root: the folder of the images. annFile: the JSON file. `coco` answers questions about it, `ids` are the images' numbers.
    """

    def __init__(self, root, annFile, transform=None, target_transform=None, transforms=None):
        super().__init__(str(root), transforms, transform, target_transform)
        self.coco = Coco(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id: int):
        path = self.coco.loadImgs(id)[0]["file_name"]
        return pil_loader(os.path.join(self.root, path))

    def _load_target(self, id: int) -> list:
        return self.coco.loadAnns(self.coco.getAnnIds(id))

    def __getitem__(self, index: int):
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        id = self.ids[index]
        return self.finished(self._load_image(id), self._load_target(id))

    def __len__(self) -> int:
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """The images of a file of annotations, each with the list of its captions."""

    def _load_target(self, id: int) -> list[str]:
        return [annotation["caption"] for annotation in super()._load_target(id)]
