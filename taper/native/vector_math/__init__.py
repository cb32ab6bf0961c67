"""Elementary functions as inline code: no branches, no calls, any number of lanes, the host's libm never asked.

Every function takes the Builder and values of element type float or double and returns a value of the same type. At
most 2 units in the last place in float and 4 in double, over the whole range; special values are IEEE's and C99's.
"""

from __future__ import annotations

from .error import erf
from .exponential import exp, exp2, expm1
from .hyperbolic import sigmoid, tanh
from .logarithm import log, log1p, log2, log10
from .power import pow, rsqrt, sqrt

FUNCTIONS = {
    f.__name__: f for f in (exp, exp2, expm1, log, log2, log10, log1p, sqrt, rsqrt, tanh, sigmoid, erf, pow)
}
