"""Running scripts as several processes, each run with a hard end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
ROOT = Path(__file__).parent.parent.parent

needs_mpi = pytest.mark.skipif(
    find_spec("mpi4py") is None
    or not (shutil.which("mpiexec", path=os.path.dirname(sys.executable)) or shutil.which("mpiexec")),
    reason="needs mpi4py and mpiexec: pip install 'taper[mpi]'",
)


class Ended:
    """How a run ended: status, and everything it printed."""

    def __init__(self, status: int, text: str):
        self.status, self.text = status, text


def environment() -> dict[str, str]:
    """One thread a process: machines that test have few cores."""
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}


def start(command: list, **variables: str) -> subprocess.Popen:
    """A process group of its own, of which nothing is left behind by `end`."""
    return subprocess.Popen(
        [str(c) for c in command],
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen, seconds: float) -> Ended:
    """Wait for the end, which must come within a time."""
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            text, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
        pytest.fail(f"still running after {seconds} s: {process.args}\n{text}")
    return Ended(process.returncode, text)


def left(token: str, seconds: float = 3) -> list[str]:
    """The processes that have a word in their command lines, and do not end within a time."""
    until = time.monotonic() + seconds
    while True:
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = place.read_bytes()
                if token.encode() in words:
                    found.append(words.replace(b"\0", b" ").decode())
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.05)


def taper(*arguments) -> list:
    """The command line `taper ...`."""
    return [sys.executable, "-m", "taper", *arguments]


def launch(n: int, script: str, *arguments, options: tuple = (), seconds: float = 90, **variables: str) -> Ended:
    """Run n processes of one of the scripts under `taper launch`."""
    return end(start(taper("launch", "-n", n, *options, SCRIPTS / script, *arguments), **variables), seconds)


def torchrun(n: int, script: str, *arguments, seconds: float = 120) -> Ended:
    """The same with PyTorch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", n, "--standalone"]
    return end(start([*command, SCRIPTS / script, *arguments]), seconds)


def results(folder: Path, n: int) -> list:
    """What the processes wrote."""
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(n)]
