"""DistributedDataParallel: several processes train as one with the whole batch."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from . import launching

pytestmark = launching.needs_mpi


def run(folder, n, *arguments):
    folder.mkdir()
    ended = launching.launch(n, "train.py", folder, *arguments)
    assert ended.status == 0, ended.text
    found = launching.results(folder, n)
    assert len({f["digest"] for f in found}) == 1, "the processes' parameters differ"
    return found[0]


@pytest.mark.parametrize(
    "n, arguments",
    [
        (2, ("mlp",)),
        (4, ("mlp", "views", "adam")),
        (2, ("mlp", "views", "keep", "accumulate")),
        (4, ("norms", "double")),
        (2, ("mlp", "mean", "seeds")),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else str(v),
)
def test_losses_are_those_of_one_process(n, arguments, tmp_path):
    several = run(tmp_path / "several", n, *arguments)
    alone = run(tmp_path / "alone", 1, *[a for a in arguments if a != "mean"])
    np.testing.assert_allclose(several["losses"], alone["losses"], rtol=1e-6, atol=1e-6)
    for name, value in several["state"].items():
        np.testing.assert_allclose(value, alone["state"][name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is the oracle")
def test_unused_parameters_as_pytorch(tmp_path):
    """Each process uses another branch: what one process used is averaged, what none used has no gradient."""
    ours = run(tmp_path / "ours", 2, "branches", "seeds")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    # The parameters begin as ours: both frameworks draw the same numbers.
    ended = launching.torchrun(2, "train.py", theirs, "branches", "seeds")
    assert ended.status == 0, ended.text
    expected = launching.results(theirs, 2)[0]
    np.testing.assert_allclose(ours["losses"], expected["losses"], rtol=1e-5)
    for name, value in ours["state"].items():
        np.testing.assert_allclose(value, expected["state"][name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_compressed_gradients(tmp_path):
    found = run(tmp_path / "fp16", 2, "mlp", "fp16")
    assert found["losses"][-1] < found["losses"][0]
