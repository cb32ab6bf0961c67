"""Windows: weights that fall off to both ends, for spectra of pieces of a signal.

periodic=True gives the first n points of a window of n + 1, so that copies of it side by side add up evenly.
Source: Harris 1978, "On the use of windows for harmonic analysis with the discrete Fourier transform".
"""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.inplace import legacy_name
from ..backends import cpu
from .factory import check_layout, element_type, leaf, place

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _made(name: str, n: int, periodic: bool, weights, dtype, layout, device, requires_grad):
    """A window of n points; `weights(i, last)` are float64 at the points i = 0, ..., last."""
    check_layout(layout, name)
    where = place(device)
    np_dtype = element_type(dtype, name)
    if dtypes.category(np_dtype) != dtypes.FLOATING:
        raise RuntimeError(f"{name} expects floating point dtypes, got: torch.{legacy_name(np_dtype)}Type")
    n = int(n)
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    if n <= 1:
        return leaf(np.ones(n, np_dtype), requires_grad, where)
    points = np.arange(n, dtype=np.float64)
    return leaf(weights(points, n if periodic else n - 1).astype(np_dtype), requires_grad, where)


def hann_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """0.5 - 0.5 cos(2 pi i / N): (window_length,) of a floating dtype. RuntimeError for a negative length."""
    weights = lambda i, last: 0.5 - 0.5 * np.cos(2 * math.pi * i / last)
    return _made("hann_window", window_length, periodic, weights, dtype, layout, device, requires_grad)


def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """alpha - beta cos(2 pi i / N): (window_length,) of a floating dtype."""
    weights = lambda i, last: alpha - beta * np.cos(2 * math.pi * i / last)
    return _made("hamming_window", window_length, periodic, weights, dtype, layout, device, requires_grad)


def blackman_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """0.42 - 0.5 cos(2 pi i / N) + 0.08 cos(4 pi i / N): (window_length,) of a floating dtype."""

    def weights(i, last):
        turn = 2 * math.pi * i / last
        return 0.42 - 0.5 * np.cos(turn) + 0.08 * np.cos(2 * turn)

    return _made("blackman_window", window_length, periodic, weights, dtype, layout, device, requires_grad)


def bartlett_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """The triangle 1 - |2 i / N - 1|: (window_length,) of a floating dtype."""
    weights = lambda i, last: 1 - np.abs(2 * i / last - 1)
    return _made("bartlett_window", window_length, periodic, weights, dtype, layout, device, requires_grad)


def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """I0(beta sqrt(1 - (2 i / N - 1)^2)) / I0(beta): (window_length,) of a floating dtype."""
    weights = lambda i, last: (
        cpu.i0(beta * np.sqrt(np.maximum(1 - (2 * i / last - 1) ** 2, 0))) / cpu.i0(np.asarray(float(beta)))
    )
    return _made("kaiser_window", window_length, periodic, weights, dtype, layout, device, requires_grad)
