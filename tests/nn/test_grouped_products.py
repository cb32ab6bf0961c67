"""Products in groups, against products one after the other and against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.nn import functional as F

ENDS = [3, 8, 14]


def array(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def rows_by_group(a, b):
    return np.concatenate([a[s:e] @ m for s, e, m in zip([0, *ENDS], ENDS, b)] + [np.zeros((2, b.shape[-1]))])


def columns_by_group(a, b):
    return np.concatenate([m @ b[:, s:e] for s, e, m in zip([0, *ENDS], ENDS, a)] + [np.zeros((a.shape[1], 2))], 1)


def along(a, b):
    return np.stack([a[:, s:e] @ b[s:e] for s, e in zip([0, *ENDS], ENDS)])


@pytest.mark.parametrize(
    "a, b, expected",
    [
        (array(16, 8), array(3, 8, 16), rows_by_group),
        (array(3, 8, 16), array(16, 16), columns_by_group),
        (array(8, 16), array(16, 8), along),
        (array(3, 4, 8), array(3, 8, 16), np.matmul),
    ],
)
def test_grouped_mm(a, b, expected):
    offs = None if expected is np.matmul else taper.tensor(ENDS, dtype=taper.int32)
    x, y = taper.from_numpy(a).requires_grad_(), taper.from_numpy(b).requires_grad_()
    out = F.grouped_mm(x, y, offs=offs)
    np.testing.assert_allclose(out.detach().numpy(), expected(a, b), rtol=1e-5, atol=1e-5)
    # It is linear in each operand: what the gradients say of a direction is the product's change along it.
    weights = taper.from_numpy(array(*out.shape))
    (out * weights).sum().backward()
    total = float((out.detach() * weights).sum())
    for grad, operand in ((x.grad, a), (y.grad, b)):
        assert float((grad * taper.from_numpy(operand)).sum()) == pytest.approx(total, rel=1e-3)


def test_grouped_mm_is_pytorchs():
    torch = pytest.importorskip("torch")
    found = [
        lib.nn.functional.grouped_mm(
            lib.from_numpy(array(16, 8)), lib.from_numpy(array(3, 8, 16)), offs=lib.tensor([3, 3, 16], dtype=lib.int32)
        ).numpy()
        for lib in (taper, torch)
    ]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "words, call",
    [
        ("Have to provide offsets", lambda t: (t.ones(16, 8), t.ones(3, 8, 16))),
        ("has to be 2 or 3d", lambda t: (t.ones(8), t.ones(3, 8, 16), [3, 8, 16])),
        ("contraction dimension", lambda t: (t.ones(16, 16), t.ones(3, 8, 16), [3, 8, 16])),
        ("matrix batch sizes", lambda t: (t.ones(16, 8), t.ones(4, 8, 16), [3, 8, 16])),
        ("batched dimension", lambda t: (t.ones(2, 4, 8), t.ones(3, 8, 16))),
        ("same dtype", lambda t: (t.ones(16, 8), t.ones(3, 8, 16).half(), [3, 8, 16])),
        ("Float32, BFloat16 or Float16", lambda t: (t.ones(16, 8).double(), t.ones(3, 8, 16).double(), [3, 8, 16])),
        ("1D", lambda t: (t.ones(16, 8), t.ones(3, 8, 16), [[3, 8, 16]])),
    ],
)
def test_what_grouped_mm_refuses(words, call):
    libraries = [taper]
    try:
        import torch
    except ImportError:
        pass
    else:
        libraries.append(torch)
    for lib in libraries:
        a, b, *offs = call(lib)
        with pytest.raises(RuntimeError, match=words):
            lib.nn.functional.grouped_mm(a, b, offs=lib.tensor(offs[0], dtype=lib.int32) if offs else None)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_of_convolutions(n):
    x, weight = taper.from_numpy(array(2, 4, *(7, 6, 5)[:n])), taper.from_numpy(array(6, 2, *(3,) * n))
    options = {"stride": 2, "padding": 1, "groups": 2}
    x.requires_grad_(), weight.requires_grad_()
    out = getattr(F, f"conv{n}d")(x, weight, None, **options)
    given = taper.from_numpy(array(*out.shape))
    out.backward(given)
    found = (
        getattr(taper.nn.grad, f"conv{n}d_input")(x.shape, weight, given, **options),
        getattr(taper.nn.grad, f"conv{n}d_weight")(x, weight.shape, given, **options),
    )
    assert all(t.requires_grad for t in found)
    for ours, expected in zip(found, (x.grad, weight.grad)):
        np.testing.assert_allclose(ours.detach().numpy(), expected.numpy(), rtol=1e-5, atol=1e-5)
    with taper.no_grad():
        assert not getattr(taper.nn.grad, f"conv{n}d_input")(x.shape, weight, given, **options).requires_grad
