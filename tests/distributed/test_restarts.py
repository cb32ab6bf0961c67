"""`taper launch --max-restarts`: a process dies, all begin again, and the end is the same to the bit."""

from __future__ import annotations

import pytest

from . import launching

pytestmark = launching.needs_mpi


def killed_in_turn(tmp_path, kills):
    """One rank of four is killed at moments from a fixed seed: each time all go on from one interval ago at most."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    steps, every = 40 + 2 * kills, 4
    assert launching.launch(4, "checkpointing.py", whole, steps, every).status == 0
    options = ("--max-restarts", kills)
    ended = launching.launch(
        4, "checkpointing.py", killed, steps, every, "random", kills, options=options, seconds=60 + 8 * kills
    )
    assert ended.status == 0, ended.text
    assert ended.text.count("was ended by signal 9 (SIGKILL)") == kills
    assert (killed / "digest").read_text() == (whole / "digest").read_text()
    begun = [int(line) for line in (killed / "begun").read_text().split()]
    resumed = [int(line) for line in (killed / "resumed").read_text().split()]
    runs, at = [], 0
    for first in resumed[1:]:
        # A run ends where the step that the next one goes on from begins again.
        end = next((i for i in range(at + 1, len(begun)) if begun[i] <= begun[i - 1] and begun[i] == first), len(begun))
        runs.append((begun[end - 1], first))
        at = end
    # A process may die before it goes on. Besides the checkpoint that is being written.
    assert kills // 2 < len(resumed) <= kills + 1 and all(0 <= last - first < 2 * every for last, first in runs), runs


def test_one_of_four_again_and_again(tmp_path):
    killed_in_turn(tmp_path, 5)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_of_four_thirty_times(tmp_path):
    killed_in_turn(tmp_path, 30)


def test_without_restarts_left_the_status_is_not_0(tmp_path):
    ended = launching.launch(2, "checkpointing.py", tmp_path, 400, 50, 1, 5)
    assert ended.status != 0 and "rank 1" in ended.text
