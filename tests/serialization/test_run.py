"""The checkpoints of a run: whole at every moment, whatever dies, fills up or is damaged."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

import taper
from taper.errors import CheckpointError
from taper.serialization import Checkpoints, save

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


def mutated(whole: bytes, dice: random.Random) -> bytes:
    """The file cut, with bits turned, with pieces lost, doubled or overwritten, or with a number in a header changed."""
    kind = dice.choice(("cut", "bit", "bits", "lost", "doubled", "zeros", "noise", "header"))
    made = bytearray(whole)
    at, length = dice.randrange(len(made)), dice.choice((1, 4, 100, 4096))
    if kind == "cut":
        del made[at:]
    elif kind in ("bit", "bits"):
        for _ in range(1 if kind == "bit" else 50):
            made[dice.randrange(len(made))] ^= 1 << dice.randrange(8)
    elif kind == "lost":
        del made[at : at + length]
    elif kind == "doubled":
        made[at:at] = made[at : at + length]
    elif kind == "zeros":
        made[at : at + length] = bytes(len(made[at : at + length]))
    elif kind == "noise":
        made[at : at + length] = dice.randbytes(len(made[at : at + length]))
    else:
        # Sizes, offsets, checksums and counts of the archive's headers.
        starts = [i for sign in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") for i in places(whole, sign)]
        field = dice.choice(starts) + dice.randrange(4, 46)
        number = dice.choice((0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, len(whole)))
        made[field : field + 4] = number.to_bytes(4, "little")
    return bytes(made)


def places(whole: bytes, sign: bytes) -> list[int]:
    found, at = [], whole.find(sign)
    while at >= 0:
        found.append(at)
        at = whole.find(sign, at + 1)
    return found


def test_a_thousand_mutations(tmp_path):
    """The file is as before to whoever reads it, or it is named and the older one is used; nothing else ever happens."""
    kept = Checkpoints(tmp_path, background=False)
    for step in (1, 2):
        kept.save({"x": taper.arange(3000.0) * step, "n": {"step": step, "lr": [0.1, None, "word"]}}, step)
    whole, dice = kept.path(2).read_bytes(), random.Random(3)
    used = {1: 0, 2: 0}
    tracemalloc.start()
    for _ in range(1000):
        kept.path(2).write_bytes(mutated(whole, dice))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            step, found = kept.latest()
        used[step] += 1
        assert found["n"] == {"step": step, "lr": [0.1, None, "word"]}
        assert np.array_equal(found["x"].numpy(), np.arange(3000, dtype=np.float32) * step)
        assert [str(kept.path(2)) in str(w.message) for w in told] == ([True] if step == 1 else [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used[1] > 700 and used[2] > 20 and peak < 10_000_000


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


@pytest.fixture
def unprivileged():
    """Without root's right to write anywhere."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    yield
    os.seteuid(before)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX's")
@pytest.mark.parametrize("background", (True, False))
def test_a_read_only_folder(background, request):
    with tempfile.TemporaryDirectory() as folder:
        kept = Checkpoints(folder, background=background)
        kept.save(state(1), 1)
        kept.wait()
        kept.folder.chmod(0o555)
        request.getfixturevalue("unprivileged")
        with pytest.raises(PermissionError, match=r"Permission denied: '.*step-000000000002\.pt'"):
            kept.save(state(2), 2)
            kept.wait()
        assert kept.latest()[0] == 1
        os.seteuid(os.getuid())
        kept.folder.chmod(0o755)


@pytest.mark.parametrize("background", (True, False))
def test_a_folder_that_vanished(tmp_path, background):
    kept = Checkpoints(tmp_path / "run", background=background)
    kept.save(state(1), 1)
    kept.wait()
    shutil.rmtree(kept.folder)
    with pytest.raises(RuntimeError, match=r"Parent directory .*run does not exist"):
        kept.save(state(2), 2)
        kept.wait()


@pytest.mark.parametrize("where", ("write", "fsync", "replace"))
@pytest.mark.parametrize("background", (True, False))
def test_a_disk_that_fills_up_at_any_moment(tmp_path, background, where, monkeypatch):
    kept = Checkpoints(tmp_path, background=background)
    kept.save(state(1), 1)
    kept.wait()

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device", *[str(a) for a in args[:1] if not isinstance(a, int)])

    if where == "write":
        monkeypatch.setattr("taper.serialization.archive.Writer.record", full)
    else:
        monkeypatch.setattr(os, where, full)
    with pytest.raises(OSError, match="No space left on device") as told:
        kept.save(state(2), 2)
        kept.wait()
    assert told.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000000001.pt"]
    kept.save(state(3), 3)
    kept.wait()
    assert kept.latest()[0] == 3


KILLS = Path(__file__).parent / "scripts" / "kills.py"


def kills(mode: str, folder: Path, count: int) -> dict:
    ended = subprocess.run(
        [sys.executable, str(KILLS), mode, str(folder), str(count)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are forks")
@pytest.mark.parametrize("mode", ("training", "background"))
def test_killed_at_thirty_moments_of_a_run(tmp_path, mode):
    """Checkpoints every three steps: what is lost is what came after the last, or besides while that was being written."""
    found = kills(mode, tmp_path, 30)
    assert len(found["ages"]) == 30 and max(found["ages"]) <= (2 if mode == "training" else 5)
    # Killed when the last one has just been written, a run had no time to remove the third last, and the next writes none.
    assert found["same"] and found["left"] in (2, 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are forks")
def test_killed_at_thirty_moments_of_saving(tmp_path):
    found = kills("saving", tmp_path, 30)
    assert len(found["behind"]) == 30 and set(found["behind"]) <= {0, 1}
