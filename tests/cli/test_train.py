"""The command line end to end, on small datasets: what a run leaves, resuming to the bit, predicting, measuring."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import taper
from taper.cli.app import run
from taper.cli.models import build

from ..vision.files import write_mnist

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")
pytest.importorskip("matplotlib", reason="pictures need matplotlib")


@pytest.fixture
def root(tmp_path):
    return write_mnist(tmp_path / "data", 120, 40)


def train(root, out, *options):
    return run(
        ["train", "mnist", "--data-root", str(root), "--no-download", "--out", str(out), "--model", "mlp", *options]
    )


def rows(path):
    with open(path / "metrics.csv") as file:
        return [{k: v for k, v in row.items() if k != "images_per_second"} for row in csv.DictReader(file)]


def test_a_run_leaves_what_it_promises(root, tmp_path, capsys):
    assert train(root, tmp_path / "runs", "--epochs", "4", "--lr", "0.01") == 0
    path = tmp_path / "runs" / "mnist-mlp"
    assert {p.name for p in path.iterdir()} == {
        *(
            "config.json",
            "metrics.csv",
            "curves.png",
            "confusion.png",
            "mistakes.png",
            "best.pt",
            "last.pt",
            "previous.pt",
        )
    }
    assert json.loads((path / "config.json").read_text())["epochs"] == 4
    found = rows(path)
    assert [r["epoch"] for r in found] == ["1", "2", "3", "4"]
    assert float(found[-1]["test_accuracy"]) > 0.9
    assert taper.load(path / "last.pt")["epoch"] == 4
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        with Image.open(path / name) as picture:
            assert min(picture.size) > 100
    said = capsys.readouterr().out
    assert "epoch 4/4" in said
    assert "images/s" in said
    assert train(root, tmp_path / "runs", "--epochs", "1", "--no-pictures") == 0
    assert not (tmp_path / "runs" / "mnist-mlp-2" / "curves.png").exists()


RESUMED = [
    ["--optimizer", "sgd", "--scheduler", "onecycle", "--dropout", "0.3", "--augment", "--val-split", "0.25"],
    ["--optimizer", "adam", "--scheduler", "plateau", "--label-smoothing", "0.1"],
    ["--optimizer", "rmsprop", "--scheduler", "cosine", "--weight-decay", "0.01"],
]


@pytest.mark.parametrize("options", RESUMED, ids=lambda o: o[3])
def test_a_resumed_run_ends_with_the_same_bits(root, tmp_path, options, monkeypatch):
    common = ["--epochs", "4", "--no-pictures", *options]
    assert train(root, tmp_path / "whole", *common) == 0

    from taper.cli import trainer as module

    real, calls = module.Trainer._train, []

    def interrupted(self, watch):
        if len(calls) == 2:
            calls.append(None)
            # In the middle of the third epoch.
            batches = iter(self.loaders["train"])
            next(batches)
            self.model(next(batches)[0])
            raise KeyboardInterrupt
        calls.append(None)
        return real(self, watch)

    monkeypatch.setattr(module.Trainer, "_train", interrupted)
    assert train(root, tmp_path / "parts", *common) == 130
    path = tmp_path / "parts" / "mnist-mlp"
    assert taper.load(path / "last.pt")["epoch"] == 2
    assert run(["train", "--resume", str(path)]) == 0
    assert rows(path) == rows(tmp_path / "whole" / "mnist-mlp")
    ours, theirs = (taper.load(tmp_path / p / "mnist-mlp" / "last.pt") for p in ("parts", "whole"))
    for name, tensor in theirs["model"].items():
        assert taper.equal(tensor, ours["model"][name])
    assert taper.equal(ours["rng"], theirs["rng"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_saves_and_exits_130(root, tmp_path):
    command = [sys.executable, "-m", "taper", "train", "mnist", "--data-root", str(root), "--epochs", "5000", "--no-pictures",
               "--out", str(tmp_path / "runs"), "--model", "softmax"]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    path = tmp_path / "runs" / "mnist-softmax"
    deadline = time.monotonic() + 60
    while not (path / "metrics.csv").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    assert taper.load(path / "last.pt")["epoch"] >= 1


def test_predict_eval_and_info(root, tmp_path, capsys):
    assert train(root, tmp_path / "runs", "--epochs", "6", "--lr", "0.01", "--no-pictures") == 0
    path = str(tmp_path / "runs" / "mnist-mlp")
    picture = np.full((28, 28), 30, np.uint8)
    picture[14:17] = 210
    for mode, name in (("L", "grey.png"), ("RGB", "colour.jpg"), ("RGBA", "clear.png"), ("P", "palette.png")):
        Image.fromarray(picture).convert(mode).save(tmp_path / name)
    capsys.readouterr()
    files = [str(tmp_path / n) for n in ("grey.png", "colour.jpg", "clear.png", "palette.png")]
    assert run(["predict", path, *files, "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("7 - seven" in line and "%" in line for line in lines)
    assert run(["eval", path]) == 0
    assert "test accuracy" in capsys.readouterr().out
    assert run(["info"]) == 0
    assert taper.__version__ in capsys.readouterr().out


def test_validation_early_stopping_and_folds(root, tmp_path, capsys):
    assert train(root, tmp_path / "a", "--epochs", "50", "--lr", "0.5", "--optimizer", "sgd", "--val-split", "0.2",
                 "--early-stopping", "2", "--no-pictures") == 0  # fmt: skip
    assert len(rows(tmp_path / "a" / "mnist-mlp")) < 50
    assert train(root, tmp_path / "b", "--epochs", "2", "--kfold", "3", "--no-pictures") == 0
    summary = json.loads((tmp_path / "b" / "mnist-mlp" / "folds.json").read_text())
    assert len(summary["folds"]) == 3
    assert (tmp_path / "b" / "mnist-mlp" / "fold-3" / "best.pt").exists()
    assert "3 folds" in capsys.readouterr().out


def test_a_folder_of_images_of_all_kinds(tmp_path, capsys):
    random = np.random.default_rng(0)
    for k, name in enumerate(("dark", "light")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(10):
            pixels = random.integers(100 * k, 100 * k + 60, (10 + i, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).convert(("RGB", "L", "RGBA", "P")[i % 4]).save(
                tmp_path / "images" / name / f"{i}.png"
            )
    out = tmp_path / "runs"
    assert (
        run(["train", str(tmp_path / "images"), "--epochs", "6", "--lr", "0.01", "--out", str(out), "--augment"]) == 0
    )
    assert run(["predict", str(out / "images-lenet"), str(tmp_path / "images" / "light" / "2.png")]) == 0
    assert "light" in capsys.readouterr().out.splitlines()[-1].split("%")[0]
    assert run(["eval", str(out / "images-lenet")]) == 0


def test_a_folder_with_splits_of_its_own_and_odd_names(tmp_path, capsys):
    for split, count in (("train", 4), ("val", 2)):
        for k, name in enumerate(("[red]", "grün")):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.full((9, 10), 60000 * k + i, np.uint16)
                Image.fromarray(pixels).save(tmp_path / "images" / split / name / f"{i}.png")
    out = tmp_path / "runs"
    arguments = ["--model", "softmax", "--epochs", "30", "--lr", "0.05", "--no-pictures", "--out", str(out)]
    assert run(["train", str(tmp_path / "images"), *arguments]) == 0
    assert "8 training images of 3 x 9 x 10, 2 classes" in capsys.readouterr().out
    assert run(["eval", str(out / "images-softmax")]) == 0
    said = capsys.readouterr().out
    assert "[red]" in said and "grün" in said and "test accuracy 1.0000 on 4 images" in said


def test_images_are_read_as_they_are_displayed(tmp_path):
    from taper.cli.folder import read_image

    deep = np.array([[0, 65535], [256 * 77, 256 * 200]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.asarray(read_image(tmp_path / "deep.png", "L", (2, 2))).tolist() == [[0, 255], [77, 200]]
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    assert np.asarray(read_image(tmp_path / "clear.png", "L", (2, 2))).tolist() == [[255, 255], [255, 255]]
    turned = Image.fromarray(np.array([[10, 200]], np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    assert np.asarray(read_image(tmp_path / "turned.png", "L", (2, 1))).tolist() == [[10], [200]]


def test_folds_that_were_begun_are_continued(root, tmp_path, capsys):
    assert train(root, tmp_path / "runs", "--epochs", "2", "--kfold", "3", "--no-pictures") == 0
    path = tmp_path / "runs" / "mnist-mlp"
    whole = json.loads((path / "folds.json").read_text())
    (path / "folds.json").unlink()
    for name in ("last.pt", "best.pt", "metrics.csv"):
        (path / "fold-3" / name).unlink()
    assert run(["train", "--resume", str(path)]) == 0
    assert json.loads((path / "folds.json").read_text()) == whole


@pytest.mark.parametrize(("channels", "size"), [(3, (32, 32)), (1, (28, 28)), (1, (64, 80)), (3, (96, 64))])
def test_resnet18_takes_the_dataset_s_images(channels, size):
    model = build("resnet18", channels, size, 7, 0.5).eval()
    assert model.conv1.stride == ((1, 1) if min(size) < 64 else (2, 2))
    assert model(taper.randn(2, channels, *size)).shape == (2, 7)
