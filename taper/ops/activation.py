"""Activation functions, each with its derivative."""

from __future__ import annotations

import math

from .operator import ARITHMETIC, FLOAT, op

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
ROOT_HALF, ROOT_TWO_OVER_PI = math.sqrt(0.5), math.sqrt(2 / math.pi)


def _where(xp, condition, g):
    """g where the condition holds, else 0."""
    return xp.where(condition, g, xp.zeros_like(g))


# fmt: off
relu = op("relu", lambda xp, x: xp.maximum(x, xp.zeros((), dtype=x.dtype)), promote=ARITHMETIC,
          x=lambda xp, g, out: g * (out > 0))

leaky_relu = op("leaky_relu", lambda xp, x, *, slope: xp.where(x > 0, x, x * slope), promote=ARITHMETIC,
                x=lambda xp, g, x, slope: xp.where(x > 0, g, g * slope))

elu = op("elu", lambda xp, x, *, alpha: xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0))), promote=FLOAT,
         x=lambda xp, g, x, alpha: xp.where(x > 0, g, g * (alpha * xp.exp(xp.minimum(x, 0)))))

celu = op("celu", lambda xp, x, *, alpha: xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0) / alpha)), promote=FLOAT,
          x=lambda xp, g, x, alpha: xp.where(x > 0, g, g * xp.exp(xp.minimum(x, 0) / alpha)))

selu = op("selu", lambda xp, x: SELU_SCALE * xp.where(x > 0, x, SELU_ALPHA * xp.expm1(xp.minimum(x, 0))), promote=FLOAT,
          grad_name="EluBackward0",
          x=lambda xp, g, x: g * xp.where(x > 0, xp.ones_like(x) * SELU_SCALE, SELU_SCALE * SELU_ALPHA * xp.exp(xp.minimum(x, 0))))

gelu = op("gelu", lambda xp, x: x * xp.ndtr(x), promote=FLOAT,
          x=lambda xp, g, x: g * (xp.ndtr(x) + x * xp.exp(-0.5 * x * x) * (ROOT_TWO_OVER_PI / 2)))

gelu_tanh = op("gelu_tanh", lambda xp, x: 0.5 * x * (1 + xp.tanh(_cubic(x))), promote=FLOAT, grad_name="GeluBackward0",
               x=lambda xp, g, x: g * _gelu_tanh_slope(xp, x))

silu = op("silu", lambda xp, x: x / (1 + xp.exp(-x)), promote=FLOAT,
          x=lambda xp, g, x: g * _silu_slope(xp, x))

mish = op("mish", lambda xp, x: x * xp.tanh(_softplus(xp, x)), promote=FLOAT,
          x=lambda xp, g, x: g * _mish_slope(xp, x))

softplus = op("softplus", lambda xp, x, *, beta, threshold: xp.where(x * beta > threshold, x, _softplus(xp, x * beta) / beta), promote=FLOAT,
              x=lambda xp, g, x, beta, threshold: xp.where(x * beta > threshold, g, g * xp.sigmoid(x * beta)))

logsigmoid = op("logsigmoid", lambda xp, x: -_softplus(xp, -x), promote=FLOAT, grad_name="LogSigmoidBackward0",
                x=lambda xp, g, x: g * xp.sigmoid(-x))

softsign = op("softsign", lambda xp, x: x / (1 + xp.abs(x)), promote=FLOAT,
              x=lambda xp, g, x: g / xp.square(1 + xp.abs(x)))

hardtanh = op("hardtanh", lambda xp, x, *, low, high: xp.minimum(xp.maximum(x, low), high), promote=ARITHMETIC,
              x=lambda xp, g, x, low, high: _where(xp, (x > low) & (x < high), g))

hardsigmoid = op("hardsigmoid", lambda xp, x: xp.minimum(xp.maximum(x / 6 + 0.5, 0), 1), promote=FLOAT,
                 x=lambda xp, g, x: _where(xp, (x > -3) & (x < 3), g / 6))

hardswish = op("hardswish", lambda xp, x: x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6, promote=FLOAT,
               x=lambda xp, g, x: g * xp.where(x <= -3, xp.zeros_like(x), xp.where(x < 3, x / 3 + 0.5, xp.ones_like(x))))

hardshrink = op("hardshrink", lambda xp, x, *, lambd: xp.where((x >= -lambd) & (x <= lambd), xp.zeros_like(x), x), promote=ARITHMETIC,
                x=lambda xp, g, x, lambd: _where(xp, (x < -lambd) | (x > lambd), g))

softshrink = op("softshrink", lambda xp, x, *, lambd: xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0)), promote=FLOAT,
                x=lambda xp, g, x, lambd: _where(xp, (x < -lambd) | (x > lambd), g))

threshold = op("threshold", lambda xp, x, *, threshold, value: xp.where(x > threshold, x, xp.full_like(x, value)), promote=ARITHMETIC,
               x=lambda xp, g, x, threshold: _where(xp, x > threshold, g))

logit = op("logit", lambda xp, x: xp.log(x / (1 - x)), promote=FLOAT,
           x=lambda xp, g, x: g / (x * (1 - x)))

softmax = op("softmax", lambda xp, x, *, axis: xp.softmax(x, axis), promote=FLOAT,
             x=lambda xp, g, out, axis: out * (g - xp.sum(g * out, axis=axis, keepdims=True)))

log_softmax = op("log_softmax", lambda xp, x, *, axis: xp.log_softmax(x, axis), promote=FLOAT,
                 x=lambda xp, g, out, axis: g - xp.exp(out) * xp.sum(g, axis=axis, keepdims=True))
# fmt: on


def _softplus(xp, x):
    """log(1 + exp(x)) without overflow."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def _cubic(x):
    return ROOT_TWO_OVER_PI * (x + 0.044715 * x * x * x)


def _gelu_tanh_slope(xp, x):
    t = xp.tanh(_cubic(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (ROOT_TWO_OVER_PI * (1 + 3 * 0.044715 * x * x))


def _silu_slope(xp, x):
    s = xp.sigmoid(x)
    return s * (1 + x * (1 - s))


def _mish_slope(xp, x):
    t = xp.tanh(_softplus(xp, x))
    return t + x * (1 - t * t) * xp.sigmoid(x)
