"""Elementary functions as inline code: no branches, no calls, any number of lanes, the host's libm never asked.

Every function takes the Builder and values of element type float or double and returns a value of the same type. At
most 2 units in the last place in float and 4 in double, over the whole range; special values are IEEE's and C99's.
"""

from __future__ import annotations

from .error import erf, erfc, erfinv, ndtr
from .exponential import exp, exp2, expm1
from .hyperbolic import acosh, asinh, atanh, cosh, sigmoid, sinh, tanh
from .inverse_trigonometric import acos, asin, atan, atan2
from .logarithm import log, log1p, log2, log10
from .power import pow, rsqrt, sqrt
from .trigonometric import cos, sin, tan

FUNCTIONS = {
    f.__name__: f for f in (exp, exp2, expm1, log, log2, log10, log1p, sqrt, rsqrt, tanh, sigmoid, erf, pow, sin, cos, tan, asin, acos, atan, atan2, sinh, cosh, asinh, acosh, atanh, erfc, erfinv, ndtr)
}
