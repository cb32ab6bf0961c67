"""A process that dies, hangs, stops, raises or leaves: all others name it, and everything ends."""

from __future__ import annotations

import re

import pytest

from . import launching

pytestmark = launching.needs_mpi

WHO = r"rank 1 \(process \d+ on [^)]+\)"
CASES = {
    "kill": rf"{WHO} has died",
    "stop": rf"did not finish within 2 s on rank \d\. Missing: {WHO} does not answer",
    "hang": rf"did not finish within 2 s on rank \d\. Missing: {WHO} has not called it: it is at \S+faults.py:\d+ in hangs",
    "raise": rf"{WHO} ended by ValueError: a bad value",
    "leave": rf"all_reduce \(operation 4 of the default group\) cannot finish: {WHO} has left without calling it",
    "receive": rf"recv from rank 1 did not finish within 2 s on rank 0\. Missing: {WHO} is at \S+faults.py",
    "monitored": rf"\[Rank \d\] failed to pass monitoredBarrier in 1000 ms\. Missing: {WHO} has not called it",
}


@pytest.mark.parametrize("mode", CASES)
def test_the_others_name_it_and_all_end(mode):
    ended = launching.launch(3, "faults.py", mode, seconds=60)
    assert ended.status != 0
    said = re.findall(CASES[mode], ended.text)
    # Whoever waits for rank 0 meanwhile may be the first to give up, and names rank 0.
    assert len(said) >= (1 if mode == "receive" else 2), ended.text
    if mode == "kill":
        assert re.search(r"\[rank 1\] process \d+ on \S+ was ended by signal 9 \(SIGKILL\)", ended.text)


def test_without_faults():
    ended = launching.launch(3, "faults.py", "fine")
    assert ended.status == 0 and sorted(re.findall(r"rank \d ends", ended.text)) == [f"rank {r} ends" for r in range(3)]


def test_a_script_that_is_not_there():
    ended = launching.launch(2, "nowhere.py")
    assert ended.status == 2 and "there is no such file" in ended.text
