"""Attention: dropout by seed, hidden queries, and the two ways through multi-head attention."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.nn import functional as F


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def heads(lib, *names: str):
    """Tensors (batch 2, heads 3, length 4, features 5) that require grad."""
    rng = np.random.default_rng(0)
    return [lib.from_numpy(rng.standard_normal((2, 3, 4, 5))).requires_grad_() for _ in names]


def test_dropout_of_weights(torch):
    found = []
    for lib in (taper, torch):
        q, k, v = heads(lib, "q", "k", "v")
        lib.manual_seed(3)
        out = lib.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.4)
        (out * out).sum().backward()
        found.append([out.detach().numpy(), *(t.grad.numpy() for t in (q, k, v))])
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_weights_are_averages():
    q, k, _ = heads(taper, "q", "k", "v")
    ones = taper.ones(2, 3, 4, 1, dtype=taper.float64)
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, ones).detach().numpy(), 1.0, rtol=1e-12)


def test_causal_is_a_triangular_mask():
    q, k, v = heads(taper, "q", "k", "v")
    below = taper.ones(4, 4, dtype=taper.bool).tril()
    masked = F.scaled_dot_product_attention(q, k, v, below)
    assert taper.equal(F.scaled_dot_product_attention(q, k, v, is_causal=True), masked)
    np.testing.assert_allclose(masked[:, :, 0].detach().numpy(), v[:, :, 0].detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_to_which_everything_is_hidden_gives_zeros(kind):
    q, k, v = heads(taper, "q", "k", "v")
    mask = taper.ones(4, 4, dtype=taper.bool)
    mask[2] = False
    if kind == "float":
        mask = taper.zeros(4, 4, dtype=taper.float64).masked_fill(~mask, float("-inf"))
    out = F.scaled_dot_product_attention(q, k, v, mask)
    out.sum().backward()
    assert not out[:, :, 2].any() and out[:, :, 1].all()
    assert not q.grad[:, :, 2].any() and not q.grad.isnan().any()


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_multi_head_attention_is_the_same_with_and_without_its_weights(p):
    taper.manual_seed(0)
    module = taper.nn.MultiheadAttention(6, 2, dropout=p).double()
    x = taper.randn(5, 3, 6, dtype=taper.float64)
    hidden = taper.zeros(3, 5, dtype=taper.bool)
    hidden[1, 3:] = True
    found = []
    for need_weights in (True, False):
        taper.manual_seed(1)
        found.append(module(x, x, x, key_padding_mask=hidden, need_weights=need_weights))
    (with_weights, weights), (without, none) = found
    assert none is None and weights.shape == (3, 5, 5)
    np.testing.assert_allclose(without.detach().numpy(), with_weights.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert not weights[1, :, 3:].any()


@pytest.mark.parametrize("need_weights", [False, True])
def test_the_hint_that_a_mask_is_causal_counts_where_no_weights_are_needed(torch, need_weights):
    """PyTorch then takes the hint for the mask, and so a mask that lies is not looked at."""
    found = []
    for lib in (taper, torch):
        lib.manual_seed(0)
        layer = lib.nn.MultiheadAttention(6, 2).double()
        x = lib.from_numpy(np.random.default_rng(0).standard_normal((5, 3, 6)))
        mask = lib.zeros(5, 5, dtype=lib.bool)
        found.append(layer(x, x, x, attn_mask=mask, is_causal=True, need_weights=need_weights)[0].detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)
