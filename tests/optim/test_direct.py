"""Small parameters are updated by programs that give the bits which NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.backends.cpu.large import Native
from taper.optim import direct

OPTIMIZERS = {
    "SGD": dict(lr=0.01),
    "SGD decayed": dict(lr=0.01, weight_decay=0.1, maximize=True),
    "SGD momentum": dict(lr=0.01, momentum=0.9, dampening=0.1),
    "SGD Nesterov": dict(lr=0.01, momentum=0.9, nesterov=True),
    "Adam": dict(lr=0.01),
    "Adam amsgrad": dict(lr=0.01, amsgrad=True, weight_decay=0.1),
    "AdamW": dict(lr=0.01),
    "NAdam": dict(lr=0.01),
    "RAdam": dict(lr=0.01),
    "Adamax": dict(lr=0.01),
    "Adadelta": dict(),
    "Adagrad": dict(lr=0.01),
    "RMSprop": dict(lr=0.01, centered=True, momentum=0.5),
    "ASGD": dict(lr=0.01),
    "Rprop": dict(lr=0.01),
}
SHAPES = [(), (3,), (5, 7), (4, 3, 6), (33, 40)]


def parameters(name, steps, transposed=False, dtype=np.float32):
    random = np.random.default_rng(3)
    draw = lambda shape: taper.from_numpy(np.asarray(random.standard_normal(shape), dtype))
    found = [draw(shape) for shape in SHAPES]
    if transposed:
        found = [p.mT.contiguous().mT if p.ndim > 1 else p for p in found]
    found = [p.requires_grad_() for p in found]
    optimizer = getattr(taper.optim, name.partition(" ")[0])(found, **OPTIMIZERS[name])
    for _ in range(steps):
        for p in found:
            p.grad = draw(p.shape)
        optimizer.step()
    return [p.detach().numpy() for p in found]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bits_are_numpys(name, dtype, monkeypatch):
    monkeypatch.setattr(direct, "HOT", 1 << 30)
    wanted = parameters(name, 12, dtype=dtype)
    monkeypatch.setattr(direct, "HOT", 3)
    monkeypatch.setattr(Native, "ways", {})
    for transposed in (False, True):
        for a, b in zip(parameters(name, 12, transposed, dtype), wanted):
            np.testing.assert_array_equal(a, b)
    made = any(way for key, way in Native.ways.items() if getattr(key[0], "__name__", "") == "update")
    assert made or name == "Rprop"  # its numbers are pairs


def test_gradients_of_another_kind_are_left_to_numpy(monkeypatch):
    monkeypatch.setattr(direct, "HOT", 1)
    p = taper.zeros(2, 3, requires_grad=True)
    p.grad = taper.ones(2, 3)
    p.grad._array = p.grad._array.astype(np.float64)
    before = p._version
    for _ in range(3):
        taper.optim.SGD([p], lr=0.5).step()
    assert p.tolist() == [[-1.5] * 3] * 2 and p.dtype == taper.float32 and p._version == before + 3
