"""Elementwise arithmetic and elementary functions, each with its derivative.

g is the gradient of the result, `out` the result itself. For complex inputs the gradient is the conjugate Wirtinger
derivative, as in PyTorch, hence the `conj`.
"""

from __future__ import annotations

import math

from .operator import ARITHMETIC, FLOAT, op

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
LN2, LN10 = math.log(2), math.log(10)


def conj(xp, x):
    """The conjugate of x; x itself where it is real."""
    return xp.conj(x) if getattr(x, "dtype", None) is not None and x.dtype.kind == "c" else x


# fmt: off
add = op("add", lambda xp, x, y: xp.add(x, y), promote=ARITHMETIC,
         x=lambda xp, g: g,
         y=lambda xp, g: g)

sub = op("sub", lambda xp, x, y: xp.subtract(x, y), promote=ARITHMETIC,
         x=lambda xp, g: g,
         y=lambda xp, g: -g)

mul = op("mul", lambda xp, x, y: xp.multiply(x, y), promote=ARITHMETIC,
         x=lambda xp, g, y: g * conj(xp, y),
         y=lambda xp, g, x: g * conj(xp, x))

div = op("div", lambda xp, x, y: xp.divide(x, y), promote=FLOAT,
         x=lambda xp, g, y: g / conj(xp, y),
         y=lambda xp, g, x, y: -g * conj(xp, (x / y) / y))

neg = op("neg", lambda xp, x: xp.negative(x), promote=ARITHMETIC,
         x=lambda xp, g: -g)

exp = op("exp", lambda xp, x: xp.exp(x), promote=FLOAT,
         x=lambda xp, g, out: g * conj(xp, out))

log = op("log", lambda xp, x: xp.log(x), promote=FLOAT,
         x=lambda xp, g, x: g / conj(xp, x))

sqrt = op("sqrt", lambda xp, x: xp.sqrt(x), promote=FLOAT,
          x=lambda xp, g, out: g / (2 * conj(xp, out)))

tanh = op("tanh", lambda xp, x: xp.tanh(x), promote=FLOAT,
          x=lambda xp, g, out: g * conj(xp, 1 - out * out))

sigmoid = op("sigmoid", lambda xp, x: 1 / (1 + xp.exp(-x)), promote=FLOAT,
             x=lambda xp, g, out: g * conj(xp, (1 - out) * out))

sin = op("sin", lambda xp, x: xp.sin(x), promote=FLOAT,
         x=lambda xp, g, x: g * conj(xp, xp.cos(x)))

cos = op("cos", lambda xp, x: xp.cos(x), promote=FLOAT,
         x=lambda xp, g, x: -g * conj(xp, xp.sin(x)))
# fmt: on
