"""LSUN (Yu et al. 2015): photographs of ten kinds of scenes, in LMDB databases."""

# pyright: reportMissingImports=false
from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..pillow import image_module
from .base import VisionDataset
from .utils import verify_str_arg

_SCENES = (
    *("bedroom", "bridge", "church_outdoor", "classroom", "conference_room", "dining_room", "kitchen", "living_room"),
    *("restaurant", "tower"),
)


class LSUNClass(VisionDataset):
    """The images of one database. ModuleNotFoundError without the package lmdb."""

    def __init__(self, root, transform=None, target_transform=None):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        try:
            import lmdb  # pyright: ignore[reportMissingImports]
        except ModuleNotFoundError:
            raise ModuleNotFoundError("LSUN's databases need the package lmdb: pip install lmdb") from None
        options = {"max_readers": 1, "readonly": True, "lock": False, "readahead": False, "meminit": False}
        self.env: Any = lmdb.open(self.root, **options)
        with self.env.begin(write=False) as reading:
            self.keys = [key for key in reading.cursor().iternext(keys=True, values=False)]
        self.length = len(self.keys)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int):
        with self.env.begin(write=False) as reading:
            content = reading.get(self.keys[index])
        return self.finished(image_module().open(io.BytesIO(content)).convert("RGB"), None)


class LSUN(VisionDataset):
    """The images of several databases `root/{class}_lmdb`, the number of whose is the target.

    classes: train, val or test for all scenes, or a list such as ["church_outdoor_train"]. ValueError for other words.
    """

    def __init__(self, root, classes: str | list[str] = "train", transform=None, target_transform=None):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.classes = self._verify_classes(classes)
        self.dbs = [LSUNClass(Path(self.root) / f"{name}_lmdb", transform=transform) for name in self.classes]
        self.indices = [sum(map(len, self.dbs[: i + 1])) for i in range(len(self.dbs))]
        self.length = sum(map(len, self.dbs))

    @staticmethod
    def _verify_classes(classes) -> list[str]:
        if classes in ("train", "val"):
            return [f"{scene}_{classes}" for scene in _SCENES]
        if classes == "test":
            return ["test"]
        if isinstance(classes, str) or not isinstance(classes, Iterable):
            raise ValueError(f"Expected type str or Iterable for argument classes, but got type {type(classes)}.")
        for name in classes:
            if not isinstance(name, str):
                raise ValueError(f"Expected type str for elements in argument classes, but got type {type(name)}.")
            scene, _, part = name.rpartition("_")
            verify_str_arg(scene, "LSUN class", _SCENES)
            verify_str_arg(part, "postfix", ("train", "val", "test"))
        return list(classes)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int):
        target = next(i for i, end in enumerate(self.indices) if index < end)
        image, _ = self.dbs[target][index - (self.indices[target - 1] if target else 0)]
        return image, target if self.target_transform is None else self.target_transform(target)

    def extra_repr(self) -> str:
        return f"Classes: {self.classes}"
