"""Files: paths and file objects, atomic replacement, mmap, map_location."""

from __future__ import annotations

import io
import os
import stat

import numpy as np
import pytest

import taper
from taper.serialization import load, save

from .exchange import oracle, packed, pickle_in, written


def test_paths_and_file_objects(tmp_path):
    path = tmp_path / "model.v1.pt"
    save({"a": taper.ones(2)}, path)
    assert load(str(path))["a"].tolist() == load(path)["a"].tolist() == [1.0, 1.0]
    assert b"model.v1/data.pkl" in path.read_bytes()
    with open(path, "rb") as file:
        assert load(file)["a"].tolist() == [1.0, 1.0]
    with open(path, "wb", buffering=0) as file:
        save(taper.arange(3), file)
    assert load(path).tolist() == [0, 1, 2]
    with open(path, encoding="latin1") as file, pytest.raises(TypeError, match="'rb'"):
        load(file)


def test_writing_needs_only_write():
    class Sink:
        data = b""

        def write(self, part):
            self.data += bytes(part)

    sink = Sink()
    save([taper.ones(2)], sink)
    assert load(io.BytesIO(sink.data))[0].tolist() == [1.0, 1.0]


def test_legacy_files_follow_each_other_in_one_stream():
    file = io.BytesIO()
    for value in (taper.ones(1), {"b": taper.arange(2)}):
        save(value, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert load(file).tolist() == [1.0] and load(file)["b"].tolist() == [0, 1]


class Disk(Exception):
    """What stands for a full disk."""


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    save("old", path)
    with pytest.raises((AttributeError, Exception), match="lambda"):
        save(lambda: 1, path)
    assert load(path) == "old"

    def full(descriptor):
        raise Disk

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Disk):
        save("new", path)
    assert load(path) == "old" and os.listdir(tmp_path) == ["model.pt"]


@pytest.mark.skipif(os.name != "posix", reason="file modes and links are POSIX's")
def test_a_save_keeps_the_files_mode_and_follows_links(tmp_path):
    path, link = tmp_path / "model.pt", tmp_path / "latest.pt"
    save(1, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()
    path.chmod(0o640)
    link.symlink_to(path)
    save(2, link)
    assert link.is_symlink() and load(path) == 2 and stat.S_IMODE(path.stat().st_mode) == 0o640
    save(3, os.devnull)


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def test_a_directory_must_exist(tmp_path):
    with pytest.raises(RuntimeError, match="Parent directory .*nowhere does not exist"):
        save(1, tmp_path / "nowhere" / "x.pt")
    with pytest.raises(IsADirectoryError):
        save(1, tmp_path)


def test_mapped_files(tmp_path):
    path = tmp_path / "model.pt"
    base = taper.arange(1000.0)
    save({"base": base, "part": base[10:12], "half": taper.ones(3, dtype=taper.bfloat16)}, path)
    before = path.read_bytes()
    back = load(path, mmap=True)
    assert back["half"].dtype == taper.bfloat16 and back["part"].tolist() == [10.0, 11.0]
    back["base"][10] = 5.0
    assert back["part"][0].item() == 5.0 and path.read_bytes() == before
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        load(io.BytesIO(before), mmap=True)
    save(1, path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        load(path, mmap=True)


def test_pytorch_maps_our_files(tmp_path):
    torch = oracle()
    save(taper.arange(5.0), tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", mmap=True).tolist() == [0, 1, 2, 3, 4]


PLACES = [
    "cpu",
    taper.device("cpu"),
    {"cuda:0": "cpu"},
    lambda storage, location: storage,
    lambda storage, location: storage.cpu(),
]


def gpu_file(location="cuda:0") -> io.BytesIO:
    """A checkpoint whose tensor was on a GPU."""
    told = b"X" + len("cpu").to_bytes(4, "little") + b"cpu"
    want = b"X" + len(location).to_bytes(4, "little") + location.encode()
    return packed(pickle_in(written(taper.ones(2))).replace(told, want), {"0": np.ones(2, "f4").tobytes()})


@pytest.mark.parametrize("place", PLACES)
def test_map_location(place):
    assert load(gpu_file(), map_location=place).tolist() == [1.0, 1.0]
    assert load(written(taper.ones(2)), map_location=place).tolist() == [1.0, 1.0]


def test_map_location_function_sees_what_was_saved():
    seen = []
    load(
        gpu_file(),
        map_location=lambda storage, location: seen.append((len(storage), storage.nbytes(), location)) or storage,
    )
    assert seen == [(2, 8, "cuda:0")]
    assert load(written(taper.ones(2)), map_location=lambda storage, location: None).tolist() == [1.0, 1.0]


def test_a_gpus_tensors_need_a_place():
    with pytest.raises(RuntimeError, match="map_location=torch.device\\('cpu'\\)"):
        load(gpu_file())
    with pytest.raises(RuntimeError, match="tagged with mps"):
        load(gpu_file("mps"))
    with pytest.raises(TypeError, match="map_location must be"):
        load(gpu_file(), map_location=3.5)
