"""Dropout (Srivastava et al. 2014): elements zeroed at random in training, the rest scaled up to keep the mean."""

from __future__ import annotations

import numpy as np

from ...autograd.inplace import assign
from ...autograd.tape import wrap
from ...tensor.random import default_generator


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _mask(shape, p: float, dtype) -> np.ndarray:
    """Ones with probability 1 - p, drawn from the default generator as PyTorch draws them."""
    return default_generator.stream.bernoulli(shape, 1 - p, dtype)


def _mask_like(array: np.ndarray, p: float) -> np.ndarray:
    """A mask for every element, drawn in the order in which the elements lie in memory."""
    made = wrap(np.empty_like(array, order="C" if 0 in array.strides else "K"))
    return made.bernoulli_(1 - p)._array


def _dropped(input, shape, p: float, training: bool, inplace: bool):
    _check(p)
    if not training or p == 0 or input._array.size == 0:
        return input
    array = input._array
    if p == 1:
        result = input * wrap(np.zeros((), array.dtype))
    else:
        mask = _mask(shape, p, array.dtype) if shape != array.shape else _mask_like(array, p)
        mask /= array.dtype.type(1 - p)
        result = input * wrap(mask)
    return assign(input, result) if inplace else result


def dropout(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """Each element zeroed with probability p. ValueError for p outside [0, 1]."""
    return _dropped(input, input._array.shape, p, training, inplace)


def _channels(n: int):
    def function(input, p: float = 0.5, training: bool = True, inplace: bool = False):
        _check(p)
        ndim = input._array.ndim
        if ndim not in (n + 1, n + 2) and n == 1:
            raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).")
        batched = ndim == n + 2 or n == 2
        x = input if batched else input.unsqueeze(0)
        shape = (*x._array.shape[:2], *(1,) * (x._array.ndim - 2))
        result = _dropped(x, shape, p, training, False)
        result = result if batched else result.squeeze(0)
        return assign(input, result) if inplace and result is not input else result

    function.__name__ = function.__qualname__ = f"dropout{n}d"
    function.__doc__ = "Whole channels zeroed with probability p. ValueError for p outside [0, 1]."
    return function


dropout1d, dropout2d, dropout3d = _channels(1), _channels(2), _channels(3)
_SATURATION = -1.7580993408473766


def _alpha(input, shape, p: float, training: bool, inplace: bool):
    """Elements set to selu's saturation, then scaled so that mean and variance stay."""
    _check(p)
    if not training or p == 0 or input._array.size == 0:
        return input
    dtype = input._array.dtype
    if p == 1:
        result = input * wrap(np.zeros((), dtype))
    else:
        kept = _mask(shape, p, dtype)
        a = ((_SATURATION**2 * p + 1) * (1 - p)) ** -0.5
        shift = (1 - kept) * dtype.type(_SATURATION * a) - dtype.type(a * p * _SATURATION)
        result = input * wrap(kept * dtype.type(a)) + wrap(shift)
    return assign(input, result) if inplace else result


def alpha_dropout(input, p: float = 0.5, training: bool = False, inplace: bool = False):
    """Dropout that keeps the mean and variance of selu's outputs (Klambauer et al. 2017)."""
    return _alpha(input, input._array.shape, p, training, inplace)


def feature_alpha_dropout(input, p: float = 0.5, training: bool = False, inplace: bool = False):
    """`alpha_dropout` of whole channels."""
    shape = (*input._array.shape[:2], *(1,) * (input._array.ndim - 2))
    return _alpha(input, shape, p, training, inplace)
