"""Short-time Fourier transforms: the spectra of overlapping pieces of a signal, and the signal from them.

Source: Griffin and Lim 1984, "Signal estimation from modified short-time Fourier transform", for the inverse.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.places import beside
from ..autograd.tape import Variable
from ..dtypes import HALF
from ..errors import warn
from ..ops import fourier as ops
from ..ops.movement import add_windows
from .complex_numbers import view_as_real
from .joining import cat
from .selection import index_select

__all__ = ["stft", "istft"]

_NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _window(name: str, window, win_length: int, n_fft: int, like):
    """The window with zeros on both sides up to n_fft points; ones where none is given."""
    if window is None:
        real = like._array.real.dtype
        window = beside(like, np.ones(win_length, real))
    elif window._array.shape != (win_length,):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
            f"{list(window._array.shape)}"
        )
    left = (n_fft - win_length) // 2
    sides = [beside(window, np.zeros(n, window._array.dtype)) for n in (left, n_fft - win_length - left)]
    return window if win_length == n_fft else cat([sides[0], window, sides[1]])


def _lengths(name: str, n_fft: int, hop_length, win_length) -> tuple[int, int]:
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if hop <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={win} and n_fft={n_fft}")
    return hop, win


def _padded(x, size: int, mode: str):
    """The signals with `size` more points on both sides."""
    if mode == "constant":
        zeros = beside(x, np.zeros((*x._array.shape[:-1], size), x._array.dtype))
        return cat([zeros, x, zeros], -1)
    if mode not in _NUMPY_MODES:
        raise NotImplementedError(f"stft: pad_mode {mode!r} is not one of constant, {', '.join(_NUMPY_MODES)}")
    length = x._array.shape[-1]
    if mode == "reflect" and size >= length:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({size}, {size}) for a signal of {length} points. Use a smaller n_fft, or center=False."
        )
    places = np.pad(np.arange(length), size, mode=_NUMPY_MODES[mode])
    return index_select(x, x._array.ndim - 1, beside(x, places))


@in_float32
def stft(
    input,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window=None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
):
    """The Fourier transforms of windows of a signal, one every hop_length points: (..., frequencies, windows).

    input: (points) or (signals, points). window: (win_length), by default ones. center: window k is centred at point
    k * hop_length, for which the signal is padded. normalized: divide by the root of n_fft. onesided: keep the first
    n_fft // 2 + 1 frequencies (the default for real input). return_complex=False gives pairs of real numbers.
    RuntimeError for sizes that do not fit, and for real input without return_complex.
    """
    x = _signal("stft", input)
    hop, win = _lengths("stft", n_fft, hop_length, win_length)
    is_complex = x._array.dtype.kind == "c" or (window is not None and window._array.dtype.kind == "c")
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further "
                "require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if align_to_window is not None and center:
        raise RuntimeError("stft: align_to_window should only be set when center = false.")
    if window is None:
        warn(
            "A window was not provided. A rectangular window will be applied, which is known to cause spectral "
            "leakage. Other windows such as taper.hann_window or taper.hamming_window are recommended to reduce it."
        )
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if center:
        x = _padded(x, n_fft // 2, pad_mode)
    elif align_to_window:
        x = _padded(x, (n_fft - win) // 2, "constant")
    if not 0 < n_fft <= x._array.shape[-1]:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {x._array.shape[-1]}, but got n_fft={n_fft}")
    pieces = x.unfold(-1, n_fft, hop) * _window("stft", window, win, n_fft, x)
    scale = 1 / math.sqrt(n_fft) if normalized else 1.0
    axis = pieces._array.ndim - 1
    if onesided:
        spectra = apply(ops.r2c, pieces, axis=axis, scale=scale)
    else:
        spectra = apply(ops.c2c, pieces, axes=(axis,), forward=True, scale=scale)
    spectra = spectra.transpose(-2, -1)
    return spectra if return_complex else view_as_real(spectra)


def _signal(name: str, input):
    if not isinstance(input, Variable):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    array = input._array
    if array.dtype.kind == "b":
        raise NotImplementedError(f"\"reflection_pad1d\" not implemented for 'Bool' ({name}): use x.float().")
    if array.dtype.kind in "iu" or array.dtype in HALF:
        raise RuntimeError(f"{name}: expected a tensor of floating point or complex values, but got {input.dtype}")
    if not 1 <= array.ndim <= 2:
        raise RuntimeError(f"{name}: expected a 1D or 2D tensor, but got {array.ndim}D of shape {tuple(array.shape)}")
    return input


def istft(
    input,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window=None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
):
    """The signal whose `stft` is closest to these spectra: (points) or (signals, points).

    input: complex (..., frequencies, windows); the other arguments as given to `stft`. length: how many points to give.
    RuntimeError for sizes that do not fit, and for windows that leave a point uncovered.
    """
    if not isinstance(input, Variable):
        raise TypeError(f"istft(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if input._array.dtype.kind != "c":
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    hop, win = _lengths("istft", n_fft, hop_length, win_length)
    if input._array.ndim not in (2, 3):
        raise RuntimeError(f"istft: expected a tensor with 2 or 3 dimensions, but got {input._array.ndim}")
    spectra = input if input._array.ndim == 3 else input.unsqueeze(0)
    frequencies, count = spectra._array.shape[-2:]
    onesided = (frequencies != n_fft) if onesided is None else onesided
    wanted = n_fft // 2 + 1 if onesided else n_fft
    if frequencies != wanted:
        raise RuntimeError(
            f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft "
            f"{'/ 2 + 1 ' if onesided else ''}when onesided={onesided}, but got {frequencies}"
        )
    scale = 1 / math.sqrt(n_fft) if normalized else 1 / n_fft
    spectra = spectra.transpose(-2, -1)
    if return_complex:
        pieces = apply(ops.c2c, spectra, axes=(2,), forward=False, scale=scale)
    else:
        half = spectra if onesided else spectra[..., : n_fft // 2 + 1]
        pieces = apply(ops.c2r, half, axis=2, n=n_fft, scale=scale)
    weights = _window("istft", window, win, n_fft, pieces)
    points = n_fft + hop * (count - 1)
    shape = (pieces._array.shape[0], points)
    sums = apply(add_windows, pieces * weights, shape=shape, axis=1, size=n_fft, step=hop)
    squares = (weights * weights).expand(1, count, n_fft)
    covered = apply(add_windows, squares.contiguous(), shape=(1, points), axis=1, size=n_fft, step=hop)
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else points - (n_fft // 2 if center else 0)
    sums, covered = sums[:, start:stop], covered[:, start:stop]
    smallest = float(abs(covered._array).min()) if covered._array.size else 1.0
    if smallest <= 1e-11:
        raise RuntimeError(
            f"istft: window overlap add min: {smallest}; every point must lie under a window. Use a smaller "
            "hop_length, or center=True."
        )
    result = sums / covered
    if length is not None and result._array.shape[1] < length:
        missing = length - result._array.shape[1]
        result = cat([result, beside(result, np.zeros((shape[0], missing), result._array.dtype))], 1)
    return result if input._array.ndim == 3 else result[0]


class SpectrumMethods:
    """Short-time transforms as methods."""

    __slots__ = ()

    stft = stft
    istft = istft
