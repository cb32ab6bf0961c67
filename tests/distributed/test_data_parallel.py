"""DistributedDataParallel: several processes train as one with the whole batch."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from . import launching

pytestmark = launching.needs_mpi

SAME = (
    "mlp",
    "mlp,views,adam",
    "mlp,views,keep,accumulate",
    "mlp,hook,seeds",
    "mlp,zero",
    "norms,double",
)
"""What gives the same whether one process has the whole batch or each has a share."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What each number of processes found, and the same checked to be one everywhere."""
    found = {}
    for n in (1, 2, 4):
        folder = tmp_path_factory.mktemp(f"ranks{n}")
        ended = launching.launch(n, "train.py", folder, *SAME, "mlp,half", *(["branches"] if n == 2 else []))
        assert ended.status == 0, ended.text
        found[n], *others = launching.results(folder, n)
        for other in others:
            for name in found[n]:
                assert other[name]["digest"] == found[n][name]["digest"], f"{name}: the processes' parameters differ"
    return found


@pytest.mark.parametrize("n", (2, 4))
@pytest.mark.parametrize("name", SAME)
def test_losses_are_those_of_one_process(runs, n, name):
    several, alone = runs[n][name], runs[1][name]
    np.testing.assert_allclose(several["losses"], alone["losses"], rtol=1e-6, atol=1e-6)
    assert len(set(several["losses"])) == 8
    for key, value in several["state"].items():
        np.testing.assert_allclose(value, alone["state"][key], rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("n", (2, 4))
def test_sharding_the_optimizer_changes_no_bit(runs, n):
    assert runs[n]["mlp,zero"]["losses"] == pytest.approx(runs[n]["mlp,views,adam"]["losses"], abs=0)
    assert runs[n]["mlp,zero"]["digest"] == runs[n]["mlp,views,adam"]["digest"]


def test_compressed_gradients_are_nearly_the_same(runs):
    half, full = runs[2]["mlp,half"], runs[2]["mlp"]
    np.testing.assert_allclose(half["losses"], full["losses"], rtol=1e-3)
    assert half["digest"] != full["digest"]


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is the oracle")
def test_unused_parameters_as_pytorch(runs, tmp_path):
    """Each process uses another branch: what one process used is averaged, what none used has no gradient."""
    ended = launching.torchrun(2, "train.py", tmp_path, "branches")
    assert ended.status == 0, ended.text
    ours, theirs = runs[2]["branches"], launching.results(tmp_path, 2)[0]["branches"]
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-5)
    for name, value in ours["state"].items():
        np.testing.assert_allclose(value, theirs["state"][name], rtol=1e-4, atol=1e-6, err_msg=name)
