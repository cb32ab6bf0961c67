"""Scripts for the tests, run in a process of their own as a person runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def write(folder: Path, **files: str) -> None:
    """Files of a program; `a__b` is the file b.py in the folder a."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def run(*command: str, cwd: Path, module: str = "taper", **variables: str) -> subprocess.CompletedProcess:
    """`python -m taper ...` in a folder, with this Taper."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", **variables}
    return subprocess.run(
        [sys.executable, "-m", module, *command], cwd=cwd, env=env, capture_output=True, text=True, timeout=120
    )


def script(folder: Path, text: str, *arguments: str, status: int = 0, **files: str) -> str:
    """What `taper run` of a script prints; its exit status is checked."""
    write(folder, script=text, **files)
    done = run("run", "script.py", *arguments, cwd=folder)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout
