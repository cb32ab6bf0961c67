"""`taper train --nproc`: several processes do what one does, go on when one dies, and name the layer that fails."""

from __future__ import annotations

import csv
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import taper
from taper.cli.app import run

from ..distributed import launching
from ..vision.files import write_mnist

pytest.importorskip("PIL.Image", reason="images need Pillow")


@pytest.fixture
def root(tmp_path):
    return write_mnist(tmp_path / "data", 120, 40)


def command(root, out, *options) -> list:
    fixed = ("--data-root", root, "--no-download", "--no-pictures", "--out", out, "--model", "mlp")
    return launching.taper("train", "mnist", *fixed, *options)


def rows(path):
    with open(path / "mnist-mlp" / "metrics.csv") as file:
        return [{k: v for k, v in row.items() if k != "images_per_second"} for row in csv.DictReader(file)]


@launching.needs_mpi
def test_two_processes_find_what_one_finds(root, tmp_path):
    # 120 images in batches of 17: shares and the last batch are uneven.
    options = ("--epochs", "3", "--batch-size", "17", "--val-split", "0.2", "--scheduler", "onecycle")
    for n in (1, 2):
        ended = launching.end(launching.start(command(root, tmp_path / str(n), *options, "--nproc", n)), 120)
        assert ended.status == 0, ended.text
    alone, together = rows(tmp_path / "1"), rows(tmp_path / "2")
    assert len(alone) == len(together) == 3 and ended.text.count("epoch 3/3") == 1
    for a, b in zip(alone, together):
        for name in a:
            np.testing.assert_allclose(float(b[name]), float(a[name]), rtol=1e-6, atol=1e-6, err_msg=name)


def processes_of(path: Path) -> list[int]:
    """The processes that train in a run's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[1:4] == [b"-m", b"taper", b"train"] and os.fsencode(path) in words:
                found.append(int(entry.name))
    return found


@launching.needs_mpi
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_process_changes_no_bit(root, tmp_path):
    options = ("--epochs", "40", "--nproc", "2", "--dropout", "0.2", "--augment")
    ended = launching.end(launching.start(command(root, tmp_path / "whole", *options)), 120)
    assert ended.status == 0, ended.text
    process = launching.start(command(root, tmp_path / "killed", *options, "--max-restarts", "2"))
    path = tmp_path / "killed" / "mnist-mlp"
    until = time.monotonic() + 60
    while not (path / "metrics.csv").exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    victims = processes_of(path)
    if victims:
        os.kill(victims[-1], signal.SIGKILL)
    ended = launching.end(process, 120)
    assert ended.status == 0 and "restart 1 of 2" in ended.text, ended.text
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    ours, theirs = (taper.load(tmp_path / p / "mnist-mlp" / "last.pt")["model"] for p in ("killed", "whole"))
    assert all(taper.equal(ours[name], value) for name, value in theirs.items())


def test_a_damaged_checkpoint_leaves_the_one_before(root, tmp_path, capsys):
    assert run([str(c) for c in command(root, tmp_path / "runs", "--epochs", "3")[3:]]) == 0
    path = tmp_path / "runs" / "mnist-mlp"
    before = rows(tmp_path / "runs")
    whole = bytearray((path / "last.pt").read_bytes())
    whole[len(whole) // 2] ^= 1
    (path / "last.pt").write_bytes(whole)
    capsys.readouterr()
    assert run(["train", "--resume", str(path)]) == 0
    said = capsys.readouterr().err
    assert "last.pt cannot be read" in said and "damaged" in said and "previous.pt, epoch 2" in said
    assert rows(tmp_path / "runs") == before


def test_the_layer_that_fails_is_named(root, tmp_path, capsys):
    options = ("--optimizer", "sgd", "--lr", "1e36", "--epochs", "2", "--detect-anomaly")
    assert run([str(c) for c in command(root, tmp_path / "runs", *options)[3:]]) == 2
    said = capsys.readouterr().err
    assert "the output of layer" in said and "(Linear)" in said and "Lower --lr" in said


def test_folds_are_for_one_process(root, tmp_path, capsys):
    assert run([str(c) for c in command(root, tmp_path / "runs", "--kfold", "2", "--nproc", "2")[3:]]) == 2
    assert "leave out --nproc" in capsys.readouterr().err
