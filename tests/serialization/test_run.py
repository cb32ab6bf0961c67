"""The checkpoints of a run: whole at every moment, whatever dies, fills up or is damaged."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import taper
from taper.errors import CheckpointError
from taper.serialization import Checkpoints, save

SCRIPT = Path(__file__).parent.parent / "distributed" / "scripts" / "checkpointing.py"
ROOT = Path(__file__).parent.parent.parent


def state(value: float) -> dict:
    return {"x": taper.full((300, 300), value), "n": {"step": int(value)}}


def test_the_last_ones_are_kept(tmp_path):
    kept = Checkpoints(tmp_path / "run", keep=3)
    assert kept.latest() is None
    for step in range(1, 7):
        kept.save(state(step), step)
    kept.wait()
    assert kept.steps() == [4, 5, 6] and len(list(kept.folder.iterdir())) == 3
    step, found = kept.latest()
    assert step == 6 and found["n"] == {"step": 6} and found["x"][7, 7].item() == 6
    with pytest.raises(ValueError, match="keep must be 1"):
        Checkpoints(tmp_path, keep=0)


@pytest.mark.parametrize("background", (True, False))
def test_what_changes_after_saving_is_not_saved(tmp_path, background):
    kept = Checkpoints(tmp_path, background=background)
    content = state(1)
    for step in (1, 2, 3):
        content["x"].fill_(step)
        kept.save(content, step)
        content["x"].fill_(-1)
    kept.wait()
    assert [taper.load(kept.path(step))["x"][0, 0].item() for step in kept.steps()] == [2, 3]


def damage(path: Path, kind: str) -> None:
    whole = bytearray(path.read_bytes())
    if kind == "truncated":
        whole = whole[: len(whole) // 2]
    elif kind == "flipped":
        whole[len(whole) // 2] ^= 1
    else:
        whole = bytearray()
    path.write_bytes(whole)


@pytest.mark.parametrize("kind", ("truncated", "flipped", "empty"))
def test_a_damaged_one_is_passed_over_aloud(tmp_path, kind):
    kept = Checkpoints(tmp_path)
    for step in (1, 2):
        kept.save(state(step), step)
    kept.wait()
    damage(kept.path(2), kind)
    with pytest.warns(UserWarning, match=r"passed over.*step-000000000002\.pt"):
        assert kept.latest()[0] == 1
    damage(kept.path(1), kind)
    with pytest.warns(UserWarning), pytest.raises(CheckpointError, match="no checkpoint in .* can be read"):
        kept.latest()


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


def test_nothing_in_a_file_is_run(tmp_path, monkeypatch):
    import pickle
    import zipfile

    monkeypatch.chdir(tmp_path)
    kept = Checkpoints(tmp_path / "run")
    kept.save(state(1), 1)
    kept.wait()
    with zipfile.ZipFile(kept.path(2), "w") as made:
        made.writestr("archive/data.pkl", pickle.dumps(Evil(), 2))
        made.writestr("archive/version", "3\n")
    with pytest.raises(pickle.UnpicklingError, match="system"):
        kept.latest()
    assert not (tmp_path / "evil").exists()


FULL = """
import resource, signal, sys, taper
from taper.serialization import Checkpoints
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
kept = Checkpoints(sys.argv[1])
kept.save({"x": taper.ones(1000)}, 1)
kept.wait()
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
kept.save({"x": taper.ones(100_000)}, 2)
try:
    kept.wait()
except OSError as error:
    print(error)
print(kept.latest()[0], sorted(p.name for p in kept.folder.iterdir()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit on the size of files")
def test_where_there_is_no_room_the_former_one_stays(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    name = tmp_path / "step-000000000002.pt"
    assert ended.stdout.splitlines() == [f"[Errno 27] File too large: '{name}'", "1 ['step-000000000001.pt']"], ended


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_with_the_files_name():
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'") as caught:
        save(state(1), "/dev/full")
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.skipif(sys.platform != "linux", reason="/sys cannot be written to, by root neither")
def test_a_folder_that_cannot_be_written_to_is_told_with_the_files_name(tmp_path):
    with pytest.raises(OSError, match=r"'/sys/model\.pt'"):
        save(state(1), "/sys/model.pt")


def ran(folder: Path, seconds: float | None) -> int:
    """Run the script, and kill it after a time; how many steps it had begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "taper", "run", str(SCRIPT), str(folder), "30", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **ALONE},
        start_new_session=True,
    )
    try:
        if seconds is None:
            assert process.wait(timeout=120) == 0
        else:
            before = (folder / "begun").read_text() if (folder / "begun").exists() else ""
            until = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < until:
                if (folder / "begun").exists() and (folder / "begun").read_text() != before:
                    break
                time.sleep(0.002)
            time.sleep(seconds)
    finally:
        process.kill()
        process.wait()
    return int((folder / "begun").read_text().split()[-1])


ALONE = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


def test_killed_at_any_moment_it_goes_on_from_a_whole_checkpoint(tmp_path):
    """Checkpoints every two steps: the newest is of two steps ago at most, besides the one that is being written."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    ran(whole, None)
    moments = random.Random(os.getpid())
    for _ in range(5):
        last = ran(killed, moments.uniform(0, 0.12))
        found = Checkpoints(killed / "kept").latest()
        assert (found[0] if found else 0) >= (last // 2) * 2 - 2
    ran(killed, None)
    assert (killed / "digest").read_text() == (whole / "digest").read_text()
    assert not list((killed / "kept").glob(".*"))
