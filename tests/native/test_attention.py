"""Attention by blocks: the same as with weights, for every machine, the same bits for any number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest

import taper
from taper.backends import cpu
from taper.compiler import sequences
from taper.native import library
from taper.native.machine import host, level
from taper.native.sequence import Attention, emit_attention, emit_attention_gradient
from taper.native.text import Module
from taper.ops.attention import slopes, weights_of

# Leading dimensions of q, k and v; queries, keys, features, values.
SHAPES = [
    ((2, 3), (2, 3), (2, 3), 64, 64, 32, 32),
    ((2,), (2,), (2,), 5, 7, 3, 4),
    ((), (), (), 65, 130, 16, 20),
    ((2, 2), (1, 2), (2,), 70, 257, 33, 1),
]
MASKS = ["none", "bools", "numbers", "a row", "causal"]


def made(shape, kind: str, drop: bool, dtype: str):
    """q, k, v, mask, drop and a gradient."""
    q, k, v, length, keys, features, values = shape
    rng = np.random.default_rng(0)
    mask = None
    if kind == "bools":
        mask = rng.random((length, keys)) > 0.4
        mask[1] = False
    elif kind == "numbers":
        mask = rng.standard_normal((length, keys)).astype(dtype)
    elif kind == "a row":
        mask = np.where(rng.random((1, keys)) > 0.5, 0, -np.inf).astype(dtype)
    lead = np.broadcast_shapes(q, k, v)
    sizes = ((*q, length, features), (*k, keys, features), (*v, keys, values), (*lead, length, values))
    q, k, v, g = (rng.standard_normal(s).astype(dtype) for s in sizes)
    kept = ((rng.random((*lead, length, keys)) > 0.3) / 0.7).astype(dtype) if drop else None
    return q, k, v, mask, kept, g


def check(shape, kind: str, drop: bool, dtype: str) -> None:
    q, k, v, mask, drop, g = made(shape, kind, drop, dtype)
    scale, causal = 1 / math.sqrt(q.shape[-1]), kind == "causal"
    near = dict(rtol=0, atol=1e-5 if dtype == "float32" else 1e-12)
    with np.errstate(invalid="ignore"):
        weights = weights_of(cpu, q, k, mask, scale, causal)
    out, lse = sequences.attention(q, k, v, mask, drop, scale, causal)
    np.testing.assert_allclose(out, np.matmul(weights if drop is None else weights * drop, v), **near)
    expected = slopes(cpu, g, q, k, v, drop, weights, scale, (True, True, True, False))
    found = sequences.attention_grad(g, q, k, v, mask, drop, out, lse, scale, causal)
    for f, e in zip(found, expected):
        np.testing.assert_allclose(f, np.broadcast_to(e, f.shape), **near)


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_are_the_formula(kind, dtype):
    for i, shape in enumerate(SHAPES if dtype == "float32" else SHAPES[1:3]):
        check(shape, kind, bool(i % 2), dtype)


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3"])
def test_other_machines_that_this_one_can_run(name, monkeypatch):
    machine = level(name, host().triple)
    if "x86_64" not in machine.triple or machine.vector_bits > host().vector_bits:
        pytest.skip(f"this machine cannot run {name}")
    monkeypatch.setattr(sequences, "host", lambda: machine)
    check(SHAPES[2], "bools", False, "float32")
    check(SHAPES[0], "causal", True, "float32")


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_code_for_every_machine(name):
    machine = level(name)

    def operand(b, what):
        return b.load("i64" if what in sequences.NUMBERS else "ptr", b.args[0])

    for emit in (emit_attention, emit_attention_gradient):
        module = Module(fused=machine.fused)
        emit(module, "kernel", Attention("float", 20, 40, "i1", True, True, machine), operand)
        code = library.assembly(str(module), machine)
        assert "expf" not in code and "fmaf" not in code and "logf" not in code


def test_arrays_are_read_where_they_are():
    q, k, v, _, _, g = made(SHAPES[0], "none", False, "float32")
    turned = [np.ascontiguousarray(a.transpose(2, 0, 1, 3)).transpose(1, 2, 0, 3) for a in (q, k, v, g)]
    out, lse = sequences.attention(q, k, v, None, None, 0.2, False)
    other, same = sequences.attention(*turned[:3], None, None, 0.2, False)
    np.testing.assert_array_equal(out, other)
    assert other.strides == turned[0].strides
    for f, e in zip(
        sequences.attention_grad(turned[3], *turned[:3], None, None, other, same, 0.2, False),
        sequences.attention_grad(g, q, k, v, None, None, out, lse, 0.2, False),
    ):
        np.testing.assert_array_equal(f, e)


def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr(sequences, "SHARED", 0)
    q, k, v, mask, drop, g = made(((5,), (5,), (5,), 150, 140, 20, 20), "bools", True, "float32")
    before, results = taper.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            taper.set_num_threads(threads)
            out, lse = sequences.attention(q, k, v, mask, drop, 0.3, False)
            results.append([out, lse, *sequences.attention_grad(g, q, k, v, mask, drop, out, lse, 0.3, False)])
    finally:
        taper.set_num_threads(before)
    for other in results[1:]:
        for f, e in zip(other, results[0]):
            np.testing.assert_array_equal(f, e)


def test_numbers_that_are_none_and_infinite_scores():
    q, k, v, _, _, _ = made(SHAPES[0], "none", False, "float32")
    q[0, 0, 3, 0], k[1, 1, 5] = np.nan, np.inf
    out, _ = sequences.attention(q, k, v, None, None, 1.0, False)
    assert np.isnan(out[0, 0, 3]).all() and np.isnan(out[1, 1]).any() and np.isfinite(out[0, 1]).all()
    assert np.isfinite(out[0, 0, :3]).all() and np.isfinite(out[0, 0, 4:]).all()
