"""Sparse tensors against PyTorch."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import taper

PLACES = np.array([[0, 1, 1, 0], [2, 0, 2, 2]])
VALUES = np.array([3.0, 4.0, 5.0, 1.0])
DENSE = np.random.default_rng(0).standard_normal((3, 4))

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def matrix(T, requires_grad=False):
    values = T.tensor(VALUES, requires_grad=requires_grad)
    return T.sparse_coo_tensor(T.tensor(PLACES), values, (2, 3)), values


CALLS = {
    "dense": lambda T, s, d: s.to_dense(),
    "coalesced places": lambda T, s, d: s.coalesce().indices(),
    "coalesced values": lambda T, s, d: s.coalesce().values(),
    "mm": lambda T, s, d: T.sparse.mm(s, d),
    "torch.mm": lambda T, s, d: T.mm(s, d),
    "spmm": lambda T, s, d: T.spmm(s, d),
    "matmul": lambda T, s, d: s @ d,
    "vector": lambda T, s, d: s @ d[:, 0],
    "from the left": lambda T, s, d: d[:2, :2].t() @ s,
    "transposed": lambda T, s, d: s.t().to_dense(),
    "twice": lambda T, s, d: (s * 2).to_dense(),
    "half": lambda T, s, d: (s / 2).to_dense(),
    "minus": lambda T, s, d: (-s).to_dense(),
    "sum of sparse": lambda T, s, d: (s + s).to_dense(),
    "difference": lambda T, s, d: (s - s * 3).to_dense(),
    "dense plus sparse": lambda T, s, d: d[:2, :3] + s,
    "by dense": lambda T, s, d: (s * d[:2, :3]).to_dense(),
    "sum": lambda T, s, d: T.sparse.sum(s),
    "sum over rows": lambda T, s, d: T.sparse.sum(s, 0).to_dense(),
    "square root": lambda T, s, d: s.sqrt().to_dense(),
    "absolute": lambda T, s, d: s.abs().to_dense(),
    "float32": lambda T, s, d: s.float().to_dense(),
    "clone": lambda T, s, d: s.clone().to_dense(),
    "addmm": lambda T, s, d: T.sparse.addmm(d[:2], s, d, beta=0.5, alpha=2.0),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_are_pytorchs(torch, name):
    results = []
    for T in (taper, torch):
        s, values = matrix(T, True)
        d = T.tensor(DENSE, requires_grad=True)
        if name in ("by dense", "square root"):  # PyTorch cannot differentiate these
            s, d = s.detach(), d.detach()
        made = CALLS[name](T, s, d)
        grads = T.autograd.grad((made * made).sum(), [values, d], allow_unused=True) if made.requires_grad else ()
        results.append((made, grads))
    (found, slopes), (expected, wanted) = results
    assert tuple(found.shape) == tuple(expected.shape) and str(found.dtype) == str(expected.dtype)
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-6)
    assert len(slopes) == len(wanted)
    for a, b in zip(slopes, wanted):
        if b is not None:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_softmax(torch):
    results = []
    for T in (taper, torch):
        s, _ = matrix(T)
        results += [T.sparse.softmax(s, 1).to_dense().numpy(), T.sparse.log_softmax(s, 0).to_dense().numpy()]
    np.testing.assert_allclose(results[0], results[2], rtol=1e-12)
    np.testing.assert_allclose(results[1], results[3], rtol=1e-12)


def test_facts_and_printing(torch):
    for make in (
        lambda T: matrix(T)[0],
        lambda T: matrix(T)[0].coalesce(),
        lambda T: T.sparse_coo_tensor(size=(2, 3)),
        lambda T: T.sparse_coo_tensor(T.tensor([[0, 2]]), T.ones(2)),
        lambda T: T.ones(2, 3).to_sparse(),
        lambda T: T.eye(3).to_sparse(),
        lambda T: T.ones(2, 2, 2).to_sparse(1),
    ):
        found, expected = make(taper), make(torch)
        assert repr(found) == repr(expected)
        for what in ("_nnz", "is_coalesced", "sparse_dim", "dense_dim", "numel", "dim"):
            assert getattr(found, what)() == getattr(expected, what)(), what
        assert found.is_sparse and repr(found.layout) == repr(expected.layout) and isinstance(found, taper.Tensor)
        np.testing.assert_array_equal(found.to_dense().numpy(), expected.to_dense().numpy())


def test_legacy_constructors(torch):
    for T in (taper, torch):
        s = T.sparse.FloatTensor(T.tensor(PLACES), T.tensor(VALUES).float(), T.Size([2, 3]))
        assert s.dtype == T.float32 and s.to_dense().sum() == 13
        assert isinstance(s, T.sparse.FloatTensor) or T is torch


BAD = {
    "uncoalesced": lambda T, s: s.indices(),
    "numpy": lambda T, s: s.numpy(),
    "counts": lambda T, s: T.sparse_coo_tensor(T.tensor([[0, 1]]), T.ones(3)),
    "sparse plus dense": lambda T, s: s + T.ones(2, 3, dtype=T.float64),
    "sizes": lambda T, s: s @ T.ones(4, 2, dtype=T.float64),
    "dense coalesce": lambda T, s: T.ones(2).coalesce(),
    "negative": lambda T, s: T.sparse_coo_tensor(T.tensor([[0, -1]]), T.ones(2)),
}


@pytest.mark.parametrize("name", BAD)
def test_refusals_are_pytorchs(torch, name):
    kinds = []
    for T in (taper, torch):
        with pytest.raises((RuntimeError, TypeError)) as caught:
            BAD[name](T, matrix(T)[0])
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def test_other_operators_refuse_loudly():
    s, _ = matrix(taper)
    for call in (lambda: s.exp(), lambda: taper.cat([s, s]), lambda: s.view(6), lambda: s.cumsum(0)):
        with pytest.raises((NotImplementedError, TypeError, RuntimeError)):
            call()
    with pytest.raises(RuntimeError, match="found index 7"):
        taper.sparse_coo_tensor([[7]], [1.0], (3,))


def test_copies_and_pickles():
    s, _ = matrix(taper)
    for twin in (copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
        assert taper.equal(twin.to_dense(), s.to_dense()) and twin.is_sparse


def test_graph_convolution_learns():
    """The layer of graph networks: adjacency @ (x @ w)."""
    taper.manual_seed(0)
    adjacency = matrix(taper)[0].float()
    w = taper.nn.Parameter(taper.randn(4, 2))
    x = taper.randn(3, 4)
    optimizer = taper.optim.SGD([w], lr=0.005)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = (taper.spmm(adjacency, x @ w) - 1).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not adjacency.requires_grad
