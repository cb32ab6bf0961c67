"""Muon and SparseAdam against PyTorch: parameters after a few steps, state, errors."""

from __future__ import annotations

import numpy as np
import pytest

import taper

torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")

MUON = [
    dict(lr=0.1),
    dict(lr=0.1, nesterov=False, momentum=0.8, weight_decay=0.3),
    dict(lr=0.05, adjust_lr_fn="match_rms_adamw", ns_steps=3),
    dict(lr=0.05, ns_coefficients=(3.0, -4.0, 2.0)),
]


@pytest.mark.parametrize("i", range(len(MUON)))
@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5)])
def test_muon(i, shape):
    random = np.random.default_rng(0)
    start, target = (random.standard_normal(shape).astype(np.float32) for _ in range(2))
    found = []
    for T in (taper, torch):
        w = T.nn.Parameter(T.tensor(start))
        optimizer = T.optim.Muon([w], **MUON[i])
        for _ in range(6):
            optimizer.zero_grad()
            ((w - T.tensor(target)) ** 2).sum().backward()
            optimizer.step()
        found.append((w.detach().numpy(), optimizer.state[w]["momentum_buffer"].numpy(), list(optimizer.state[w])))
    # The iteration is in bfloat16: its last bit is 0.8%, and the step is scaled by lr.
    np.testing.assert_allclose(found[0][0], found[1][0], atol=2e-2 * MUON[i]["lr"] * 6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=0.05, atol=0.05)
    assert found[0][2] == found[1][2]


def test_orthogonalized_matrices_have_singular_values_near_one():
    from taper.optim.muon import orthogonalized

    matrix = taper.tensor(np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32))
    made = orthogonalized(matrix, (3.4445, -4.775, 2.0315), 5, 1e-7).float()
    values = taper.linalg.svdvals(made)
    assert values.min() > 0.5 and values.max() < 1.4


def test_sparse_adam_changes_the_rows_that_were_looked_up():
    start = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    # The third batch repeats a row within itself, the last has the padding row.
    batches = [[1, 2], [5, 5, 1], [4], [2, 0, 6]]
    found = []
    for T in (taper, torch):
        table = T.nn.Embedding(7, 3, sparse=True, padding_idx=0, _weight=T.tensor(start))
        optimizer = T.optim.SparseAdam(table.parameters(), lr=0.1, betas=(0.8, 0.9))
        for batch in batches * 2:
            optimizer.zero_grad()
            (table(T.tensor(batch)) ** 2).sum().backward()
            (table(T.tensor([3]))).sum().backward()
            optimizer.step()
        state = optimizer.state[table.weight]
        found.append(
            (table.weight.detach().numpy(), state["exp_avg"].numpy(), state["exp_avg_sq"].numpy(), state["step"])
        )
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Sparse invariant")
def test_sparse_adam_takes_sparse_tensors():
    found = []
    for T in (taper, torch):
        p = T.nn.Parameter(T.ones(3, 2))
        p.grad = T.sparse_coo_tensor([[0, 2, 0]], [[1.0, 2.0], [3.0, 4.0], [0.5, 0.5]], (3, 2))
        T.optim.SparseAdam([p], lr=0.1, maximize=True).step()
        found.append(p.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)


ERRORS = [
    lambda T, p: T.optim.Muon([T.nn.Parameter(T.ones(3))]), lambda T, p: T.optim.Muon([p], lr=-1), lambda T, p: T.optim.Muon([p], momentum=-1),
    lambda T, p: T.optim.Muon([p], adjust_lr_fn="other"), lambda T, p: T.optim.Muon([p], weight_decay=-1), lambda T, p: T.optim.Adafactor([p], lr=-1),
    lambda T, p: T.optim.Adafactor([p], beta2_decay=0.1), lambda T, p: T.optim.Adafactor([p], eps=(-1.0, 1.0)), lambda T, p: T.optim.Adafactor([p], eps=(None, -1.0)),
    lambda T, p: T.optim.Adafactor([p], d=0.5), lambda T, p: T.optim.Adafactor([p], weight_decay=-1), lambda T, p: T.optim.SparseAdam([p], lr=0.0),
    lambda T, p: T.optim.SparseAdam([p], eps=0.0), lambda T, p: T.optim.SparseAdam([p], betas=(1.0, 0.9)), lambda T, p: T.optim.SparseAdam([p], betas=(0.9, 1.0)),
    lambda T, p: T.optim.SparseAdam([p]).step(), lambda T, p: T.optim.SparseAdam([T.nn.Parameter(T.ones(2, dtype=T.complex64))]), lambda T, p: T.optim.Muon([p], ns_steps=100).step(),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(i):
    found = []
    for T in (taper, torch):
        p = T.nn.Parameter(T.ones(2, 3))
        p.grad = T.ones(2, 3)
        with pytest.raises((ValueError, RuntimeError)) as error:
            ERRORS[i](T, p)
        found.append((error.type, str(error.value)))
    assert found[0] == found[1]
