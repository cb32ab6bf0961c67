"""Discrete Fourier transforms without normalisation: the factor of a transform is its caller's."""

from __future__ import annotations

import numpy as np

__all__ = ["fourier", "fourier_to_real", "real_to_fourier"]


def _times(out, scale: float):
    if scale != 1.0:
        out *= out.dtype.type(scale)
    return out


def fourier(x, axes: tuple, forward: bool, scale: float):
    """scale * the sums of x exp(-2 pi i j k / n) over `axes`; exp(+...) if not forward."""
    if not axes:
        return _times(x.astype(np.result_type(x.dtype, np.complex64)), scale)
    # "forward" as the norm leaves the inverse transform without a factor.
    out = np.fft.fftn(x, axes=axes) if forward else np.fft.ifftn(x, axes=axes, norm="forward")
    return _times(out, scale)


def real_to_fourier(x, axis: int, scale: float):
    """scale * the first n // 2 + 1 values of a real x's transform along an axis of size n."""
    return _times(np.fft.rfft(x, axis=axis), scale)


def fourier_to_real(x, axis: int, n: int, scale: float):
    """scale * the inverse transform, n real values, of what `real_to_fourier` keeps."""
    return _times(np.fft.irfft(x, n, axis=axis, norm="forward"), scale)
