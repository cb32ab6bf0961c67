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


MASKS = {
    "none": lambda lib, n, length: {},
    "hidden": lambda lib, n, length: {"attn_mask": lib.ones(length, length, dtype=lib.bool).triu(1)},
    "added": lambda lib, n, length: {"attn_mask": lib.linspace(-1, 1, length * length).reshape(length, length)},
    "of heads": lambda lib, n, length: {"attn_mask": lib.linspace(-1, 1, 2 * n * length).reshape(2 * n, 1, length).repeat(1, length, 1)},
    "padding": lambda lib, n, length: {"key_padding_mask": lib.arange(length) > lib.arange(1, n + 1)[:, None]},
    "hint": lambda lib, n, length: {"attn_mask": lib.ones(length, length, dtype=lib.bool).triu(1), "is_causal": True},
}  # fmt: skip


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("first", [False, True], ids=["length first", "batch first"])
@pytest.mark.parametrize("length", [5, 40])
def test_self_attention(torch, mask, first, length):
    """Short ones by NumPy, long ones natively; from rows as they lie in memory, and turned round."""
    rows, found = np.random.default_rng(0).standard_normal((3, length, 16)), []
    slope = np.random.default_rng(1).standard_normal(rows.shape)
    for lib in (taper, torch):
        lib.manual_seed(0)
        layer = lib.nn.MultiheadAttention(16, 2, batch_first=first)
        here = lib.from_numpy(rows.astype(np.float32)).requires_grad_()
        for x in (here, here.transpose(0, 1).contiguous().transpose(0, 1)):
            given, g = (t if first else t.transpose(0, 1) for t in (x, lib.from_numpy(slope.astype(np.float32))))
            out, weights = layer(given, given, given, need_weights=False, **MASKS[mask](lib, 3, length))
            assert weights is None
            grads = lib.autograd.grad(out, [here, *layer.parameters()], g)
            found.append(([t.detach().numpy() for t in (out, *grads)], tuple(out.stride())))
    for (ours, lies), (theirs, wanted) in zip(found[:2], found[2:]):
        assert lies == wanted
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


def test_self_attention_of_one_sequence_of_one_step_and_of_none(torch):
    for shape in ((7, 8), (1, 1, 8), (0, 2, 8), (3, 0, 8)):
        found = []
        for lib in (taper, torch):
            lib.manual_seed(0)
            layer = lib.nn.MultiheadAttention(8, 4)
            x = lib.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
            found.append(layer(x, x, x, need_weights=False)[0].detach().numpy())
        np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_has_derivatives_of_its_derivatives(causal):
    taper.manual_seed(0)
    layer = taper.nn.MultiheadAttention(4, 2, batch_first=True).double()
    x = taper.randn(2, 3, 4, dtype=taper.float64, requires_grad=True)
    mask = taper.randn(3, 3, dtype=taper.float64, requires_grad=not causal)

    def call(x, mask):
        return layer(x, x, x, attn_mask=mask, is_causal=causal, need_weights=False)[0]

    assert taper.autograd.gradcheck(call, (x, mask))
    assert taper.autograd.gradgradcheck(call, (x, mask))


@pytest.mark.parametrize("length", [6, 48])
def test_self_attention_computes_as_attention_of_parts(length):
    taper.manual_seed(0)
    layer, x = taper.nn.MultiheadAttention(32, 4, dropout=0.3), taper.randn(length, 3, 32, requires_grad=True)
    found = []
    for key in (x, x.clone()):
        taper.manual_seed(1)
        out = layer(x, key, key, need_weights=False)[0]
        found.append((out, *taper.autograd.grad((out * out).sum(), [x, *layer.parameters()])))
    for one, other in zip(*found):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_gradients_of_heads_that_are_kept_and_changed():
    """A hook's change of what comes out of attention reaches the projection, and only once."""
    taper.manual_seed(0)
    layer, x = taper.nn.MultiheadAttention(32, 4), taper.randn(40, 4, 32, requires_grad=True)
    plain = taper.autograd.grad(layer(x, x, x, need_weights=False)[0].sum(), [x, layer.in_proj_weight])
    again = layer(x, x, x, need_weights=False)[0]
    again.register_hook(lambda g: g * 2)
    twice = taper.autograd.grad(again.sum(), [x, layer.in_proj_weight])
    for one, other in zip(plain, twice):
        np.testing.assert_allclose(2 * one.numpy(), other.numpy(), rtol=1e-5, atol=1e-5)
