"""Datasets with boxes, masks, captions and attributes: small ones written as their authors do, against torchvision's readings."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest

import taper
from taper import vision
from taper.vision import datasets

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")

COLOURS = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]


def picture(i: int, size=(6, 4)):
    return Image.new("RGB", size, COLOURS[i % 3])


@pytest.fixture
def voc(tmp_path):
    place = tmp_path / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "Annotations", "ImageSets/Segmentation", "ImageSets/Main"):
        (place / folder).mkdir(parents=True)
    for i, name in enumerate(("a", "b")):
        picture(i).save(place / "JPEGImages" / f"{name}.jpg")
        mask = Image.fromarray(np.full((4, 6), i + 1, np.uint8), "P")
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        mask.save(place / "SegmentationClass" / f"{name}.png")
        parts = "".join(f"<object><name>cat{k}</name><bndbox><xmin>{k}</xmin></bndbox></object>" for k in range(i + 1))
        text = f"<annotation>\n<folder>VOC2012</folder><empty/><size><width>6</width></size>\n{parts}</annotation>"
        (place / "Annotations" / f"{name}.xml").write_text(text)
    for folder in ("Segmentation", "Main"):
        (place / "ImageSets" / folder / "train.txt").write_text("a\nb\n")
    return tmp_path


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
def test_pascals_pixels_and_boxes(voc):
    pixels = datasets.VOCSegmentation(voc, transform=lambda image: image.size, target_transform=np.asarray)
    assert len(pixels) == 2 and pixels[1][0] == (6, 4) and (pixels[1][1] == 2).all()
    assert pixels.masks[0].endswith("SegmentationClass/a.png")
    both = datasets.VOCSegmentation(str(voc), "2012", "train", transforms=lambda image, mask: (image.mode, mask.mode))
    assert both[0] == ("RGB", "P")
    boxes = datasets.VOCDetection(voc)
    first, second = boxes[0][1]["annotation"], boxes[1][1]["annotation"]
    assert first["size"] == {"width": "6"} and first["object"] == [{"name": "cat0", "bndbox": {"xmin": "0"}}]
    assert [o["name"] for o in second["object"]] == ["cat0", "cat1"]
    for call, error, words in (
        (lambda: datasets.VOCSegmentation(voc, year="2013"), ValueError, "year"),
        (lambda: datasets.VOCSegmentation(voc, image_set="test"), ValueError, "image_set"),
        (lambda: datasets.VOCDetection(voc, year="2010"), RuntimeError, "download=True"),
    ):
        with pytest.raises(error, match=words):
            call()


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
def test_pascal_as_torchvision_reads_it(voc):
    pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    torchvision = pytest.importorskip("torchvision", reason="torchvision, the oracle, is not installed")
    ours, theirs = (package.datasets.VOCDetection(str(voc)) for package in (vision, torchvision))
    for i in range(2):
        assert ours[i][1] == theirs[i][1]
        assert np.array_equal(np.asarray(ours[i][0]), np.asarray(theirs[i][0]))
    assert repr(ours) == repr(theirs)


@pytest.fixture
def coco(tmp_path):
    rows = {
        "images": [{"id": 7, "file_name": "b.png"}, {"id": 3, "file_name": "a.png"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 2, "bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 0, "caption": "one"},
            {"id": 2, "image_id": 3, "category_id": 1, "bbox": [1, 1, 2, 3], "area": 6, "iscrowd": 0, "caption": "two"},
            {
                "id": 5,
                "image_id": 7,
                "category_id": 1,
                "bbox": [1, 1, 1, 1],
                "area": 1,
                "iscrowd": 1,
                "caption": "three",
            },
        ],
        "categories": [
            {"id": 1, "name": "cat", "supercategory": "animal"},
            {"id": 2, "name": "cup", "supercategory": "thing"},
        ],
    }
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    for i, name in enumerate("ab"):
        picture(i).save(tmp_path / f"{name}.png")
    return tmp_path


def test_cocos_annotations(coco):
    data = datasets.CocoDetection(coco, coco / "rows.json", transform=np.asarray)
    assert data.ids == [3, 7] and len(data) == 2
    image, target = data[1]
    assert image[0, 0].tolist() == [0, 250, 0] and [row["id"] for row in target] == [1, 5]
    assert datasets.CocoCaptions(coco, str(coco / "rows.json"))[0][1] == ["two"]
    asked = data.coco
    assert asked.getAnnIds(catIds=[1]) == [2, 5] and asked.getAnnIds(imgIds=7, iscrowd=0) == [1]
    assert asked.getAnnIds(areaRng=(3, 5)) == [1] and asked.getImgIds(catIds=[1, 2]) == [7]
    assert (
        asked.getCatIds(catNms="cup") == [2]
        and asked.getCatIds(supNms=["animal"]) == [1]
        and asked.getCatIds(catIds=[2]) == [2]
    )
    assert asked.loadCats(1)[0]["name"] == "cat" and asked.loadImgs([3])[0]["file_name"] == "a.png"
    with pytest.raises(ValueError, match="integer"):
        data[taper.tensor(0)]
    (coco / "bad.json").write_text("{")
    with pytest.raises(RuntimeError, match="bad.json"):
        datasets.CocoDetection(coco, coco / "bad.json")


@pytest.fixture
def celeba(tmp_path):
    place = tmp_path / "celeba"
    (place / "img_align_celeba").mkdir(parents=True)
    names = [f"00000{i}.jpg" for i in range(1, 5)]
    for i, name in enumerate(names):
        picture(i).save(place / "img_align_celeba" / name)
    rows = lambda values: "".join(f"{name} {' '.join(map(str, v))}\n" for name, v in zip(names, values))
    (place / "list_eval_partition.txt").write_text(rows([[0], [0], [1], [2]]))
    (place / "identity_CelebA.txt").write_text(rows([[9], [8], [7], [6]]))
    (place / "list_attr_celeba.txt").write_text("4\nBald Young \n" + rows([[1, -1], [-1, -1], [1, 1], [-1, 1]]))
    (place / "list_bbox_celeba.txt").write_text("4\nimage_id x_1 y_1 width height\n" + rows([[1, 2, 3, 4]] * 4))
    (place / "list_landmarks_align_celeba.txt").write_text("4\nlefteye_x lefteye_y\n" + rows([[5, 6]] * 4))
    return tmp_path


def test_faces(celeba):
    data = datasets.CelebA(celeba, target_type=["attr", "identity", "bbox", "landmarks"])
    assert len(data) == 2 and data.attr_names[:2] == ["Bald", "Young"]
    assert [t.tolist() for t in data[0][1]] == [[1, 0], 9, [1, 2, 3, 4], [5, 6]]
    assert len(datasets.CelebA(celeba, "all")) == 4
    valid = datasets.CelebA(celeba, "valid", "identity", transform=np.asarray, target_transform=int)
    assert valid[0][1] == 7 and valid[0][0].shape == (4, 6, 3) and "Split: valid" in repr(valid)
    assert datasets.CelebA(celeba, "test", [])[0][1] is None
    for call, error, words in (
        (lambda: datasets.CelebA(celeba, "some"), ValueError, "split"),
        (lambda: datasets.CelebA(celeba, target_type="hat")[0], ValueError, "hat"),
        (lambda: datasets.CelebA(celeba, target_type=[], target_transform=int), RuntimeError, "empty"),
        (lambda: datasets.CelebA(celeba / "celeba"), RuntimeError, "download=True"),
        (lambda: datasets.CelebA(celeba / "celeba", download=True), RuntimeError, "img_align_celeba.zip"),
    ):
        with pytest.raises(error, match=words):
            call()


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            row = tarfile.TarInfo(name)
            row.size = len(content)
            archive.addfile(row, io.BytesIO(content))
    return out.getvalue()


def test_imagenet_from_its_archives(tmp_path):
    with pytest.raises(RuntimeError, match=r"meta\.bin"):
        datasets.ImageNet(tmp_path)
    names = {"n01": ("tench", "Tinca tinca"), "n02": ("goldfish",)}
    taper.save((names, ["n02", "n01", "n02"]), tmp_path / "meta.bin")
    with pytest.raises(ValueError, match="split"):
        datasets.ImageNet(tmp_path, "test")
    with pytest.raises(RuntimeError, match="ILSVRC2012_img_train.tar"):
        datasets.ImageNet(tmp_path)

    def file(i: int) -> bytes:
        out = io.BytesIO()
        picture(i).save(out, "PNG")
        return out.getvalue()

    (tmp_path / "t.tar").write_bytes(packed({f"{wnid}.tar": packed({f"{wnid}_{i}.png": file(i)}) for i, wnid in enumerate(names)}))  # fmt: skip
    (tmp_path / "v.tar").write_bytes(packed({f"v{i}.png": file(i) for i in range(3)}))
    datasets.imagenet.parse_train_archive(tmp_path, "t.tar")
    datasets.imagenet.parse_val_archive(tmp_path, "v.tar")
    train, valid = datasets.ImageNet(tmp_path), datasets.ImageNet(str(tmp_path), split="val", transform=np.asarray)
    assert train.classes == list(names.values()) and train.wnids == ["n01", "n02"] and train.wnid_to_idx["n02"] == 1
    assert train.class_to_idx == {"tench": 0, "Tinca tinca": 0, "goldfish": 1} and len(train) == 2
    assert [(row[0][0, 0].tolist(), row[1]) for row in valid] == [([0, 250, 0], 0), ([250, 0, 0], 1), ([0, 0, 250], 1)]
    assert "Split: val" in repr(valid)
