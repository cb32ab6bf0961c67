"""Every layer of the table against PyTorch: first values, text, state, outputs, gradients, buffers; and its copies."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import taper
from taper import nn

from .layer_cases import LAYERS, Layer

each_layer = pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.name.replace(" ", "-"))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def built(lib, row: Layer):
    lib.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return row.make(lib)


def tensors(lib, row: Layer) -> list:
    made = [lib.from_numpy(a.copy()) for a in row.arrays()]
    for t in made[:1] if "Loss" in row.name else made:
        if t.is_floating_point() and row.grad:
            t.requires_grad_()
    return made


def flat(result) -> list:
    """The tensors of a result, however nested."""
    if isinstance(result, (tuple, list)):
        return [t for part in result for t in flat(part)]
    return [] if result is None else [result]


def arrays_of(state) -> dict:
    return {key: value.detach().numpy() for key, value in state.items()}


def run(lib, module, row: Layer, mode: str) -> dict:
    """Outputs, gradients of inputs and parameters, and the state afterwards."""
    getattr(module, mode)()
    inputs = tensors(lib, row)
    lib.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = flat(module(*inputs, **row.call))
        total = sum((o * (i + 1)).sum() * 0.7 + (o * o).sum() for i, o in enumerate(outputs) if o.is_floating_point())
        if total.requires_grad:
            total.backward()
    found = {f"output {i}": o.detach().numpy() for i, o in enumerate(outputs)}
    found.update({f"input {i}": t.grad.numpy() for i, t in enumerate(inputs) if t.grad is not None})
    found.update({f"grad {n}": p.grad.numpy() for n, p in module.named_parameters() if p.grad is not None})
    found.update({f"state {n}": a for n, a in arrays_of(module.state_dict()).items()})
    return found


@each_layer
def test_made_as_pytorch_makes_it(torch, row):
    ours, theirs = built(taper, row), built(torch, row)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if "Lazy" in row.name:
        ours, theirs = ours.double().eval(), theirs.double().eval()
        ours(*tensors(taper, row)), theirs(*tensors(torch, row))
        assert repr(ours) == repr(theirs)
    found, wanted = arrays_of(ours.state_dict()), arrays_of(theirs.state_dict())
    for key in wanted:
        assert found[key].shape == wanted[key].shape and found[key].tobytes() == wanted[key].tobytes(), key


@each_layer
def test_computes_what_pytorch_computes(torch, row):
    ours, theirs = built(taper, row), built(torch, row)
    if "Lazy" in row.name:
        ours, theirs = ours.double(), theirs.double()
        ours(*tensors(taper, row)), theirs(*tensors(torch, row))
    ours, theirs = ours.double(), theirs.double()
    ours.load_state_dict({k: taper.from_numpy(v.copy()) for k, v in arrays_of(theirs.state_dict()).items()})
    for mode in row.modes:
        ours.zero_grad(), theirs.zero_grad()
        found, wanted = run(taper, ours, row, mode), run(torch, theirs, row, mode)
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            assert found[key].shape == value.shape and found[key].dtype == value.dtype, key
            np.testing.assert_allclose(found[key], value, row.tolerance, row.tolerance, err_msg=f"{mode}: {key}")


@each_layer
def test_copies_compute_the_same(row):
    module = built(taper, row).double().eval()
    if any(nn.parameter.is_lazy(p) for p in module.parameters()):
        module(*tensors(taper, row))
    outputs = flat(module(*tensors(taper, row), **row.call))
    loaded = built(taper, row).double().eval()
    if any(nn.parameter.is_lazy(p) for p in loaded.parameters()):
        loaded(*tensors(taper, row))
    loaded.load_state_dict(module.state_dict())
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), loaded):
        assert repr(twin) == repr(module)
        again = flat(twin(*tensors(taper, row), **row.call))
        assert [o.tolist() for o in again] == [o.tolist() for o in outputs]
