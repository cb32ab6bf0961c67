"""Activations that draw random numbers."""

from __future__ import annotations

import numpy as np

from ...autograd.inplace import assign
from ...autograd.naming import shown
from ...autograd.tape import wrap
from ...backends.transfer import place_of
from ...errors import warn
from ...tensor.activation import leaky_relu, softmax
from ...tensor.kinds import refuse
from ...tensor.random import stream_of
from ...tensor.scattering import scatter
from ...tensor.selection import where


def rrelu(input, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False):
    """Leaky relu whose slope is drawn for each negative element in training, else the mean one (Xu et al. 2015)."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    array = input._array
    if training:
        refuse(array, "rrelu_with_noise_out_cpu", "biuc" if array.dtype != np.float16 else "h")
        slopes = np.ones_like(array)
        negative = array <= 0
        slopes[negative] = stream_of(None, place_of(array)).uniform(
            int(negative.sum()), lower, upper, np.dtype(np.float64)
        )
        result = where(input > 0, input, input * wrap(slopes))
    else:
        result = leaky_relu(input, (lower + upper) / 2)
    return assign(input, result) if inplace else shown(result, "RreluWithNoiseBackward0")


def rrelu_(input, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False):
    """`rrelu` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


def gumbel_softmax(logits, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1):
    """A sample of the Gumbel-softmax distribution (Jang et al. 2017); hard: one-hot forward, soft gradient."""
    if eps != 1e-10:
        warn("`eps` parameter is deprecated and has no effect.")
    drawn = stream_of(None, place_of(logits._array)).exponential(logits._array.shape, 1.0, logits._array.dtype)
    soft = softmax((logits + wrap(-np.log(drawn))) / tau, dim)
    if not hard:
        return soft
    index = soft.detach().max(dim, keepdim=True)[1]
    one = scatter(soft.detach() * 0, dim, index, value=1.0)
    return one - soft.detach() + soft
