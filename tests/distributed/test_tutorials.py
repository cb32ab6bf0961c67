"""Scripts in the shape of PyTorch's tutorials, untouched, under `taper launch`."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from . import launching

pytestmark = launching.needs_mpi


@pytest.mark.parametrize("n", (2, 4))
def test_writing_distributed_applications(n):
    ended = launching.launch(n, "tutorial_applications.py")
    assert ended.status == 0, ended.text
    assert sorted(re.findall(r"done (\d) of (\d) 127\.0\.0\.1", ended.text)) == [(str(r), str(n)) for r in range(n)]


def test_a_trainer_with_snapshots(tmp_path):
    for epochs, ran in ((3, 3), (5, 2)):
        ended = launching.launch(2, "tutorial_torchrun.py", epochs, tmp_path / "snapshot.pt")
        assert ended.status == 0, ended.text
        found = re.findall(rf"done after {ran} epochs, from ([\d.]+) to ([\d.]+)", ended.text)
        assert len(found) == 2 and sum(float(a) - float(b) for a, b in found) > 0, ended.text
    assert ended.text.count("Loading snapshot") == 2


def test_another_launcher_of_mpi_will_do(tmp_path):
    """mpiexec and `taper run`, without `taper launch`."""
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
    command = [mpiexec, "-n", "2", *launching.taper("run", launching.SCRIPTS / "sums.py", tmp_path)]
    ended = launching.end(launching.start(command), 90)
    assert ended.status == 0, ended.text
    assert len(launching.results(tmp_path, 2)[0]) > 8
