"""Windows are PyTorch's, and what is symmetric is."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.signal import windows

OPTIONS = {
    "bartlett": [{}],
    "blackman": [{}],
    "cosine": [{}],
    "exponential": [{}, {"tau": 2.5}],
    "gaussian": [{}, {"std": 0.7}],
    "general_cosine": [{"a": [0.5, 0.3, 0.2]}, {"a": (1,)}],
    "general_hamming": [{}, {"alpha": 0.4}],
    "hamming": [{}],
    "hann": [{}],
    "kaiser": [{}, {"beta": 3.0}, {"beta": 0.0}],
    "nuttall": [{}],
}
CASES = [(name, options) for name, several in OPTIONS.items() for options in several]


def test_every_window_is_tried():
    assert sorted(OPTIONS) == sorted(windows.__all__)


@pytest.mark.parametrize("name, options", CASES)
def test_windows_are_pytorchs(name, options):
    torch = pytest.importorskip("torch")
    for n in (0, 1, 2, 5, 8):
        for sym in (True, False):
            for dtype in ("float32", "float64"):
                found = getattr(windows, name)(n, sym=sym, dtype=getattr(taper, dtype), **options)
                expected = getattr(torch.signal.windows, name)(n, sym=sym, dtype=getattr(torch, dtype), **options)
                assert str(found.dtype) == str(expected.dtype)
                tolerance = 2e-6 if dtype == "float32" else 1e-12
                np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name, options", CASES)
def test_symmetric_windows_are(name, options):
    found = getattr(windows, name)(7, dtype=taper.float64, requires_grad=True, **options)
    assert found.requires_grad and np.allclose(found.detach().numpy(), found.detach().numpy()[::-1], atol=1e-15)


def test_off_centre_exponentials_are_for_periodic_windows():
    assert windows.exponential(5, center=1.0, sym=False)[1] == 1
    with pytest.raises(ValueError, match="Center must be None"):
        windows.exponential(5, center=1.0)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: windows.hann(-1), ValueError),
        (lambda: windows.hann(2.5), TypeError),
        (lambda: windows.hann(3, dtype=taper.int64), ValueError),
        (lambda: windows.hann(3, dtype=taper.float16), ValueError),
        (lambda: windows.hann(3, layout=taper.sparse_coo), ValueError),
        (lambda: windows.gaussian(5, std=-1), ValueError),
        (lambda: windows.exponential(5, tau=0), ValueError),
        (lambda: windows.kaiser(5, beta=-1), ValueError),
        (lambda: windows.general_cosine(5, a=[]), ValueError),
        (lambda: windows.general_cosine(5, a=3), TypeError),
    ],
)
def test_refusals(call, error):
    with pytest.raises(error):
        call()
