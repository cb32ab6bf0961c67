"""benchmarks/gpu.py without a GPU: its programs run on CuPy's stand-in, and what it does with time, failures and logs."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

import taper
from benchmarks import gpu as script

from .gpus import gpus


def test_without_a_gpu_it_says_so(capsys):
    if taper.cuda.is_available():
        pytest.skip("there is a GPU")
    assert script.main([]) == 0 and "No GPU" in capsys.readouterr().out


def test_shares_of_the_time():
    clock = script.Time(100)
    assert clock.share(30, 1) == 30 and 49 < clock.share(75, 2) <= 50
    assert script.Time(-5).share(75, 2) == 0


@pytest.mark.parametrize("name", ["mlp", "small"])
def test_programs_run(monkeypatch, name):
    """Eagerly on the stand-in: losses fall, results are JSON."""
    monkeypatch.setattr(script, "STEPS", 1)
    monkeypatch.setattr(
        script,
        "alternate",
        lambda sides, rounds, seconds: {s: [f() or 1.0 for _ in range(rounds)] for s, f in sides.items()},
    )
    with gpus("standin"):
        found = json.loads(json.dumps(script.times(name, ["Taper"], 2)))
        assert found["seconds"] == {"Taper": 1.0}
        if name == "mlp":
            assert abs(found["losses"]["Taper"] - np.log(10)) < 0.2
            step = script.mlp(taper)
            losses = [step().item() for _ in range(4)]
            assert losses[-1] < losses[0]


@pytest.fixture
def ran(monkeypatch):
    """Commands that the script runs, each answered by the next of `answers`: a result, an error's words, or None for no end."""
    state = SimpleNamespace(answers=[], commands=[], limits=[])

    def run(command, timeout, **options):
        state.commands.append(command)
        state.limits.append(timeout)
        answer = state.answers.pop(0)
        if answer is None:
            raise subprocess.TimeoutExpired(command, timeout)
        failed = isinstance(answer, str)
        return SimpleNamespace(
            returncode=int(failed),
            stdout="" if failed else f"noise\n{json.dumps(answer)}\n",
            stderr=answer if failed else "",
        )

    monkeypatch.setattr(script.subprocess, "run", run)
    return state


GOOD = {"seconds": {"Taper": 2e-3, "PyTorch": 3e-3}, "losses": {"Taper": 2.3, "PyTorch": 2.31}}
# What the process says, and what sides are tried.
FAILURES = {
    "a side that fails is left out": (["Traceback\nside Taper compiled\nboom", GOOD], ["Taper,Taper compiled,PyTorch", "Taper,PyTorch"], GOOD),
    "a side that does not end is left out": ([None, GOOD], ["Taper,Taper compiled,PyTorch", "Taper,PyTorch"], GOOD),
    "a process that dies is given up": (["Segmentation fault"], ["Taper,Taper compiled,PyTorch"], {}),
    "all sides fail": (["side Taper compiled", "side PyTorch", "side Taper"], ["Taper,Taper compiled,PyTorch", "Taper,PyTorch", "Taper"], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_told_and_left_out(ran, capsys, name):
    ran.answers, tried, expected = [*FAILURES[name][0]], *FAILURES[name][1:]
    found = script.measured("mlp", ["Taper", "Taper compiled", "PyTorch"], 3, script.Time(460), 5)
    assert found == expected
    assert [c[c.index("--sides") + 1] for c in ran.commands] == tried
    assert "mlp" in capsys.readouterr().out
    assert all(0 < limit <= script.PROGRAM_SECONDS for limit in ran.limits)


def test_a_program_for_which_no_time_is_left_is_not_begun(ran, capsys):
    assert script.measured("gpt", ["Taper"], 3, script.Time(5), 1) == {}
    assert not ran.commands and "no time is left" in capsys.readouterr().out


def test_the_whole_script_on_answers(ran, monkeypatch, capsys):
    """A table is printed last, with what was missed and what differs."""
    monkeypatch.setattr(script, "torch_with_cuda", lambda: SimpleNamespace(__version__="2.13"))
    monkeypatch.setattr(script, "check", lambda seconds: f"7 passed within {seconds:.0f}")
    facts = SimpleNamespace(name="GPU", major=9, minor=0)
    monkeypatch.setattr(
        script.taper, "cuda", SimpleNamespace(is_available=lambda: True, get_device_properties=lambda: facts)
    )
    slow = {"seconds": {"Taper": 4e-3, "PyTorch": 3e-3}, "losses": {"Taper": 2.3, "PyTorch": 3.3}}
    ran.answers = [{"version": 1}, GOOD, slow, {"seconds": {"Taper": 1e-5, "PyTorch": 1e-5}, "losses": {}}]
    assert script.main(["mlp", "gpt", "small"]) == 0
    last = capsys.readouterr().out.split("\n\n")[-2:]
    table = "\n".join(last)
    assert "1.50 (2, missed)" in table and "equal" in table
    assert "0.75 (1, missed)" in table and "first losses differ" in table
    assert "| small |" in table and " s in all" in table


LOG = """share of 5 tests
tests/a.py::test_x[a - b] PASSED [ 20%]
tests/a.py::test_y FAILED [ 40%]
tests/a.py::test_z SKIPPED (needs two) [ 60%]
FAILED tests/a.py::test_y - AssertionError: 1 != 2
"""


def test_logs_are_counted(capsys):
    said = script._outcome([LOG, "Segmentation fault"], 1, 230.0)
    assert (
        said.startswith("1 passed, 1 failed, 1 skipped") and "2 not run" in said and "1 processes without tests" in said
    )
    assert "test_y: AssertionError: 1 != 2" in capsys.readouterr().out
