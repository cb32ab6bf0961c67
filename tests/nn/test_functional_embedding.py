"""Embeddings and bags of them."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.nn import functional as F

TABLE = np.random.default_rng(0).standard_normal((6, 3))
NUMBERS = np.array([[1, 4, 1], [5, 0, 4]])
BAGS = np.array([0, 2, 2, 5])


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def run(lib, call, *floating):
    """The result of call(F, index tensors' library, weight, ...), and the gradients."""
    tensors = [lib.from_numpy(a.copy()).requires_grad_() for a in floating]
    out = call(lib, lib.nn.functional, *tensors)
    (out * lib.arange(out.numel()).reshape(out.shape)).sum().backward()
    return [out.detach().numpy(), *(t.grad.numpy() for t in tensors)]


def agree(torch, call, *floating):
    for ours, theirs in zip(run(taper, call, *floating), run(torch, call, *floating)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 4}, {"padding_idx": -2}, {"scale_grad_by_freq": True}], ids=str
)
def test_embedding(torch, options):
    agree(torch, lambda lib, f, w: f.embedding(lib.from_numpy(NUMBERS), w, **options), TABLE)


def test_embedding_of_nothing():
    w = taper.from_numpy(TABLE).requires_grad_()
    out = F.embedding(taper.zeros(2, 0, dtype=taper.int64), w)
    out.sum().backward()
    assert out.shape == (2, 0, 3) and not w.grad.any()


@pytest.mark.parametrize("norm_type", [1.0, 2.0])
def test_used_rows_are_shortened_in_place(norm_type):
    w = taper.from_numpy(TABLE.copy())
    out = F.embedding(taper.from_numpy(NUMBERS), w, max_norm=0.5, norm_type=norm_type)
    lengths = np.linalg.norm(w.numpy(), norm_type, axis=1)
    used = np.isin(np.arange(6), NUMBERS)
    assert (lengths[used] <= 0.5 + 1e-6).all()
    np.testing.assert_array_equal(w.numpy()[~used], TABLE[~used])
    np.testing.assert_array_equal(out.numpy(), w.numpy()[NUMBERS])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 4])
def test_bags(torch, mode, padding):
    options = {"mode": mode, "padding_idx": padding}
    agree(torch, lambda lib, f, w: f.embedding_bag(lib.from_numpy(NUMBERS), w, **options), TABLE)
    flat = NUMBERS.reshape(-1)
    agree(torch, lambda lib, f, w: f.embedding_bag(lib.from_numpy(flat), w, lib.from_numpy(BAGS), **options), TABLE)
    last = {"include_last_offset": True, **options}
    agree(torch, lambda lib, f, w: f.embedding_bag(lib.from_numpy(flat), w, lib.tensor([0, 1, 6]), **last), TABLE)


def test_weights_of_samples(torch):
    shares = np.random.default_rng(1).standard_normal(NUMBERS.shape)
    call = lambda lib, f, w, s: f.embedding_bag(lib.from_numpy(NUMBERS), w, mode="sum", per_sample_weights=s)
    agree(torch, call, TABLE, shares)


@pytest.mark.parametrize(
    "error,words,call",
    [
        (IndexError, "index out of range in self", lambda t, f, w: f.embedding(t.tensor([6]), w)),
        (IndexError, "index out of range in self", lambda t, f, w: f.embedding(t.tensor([-1]), w)),
        (RuntimeError, "scalar types: Long, Int", lambda t, f, w: f.embedding(t.tensor([1.0]), w)),
        (RuntimeError, "'weight' must be 2-D", lambda t, f, w: f.embedding(t.tensor([1]), w[0])),
        (AssertionError, "Padding_idx must be within", lambda t, f, w: f.embedding(t.tensor([1]), w, padding_idx=6)),
        (ValueError, "mode has to be one of", lambda t, f, w: f.embedding_bag(t.tensor([[1]]), w, mode="min")),
        (ValueError, "offsets has to be a 1D Tensor", lambda t, f, w: f.embedding_bag(t.tensor([1]), w)),
        (ValueError, "offsets has to be None", lambda t, f, w: f.embedding_bag(t.tensor([[1]]), w, t.tensor([0]))),
        (
            RuntimeError,
            r"offsets\[0\] has to be 0",
            lambda t, f, w: f.embedding_bag(t.tensor([1, 1]), w, t.tensor([1])),
        ),
        (ValueError, "1D or 2D", lambda t, f, w: f.embedding_bag(t.tensor([[[1]]]), w)),
        (
            NotImplementedError,
            "only supported for mode='sum'",
            lambda t, f, w: f.embedding_bag(t.tensor([[1]]), w, per_sample_weights=t.ones(1, 1), mode="mean"),
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_refused(torch, error, words, call):
    for lib in (taper, torch):
        with pytest.raises(error, match=words if lib is taper else None) as caught:
            call(lib, lib.nn.functional, lib.ones(6, 3))
        assert type(caught.value) is error
