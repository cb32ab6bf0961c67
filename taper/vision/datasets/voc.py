"""Pascal VOC (Everingham et al. 2010): photographs with a class for each pixel, or with boxes."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .base import VisionDataset
from .download import download as fetch
from .folder import pil_loader, read_image

_HOST = "https://thor.robots.ox.ac.uk/pascal/VOC/"

# Year: folder of the server, archive, its MD5, and where its files lie once unpacked.
_ARCHIVES = {
    "2012": ("voc2012", "VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd", "VOCdevkit/VOC2012"),
    "2011": (
        "voc2011",
        "VOCtrainval_25-May-2011.tar",
        "6c3384ef61512963050cb5d687e5bf1e",
        "TrainVal/VOCdevkit/VOC2011",
    ),
    "2010": ("voc2010", "VOCtrainval_03-May-2010.tar", "da459979d0c395079b5c75ee67908abb", "VOCdevkit/VOC2010"),
    "2009": ("voc2009", "VOCtrainval_11-May-2009.tar", "a3e00b113cfcfebf17e343f59da3caa1", "VOCdevkit/VOC2009"),
    "2008": ("voc2008", "VOCtrainval_14-Jul-2008.tar", "2629fa636546599198acfcfbfcf1904a", "VOCdevkit/VOC2008"),
    "2007": ("voc2007", "VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64", "VOCdevkit/VOC2007"),
    "2007-test": ("voc2007", "VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", "VOCdevkit/VOC2007"),
}


class _VOC(VisionDataset):
    """The images of a set, and their targets, under `root`. ValueError for an unknown year or set."""

    splits_dir: str
    target_dir: str
    target_ending: str

    def __init__(
        self,
        root,
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform=None,
        target_transform=None,
        transforms=None,
    ):
        super().__init__(str(root), transforms, transform, target_transform)
        years = [name for name in _ARCHIVES if name != "2007-test"]
        if year not in years:
            raise ValueError(f"Unknown value '{year}' for argument year. Valid values are {sorted(years)}.")
        sets = ["train", "trainval", "val", *(["test"] if year == "2007" else [])]
        if image_set not in sets:
            raise ValueError(f"Unknown value '{image_set}' for argument image_set. Valid values are {sets}.")
        self.year, self.image_set = year, image_set
        folder, archive, md5, base = _ARCHIVES["2007-test" if (year, image_set) == ("2007", "test") else year]
        if download:
            fetch([f"{_HOST}{folder}/{archive}"], Path(self.root) / archive, md5)
            with tarfile.open(Path(self.root) / archive) as packed:
                packed.extractall(self.root, filter="data")
        place = Path(self.root) / base
        if not place.is_dir():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        names = (place / "ImageSets" / self.splits_dir / f"{image_set}.txt").read_text("utf-8").split()
        self.images = [str(place / "JPEGImages" / f"{name}.jpg") for name in names]
        self.targets = [str(place / self.target_dir / f"{name}{self.target_ending}") for name in names]

    def __len__(self) -> int:
        return len(self.images)

    def _target(self, index: int) -> Any:
        raise NotImplementedError

    def __getitem__(self, index: int):
        image = pil_loader(self.images[index])
        return self.finished(image, self._target(index))


class VOCSegmentation(_VOC):
    """Images, and for each an image of the classes of its pixels, with 255 on the edges.

    year: "2007" to "2012". image_set: train, trainval, val, or test in 2007. RuntimeError where the files are not there.
    """

    splits_dir, target_dir, target_ending = "Segmentation", "SegmentationClass", ".png"

    @property
    def masks(self) -> list[str]:
        """The files of the classes."""
        return self.targets

    def _target(self, index: int) -> Any:
        return read_image(self.masks[index])


class VOCDetection(_VOC):
    """Images, and for each a dictionary of what its XML file says: `["annotation"]["object"]` is the list of its boxes.

    year: "2007" to "2012". image_set: train, trainval, val, or test in 2007. RuntimeError where the files are not there.
    """

    splits_dir, target_dir, target_ending = "Main", "Annotations", ".xml"

    @property
    def annotations(self) -> list[str]:
        """The XML files."""
        return self.targets

    @staticmethod
    def parse_voc_xml(node: ElementTree.Element) -> dict[str, Any]:
        """An element as a dictionary: its text, or what is in it; elements of one name become a list, and so does `object`."""
        inner: dict[str, list] = {}
        for child in node:
            for name, value in VOCDetection.parse_voc_xml(child).items():
                inner.setdefault(name, []).append(value)
        if not inner:
            return {node.tag: node.text.strip()} if node.text else {}
        found = {
            name: values[0] if len(values) == 1 and not (node.tag == "annotation" and name == "object") else values
            for name, values in inner.items()
        }
        return {node.tag: found}

    def _target(self, index: int) -> Any:
        return self.parse_voc_xml(ElementTree.parse(self.annotations[index]).getroot())
