"""Activation functions, each with its derivative."""

from __future__ import annotations

import math

from numpy import ndarray

from ..backends.cpu.large import SEVERAL_PASSES, SPREAD, by_rows, spread
from .elementwise import conj, sgn_of
from .operator import ARITHMETIC, FLOAT, op

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
ROOT_HALF, ROOT_TWO_OVER_PI = math.sqrt(0.5), math.sqrt(2 / math.pi)


def _relu(xp, x):
    if x.__class__ is ndarray and x.size >= SPREAD:
        return spread(_positive_part, xp, x)
    return _positive_part(xp, x)


def _positive_part(xp, x):
    # Zero first: where both are zeros the second is returned, and a negative zero stays one.
    return xp.maximum(xp.zeros((), dtype=x.dtype), x)


def _relu_slope(xp, g, out):
    # NumPy compares, turns truth round and multiplies: three passes.
    if g.__class__ is ndarray and g.size >= SEVERAL_PASSES:
        return spread(_where_positive, xp, g, out)
    return xp.dropped(g, out <= 0)


def _where_positive(xp, g, out):
    return xp.dropped(g, out <= 0)


# fmt: off
relu = op("relu", _relu, promote=ARITHMETIC, refuses="bc",
          x=_relu_slope)

leaky_relu = op("leaky_relu", lambda xp, x, *, slope: xp.where(x > 0, x, x * slope), promote=ARITHMETIC, fused=1.4, refuses="biuc",
                x=lambda xp, g, x, slope: xp.where(x > 0, g, g * slope))

prelu = op("prelu", lambda xp, x, w: xp.where(x > 0, x, x * w), promote=ARITHMETIC, refuses="biuc", grad_name="PreluKernelBackward0",
           x=lambda xp, g, x, w: xp.where(x > 0, g, g * w),
           w=lambda xp, g, x: xp.dropped(g * x, (x > 0)))

elu = op("elu", lambda xp, x, *, alpha: xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(0, x))), promote=ARITHMETIC, fused=2.5, refuses="biuc",
         x=lambda xp, g, x, alpha: xp.where(x > 0, g, g * (alpha * xp.exp(xp.dropped(x, x >= 0)))))

celu = op("celu", lambda xp, x, *, alpha: xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(0, x) / alpha)), promote=ARITHMETIC, fused=2.5, refuses="biuc",
          x=lambda xp, g, x, alpha: xp.where(x > 0, g, g * xp.exp(xp.dropped(x, x >= 0) / alpha)))

selu = op("selu", lambda xp, x: SELU_SCALE * xp.where(x > 0, x, SELU_ALPHA * xp.expm1(xp.minimum(0, x))), promote=ARITHMETIC, fused=2.5, refuses="biuc",
          grad_name="EluBackward0",
          x=lambda xp, g, x: xp.where(x > 0, g * SELU_SCALE, g * (SELU_SCALE * SELU_ALPHA * xp.exp(xp.dropped(x, x >= 0)))))

gelu = op("gelu", lambda xp, x: x * xp.ndtr(x), promote=ARITHMETIC, fused=40, refuses="biuc",
          x=lambda xp, g, x: g * (xp.ndtr(x) + x * xp.exp(-0.5 * x * x) * (ROOT_TWO_OVER_PI / 2)))

gelu_tanh = op("gelu_tanh", lambda xp, x: 0.5 * x * (1 + xp.tanh(_cubic(x))), promote=ARITHMETIC, fused=4, refuses="biuc", grad_name="GeluBackward0",
               x=lambda xp, g, x: g * _gelu_tanh_slope(xp, x))

silu = op("silu", lambda xp, x: x / (1 + xp.exp(-x)), promote=ARITHMETIC, fused=2, refuses="biu",
          x=lambda xp, g, x: g * conj(xp, _silu_slope(xp, x)))

mish = op("mish", lambda xp, x: x * xp.tanh(_softplus(xp, x)), promote=ARITHMETIC, fused=4, refuses="biuc",
          x=lambda xp, g, x: g * _mish_slope(xp, x))

softplus = op("softplus", lambda xp, x, *, beta, threshold: xp.where(x * beta > threshold, x, _softplus(xp, x * beta) / beta), promote=ARITHMETIC, fused=4, refuses="biuc",
              x=lambda xp, g, x, beta, threshold: xp.where(x * beta > threshold, g, g * xp.sigmoid(x * beta)))

logsigmoid = op("logsigmoid", lambda xp, x: -_softplus(xp, -x), promote=ARITHMETIC, fused=2.5, refuses="biuc", grad_name="LogSigmoidBackward0",
                x=lambda xp, g, x: g * xp.sigmoid(-x))

softsign = op("softsign", lambda xp, x: x / (1 + xp.abs(x)), promote=FLOAT, fused=1.2, grad_name="DivBackward0",
              x=lambda xp, g, x: _softsign_back(xp, g, x))

hardtanh = op("hardtanh", lambda xp, x, *, low, high: xp.minimum(high, xp.maximum(low, x)), promote=ARITHMETIC, fused=1, refuses="bc",
              x=lambda xp, g, x, low, high: xp.kept(g, (x > low) & (x < high)))

hardsigmoid = op("hardsigmoid", lambda xp, x: xp.minimum(xp.maximum(x / 6 + 0.5, 0), 1), promote=ARITHMETIC, fused=1, refuses="biuc",
                 x=lambda xp, g, x: xp.kept(g / 6, (x > -3) & (x < 3)))

hardswish = op("hardswish", lambda xp, x: x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6, promote=ARITHMETIC, fused=2, refuses="biuc",
               x=lambda xp, g, x: xp.where(x < 3, xp.kept(g * (x / 3 + 0.5), x > -3), g))

hardshrink = op("hardshrink", lambda xp, x, *, lambd: xp.dropped(x, ((x >= -lambd) & (x <= lambd))), promote=ARITHMETIC, refuses="biuc",
                x=lambda xp, g, x, lambd: xp.kept(g, (x < -lambd) | (x > lambd)))

softshrink = op("softshrink", lambda xp, x, *, lambd: xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0)), promote=ARITHMETIC, fused=2, refuses="biuc",
                x=lambda xp, g, x, lambd: xp.kept(g, (x < -lambd) | (x > lambd)))

threshold = op("threshold", lambda xp, x, *, threshold, value: xp.where(x <= threshold, xp.full_like(x, value), x), promote=ARITHMETIC, refuses="bc",
               x=lambda xp, g, x, threshold: xp.dropped(g, (x <= threshold)))

logit = op("logit", lambda xp, x, *, eps: _logit(xp, x, eps), promote=FLOAT, fused=1.8, refuses="c",
           x=lambda xp, g, x, eps: _logit_slope(xp, g, x, eps))

softmax = op("softmax", lambda xp, x, *, axis: xp.softmax(x, axis), promote=FLOAT, refuses="c",
             x=lambda xp, g, out, axis: by_rows(_softmax_slope, xp, g, out, axis))

log_softmax = op("log_softmax", lambda xp, x, *, axis: xp.log_softmax(x, axis), promote=FLOAT, refuses="c",
                 x=lambda xp, g, out, axis: by_rows(_log_softmax_slope, xp, g, out, axis))
# fmt: on


def _softmax_slope(xp, g, out, axis):
    return out * (g - xp.sum(g * out, axis=axis, keepdims=True))


def _log_softmax_slope(xp, g, out, axis):
    return g - xp.exp(out) * xp.sum(g, axis=axis, keepdims=True)


def _softplus(xp, x):
    """log(1 + exp(x)) without overflow."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def _cubic(x):
    return ROOT_TWO_OVER_PI * (x + 0.044715 * x * x * x)


def _gelu_tanh_slope(xp, x):
    t = xp.tanh(_cubic(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (ROOT_TWO_OVER_PI * (1 + 3 * 0.044715 * x * x))


def _softsign_back(xp, g, x):
    """g / (1 + |x|)^2; of a complex x, whose part along g counts."""
    scale = 1 / (1 + xp.abs(x))
    if x.dtype.kind != "c":
        return g * scale * scale
    return g * scale - sgn_of(xp, x) * xp.real(g * xp.conj(x)) * scale * scale


def _logit(xp, x, eps):
    """log(x / (1 - x)), x kept within [eps, 1 - eps] if there is an eps."""
    x = x if eps is None else xp.minimum(xp.maximum(x, eps), 1 - eps)
    return xp.log(x / (1 - x))


def _logit_slope(xp, g, x, eps):
    """1 / (x (1 - x)); 0 outside [eps, 1 - eps], NaN outside [0, 1] if there is no eps."""
    slope = g / (x * (1 - x))
    if eps is None:
        return xp.where((x >= 0) & (x <= 1), slope, math.nan)
    return xp.dropped(slope, (x < eps) | (x > 1 - eps))


def _silu_slope(xp, x):
    s = xp.sigmoid(x)
    return s * (1 + x * (1 - s))


def _mish_slope(xp, x):
    t = xp.tanh(_softplus(xp, x))
    return t + x * (1 - t * t) * xp.sigmoid(x)
