"""What tests of cuDNN share: how close results are, and where inputs come from."""

from __future__ import annotations

import numpy as np

import taper

HALVES = [taper.float16, taper.bfloat16]
# Of the largest element: a result is rounded once, its operands not at all.
ROUNDED = {taper.float64: 1e-12, taper.float32: 1e-6, taper.float16: 1e-3, taper.bfloat16: 8e-3}


def methods(asked) -> list[str]:
    """The operations that ran, in order."""
    return [name for name, _ in asked.executed]


def close(found, expected, dtype) -> None:
    found, expected = found.detach().cpu().double(), expected.detach().double()
    assert found.shape == expected.shape
    scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=0, atol=ROUNDED[dtype] * scale)


def drawn(*shapes, dtype):
    rng = np.random.default_rng(0)
    return [taper.from_numpy(rng.standard_normal(s)).to(dtype) for s in shapes]
