"""Checkpoints of several processes: reloaded by another number of them, whole at every moment, refused when damaged."""

from __future__ import annotations

import random

import numpy as np
import pytest

import taper
from taper import nn
from taper.distributed import checkpoint as dcp
from taper.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from taper.errors import CheckpointError

from . import launching


def run(tmp_path, n, mode, place):
    folder = tmp_path / f"{mode}{n}"
    folder.mkdir()
    ended = launching.launch(n, "reshard.py", folder, mode, place)
    assert ended.status == 0, ended.text
    return launching.results(folder, n)[0]


@launching.needs_mpi
def test_another_number_of_processes_goes_on(tmp_path):
    whole = run(tmp_path, 1, "whole", "none")
    assert whole["states"] == 6
    run(tmp_path, 4, "save", tmp_path / "four")
    run(tmp_path, 1, "async", tmp_path / "one")
    files = sorted(p.name.split(".")[0] for p in (tmp_path / "four").glob("__*"))
    assert files == ["__0_0", "__1_0", "__2_0", "__3_0"]
    for n, place in ((2, "four"), (4, "one")):
        found = run(tmp_path, n, "go-on", tmp_path / place)
        np.testing.assert_allclose(found["losses"], whole["losses"], rtol=1e-6)
        assert found["states"] == 6


def made():
    taper.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = taper.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(taper.ones(2, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def content_of(model, optimizer):
    of_model, of_optimizer = get_state_dict(model, optimizer)
    return {"model": of_model, "optimizer": of_optimizer, "step": 3}


def test_one_process_needs_no_group(tmp_path):
    model, optimizer = made()
    dcp.save(content_of(model, optimizer), checkpoint_id=tmp_path / "c")
    other = nn.Linear(3, 2)
    other_optimizer = taper.optim.SGD(other.parameters(), lr=9.0, momentum=0.5)
    content = content_of(other, other_optimizer)
    dcp.load(content, checkpoint_id=tmp_path / "c")
    set_state_dict(other, other_optimizer, model_state_dict=content["model"], optim_state_dict=content["optimizer"])
    assert taper.equal(other.weight, model.weight) and content["step"] == 3
    assert other_optimizer.param_groups[0]["lr"] == 0.1 and other_optimizer.param_groups[0]["momentum"] == 0.9
    momentum = other_optimizer.state[other.weight]["momentum_buffer"]
    assert taper.equal(momentum, optimizer.state[model.weight]["momentum_buffer"])
    with_state = {"model": model, "optimizer": optimizer}
    dcp.save(with_state, storage_writer=dcp.FileSystemWriter(tmp_path / "objects"))
    before = model.weight.clone()
    with taper.no_grad():
        model.weight.zero_()
    dcp.load(with_state, storage_reader=dcp.FileSystemReader(tmp_path / "objects"))
    assert taper.equal(model.weight, before)


def test_what_does_not_fit_is_told(tmp_path):
    model, optimizer = made()
    dcp.save(content_of(model, optimizer), checkpoint_id=tmp_path)
    with pytest.raises(CheckpointError, match="Missing key in checkpoint state_dict: other"):
        dcp.load({"other": 1}, checkpoint_id=tmp_path)
    with pytest.raises(CheckpointError, match=r"model\.weight has shape \(2, 3\) in the checkpoint, not \(4, 3\)"):
        dcp.load({"model": {"weight": taper.zeros(4, 3)}}, checkpoint_id=tmp_path)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        dcp.load({"model": 1}, checkpoint_id=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="checkpoint_id"):
        dcp.save({})
    (data,) = tmp_path.glob("__*")
    whole = bytearray(data.read_bytes())
    whole[len(whole) // 2] ^= 1
    data.write_bytes(whole)
    with pytest.raises(CheckpointError, match="distcp"):
        dcp.load(content_of(model, optimizer), checkpoint_id=tmp_path)


def test_mutations_of_any_file_are_told(tmp_path):
    dice = random.Random(1)
    x = taper.arange(500.0)
    dcp.save({"x": x, "n": 3}, checkpoint_id=tmp_path)
    for file in list(tmp_path.iterdir()):
        whole = file.read_bytes()
        noticed = 0
        for _ in range(100):
            made = bytearray(whole)
            for _ in range(dice.choice((1, 20))):
                made[dice.randrange(len(made))] ^= 1 << dice.randrange(8)
            file.write_bytes(made[: dice.choice((len(made), len(made), dice.randrange(len(made))))])
            content = {"x": taper.zeros(500), "n": 0}
            try:
                dcp.load(content, checkpoint_id=tmp_path)
            except CheckpointError as error:
                noticed += 1
                assert str(file) in str(error)
            else:
                assert taper.equal(content["x"], x) and content["n"] == 3
        file.write_bytes(whole)
        assert noticed > 70


def test_saving_again_replaces_and_failing_does_not(tmp_path):
    dcp.save({"x": taper.ones(3)}, checkpoint_id=tmp_path)
    dcp.save({"x": taper.ones(3) * 2}, checkpoint_id=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(CheckpointError, match="was not saved, the one before stays: rank 0: RuntimeError"):
        memory = taper.ones(2)
        dcp.save({"x": memory, "y": memory.view(taper.int32)}, checkpoint_id=tmp_path)
    content = {"x": taper.zeros(3)}
    dcp.load(content, checkpoint_id=tmp_path)
    assert content["x"].tolist() == [2, 2, 2] and len(list(tmp_path.iterdir())) == 2
