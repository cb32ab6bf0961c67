"""What members of a group called is compared around a ring, in whatever order messages come."""

from __future__ import annotations

import random

import pytest

from taper.distributed.ledger import Ledger, shown

RANKS = [3, 5, 8]
DEEDS = ("call", "send", "hear", "compare")


def played(calls: dict[int, list], seed: int) -> set[int]:
    """Who finds a difference, when processes call, send and compare in a random order; channels keep theirs."""
    dice = random.Random(seed)
    ledgers = {rank: Ledger(rank) for rank in calls}
    todo = {rank: list(entries) for rank, entries in calls.items()}
    channels: dict[int, list] = {rank: [] for rank in calls}
    found = set()
    for turn in range(200):
        # A random turn; towards the end everything in order.
        turns = [(dice.choice(RANKS), dice.choice(DEEDS))] if turn < 150 else [(r, d) for d in DEEDS for r in RANKS]
        for rank, what in turns:
            if what == "call" and todo[rank]:
                ledgers[rank].note("g", RANKS, todo[rank].pop(0))
            elif what == "send":
                for to, group, entries in ledgers[rank].unsent():
                    channels[to].append((group, entries))
            elif what == "hear" and channels[rank]:
                ledgers[rank].heard(*channels[rank].pop(0))
            elif what == "compare" and ledgers[rank].difference() is not None:
                found.add(rank)
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("wrong", (None, 3, 5, 8))
@pytest.mark.parametrize("at", (0, 7, 19))
def test_a_difference_is_found_by_two_and_nothing_else_is(seed, wrong, at):
    calls = {rank: [("all_reduce", "SUM", n) for n in range(20)] for rank in RANKS}
    if wrong is not None:
        calls[wrong][at] = ("broadcast", None, at)
    next_one = None if wrong is None else RANKS[(RANKS.index(wrong) + 1) % 3]
    assert played(calls, seed) == ({wrong, next_one} - {None})


def test_words():
    ledger = Ledger(0)
    ledger.note("alone", [0], ("barrier",))
    assert ledger.unsent() == [] and ledger.neighbours() == set()
    assert (
        shown(("broadcast", None, "float32", "root 0")) == "broadcast(float32, root 0)"
        and shown(("barrier",)) == "barrier"
    )
    ledger.heard("g", [("barrier",)])
    ledger.note("g", [0, 1], ("all_reduce", "SUM"))
    assert ledger.difference() == ("g", 1, ("all_reduce", "SUM"), 1, ("barrier",)) and ledger.neighbours() == {1}
