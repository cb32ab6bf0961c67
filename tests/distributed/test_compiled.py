"""Compiled steps of a model in several processes: the all-reduces are nodes of the program, and the losses are the same."""

from __future__ import annotations

import numpy as np
import pytest

from . import launching

pytestmark = launching.needs_mpi

PAIRS = {
    "plain,explain": "eager",
    "views": "eager",
    "keep": "eager",
    "views,keep": "eager",
    "adam,clip": "eager,adam,clip",
    "batch": "batch,eager",
    "accumulate": "accumulate,eager",
    "module": "eager",
    "apart": "eager",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    found = {}
    for n in (1, 2):
        folder = tmp_path_factory.mktemp(f"compiled{n}")
        ended = launching.launch(n, "compiled.py", folder, *dict.fromkeys([*PAIRS, *PAIRS.values()]))
        assert ended.status == 0, ended.text
        found[n], *others = launching.results(folder, n)
        assert all(other[k]["digest"] == found[n][k]["digest"] for other in others for k in PAIRS)
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_a_compiled_step_is_the_eager_one(runs, name):
    for n in (1, 2):
        expected = runs[n][PAIRS[name]]["losses"]
        np.testing.assert_allclose(runs[n][name]["losses"], expected, rtol=1e-6, atol=1e-6)
    if "batch" not in name and "accumulate" not in name:
        np.testing.assert_allclose(runs[2][name]["losses"], runs[1][name]["losses"], rtol=1e-6, atol=1e-6)


def test_all_reduces_begin_before_any_is_waited_for(runs):
    """Three buckets, and then the loss, which the function reduces by itself."""
    words = [row.split()[1] for row in runs[2]["plain,explain"]["nodes"]]
    assert words == ["all_reduce"] * 3 + ["wait"] * 3 + ["all_reduce", "wait"]
    assert runs[1]["plain,explain"]["nodes"] == []


def test_a_forward_whose_backward_is_outside_runs_eagerly_and_says_so(runs):
    (told,) = runs[2]["warnings"]
    assert "forward runs eagerly" in told and "'expects'" in told
