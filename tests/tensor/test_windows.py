"""Windows against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import taper

WINDOWS = ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 16, 400])
def test_windows_are_pytorchs(name, n):
    torch = pytest.importorskip("torch")
    for periodic in (True, False):
        for dtype, atol in (("float32", 1e-6), ("float64", 3e-15)):
            found = getattr(taper, name)(n, periodic, dtype=getattr(taper, dtype))
            expected = getattr(torch, name)(n, periodic, dtype=getattr(torch, dtype))
            assert str(found.dtype) == str(expected.dtype)
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=0, atol=atol)


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_refuse(name):
    with pytest.raises(RuntimeError, match="non-negative"):
        getattr(taper, name)(-1)
    with pytest.raises(RuntimeError, match="floating"):
        getattr(taper, name)(4, dtype=taper.int64)
    assert getattr(taper, name)(4, requires_grad=True).requires_grad


def test_parameters():
    np.testing.assert_allclose(taper.hamming_window(4, True, 0.5, 0.5), [0, 0.5, 1, 0.5], atol=1e-7)
    np.testing.assert_allclose(taper.kaiser_window(5, False, 3.0, dtype=taper.float64), np.kaiser(5, 3.0), rtol=1e-12)


def test_legacy_new():
    x = taper.ones(2, dtype=taper.int64)
    assert x.new(2, 3).shape == (2, 3) and x.new(2, 3).dtype == taper.int64
    assert x.new([1, 5]).tolist() == [1, 5] and x.new().numel() == 0
