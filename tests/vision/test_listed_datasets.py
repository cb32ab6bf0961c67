"""Datasets in files and lists of their authors' layout: small ones, read as torchvision reads them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from taper import vision
from taper.vision import datasets
from taper.vision.datasets.matlab import read_mat

from .files import idx
from .matlab import mat

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")
PIXELS = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 3)).astype(np.uint8)


def picture(path: Path, i: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS[i % 6]).save(path)


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def food(root):
    place = root / "food-101"
    for name in ("pizza", "apple_pie"):
        for i in range(2):
            picture(place / "images" / name / f"{i}.jpg", i)
    write(place / "meta" / "train.json", json.dumps({"pizza": ["pizza/0", "pizza/1"], "apple_pie": ["apple_pie/1"]}))
    write(place / "meta" / "test.json", json.dumps({"apple_pie": ["apple_pie/0"], "pizza": []}))


def pets(root):
    place = root / "oxford-iiit-pet"
    write(place / "annotations" / "trainval.txt", "Abyssinian_1 1 1 1\nshiba_inu_3 2 2 25\n")
    write(place / "annotations" / "test.txt", "shiba_inu_4 2 2 25\n")
    for i, name in enumerate(("Abyssinian_1", "shiba_inu_3", "shiba_inu_4")):
        picture(place / "images" / f"{name}.jpg", i)
        (place / "annotations" / "trimaps").mkdir(exist_ok=True)
        Image.fromarray(np.full((5, 4), i + 1, np.uint8)).save(place / "annotations" / "trimaps" / f"{name}.png")


def signs(root):
    place = root / "gtsrb"
    for i, name in enumerate(("00000/a", "00001/a", "00001/b")):
        picture(place / "GTSRB" / "Training" / f"{name}.ppm", i)
    picture(place / "GTSRB" / "Final_Test" / "Images" / "00000.ppm", 3)
    write(place / "GT-final_test.csv", "Filename;Width;Height;Roi.X1;ClassId\n00000.ppm;5;4;0;16\n")


def caltech(root):
    for i, name in enumerate(("Faces", "BACKGROUND_Google", "ant")):
        for k in range(1, 3):
            picture(root / "caltech101" / "101_ObjectCategories" / name / f"image_{k:04d}.jpg", i + k)
    outline = np.array([[1.5, 2.5, 4.0], [0.0, 3.0, 9.0]])
    for folder in ("Faces_2", "ant"):
        for k in range(1, 3):
            write(
                root / "caltech101" / "Annotations" / folder / f"annotation_{k:04d}.mat",
                mat({"obj_contour": outline * k}),
            )
    for i, name in enumerate(("001.ak47", "002.american-flag")):
        picture(root / "caltech256" / "256_ObjectCategories" / name / f"{i + 1:03d}_0001.jpg", i)


def flowers(root):
    place = root / "flowers-102"
    for i in range(1, 5):
        picture(place / "jpg" / f"image_{i:05d}.jpg", i)
    ids = {
        "trnid": np.array([[2, 4]], np.uint16),
        "valid": np.array([[1]], np.uint16),
        "tstid": np.array([[3, 1]], np.uint16),
    }
    write(place / "setid.mat", mat(ids))
    write(place / "imagelabels.mat", mat({"labels": np.array([[5, 77, 102, 1]], np.uint8)}, packed=False))


def boundaries(root):
    dense = np.zeros((5, 4))
    dense[1:3, 2] = 1
    record = {"Boundaries": [("sparse", dense * (i % 3 == 0)) for i in range(20)], "Segmentation": np.arange(20, dtype=np.uint8).reshape(5, 4), "CategoriesPresent": np.array([[1.0]])}  # fmt: skip
    write(root / "cls" / "a.mat", mat({"GTcls": record}))
    picture(root / "img" / "a.jpg", 2)
    write(root / "train.txt", "a\n")


def numbers(root):
    images = np.random.default_rng(1).integers(0, 255, (32, 32, 3, 4)).astype(np.uint8)
    write(root / "train_32x32.mat", mat({"X": images, "y": np.array([[1], [10], [9], [10]], np.uint8)}))


def stl(root):
    random = np.random.default_rng(2)
    place = root / "stl10_binary"
    for name, count in (("train", 3), ("test", 2), ("unlabeled", 2)):
        write(place / f"{name}_X.bin", random.integers(0, 255, (count, 3, 96, 96)).astype(np.uint8).tobytes())
    write(place / "train_y.bin", bytes([1, 10, 4]))
    write(place / "test_y.bin", bytes([3, 2]))
    write(place / "fold_indices.txt", "0 2\n1\n" + "0\n" * 8)
    write(place / "class_names.txt", "airplane\nbird\n")


def digits(root):
    raw = root / "QMNIST" / "raw"
    labels = np.arange(24, dtype=">i4").reshape(3, 8) % 10
    head = (0x0C02).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in labels.shape)
    for name in ("train", "test"):
        write(raw / f"qmnist-{name}-images-idx3-ubyte", idx(np.random.default_rng(3).integers(0, 255, (3, 28, 28))))
        write(raw / f"qmnist-{name}-labels-idx2-int", head + labels.tobytes())


def places(root):
    write(root / "categories_places365.txt", "/a/airfield 0\n/b/beach 1\n")
    write(root / "places365_train_standard.txt", "/a/airfield/1.jpg 0\n/b/beach/2.jpg 1\n")
    write(root / "places365_test.txt", "3.jpg\n")
    picture(root / "data_256_standard" / "a" / "airfield" / "1.jpg", 1)
    picture(root / "data_256_standard" / "b" / "beach" / "2.jpg", 2)
    picture(root / "test_large" / "3.jpg", 3)


def ten(root):
    for i, name in enumerate(("train/n01440764/a", "train/n03425413/b", "train/n03425413/c", "val/n01440764/d")):
        picture(root / "imagenette2-160" / f"{name}.jpeg", i)


def streets(root):
    for i, city in enumerate(("aachen", "bochum")):
        scene = f"{city}_000000_000019"
        picture(root / "leftImg8bit" / "train" / city / f"{scene}_leftImg8bit.png", i)
        place = root / "gtFine" / "train" / city
        for kind in ("instanceIds", "labelIds", "color"):
            picture(place / f"{scene}_gtFine_{kind}.png", i + 1)
        write(place / f"{scene}_gtFine_polygons.json", json.dumps({"imgHeight": i, "objects": []}))


CASES = [
    ("Cityscapes", streets, {}), ("Cityscapes", streets, {"target_type": ["semantic", "polygon", "color"]}),
    ("Places365", places, {"small": True}), ("Places365", places, {"split": "test"}), ("Imagenette", ten, {"size": "160px"}), ("Imagenette", ten, {"size": "160px", "split": "val"}),
    ("Food101", food, {}), ("Food101", food, {"split": "test"}), ("OxfordIIITPet", pets, {}), ("OxfordIIITPet", pets, {"split": "test", "target_types": ["category", "segmentation"]}),
    ("OxfordIIITPet", pets, {"target_types": "binary-category"}), ("GTSRB", signs, {}), ("GTSRB", signs, {"split": "test"}), ("Caltech101", caltech, {}), ("Caltech256", caltech, {}),
    ("Flowers102", flowers, {}), ("Flowers102", flowers, {"split": "test"}), ("SVHN", numbers, {}), ("STL10", stl, {}), ("STL10", stl, {"split": "train+unlabeled", "folds": 0}),
    ("STL10", stl, {"split": "test"}), ("STL10", stl, {"split": "unlabeled"}), ("QMNIST", digits, {}), ("QMNIST", digits, {"what": "test10k", "compat": False}), ("SBDataset", boundaries, {}),
    ("SBDataset", boundaries, {"mode": "segmentation"}), ("Caltech101", caltech, {"target_type": ["annotation", "category"]}),
]  # fmt: skip
# torchvision reads MATLAB's files through SciPy.
WITH_SCIPY = {"Flowers102", "SVHN", "SBDataset"}


@pytest.fixture(autouse=True)
def without_checksums(monkeypatch):
    """The files here are not those of the authors."""
    from taper.vision.datasets import arrays, listed, scenes

    there = lambda path, md5=None: Path(path).is_file()
    for module in (arrays, listed, scenes):
        monkeypatch.setattr(module, "check_integrity", there)


def plain(value):
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return (value.mode, np.asarray(value).tolist()) if hasattr(value, "mode") else value


@pytest.mark.parametrize("i", range(len(CASES)), ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
@pytest.mark.filterwarnings("ignore")
def test_as_torchvision_reads_them(i, tmp_path, monkeypatch):
    name, make, options = CASES[i]
    pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision", reason="torchvision, the oracle, is not installed")
    if name in WITH_SCIPY or "annotation" in options.get("target_type", ()):
        pytest.importorskip("scipy", reason="torchvision reads MATLAB's files through SciPy")
    for module in ("stl10", "flowers102", "svhn", "places365"):
        monkeypatch.setattr(
            getattr(torchvision.datasets, module), "check_integrity", lambda path, md5=None: Path(path).is_file()
        )
    make(tmp_path)
    ours, theirs = (getattr(package.datasets, name)(str(tmp_path), **options) for package in (vision, torchvision))
    assert len(ours) == len(theirs) > 0 and repr(ours) == repr(theirs)
    for k in range(len(ours)):
        assert plain(ours[k]) == plain(theirs[k])
    for attribute in ("classes", "class_to_idx", "categories"):
        assert repr(getattr(ours, attribute, None)) == repr(getattr(theirs, attribute, None))


def test_what_the_files_hold(tmp_path):
    for make in (food, flowers, numbers, boundaries, caltech, pets):
        make(tmp_path)
    assert datasets.Flowers102(tmp_path)[1][1] == 0 and len(datasets.Flowers102.classes) == 102
    house = datasets.SVHN(tmp_path, transform=lambda image: image.size)
    assert house.labels.tolist() == [1, 0, 9, 0] and house[1] == ((32, 32), 0) and house.data.shape == (4, 3, 32, 32)
    edges = datasets.SBDataset(tmp_path)[0][1]
    assert edges.shape == (20, 5, 4) and edges[0].sum() == 2 and edges[1].sum() == 0
    assert np.asarray(datasets.SBDataset(tmp_path, mode="segmentation")[0][1])[4, 3] == 19
    outline, label = datasets.Caltech101(tmp_path, ["annotation", "category"])[1][1]
    assert outline[1, 2] == 18.0 and label == 0
    turned = datasets.OxfordIIITPet(tmp_path, transform=lambda image: image.mode, target_transform=lambda t: -t)
    assert turned[1] == ("RGB", -1) and turned.classes == ["Abyssinian", "Shiba Inu"]


@pytest.mark.parametrize("name", ["Food101", "Flowers102", "OxfordIIITPet", "GTSRB", "Caltech101", "Caltech256", "SBDataset", "SVHN", "STL10", "QMNIST", "Places365", "Imagenette"])  # fmt: skip
def test_files_that_are_not_there(name, tmp_path):
    with pytest.raises(RuntimeError, match="download=True"):
        getattr(datasets, name)(tmp_path)
    options = {"what": "x"} if name == "QMNIST" else {"image_set": "x"} if name == "SBDataset" else {"target_type": "x"} if name == "Caltech101" else {"split": "x"}  # fmt: skip
    if name != "Caltech256":
        with pytest.raises(ValueError, match=r"Unknown value 'x' for argument \w+. Valid values are \{"):
            getattr(datasets, name)(tmp_path, **options)


def test_cityscapes_files_that_are_not_there(tmp_path):
    with pytest.raises(RuntimeError, match="gtFine_trainvaltest.zip"):
        datasets.Cityscapes(tmp_path)
    for options, words in (
        ({"mode": "x"}, "mode"),
        ({"split": "train_extra"}, "if mode is 'fine'"),
        ({"target_type": "x"}, "target_type"),
    ):
        with pytest.raises(ValueError, match=words):
            datasets.Cityscapes(tmp_path, **options)


def test_lsun_names_its_scenes_and_its_package(tmp_path):
    with pytest.raises(ValueError, match="LSUN class"):
        datasets.LSUN(tmp_path, ["garden_train"])
    with pytest.raises(ValueError, match="postfix"):
        datasets.LSUN(tmp_path, ["bedroom_all"])
    with pytest.raises((ModuleNotFoundError, Exception), match=r"pip install lmdb|No such file"):
        datasets.LSUN(tmp_path, "val")


def test_matlabs_files(tmp_path):
    content = {
        "a": np.arange(24, dtype=np.int16).reshape(2, 3, 4),
        "b": [np.array([[1.5]]), {"c": np.array([[7]], np.int64)}],
    }
    path = tmp_path / "x.mat"
    for packed in (True, False):
        path.write_bytes(mat(content, packed))
        found = read_mat(path)
        assert found["a"].dtype == np.int16 and (found["a"] == content["a"]).all()
        assert found["b"].shape == (2, 1) and found["b"][0, 0] == 1.5 and found["b"][1, 0].reshape(-1)[0]["c"] == 7
    whole = mat(content)
    for damaged in (
        b"",
        whole[:100],
        whole[:126] + b"xx" + whole[128:],
        whole[:-9],
        whole[:140] + b"\xff" * 8 + whole[148:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(RuntimeError, match="is damaged"):
            read_mat(path)


def test_packed_digits_are_unpacked(tmp_path, monkeypatch):
    from taper.vision.datasets import mnist

    def fetched(urls, path, md5):
        digits(tmp_path / "source")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress((tmp_path / "source/QMNIST/raw" / path.stem).read_bytes()))

    monkeypatch.setattr(mnist, "download", fetched)
    assert len(datasets.QMNIST(tmp_path, download=True)) == 3
