"""The elementwise primitives: their names, which are NumPy's, and what they mean on arrays of one dtype.

How each becomes instructions is in `lower/instructions.py`; a primitive that has none there runs as a host node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..backends import cpu


class Elementwise(NamedTuple):
    """evaluate: its meaning in NumPy. truth: whether results are bools whatever the inputs are."""

    evaluate: Callable
    truth: bool = False


_ARITHMETIC = (
    "add subtract multiply divide floor_divide remainder fmod power negative positive absolute sign square sqrt reciprocal "
    "maximum minimum fmax fmin copysign heaviside floor ceil trunc rint "
    "exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh "
    "hypot logaddexp bitwise_and bitwise_or bitwise_xor invert left_shift right_shift"
).split()
_TRUTH = (
    "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_xor logical_not "
    "isnan isinf isfinite signbit"
).split()
_OWN = "sigmoid ndtr erf erfc erfinv rsqrt".split()

ELEMENTWISE: dict[str, Elementwise] = {
    **{name: Elementwise(getattr(np, name)) for name in _ARITHMETIC},
    **{name: Elementwise(getattr(np, name), truth=True) for name in _TRUTH},
    **{name: Elementwise(getattr(cpu, name)) for name in _OWN if hasattr(cpu, name)},
    "where": Elementwise(np.where),
    "settle": Elementwise(np.positive),
    "check": Elementwise(np.positive),
}

UFUNCS = {getattr(np, name): name for name in (*_ARITHMETIC, *_TRUTH)}
"""The NumPy functions that are primitives."""
