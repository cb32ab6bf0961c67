"""fully_shard and FullyShardedDataParallel: several processes hold one model, and train as one with the whole batch."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from . import launching

pytestmark = launching.needs_mpi

SAME = (
    "layers",
    "layers,keep",
    "layers,adam,clip",
    "layers,clip,inf",
    "layers,clip,one",
    "layers,accumulate,double",
    "layers,recompute",
    "layers,recompute,reentrant",
    "layers,outside",
    "layers,mesh,adam",
    "wrapped",
    "wrapped,NO_SHARD",
    "wrapped,SHARD_GRAD_OP,clip,seeds",
    "wrapped,HYBRID_SHARD,recompute",
)
"""What gives the same whether one process has the whole batch or each has a share."""
HALF = ("layers,half", "wrapped,half")
TORCHS = ("layers", "layers,adam,clip", "layers,clip,inf", "layers,recompute")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    found = {}
    for n in (1, 2, 4):
        folder = tmp_path_factory.mktemp(f"ranks{n}")
        ended = launching.launch(n, "shard.py", folder, *SAME, *HALF, *(["plain"] if n == 1 else []))
        assert ended.status == 0, ended.text
        found[n], *others = launching.results(folder, n)
        assert all(other == found[n] for other in others), "the processes' norms or parameters differ"
    return found


def same(several, alone):
    np.testing.assert_allclose(several["losses"], alone["losses"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(several["norms"], alone["norms"], rtol=1e-5)
    assert list(several["state"]) == list(alone["state"])
    for name, value in several["state"].items():
        np.testing.assert_allclose(value, alone["state"][name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("n", (2, 4))
@pytest.mark.parametrize("name", SAME)
def test_losses_are_those_of_one_process(runs, n, name):
    same(runs[n][name], runs[1][name])
    assert len(set(runs[n][name]["losses"])) == 8


@pytest.mark.parametrize(
    "name",
    ("layers", "layers,keep", "layers,recompute,reentrant", "layers,outside", "wrapped", "wrapped,NO_SHARD"),
)
def test_sharding_changes_nothing(runs, name):
    """Also names and shapes of the state are those of the model that is not sharded."""
    same(runs[4][name], runs[1]["plain"])


@pytest.mark.parametrize("name", HALF)
def test_bfloat16_is_near(runs, name):
    losses = np.array(runs[2][name]["losses"])
    assert 1e-5 < abs(losses - runs[1]["plain"]["losses"]).max() < 0.05


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is the oracle")
def test_as_pytorch(runs, tmp_path):
    ended = launching.torchrun(2, "shard.py", tmp_path, *TORCHS)
    assert ended.status == 0, ended.text
    theirs = launching.results(tmp_path, 2)[0]
    for name in TORCHS:
        same(runs[2][name], theirs[name])


@pytest.mark.parametrize("form", ("rows", "full", "objects"))
def test_another_number_of_processes_goes_on(tmp_path, form):
    def ran(n, mode, place):
        folder = tmp_path / f"{mode}{n}{place.name}"
        folder.mkdir()
        ended = launching.launch(n, "shard_checkpoint.py", folder, mode, form, place)
        assert ended.status == 0, ended.text
        return launching.results(folder, n)[0]["losses"]

    whole = ran(1, "whole", tmp_path / "none")
    if form == "objects":
        # Positions in place of names: read by hand, as one process has them.
        ran(4, "save", tmp_path / "four")
        check_objects(tmp_path / "four")
        return
    ran(4, "save", tmp_path / "four")
    ran(1, "save", tmp_path / "one")
    for n, place in ((2, "four"), (4, "one")):
        np.testing.assert_allclose(ran(n, "go-on", tmp_path / place), whole, rtol=1e-9)


def check_objects(place):
    """What four processes wrote in rows is read whole by one without processes."""
    import taper
    from taper.distributed import checkpoint as dcp

    content = {
        "model": {"0.weight": taper.zeros(5, 6, dtype=taper.float64)},
        "optimizer": {"state": {0: {"exp_avg": None}}},
    }
    dcp.load(content, checkpoint_id=place)
    assert content["model"]["0.weight"].abs().min() > 0
    moment = content["optimizer"]["state"][0]["exp_avg"]
    assert moment.shape == (5, 6) and moment.dtype == taper.float64 and moment.abs().min() > 0
