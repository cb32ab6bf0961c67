"""`taper launch --max-restarts`: a process dies, all begin again, and the end is the same to the bit."""

from __future__ import annotations

import pytest

from . import launching

pytestmark = launching.needs_mpi


@pytest.mark.parametrize("victim", (0, 2))
def test_one_of_four_is_killed(tmp_path, victim):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    ended = launching.launch(4, "checkpointing.py", whole, 60, 4)
    assert ended.status == 0, ended.text
    options = ("--max-restarts", 2)
    ended = launching.launch(
        4, "checkpointing.py", killed, 60, 4, victim, 9 + 10 * victim, options=options, seconds=120
    )
    assert ended.status == 0, ended.text
    assert "restart 1 of 2" in ended.text and f"[rank {victim}] process" in ended.text
    assert (killed / "digest").read_text() == (whole / "digest").read_text()
    steps = [int(line) for line in (killed / "begun").read_text().split()]
    # What was done twice is at most one interval, and the one whose checkpoint was being written.
    assert 60 < len(steps) <= 60 + 8 and steps[-1] == 59


def test_without_restarts_left_the_status_is_not_0(tmp_path):
    ended = launching.launch(2, "checkpointing.py", tmp_path, 400, 50, 1, 5)
    assert ended.status != 0 and "rank 1" in ended.text
