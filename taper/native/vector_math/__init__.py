"""Elementary functions as inline code: no calls of the host's libm, any number of lanes, one path for all of them.

Every function takes the Builder and values of element type float or double and returns a value of the same type. At
most 2 units in the last place in float (ndtr: 6) and 4 in double, over the whole range; special values are IEEE's and C99's.
Only the huge arguments of sin, cos and tan leave the straight path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..text import Value
from .error import erf, erfc, erfinv, ndtr
from .exponential import exp, exp2, expm1
from .hyperbolic import acosh, asinh, atanh, cosh, sigmoid, sinh, tanh
from .inverse_trigonometric import acos, asin, atan, atan2
from .logarithm import log, log1p, log2, log10
from .modulo import modulo
from .power import pow, rsqrt, sqrt
from .trigonometric import cos, sin, tan


@dataclass(frozen=True)
class Function:
    """`emit(builder, *values)` writes the function; `arity`: how many values it takes."""

    emit: Callable[..., Value]
    arity: int


_ONE = (
    acos, acosh, asin, asinh, atan, atanh, cos, cosh, erf, erfc, erfinv, exp, exp2, expm1, log, log10, log1p, log2, ndtr,
    rsqrt, sigmoid, sin, sinh, sqrt, tan, tanh,
)  # fmt: skip
_TWO = (atan2, pow)

FUNCTIONS = {f.__name__: Function(f, arity) for arity, group in ((1, _ONE), (2, _TWO)) for f in group}
"""The functions by their names; `modulo`, which is C's fmod, stands beside them."""
