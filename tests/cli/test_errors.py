"""Mistakes: one clear line on stderr that names the thing, exit status 2, no traceback, nothing half-written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from taper.cli.app import run

from ..vision.files import write_mnist

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with small datasets, as the working directory."""
    monkeypatch.chdir(tmp_path)
    write_mnist(tmp_path / "data", 40, 20)
    (tmp_path / "broken" / "MNIST").mkdir(parents=True)
    write_mnist(tmp_path / "damaged", 40, 20)
    (tmp_path / "damaged" / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x03abc")
    (tmp_path / "empty").mkdir()
    for name in ("a", "b"):
        (tmp_path / "unreadable" / name).mkdir(parents=True)
        for i in range(6):
            (tmp_path / "unreadable" / name / f"{i}.png").write_bytes(b"no image")
    (tmp_path / "file").write_text("a file")
    (tmp_path / "none" / "class").mkdir(parents=True)
    folder(tmp_path / "one", {"a": 3})
    folder(tmp_path / "bare", {"a": 3, "b": 0})
    folder(tmp_path / "single", {"a": 1, "b": 1})
    folder(tmp_path / "unlike" / "train", {"a": 2, "b": 2})
    folder(tmp_path / "unlike" / "test", {"a": 1, "c": 1})
    return tmp_path


def folder(path, classes):
    """A folder of so many small images for each class."""
    for name, count in classes.items():
        (path / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(np.full((9, 9), 20 * i, np.uint8)).save(path / name / f"{i}.png")


MISTAKES = [
    (["train", "nonsense"], "nonsense"),
    (["train", "mnist", "--model", "gpt"], "gpt"),
    (["train", "mnist", "--data-root", "nowhere", "--no-download"], "nowhere"),
    (["train", "mnist", "--data-root", "damaged", "--no-download"], "train-images-idx3-ubyte is damaged"),
    (["train", "empty"], "empty"),
    (["train", "none"], "class"),
    (["train", "unreadable"], "unreadable"),
    (["train", "one"], "one class folder, 'a'"),
    (["train", "bare"], "holds no images"),
    (["train", "single"], "none is left for testing"),
    (["train", "unlike"], "class 'c'"),
    (["train", "mnist", "--momentum", "0.5"], "--momentum is for sgd"),
    (["train", "mnist", "--optimizer", "sgd", "--momentum", "1"], "--momentum must be"),
    (["train", "mnist", "--seed", "-1"], "--seed"),
    (["train", "mnist", "--epochs", "0"], "--epochs"),
    (["train", "mnist", "--epochs", "many"], "many"),
    (["train", "mnist", "--lr", "-1"], "--lr"),
    (["train", "mnist", "--lr", "nan"], "--lr"),
    (["train", "mnist", "--batch-size", "0"], "--batch-size"),
    (["train", "mnist", "--optimizer", "magic"], "magic"),
    (["train", "mnist", "--scheduler", "magic"], "magic"),
    (["train", "mnist", "--dropout", "1.5"], "--dropout"),
    (["train", "mnist", "--val-split", "1"], "--val-split"),
    (["train", "mnist", "--val-split", "0.001"], "--val-split"),
    (["train", "mnist", "--early-stopping", "3"], "--val-split"),
    (["train", "mnist", "--kfold", "1"], "--kfold"),
    (["train", "mnist", "--kfold", "500"], "--kfold"),
    (["train", "mnist", "--kfold", "2", "--val-split", "0.1"], "--val-split"),
    (["train", "mnist", "--device", "cuda"], "cuda"),
    (["train", "mnist", "--threads", "-1"], "--threads"),
    (["train", "mnist", "--out", "file"], "file"),
    (["train", "mnist", "--optimizer", "sgd", "--lr", "1e30"], "--lr"),
    (["train", "--resume", "nowhere"], "nowhere"),
    (["train", "--resume", "empty"], "config.json"),
    (["train", "mnist", "--wrong"], "--wrong"),
    (["predict", "nowhere", "x.png"], "nowhere"),
    (["predict", "empty", "x.png"], "empty"),
    (["predict", "empty"], "IMAGES"),
    (["eval", "file"], "file"),
    (["fly"], "fly"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_mistakes_are_one_line(place, capsys, arguments, words):
    before = sorted(p for p in place.rglob("*"))
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert "Traceback" not in said
    after = sorted(p for p in place.rglob("*") if p.name != "runs")
    assert after == before


@pytest.fixture
def trained(place, capsys):
    """A finished run."""
    assert run(["train", "mnist", "--model", "softmax", "--epochs", "1", "--no-pictures"]) == 0
    capsys.readouterr()
    return place / "runs" / "mnist-softmax"


def test_broken_checkpoints_and_images(trained, place, capsys):
    best = trained / "best.pt"
    content = best.read_bytes()
    image = place / "image.png"
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(image)
    for damaged in (
        content[: len(content) // 2],
        b"",
        b"not a checkpoint",
        content[:100] + b"\xff" * 50 + content[150:],
    ):
        best.write_bytes(damaged)
        for command in (["predict", str(trained), str(image)], ["eval", str(trained)]):
            assert run(command) == 2
            said = capsys.readouterr().err
            assert "best.pt" in said
            assert len(said.strip().splitlines()) == 1
    best.write_bytes(content)
    image.write_bytes(image.read_bytes()[:40])
    for name in (image, place / "missing.png", place / "file", place):
        assert run(["predict", str(trained), str(name)]) == 2
        assert name.name in capsys.readouterr().err


def test_a_damaged_config_and_a_foreign_checkpoint(trained, capsys):
    import taper

    config = trained / "config.json"
    good = config.read_text()
    for text in ("{", "[]", json.dumps({"epochs": 3}), json.dumps({**json.loads(good), "epochs": "x"})):
        config.write_text(text)
        assert run(["train", "--resume", str(trained)]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    config.write_text(good)
    for foreign in ({"model": {}}, [1, 2], {"model": {}, "facts": {}}, taper.ones(3)):
        taper.save(foreign, trained / "last.pt")
        taper.save(foreign, trained / "best.pt")
        assert run(["train", "--resume", str(trained)]) == 2
        assert run(["eval", str(trained)]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_resuming_keeps_the_runs_own_settings(trained, capsys):
    for arguments, words in ((["--lr", "1"], "--lr"), (["digits"], "dataset"), (["--epochs", "9"], "--epochs")):
        assert run(["train", *arguments, "--resume", str(trained)]) == 2
        assert f"leave out {'the dataset' if words == 'dataset' else words}" in capsys.readouterr().err
    (trained / "last.pt").unlink()
    assert run(["train", "--resume", str(trained)]) == 2
    assert "no last.pt" in capsys.readouterr().err


def test_a_dataset_that_has_changed_is_refused(trained, place, capsys):
    write_mnist(place / "other", 41, 20)
    assert run(["train", "--resume", str(trained), "--data-root", "other"]) == 2
    assert "is not what" in capsys.readouterr().err


def test_a_setting_of_the_wrong_kind_in_a_config(trained, capsys):
    config = trained / "config.json"
    good = json.loads(config.read_text())
    for name, value in (("epochs", 1.5), ("augment", 3), ("model", None), ("lr", True), ("seed", "0")):
        config.write_text(json.dumps({**good, name: value}))
        assert run(["train", "--resume", str(trained)]) == 2
        assert name in capsys.readouterr().err
