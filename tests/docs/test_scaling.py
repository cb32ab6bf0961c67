"""The numbers of docs/scaling.md that follow from its formulas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import scaling_model

PAGE = (Path(__file__).parent.parent.parent / "docs" / "scaling.md").read_text("utf-8")
LATENCY, BANDWIDTH = 0.21e-3, 1.68e9


def rows(head: str) -> list[list[str]]:
    """The cells of the table with this head."""
    body = PAGE[PAGE.index(head) :].splitlines()[2:]
    found = []
    for line in body:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_prediction_is_what_the_model_prints():
    assert "\n".join(scaling_model.table()) in PAGE
    assert "\n".join(scaling_model.fully_sharded_table()) in PAGE


def test_the_models_column_follows_from_the_formulas():
    found = rows("| processes | bytes | model | measured |")
    assert len(found) == 6
    for n, size, model, measured in found:
        n, size = int(n), int(size)
        speed = BANDWIDTH / (n / 2)
        way = scaling_model.doubling if size < 1 << 16 else scaling_model.halving
        assert float(model.split()[0]) == pytest.approx(1e3 * way(size, n, LATENCY, speed, 0), rel=0.01)
        lowest, highest = (float(v) for v in (re.findall(r"[\d.]+", measured) * 2)[:2])
        assert 0.7 * lowest < float(model.split()[0]) < 1.2 * highest or (n, size) == (4, 4194304)


def test_steps_follow_from_computing_and_the_exchange():
    for n, computing, model, measured in rows("| processes | computing | model | measured |"):
        travels = 1e3 * scaling_model.halving(1 << 24, int(n), LATENCY, BANDWIDTH / (int(n) / 2), 0)
        own, predicted, took = (float(v.split()[0]) for v in (computing, model, measured))
        assert predicted == pytest.approx(own + travels, abs=0.15)
        assert took == pytest.approx(predicted, rel=0.1)


def test_the_ways_of_adding_agree_where_they_must():
    for n in (2, 8, 64):
        assert scaling_model.ring(1e9, n, latency=0) == pytest.approx(scaling_model.halving(1e9, n, latency=0))
    assert scaling_model.doubling(100, 64) < scaling_model.halving(100, 64) < scaling_model.ring(100, 64)
    assert scaling_model.halving(1e8, 64) < scaling_model.doubling(1e8, 64)


def test_full_sharding_sends_half_as_much_again_and_holds_a_share():
    work = scaling_model.WORKLOADS[2]
    free = scaling_model.fully_sharded_step(work, 64)
    assert 3 * work.forward < free < scaling_model.sharded_step(work, 64) * 1.01
    for n in (8, 64, 1024):
        both = scaling_model.all_gather(1e9, n) + scaling_model.reduce_scatter(1e9, n)
        assert both == pytest.approx(scaling_model.halving(1e9, n))
    assert scaling_model.fully_sharded_memory(work, 1024) < 0.05 * scaling_model.memory(work, 1024, False)
