"""Sequences in programs: one node a layer and direction, and attention by blocks; what eager execution computes."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper import nn
from taper.compiler import routines
from taper.compiler.evaluate import evaluate
from taper.compiler.graph import Graph
from taper.compiler.program import Program
from taper.nn import functional as F
from taper.ops.recurrence import CELLS


def both(step, parameters, *inputs):
    """Results and gradients, eager and compiled, as arrays."""
    found = []
    compiled = taper.compile(step, fullgraph=True)
    for run in (step, compiled):
        taper.manual_seed(0)
        for t in parameters:
            t.grad = None
        out = run(*inputs)
        found.append([out.detach().numpy().copy(), *[t.grad.numpy().copy() for t in parameters]])
    return found, compiled


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_layers(kind, packed):
    net = getattr(nn, kind)(6, 20, num_layers=2, bidirectional=True, dropout=0.2)
    x = taper.randn(5, 4, 6, requires_grad=True)
    lengths = [5, 4, 4, 2]

    def step(x):
        given = nn.utils.rnn.pack_padded_sequence(x, lengths) if packed else x
        out, last = net(given)
        out = out.data if packed else out
        last = last[1] if kind == "LSTM" else last
        (out.square().sum() + last.pow(3).sum()).backward()
        return out

    (expected, found), compiled = both(step, [x, *net.parameters()], x)
    for e, f in zip(expected, found):
        np.testing.assert_allclose(f, e, rtol=0, atol=2e-5)
    kernels = str(taper.explain(compiled)(x))
    assert kernels.count("5 steps of 4") == 8, kernels


ATTENDED = {
    "plain": (((2, 3, 20, 8), (2, 3, 15, 8), (2, 3, 15, 5)), None, {}),
    "causal": (((2, 70, 8), (2, 70, 8), (2, 70, 8)), None, dict(is_causal=True)),
    "bools": (((2, 20, 8), (2, 15, 8), (2, 15, 5)), "bools", {}),
    "numbers": (((2, 20, 8), (2, 15, 8), (2, 15, 5)), "numbers", {}),
    "broadcast": (((2, 3, 20, 8), (1, 1, 15, 8), (1, 3, 15, 5)), None, {}),
    "one matrix": (((20, 8), (15, 8), (15, 5)), None, dict(scale=0.3)),
    "groups": (((2, 4, 20, 8), (2, 2, 20, 8), (2, 2, 20, 8)), None, dict(enable_gqa=True)),
    "dropout": (((2, 20, 8), (2, 15, 8), (2, 15, 5)), None, dict(dropout_p=0.3)),
}


@pytest.mark.parametrize("name", ATTENDED)
def test_attention_by_blocks(name, monkeypatch):
    monkeypatch.setattr(routines, "LARGE", 1)
    monkeypatch.setattr(routines, "LARGE_CAUSAL", 1)
    shapes, kind, options = ATTENDED[name]
    taper.manual_seed(1)
    q, k, v = (taper.randn(*s, requires_grad=True) for s in shapes)
    mask = {None: None, "bools": taper.rand(20, 15) > 0.4, "numbers": taper.randn(20, 15)}[kind]

    def step(q, k, v):
        out = F.scaled_dot_product_attention(q, k, v, mask, **options)
        out.square().sum().backward()
        return out

    (expected, found), compiled = both(step, (q, k, v), q, k, v)
    for e, f in zip(expected, found):
        np.testing.assert_allclose(f, e, rtol=0, atol=1e-5)
    kernels = str(taper.explain(compiled)(q, k, v))
    assert "attention, " in kernels and "attention gradient, " in kernels


def test_a_scale_that_changes_is_no_new_program(monkeypatch):
    monkeypatch.setattr(routines, "LARGE", 1)
    q = taper.randn(2, 20, 8)
    compiled = taper.compile(lambda q, scale: F.scaled_dot_product_attention(q, q, q, scale=scale), fullgraph=True)
    for scale in (0.3, 0.5):
        expected = F.scaled_dot_product_attention(q, q, q, scale=scale)
        np.testing.assert_allclose(compiled(q, scale).numpy(), expected.numpy(), rtol=0, atol=1e-5)
    assert len(compiled.steps) == 1


def test_a_mask_that_learns_has_its_gradient(monkeypatch):
    monkeypatch.setattr(routines, "LARGE", 1)
    q, k, v, mask = (taper.randn(*s, requires_grad=True) for s in ((2, 20, 8), (2, 15, 8), (2, 15, 5), (20, 15)))

    def step(q, k, v, mask):
        out = F.scaled_dot_product_attention(q, k, v, mask)
        out.square().sum().backward()
        return out

    (expected, found), _ = both(step, (q, k, v, mask), q, k, v, mask)
    for e, f in zip(expected, found):
        np.testing.assert_allclose(f, e, rtol=0, atol=1e-5)


def evaluated(routine, arrays: dict, shapes) -> None:
    """A routine's kernels give what evaluating its node does; of any one result alone, too."""
    g = Graph()
    leaves = {n: g.leaf("input", i, a.shape, a.dtype) for i, (n, a) in enumerate(arrays.items())}
    parts = [g.copied(p) for p in g.routine(routine, tuple(leaves[n] for n in routine.names), shapes)]
    values = {leaves[n]: a for n, a in arrays.items()}
    expected = evaluate(parts, values)
    for wanted in (parts, parts[:1], parts[-1:]):
        made = {p: np.empty(p.shape, p.dtype) for p in wanted}
        Program(g, wanted, {}).run({**values, **made})
        for p, e in zip(parts, expected):
            if p in made:
                np.testing.assert_allclose(made[p], e, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_recurrent_nodes(name, backward):
    cell, hidden, sizes = CELLS[name], 10, (4, 3, 1)
    routine = routines.Recurrent(name, sizes, True, not backward, backward)
    rng, total, batch = np.random.default_rng(0), sum(sizes), sizes[0]
    wide = dict(x=cell.gates, saved=cell.saved)
    arrays = {}
    for n in routine.names:
        rows = total if n in ("x", "g", "before_h", "before_c", "saved") else batch
        shape = {"w": (cell.gates * hidden, hidden), "b": (cell.gates * hidden,)}.get(
            n, (rows, wide.get(n, 1) * hidden)
        )
        arrays[n] = rng.uniform(-0.5, 0.5, shape).astype("float32")
    arrays["sizes"] = np.array(sizes)
    evaluated(routine, arrays, [(s, np.dtype("float32")) for s in routine.shapes(hidden)])


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_attention_nodes(backward):
    rng = np.random.default_rng(0)
    arrays = {
        n: rng.standard_normal(s).astype("float32") for n, s in dict(q=(3, 9, 5), k=(1, 7, 5), v=(3, 7, 6)).items()
    }
    sizes = ((3,), 9, 7, 5, 6)

    def routine(arrays, backward):
        shapes = tuple((n, a.shape) for n, a in arrays.items())
        return routines.Attending(*sizes, shapes, 0.4, False, backward)

    def tables(routine) -> dict:
        names = routine.names[len(routine.arrays) :]
        return {n: np.full(2, 0.4, "float32") if n == "scale_at" else routine.layout(n[:-3])[0] for n in names}

    forward = routine(arrays, False)
    if backward:
        out, lse = forward.evaluate(*arrays.values(), *tables(forward).values())
        arrays = {"g": rng.standard_normal(out.shape).astype("float32"), **arrays, "out": out, "lse": lse}
    found = routine(arrays, backward)
    evaluated(found, {**arrays, **tables(found)}, [(found.shape_of(n), np.dtype("float32")) for n in found.results])
