"""Windows: weights (M,) that fall off to both ends.

sym=True makes them symmetric, for filters; sym=False gives the first M points of a symmetric window of M + 1, whose
copies side by side add up evenly. dtype is float32 or float64, by default the default one. ValueError for a negative
length and other types. Formulas: Harris 1978, "On the use of windows for harmonic analysis with the discrete Fourier
transform"; Nuttall 1981, "Some windows with very good sidelobe behavior".
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..backends import cpu
from ..tensor.factory import leaf, place
from ..tensor.formats import strided

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _made(name: str, weights, M: int, sym: bool, dtype, layout, device, requires_grad):
    """A window: `weights(k, last)` at the points k = 0, ..., M - 1 of a window that ends at `last`."""
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    if not hasattr(M, "__index__"):
        raise TypeError(f"{name}(): argument 'M' must be int, not {type(M).__name__}")
    where = place(device)
    points = np.arange(M, dtype=np.float64)
    made = np.ones(M) if M <= 1 else weights(points, M - 1 if sym else M)
    return leaf(made.astype(dtype.np), requires_grad, where)


def bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """A triangle that is 0 at both ends."""
    weights = lambda k, last: 1 - abs(2 * k / last - 1)
    return _made("bartlett", weights, M, sym, dtype, layout, device, requires_grad)


def cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Half a period of a sine, sampled between its zeros."""
    weights = lambda k, last: np.sin(np.pi * (k + 0.5) / (last + 1))
    return _made("cosine", weights, M, sym, dtype, layout, device, requires_grad)


def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """exp(-|k - center| / tau); center, the middle by default, can only be given with sym=False."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    weights = lambda k, last: np.exp(-abs(k - (last / 2 if center is None else center)) / tau)
    return _made("exponential", weights, M, sym, dtype, layout, device, requires_grad)


def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """A bell of standard deviation `std`."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    weights = lambda k, last: np.exp(-0.5 * ((k - last / 2) / std) ** 2)
    return _made("gaussian", weights, M, sym, dtype, layout, device, requires_grad)


def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Bessel functions i0; the larger beta, the lower the side lobes and the wider the main one."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    weights = lambda k, last: (
        cpu.i0(beta * np.sqrt(np.maximum(1 - (2 * k / last - 1) ** 2, 0))) / cpu.i0(np.asarray(float(beta)))
    )
    return _made("kaiser", weights, M, sym, dtype, layout, device, requires_grad)


def general_cosine(M, *, a, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The sum over i of (-1)^i a[i] cos(2 pi i k / last)."""
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    weights = lambda k, last: sum((-1) ** i * c * np.cos(2 * np.pi * i * k / last) for i, c in enumerate(a))
    return _made("general_cosine", weights, M, sym, dtype, layout, device, requires_grad)


def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """alpha - (1 - alpha) cos(2 pi k / last)."""
    options = dict(sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)
    return general_cosine(M, a=[alpha, 1.0 - alpha], **options)


def hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`general_hamming` with alpha 0.54."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`general_hamming` with alpha 0.5: a raised cosine that is 0 at both ends."""
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`general_cosine` with 0.42, 0.5 and 0.08."""
    options = dict(sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)
    return general_cosine(M, a=[0.42, 0.5, 0.08], **options)


def nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`general_cosine` with Nuttall's four coefficients of least side lobes."""
    options = dict(sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], **options)
