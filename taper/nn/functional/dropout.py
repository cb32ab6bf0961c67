"""Dropout (Srivastava et al. 2014): elements zeroed at random in training, the rest scaled up to keep the mean.

The masks are drawn from the default generator as PyTorch draws them, so a seed gives the same ones.
"""

from __future__ import annotations

import numpy as np

from ...autograd.inplace import assign, legacy_name
from ...autograd.places import beside
from ...autograd.tape import elsewhere, wrap
from ...backends import namespace_of
from ...backends.transfer import place_of
from ...errors import warn
from ...tensor.random import stream_of

# What selu gives for minus infinity, its scale times its alpha.
SATURATION = -1.7580993408473766


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _check_type(array: np.ndarray) -> None:
    """Refuse what has no probability: integers, bools and complex numbers."""
    word = legacy_name(array.dtype)
    if array.dtype.kind in "biu":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {word}. Dropout takes floating-point numbers: "
            "x.float()."
        )
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"bernoulli_scalar_cpu_\" not implemented for '{word}': dropout takes real numbers")


def _mask(array: np.ndarray, shape: tuple, p: float) -> np.ndarray:
    """Ones with probability 1 - p. A mask of every element is drawn in the order of the elements in memory."""
    if shape != array.shape:
        return stream_of(None, place_of(array)).bernoulli(shape, 1 - p, array.dtype)
    with elsewhere((array,)):
        made = wrap(namespace_of(array).empty_like(array, order="C" if 0 in array.strides else "K"))
    return made.bernoulli_(1 - p)._array


def _dropped(input, shape, p: float, inplace: bool):
    """Elements zeroed by a mask of a shape that broadcasts."""
    array = input._array
    if p == 0 or not array.size:
        return input
    if p == 1:
        result = input * beside(input, np.zeros((), array.dtype))
    else:
        _check_type(array)
        with elsewhere((array,)):
            mask = _mask(array, shape, p)
            mask /= array.dtype.type(1 - p)
            result = input * wrap(mask)
    return assign(input, result) if inplace else result


def _saturated(input, shape, p: float, inplace: bool):
    """Elements set to selu's saturation, then all scaled and shifted so that mean and variance stay."""
    array = input._array
    if p == 0 or not array.size:
        return input
    if p == 1:
        result = input * beside(input, np.zeros((), array.dtype))
    else:
        _check_type(array)
        number = array.dtype.type
        scale = ((SATURATION**2 * p + 1) * (1 - p)) ** -0.5
        with elsewhere((array,)):
            kept = _mask(array, shape, p)
            shift = (1 - kept) * number(SATURATION * scale) - number(scale * p * SATURATION)
            result = input * wrap(kept * number(scale)) + wrap(shift)
    return assign(input, result) if inplace else result


def _channels(input) -> tuple:
    """The shape of a mask over whole channels: one number for each of the first two dimensions."""
    shape = input._array.shape
    if len(shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*shape[:2], *(1,) * (len(shape) - 2))


def dropout(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """Each element zeroed with probability p. ValueError for p outside [0, 1]."""
    _check(p)
    return _dropped(input, input._array.shape, p, inplace) if training else input


def _over_channels(input, p: float, training: bool, inplace: bool, batched: bool):
    if not training:
        return input
    if batched:
        return _dropped(input, _channels(input) if p else (), p, inplace)
    x = input.unsqueeze(0)
    result = _dropped(x, _channels(x), p, False).squeeze(0)
    return assign(input, result) if inplace else result


def _unusual(name: str, ndim: int, spatial: int) -> None:
    warn(
        f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a future "
        f"release. To retain the behavior and silence this warning, please use dropout instead. Note that {name} "
        f"exists to provide channel-wise dropout on inputs with {spatial} spatial dimensions, a channel dimension, "
        f"and an optional batch dimension (i.e. {spatial + 1}D or {spatial + 2}D inputs)."
    )


def dropout1d(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """Whole channels of (N, C, L) or (C, L) zeroed with probability p. ValueError for p outside [0, 1]."""
    _check(p)
    ndim = input._array.ndim
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    return _over_channels(input, p, training, inplace, ndim == 3)


def dropout2d(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """Whole channels (dimension 1) of (N, C, H, W) zeroed with probability p. ValueError for p outside [0, 1].

    Three dimensions are taken as (N, C, L), with a warning, as in PyTorch.
    """
    _check(p)
    ndim = input._array.ndim
    if ndim not in (3, 4):
        _unusual("dropout2d", ndim, 2)
    if ndim == 3:
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
            "desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will "
            "change in a future release to interpret the input as one without a batch dimension, i.e. shape (C, H, "
            "W). To maintain the 1D channel-wise dropout behavior, please switch to using dropout1d instead."
        )
    return _over_channels(input, p, training, inplace, True)


def dropout3d(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) zeroed with probability p. ValueError for p outside [0, 1]."""
    _check(p)
    ndim = input._array.ndim
    if ndim not in (4, 5):
        _unusual("dropout3d", ndim, 3)
    return _over_channels(input, p, training, inplace, ndim == 5)


def alpha_dropout(input, p: float = 0.5, training: bool = False, inplace: bool = False):
    """Dropout that keeps the mean and variance of selu's outputs (Klambauer et al. 2017)."""
    _check(p)
    return _saturated(input, input._array.shape, p, inplace) if training else input


def feature_alpha_dropout(input, p: float = 0.5, training: bool = False, inplace: bool = False):
    """`alpha_dropout` of whole channels (dimension 1)."""
    _check(p)
    return _saturated(input, _channels(input) if p else (), p, inplace) if training else input
