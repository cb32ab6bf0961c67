"""Elementwise arithmetic and elementary functions, each with its derivative.

g is the gradient of the result, `out` the result itself. For complex inputs the gradient is the conjugate Wirtinger
derivative, as in PyTorch, hence the `conj`.
"""

from __future__ import annotations

import cmath
import math

from numpy import ndarray

from ..backends.cpu.large import SPREAD, spread
from .operator import ARITHMETIC, FLOAT, op

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
LN2, LN10 = math.log(2), math.log(10)


def _zeros(xp, g):
    return xp.zeros_like(g)


def conj(xp, x):
    """The conjugate of x; x itself where it is real."""
    if x.__class__ is float or x.__class__ is int:
        return x
    if x.__class__ is complex:
        return x.conjugate()
    return xp.conj(x) if hasattr(x, "dtype") and x.dtype.kind == "c" else x


# Sums and products are the commonest operators: the look at their size is written out, since another call would cost as
# much as all the rest.
def _add(xp, x, y):
    if x.__class__ is ndarray and x.size >= SPREAD:
        return spread(_sum, xp, x, y)
    return xp.add(x, y)


def _sub(xp, x, y):
    if x.__class__ is ndarray and x.size >= SPREAD:
        return spread(_difference, xp, x, y)
    return xp.subtract(x, y)


def _mul(xp, x, y):
    if x.__class__ is ndarray and x.size >= SPREAD:
        return spread(_product, xp, x, y)
    return xp.multiply(x, y)


def _sum(xp, x, y):
    return xp.add(x, y)


def _difference(xp, x, y):
    return xp.subtract(x, y)


def _product(xp, x, y):
    return xp.multiply(x, y)


# fmt: off
add = op("add", _add, promote=ARITHMETIC,
         x=lambda xp, g: g,
         y=lambda xp, g: g)

sub = op("sub", _sub, promote=ARITHMETIC,
         x=lambda xp, g: g,
         y=lambda xp, g: -g)

mul = op("mul", _mul, promote=ARITHMETIC,
         x=lambda xp, g, y: g * conj(xp, y),
         y=lambda xp, g, x: g * conj(xp, x))

div = op("div", lambda xp, x, y: xp.divide(x, y), promote=FLOAT,
         x=lambda xp, g, y: g / conj(xp, y),
         y=lambda xp, g, x, y: -g * conj(xp, (x / y) / y))

neg = op("neg", lambda xp, x: xp.negative(x), promote=ARITHMETIC,
         x=lambda xp, g: -g)

pow = op("pow", lambda xp, x, y: xp.power(x, y), promote=ARITHMETIC, refuses="b",
         x=lambda xp, g, x, y: _pow_back(xp, g, x, y),
         y=lambda xp, g, x, y, out: g * conj(xp, xp.where((x == 0) & (y >= 0), 0 * g, out * _log_of(xp, x))))

floor_divide = op("floor_divide", lambda xp, x, y: xp.floor_divide(x, y), promote=ARITHMETIC, refuses="bc",
                  x=lambda xp, g: _refused("floor_divide"), y=lambda xp, g: _refused("floor_divide"))

trunc_divide = op("trunc_divide", lambda xp, x, y: xp.trunc_divide(x, y), promote=ARITHMETIC, refuses="bc",
                  grad_name="DivBackward2",
                  x=lambda xp, g: xp.zeros_like(g), y=lambda xp, g: xp.zeros_like(g))

rounded_divide = op("rounded_divide", lambda xp, x, y: xp.floor_divide(x, y), promote=ARITHMETIC, refuses="bc",
                    grad_name="DivBackward2",
                    x=lambda xp, g: xp.zeros_like(g), y=lambda xp, g: xp.zeros_like(g))

remainder = op("remainder", lambda xp, x, y: xp.remainder(x, y), promote=ARITHMETIC, refuses="bc",
               x=lambda xp, g: g,
               y=lambda xp, g, x, y: -g * xp.floor_divide(x, y))

fmod = op("fmod", lambda xp, x, y: xp.fmod(x, y), promote=ARITHMETIC, refuses="bc",
          x=lambda xp, g: g,
          y=lambda xp, g, x, y: -g * xp.trunc_divide(x, y))

abs = op("abs", lambda xp, x: xp.abs(x), promote=ARITHMETIC, refuses="b",
         x=lambda xp, g, x: g * sgn_of(xp, x))

square = op("square", lambda xp, x: xp.multiply(x, x), promote=ARITHMETIC, grad_name="PowBackward0",
            x=lambda xp, g, x: g * (2 * conj(xp, x)))

reciprocal = op("reciprocal", lambda xp, x: 1 / x, promote=FLOAT,
                x=lambda xp, g, out: -g * conj(xp, out * out))

exp = op("exp", lambda xp, x: xp.exp(x), promote=FLOAT,
         x=lambda xp, g, out: g * conj(xp, out))

exp2 = op("exp2", lambda xp, x: xp.exp2(x), promote=FLOAT,
          x=lambda xp, g, out: g * conj(xp, out * LN2))

expm1 = op("expm1", lambda xp, x: xp.expm1(x), promote=FLOAT,
           x=lambda xp, g, out: g * conj(xp, out + 1))

log = op("log", lambda xp, x: xp.log(x), promote=FLOAT,
         x=lambda xp, g, x: g / conj(xp, x))

log2 = op("log2", lambda xp, x: xp.log2(x), promote=FLOAT,
          x=lambda xp, g, x: g / (conj(xp, x) * LN2))

log10 = op("log10", lambda xp, x: xp.log10(x), promote=FLOAT,
           x=lambda xp, g, x: g / (conj(xp, x) * LN10))

log1p = op("log1p", lambda xp, x: xp.log1p(x), promote=FLOAT, fused=2.5, grad_name="Log1PBackward0",
           x=lambda xp, g, x: g / conj(xp, x + 1))

logaddexp = op("logaddexp", lambda xp, x, y: xp.logaddexp(x, y), promote=ARITHMETIC, fused=15, refuses="biu",
               x=lambda xp, g, x, y: g / conj(xp, 1 + xp.exp(y - x)),
               y=lambda xp, g, x, y: g / conj(xp, 1 + xp.exp(x - y)))

logaddexp2 = op("logaddexp2", lambda xp, x, y: xp.logaddexp2(x, y), promote=ARITHMETIC, refuses="biuc",
                x=lambda xp, g, x, y: g / (1 + xp.exp2(y - x)),
                y=lambda xp, g, x, y: g / (1 + xp.exp2(x - y)))

sqrt = op("sqrt", lambda xp, x: xp.sqrt(x), promote=FLOAT,
          x=lambda xp, g, out: g / (2 * conj(xp, out)))

rsqrt = op("rsqrt", lambda xp, x: 1 / xp.sqrt(x), promote=FLOAT,
           x=lambda xp, g, out: -0.5 * g * conj(xp, out * out * out))

sin = op("sin", lambda xp, x: xp.sin(x), promote=FLOAT,
         x=lambda xp, g, x: g * conj(xp, xp.cos(x)))

cos = op("cos", lambda xp, x: xp.cos(x), promote=FLOAT,
         x=lambda xp, g, x: -g * conj(xp, xp.sin(x)))

tan = op("tan", lambda xp, x: xp.tan(x), promote=FLOAT,
         x=lambda xp, g, out: g * conj(xp, 1 + out * out))

asin = op("asin", lambda xp, x: xp.arcsin(x), promote=FLOAT, fused=3,
          x=lambda xp, g, x: g * conj(xp, 1 / xp.sqrt(1 - x * x)))

acos = op("acos", lambda xp, x: xp.arccos(x), promote=FLOAT, fused=3,
          x=lambda xp, g, x: -g * conj(xp, 1 / xp.sqrt(1 - x * x)))

atan = op("atan", lambda xp, x: xp.arctan(x), promote=FLOAT,
          x=lambda xp, g, x: g / conj(xp, 1 + x * x))

# The angle of the origin is 0 whatever x and y do next: no slope there.
atan2 = op("atan2", lambda xp, x, y: xp.arctan2(x, y), promote=FLOAT, fused=4, refuses="c",
           x=lambda xp, g, x, y: g * (y * _inverse_square(xp, x, y)),
           y=lambda xp, g, x, y: g * (-x * _inverse_square(xp, x, y)))

sinh = op("sinh", lambda xp, x: xp.sinh(x), promote=FLOAT,
          x=lambda xp, g, x: g * conj(xp, xp.cosh(x)))

cosh = op("cosh", lambda xp, x: xp.cosh(x), promote=FLOAT,
          x=lambda xp, g, x: g * conj(xp, xp.sinh(x)))

tanh = op("tanh", lambda xp, x: xp.tanh(x), promote=FLOAT,
          x=lambda xp, g, out: g * conj(xp, 1 - out * out))

asinh = op("asinh", lambda xp, x: xp.arcsinh(x), promote=FLOAT,
           x=lambda xp, g, x: g * conj(xp, 1 / xp.sqrt(x * x + 1)))

acosh = op("acosh", lambda xp, x: xp.arccosh(x), promote=FLOAT,
           x=lambda xp, g, x: g * conj(xp, 1 / _root_of_square_less_one(xp, x)))

atanh = op("atanh", lambda xp, x: xp.arctanh(x), promote=FLOAT,
           x=lambda xp, g, x: g / conj(xp, 1 - x * x))

sigmoid = op("sigmoid", lambda xp, x: 1 / (1 + xp.exp(-x)), promote=FLOAT, fused=1.2,
             x=lambda xp, g, out: g * conj(xp, (1 - out) * out))

hypot = op("hypot", lambda xp, x, y: xp.hypot(x, y), promote=ARITHMETIC, fused=2, refuses="biuc",
           x=lambda xp, g, x, out: g * (x / out),
           y=lambda xp, g, y, out: g * (y / out))

copysign = op("copysign", lambda xp, x, y: xp.copysign(x, y), promote=FLOAT, refuses="c",
              x=lambda xp, g, x, out: g * xp.where(x == 0, xp.zeros_like(x), out / x),
              y=lambda xp, g: xp.zeros_like(g))

floor = op("floor", lambda xp, x: xp.astype(x, x.dtype) if x.dtype.kind in "iu" else xp.floor(x), promote=ARITHMETIC, refuses="bc", x=_zeros)
ceil = op("ceil", lambda xp, x: xp.astype(x, x.dtype) if x.dtype.kind in "iu" else xp.ceil(x), promote=ARITHMETIC, refuses="bc", x=_zeros)
trunc = op("trunc", lambda xp, x: xp.astype(x, x.dtype) if x.dtype.kind in "iu" else xp.trunc(x), promote=ARITHMETIC, refuses="bc", x=_zeros)
round = op("round", lambda xp, x, *, decimals: xp.astype(x, x.dtype) if x.dtype.kind in "iu" else xp.round(x, decimals), promote=ARITHMETIC, refuses="bc", x=_zeros)
sign = op("sign", lambda xp, x: xp.astype(x, x.dtype) if x.dtype.kind == "b" else xp.sign(x), promote=ARITHMETIC, x=_zeros)
heaviside = op("heaviside", lambda xp, x, y: xp.where(x == 0, y, xp.astype(x > 0, x.dtype)), promote=ARITHMETIC,
               x=lambda xp, g: _refused("heaviside"), y=lambda xp, g: _refused("heaviside"))
nextafter = op("nextafter", lambda xp, x, y: xp.nextafter(x, y), promote=ARITHMETIC, refuses="biuc",
               x=lambda xp, g, x, y: xp.dropped(g, x == y), y=_zeros)

frac = op("frac", lambda xp, x: x - xp.trunc(x), promote=ARITHMETIC, refuses="biuc",
          x=lambda xp, g: g)

sgn = op("sgn", lambda xp, x: xp.astype(x, x.dtype) if x.dtype.kind == "b" else sgn_of(xp, x), promote=ARITHMETIC,
         x=lambda xp, g, x, out: xp.zeros_like(g) if x.dtype.kind != "c" else _sgn_slope(xp, g, x, out))

# Where both are equal, each gets half of the gradient; a NaN gets it, and so does what stands beside it.
maximum = op("maximum", lambda xp, x, y: xp.maximum(x, y), promote=ARITHMETIC,
             x=lambda xp, g, x, y: _share_of(xp, g, x < y, x == y),
             y=lambda xp, g, x, y: _share_of(xp, g, y < x, x == y))

minimum = op("minimum", lambda xp, x, y: xp.minimum(x, y), promote=ARITHMETIC,
             x=lambda xp, g, x, y: _share_of(xp, g, x > y, x == y),
             y=lambda xp, g, x, y: _share_of(xp, g, y > x, x == y))

fmax = op("fmax", lambda xp, x, y: xp.fmax(x, y), promote=ARITHMETIC,
          x=lambda xp, g, x, y: xp.kept(g, (x >= y) | xp.isnan(y)),
          y=lambda xp, g, x, y: xp.dropped(g, ((x >= y) | xp.isnan(y))))

fmin = op("fmin", lambda xp, x, y: xp.fmin(x, y), promote=ARITHMETIC,
          x=lambda xp, g, x, y: xp.kept(g, (x <= y) | xp.isnan(y)),
          y=lambda xp, g, x, y: xp.dropped(g, ((x <= y) | xp.isnan(y))))

# A bound's gradient is where it holds; on the bound itself the value gets it.
clamp_min = op("clamp_min", lambda xp, x, low: xp.maximum(x, low), promote=ARITHMETIC, refuses="c",
               grad_name="ClampMinBackward0",
               x=lambda xp, g, x, low: xp.kept(g, x >= low),
               low=lambda xp, g, x, low: xp.kept(g, x < low))

clamp_max = op("clamp_max", lambda xp, x, high: xp.minimum(x, high), promote=ARITHMETIC, refuses="c",
               grad_name="ClampMaxBackward0",
               x=lambda xp, g, x, high: xp.kept(g, x <= high),
               high=lambda xp, g, x, high: xp.kept(g, x > high))

clamp = op("clamp", lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high), promote=ARITHMETIC, refuses="c",
           x=lambda xp, g, x, low, high: xp.kept(g, (x >= low) & (x <= high)),
           low=lambda xp, g, x, low, high: xp.kept(g, (x < low) & (low < high)),
           high=lambda xp, g, x, low, high: xp.kept(g, (x > high) | (high < low)))

lerp = op("lerp", lambda xp, x, y, w: _lerp(xp, x, y, w), promote=ARITHMETIC, fused=2, refuses="biu",
          x=lambda xp, g, w: g * conj(xp, 1 - w),
          y=lambda xp, g, w: g * conj(xp, w),
          w=lambda xp, g, x, y: g * conj(xp, y - x))

addcmul = op("addcmul", lambda xp, x, a, b, *, value: x + value * a * b, promote=ARITHMETIC, refuses="b",
             x=lambda xp, g: g,
             a=lambda xp, g, b, value: g * conj(xp, b * value),
             b=lambda xp, g, a, value: g * conj(xp, a * value))

addcdiv = op("addcdiv", lambda xp, x, a, b, *, value: x + value * a / b, promote=FLOAT,
             x=lambda xp, g: g,
             a=lambda xp, g, b, value: g * conj(xp, value / b),
             b=lambda xp, g, a, b, value: -g * conj(xp, value * a / (b * b)))

nan_to_num = op("nan_to_num", lambda xp, x, *, nan, posinf, neginf: xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
                promote=ARITHMETIC,
                x=lambda xp, g, x: xp.kept(g, xp.isfinite(x)))

xlogy = op("xlogy", lambda xp, x, y: xp.xlogy(x, y), promote=FLOAT, refuses="c",
           x=lambda xp, g, x, y: g * xp.where((x == 0) & (y <= 0), 0 * g, xp.log(y if hasattr(y, "dtype") else xp.full_like(x, y))),
           y=lambda xp, g, x, y: g * x / y)

ldexp = op("ldexp", lambda xp, x, y: x * xp.exp2(y), promote=FLOAT, grad_name="LdexpBackward0",
           x=lambda xp, g, y: g * conj(xp, xp.exp2(y)),
           y=lambda xp, g, out: g * conj(xp, out * LN2))

# Half the power of two first, for the exponents at the ends of the range.
frexp = op("frexp", lambda xp, x: xp.frexp(x), outputs=2,
           x=lambda xp, g, x: _scaled_down(xp, g, xp.frexp(x)[1]))

# The parts of complex numbers.
conjugate = op("conjugate", lambda xp, x: xp.conj(x), grad_name="ConjBackward0",
               x=lambda xp, g: xp.conj(g))

real = op("real", lambda xp, x: x.real, view=True, half_native=True,
          x=lambda xp, g: xp.make_complex(g, xp.zeros_like(g)))

imag = op("imag", lambda xp, x: x.imag, view=True, half_native=True,
          x=lambda xp, g: xp.make_complex(xp.zeros_like(g), g))

make_complex = op("make_complex", lambda xp, x, y: xp.make_complex(x, y), promote=ARITHMETIC, grad_name="ComplexBackward0",
                  x=lambda xp, g: xp.real(g),
                  y=lambda xp, g: xp.imag(g))

angle = op("angle", lambda xp, x: xp.angle(x) if x.dtype.kind == "c" else _angle(xp, x), promote=FLOAT,
           x=lambda xp, g, x: xp.zeros_like(g) if x.dtype.kind != "c" else _angle_slope(xp, g, x))
# fmt: on


def sgn_of(xp, x):
    """x / |x|, 0 at 0; the sign of a real number."""
    if x.dtype.kind == "c":
        size = xp.abs(x)
        return xp.where(size == 0, xp.zeros_like(x), x / xp.where(size == 0, xp.ones_like(size), size))
    return xp.sign(x)


def _sgn_slope(xp, g, x, out):
    size = xp.abs(x)
    safe = xp.where(size == 0, xp.ones_like(size), size)
    along = xp.real(g * xp.conj(out))
    return xp.where(size == 0, xp.zeros_like(g), (g - out * along) / safe)


def _root_of_square_less_one(xp, x):
    """sqrt(x^2 - 1); of a complex x on the branch of acosh."""
    return xp.sqrt(x - 1) * xp.sqrt(x + 1) if x.dtype.kind == "c" else xp.sqrt((x - 1) * (x + 1))


def _angle(xp, x):
    """pi for a negative number, 0 for others, NaN for NaN."""
    return xp.where(x < 0, xp.full_like(x, math.pi), xp.where(x >= 0, xp.zeros_like(x), x))


def _scaled_down(xp, g, exponent):
    """g / 2^exponent."""
    half = xp.exp2(xp.astype(exponent, g.dtype) / -2)
    return g * half * half


def _angle_slope(xp, g, x):
    a, b = xp.real(x), xp.imag(x)
    square = a * a + b * b
    return xp.make_complex(-g * b / square, g * a / square)


def _share_of(xp, g, loses, ties):
    """No gradient where this input loses, half of it where both are equal, all of it elsewhere."""
    return xp.where(ties, g / 2, xp.dropped(g, loses))


def _log_of(xp, x):
    """The logarithm of an array, or of a number as a number."""
    if hasattr(x, "dtype"):
        return xp.log(x)
    if x.__class__ is complex:
        return cmath.log(x) if x else -math.inf
    return math.log(x) if x > 0 else math.nan if x else -math.inf


def _pow_back(xp, g, x, y):
    """g y x^(y - 1), and 0 for y = 0 also where x = 0 or g is no number."""
    if not hasattr(y, "dtype"):
        return g * conj(xp, y * xp.power(x, y - 1)) if y else xp.zeros_like(g)
    return xp.where(y == 0, xp.zeros_like(g), g * conj(xp, y * xp.power(x, y - 1)))


def _inverse_square(xp, x, y):
    """1 / (x^2 + y^2), and 0 at the origin."""
    square = x * x + y * y
    return xp.where(square == 0, 0 * square, 1 / square)


def _lerp(xp, x, y, w):
    """From whichever end is nearer, so that w = 1 gives y exactly."""
    if w.__class__ is float:
        return x + w * (y - x) if -0.5 < w < 0.5 else y - (y - x) * (1 - w)
    return xp.where(xp.abs(w) < 0.5, x + w * (y - x), y - (y - x) * (1 - w))


def _refused(name: str):
    """What PyTorch says of an operator without a derivative."""
    cure = (
        "Use div(..., rounding_mode='floor'), whose gradient is zero."
        if name == "floor_divide"
        else "detach() the inputs."
    )
    raise RuntimeError(f"derivative for aten::{name} is not implemented. {cure}")
