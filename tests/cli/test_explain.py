"""`taper explain`: the script runs as Python runs it, then every function that it compiled is explained."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import taper
from taper.cli.app import run
from taper.compiler.explain import watching

pytest.importorskip("llvmlite", reason="programs of machine code need llvmlite")

ROOT = Path(taper.__file__).parent.parent

SCRIPT = """
import sys

import helper
import torch

print(__name__, sys.argv[1:], helper.NAME)


def main():
    double = torch.compile(lambda x: torch.tanh(x @ x) * 2)
    for _ in range(2):
        double(torch.ones(8, 8))
    double(torch.ones(4, 4))
    torch.compile(helper.unused)


main()
"""


@pytest.fixture
def place(tmp_path):
    """A folder with a script and a module beside it, and one that is the working directory."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("NAME = 'neighbour'\n\n\ndef unused(x):\n    return x\n")
    (tmp_path / "elsewhere").mkdir()
    return tmp_path


def explained(place, *arguments):
    """`taper explain` of the script, in a process of its own: scripts change their process."""
    return subprocess.run(
        [sys.executable, "-m", "taper", "explain", str(place / "script.py"), *arguments],
        cwd=place / "elsewhere", env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip


def test_functions_are_explained_after_the_script(place):
    found = explained(place, "--rate", "3")
    assert found.returncode == 0, found.stderr
    said = found.stdout
    assert said.startswith("__main__ ['--rate', '3'] neighbour\n")
    assert said.count("main.<locals>.<lambda>: 1 kernel of 3 operations") == 2
    assert "matmul 8x8x8 + tanh + multiply" in said and "matmul 4x4x4 + tanh + multiply" in said
    assert "script.py:11" in said
    assert "unused: was not called" in said


@pytest.mark.parametrize(
    ("end", "status", "message"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('no more')", 1, "no more\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
    ],
)
def test_the_scripts_end_is_the_commands(place, end, status, message):
    (place / "script.py").write_text(SCRIPT + end)
    found = explained(place)
    assert found.returncode == status
    assert found.stderr.endswith(message)
    assert "matmul 8x8x8" in found.stdout


def test_a_script_that_compiles_nothing_is_told_so(place):
    (place / "script.py").write_text("print(1)")
    found = explained(place)
    assert found.returncode == 0
    assert found.stdout == "1\n"
    assert found.stderr == "taper explain: the script compiled nothing; wrap its step in taper.compile\n"


def test_a_script_that_is_not_there(capsys):
    assert run(["explain", "nowhere.py"]) == 2
    assert capsys.readouterr().err == ("taper: cannot run 'nowhere.py': there is no file nowhere.py. Check the path.\n")


def test_functions_are_not_kept_when_nobody_asks():
    with watching() as made:
        inside = taper.compile(lambda x: x)
    taper.compile(lambda x: x)
    assert made == [inside]


def test_info_tells_of_native_code(tmp_path, monkeypatch, capsys):
    from taper.native import cache

    (tmp_path / "entry").write_bytes(b"x" * 2_500_000)
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    assert run(["info"]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    native, kept = lines["native"].strip(), lines["code cache"].strip()
    assert "-bit vectors, " in native and " thread" in native
    assert kept == f"{tmp_path}, 2.5 MB in 1 files"
    monkeypatch.setattr(cache, "folder", lambda: None)
    assert run(["info"]) == 0
    assert "TAPER_CACHE_DIR" in capsys.readouterr().out


def test_ptx_is_printed_without_a_gpu(place):
    found = subprocess.run(
        [sys.executable, "-m", "taper", "explain", "--device", "cuda", str(place / "script.py")],
        cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "kernels for sm_90:" in found.stdout and ".target sm_90" in found.stdout
    assert "unused: was not called" in found.stdout


def test_an_unknown_gpu_is_refused_before_the_script_runs(place):
    found = subprocess.run(
        [sys.executable, "-m", "taper", "explain", "--device", "sm_1", str(place / "script.py")],
        cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert found.returncode and "unknown GPU architecture 'sm_1'" in found.stderr and not found.stdout
