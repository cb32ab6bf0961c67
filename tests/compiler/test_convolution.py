"""Convolutions in compiled programs and as eager native kernels: against NumPy in float64, and with what is fused into them."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.backends.cpu import convolution, large
from taper.compiler.engine import native_available

F = taper.nn.functional
native = pytest.mark.skipif(not native_available(), reason="needs llvmlite")

# x, w, stride, padding, dilation, groups
ROWS = {
    "3x3": ((2, 3, 9, 11), (4, 3, 3, 3), 1, 1, 1, 1),
    "5x5 valid": ((3, 6, 14, 14), (16, 6, 5, 5), 1, 0, 1, 1),
    "stride 2": ((2, 5, 13, 12), (7, 5, 3, 3), 2, 1, 1, 1),
    "stride 3 by 1": ((2, 3, 13, 12), (4, 3, 3, 2), (3, 1), (2, 0), 1, 1),
    "dilated": ((1, 2, 15, 16), (3, 2, 3, 3), 1, 2, 2, 1),
    "1x1": ((2, 9, 7, 7), (5, 9, 1, 1), 1, 0, 1, 1),
    "1x1 stride 2": ((2, 8, 8, 9), (6, 8, 1, 1), 2, 0, 1, 1),
    "groups": ((2, 6, 8, 8), (9, 2, 3, 3), 1, 1, 1, 3),
    "depthwise": ((2, 5, 10, 9), (5, 1, 3, 3), 1, 1, 1, 5),
    "first layer": ((2, 3, 33, 35), (8, 3, 7, 7), 2, 3, 1, 1),
    "one position": ((4, 3, 3, 3), (5, 3, 3, 3), 1, 0, 1, 1),
    "1d": ((3, 4, 30), (6, 4, 5), 2, 2, 1, 1),
    "3d": ((2, 3, 5, 6, 7), (4, 3, 3, 2, 3), 1, 1, 1, 1),
    "3d strided": ((1, 2, 7, 8, 9), (3, 2, 3, 3, 3), 2, 1, 1, 1),
    "one image": ((1, 16, 20, 20), (24, 16, 3, 3), 1, 1, 1, 1),
    "tiny images": ((33, 8, 4, 4), (12, 8, 3, 3), 1, 1, 1, 1),
}
rows = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
dtypes = pytest.mark.parametrize("dtype", [taper.float32, taper.float64], ids=["float32", "float64"])
BOUND = {taper.float32: 1e-5, taper.float64: 1e-12}


def operands(row, dtype):
    """Input, weights, bias and the gradient of the output, each float64 number rounded to the dtype."""
    taper.manual_seed(3)
    x, w = taper.randn(row[0], dtype=dtype), taper.randn(row[1], dtype=dtype)
    bias = taper.randn(row[1][0], dtype=dtype)
    return x, w, bias


def run(x, w, bias, row):
    conv = getattr(F, f"conv{x.ndim - 2}d")
    return conv(x, w, bias, stride=row[2], padding=row[3], dilation=row[4], groups=row[5])


def step(row):
    def gradients(x, w, bias, g):
        out = run(x, w, bias, row)
        return out.detach(), *taper.autograd.grad(out, (x, w, bias), g)

    return gradients


def plain(monkeypatch, row, tensors):
    """Output and gradients by the NumPy kernels, in float64."""
    with monkeypatch.context() as m:
        m.setattr(large.Native, "run", None)
        doubles = [t.detach().double().requires_grad_(t.requires_grad) for t in tensors]
        return [r.detach().numpy() for r in step(row)(*doubles)]


def agree(found, expected, dtype):
    for f, e, name in zip(found, expected, ("output", "input", "weight", "bias")):
        assert f.shape == e.shape, name
        assert f.dtype == dtype, name
        error = np.abs(f.detach().double().numpy() - e).max() / np.abs(e).max()
        assert error <= BOUND[dtype], f"{name}: {error:.1e}"


@native
@rows
@dtypes
def test_compiled(row, dtype, monkeypatch):
    x, w, bias = (t.requires_grad_() for t in operands(row, dtype))
    g = taper.randn(run(x, w, bias, row).shape, dtype=dtype)
    compiled = taper.compile(step(row), fullgraph=True)
    agree(compiled(x, w, bias, g), plain(monkeypatch, row, (x, w, bias, g)), dtype)
    assert "host" not in compiled.stages["kernels"]


@native
@rows
@dtypes
def test_eager_native(row, dtype, monkeypatch):
    x, w, bias = (t.requires_grad_() for t in operands(row, dtype))
    g = taper.randn(run(x, w, bias, row).shape, dtype=dtype)
    expected = plain(monkeypatch, row, (x, w, bias, g))
    asked = []
    with monkeypatch.context() as m:
        real = large.Native.run

        def seen(*given):
            asked.append(real(*given) is not NotImplemented)
            return real(*given)

        m.setattr(large.Native, "run", seen)
        m.setattr(convolution, "NATIVE", 0)
        agree(step(row)(x, w, bias, g), expected, dtype)
    assert asked and all(asked)
