"""Activation functions."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.callables import unary
from ..autograd.casting import in_lower_precision
from ..autograd.dispatch import apply
from ..autograd.inplace import assign, inplace, legacy_name
from ..autograd.naming import shown
from ..autograd.outputs import into
from ..autograd.updates import unary_inplace
from ..errors import warn
from ..ops import activation as ops
from ..ops.movement import astype
from . import dims
from .elementwise import sigmoid, tanh

# The functions that PyTorch has at top level; all are in nn.functional.
__all__ = [
    "relu",
    "relu_",
    "selu",
    "selu_",
    "celu",
    "celu_",
    "hardshrink",
    "threshold",
    "threshold_",
    "softmax",
    "log_softmax",
    "prelu",
    "logit",
]


def _counts(input):
    if input._array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu. Convert first: input.float().")
    return input


_relu, _selu, _gelu, _gelu_tanh = unary(ops.relu, check=_counts), unary(ops.selu), unary(ops.gelu), unary(ops.gelu_tanh)
_silu, _mish, _softsign = unary(ops.silu), unary(ops.mish), unary(ops.softsign)
_hardsigmoid, _hardswish, _logsigmoid = unary(ops.hardsigmoid), unary(ops.hardswish), unary(ops.logsigmoid)


def relu(input, inplace: bool = False, *, out=None):
    """max(input, 0)."""
    return relu_(input) if inplace else _relu(input, out=out)


def relu6(input, inplace: bool = False):
    """min(max(input, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def leaky_relu(input, negative_slope: float = 0.01, inplace: bool = False):
    """input where positive, else negative_slope * input."""
    result = apply(ops.leaky_relu, input, slope=negative_slope)
    return assign(input, result) if inplace else result


@in_lower_precision
def prelu(input, weight):
    """input where positive, else weight * input; one weight, or one for each channel (dimension 1)."""
    n = weight._array.size
    if weight._array.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight._array.ndim}"
        )
    if n != 1:
        if not input._array.ndim:
            raise RuntimeError("Not allow zero-dim input tensor. prelu takes one weight for it.")
        channels = input._array.shape[1] if input._array.ndim >= 2 else 1
        if n != channels:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {n} and channel size = "
                f"{channels}."
            )
        weight = weight.reshape(-1, *(1,) * (input._array.ndim - 2))
    else:
        weight = weight.reshape(())
    if input._array.dtype != weight._array.dtype:
        kinds = (legacy_name(t._array.dtype) for t in (input, weight))
        raise RuntimeError(f"prelu: Type promoting not supported. Got {' and '.join(kinds)}. Convert one of them.")
    return apply(ops.prelu, input, weight)


def elu(input, alpha: float = 1.0, inplace: bool = False):
    """input where positive, else alpha * (exp(input) - 1)."""
    result = apply(ops.elu, input, alpha=alpha)
    return assign(input, result) if inplace else result


def celu(input, alpha: float = 1.0, inplace: bool = False):
    """input where positive, else alpha * (exp(input / alpha) - 1)."""
    result = apply(ops.celu, input, alpha=alpha)
    return assign(input, result) if inplace else result


def selu(input, inplace: bool = False):
    """The self-normalising scaled elu (Klambauer et al. 2017)."""
    result = _selu(input)
    return assign(input, result) if inplace else result


def gelu(input, approximate: str = "none", *, out=None):
    """input * Phi(input), Phi the normal distribution function (Hendrycks and Gimpel 2016), or its "tanh" approximation."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    result = _gelu(input) if approximate == "none" else _gelu_tanh(input)
    return result if out is None else into(out, result)


def silu(input, inplace: bool = False):
    """input * sigmoid(input)."""
    result = _silu(input)
    return assign(input, result) if inplace else result


def mish(input, inplace: bool = False):
    """input * tanh(softplus(input)) (Misra 2019)."""
    result = _mish(input)
    return assign(input, result) if inplace else result


def softplus(input, beta: float = 1.0, threshold: float = 20.0, *, out=None):
    """log(1 + exp(beta * input)) / beta; the input itself where beta * input exceeds the threshold."""
    result = apply(ops.softplus, input, beta=beta, threshold=threshold)
    return result if out is None else into(out, result)


def softsign(input):
    """input / (1 + |input|). NotImplementedError for bool."""
    if input._array.dtype.kind == "b":
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'. Convert first: input.float().")
    return _softsign(input)


def tanhshrink(input):
    """input - tanh(input)."""
    return input - tanh(input)


def hardtanh(input, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
    """The input kept within [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    kind = input._array.dtype.kind
    if kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh. Convert first: input.float().")
    if kind == "u" and int(min_val) < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits. Convert first: input.int().")
    if kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
    result = apply(ops.hardtanh, input, low=min_val, high=max_val)
    return assign(input, result) if inplace else result


def hardsigmoid(input, inplace: bool = False):
    """input / 6 + 1/2, kept within [0, 1]."""
    result = _hardsigmoid(input)
    return assign(input, result) if inplace else result


def hardswish(input, inplace: bool = False):
    """input * hardsigmoid(input)."""
    result = _hardswish(input)
    return assign(input, result) if inplace else result


def hardshrink(input, lambd: float = 0.5, *, out=None):
    """The input, 0 within [-lambd, lambd]."""
    result = apply(ops.hardshrink, input, lambd=lambd)
    return result if out is None else into(out, result)


def softshrink(input, lambd: float = 0.5, *, out=None):
    """The input moved towards 0 by lambd. RuntimeError for a negative lambd."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    result = apply(ops.softshrink, input, lambd=lambd)
    return result if out is None else into(out, result)


def threshold(input, threshold: float, value: float, inplace: bool = False):
    """The input where it exceeds the threshold, else `value`. RuntimeError for numbers that its integers cannot be."""
    dtype = input._array.dtype
    if dtype.kind in "iu":
        from .writing import number_for

        threshold, value = number_for(threshold, dtype, "threshold"), number_for(value, dtype, "threshold")
    result = apply(ops.threshold, input, threshold=threshold, value=value)
    return assign(input, result) if inplace else result


def logsigmoid(input, *, out=None):
    """log(sigmoid(input)) without overflow."""
    return _logsigmoid(input, out=out)


def logit(input, eps=None, *, out=None):
    """log(input / (1 - input)), the input kept within [eps, 1 - eps] if eps is given."""
    result = apply(ops.logit, input, eps=eps)
    return result if out is None else into(out, result)


def glu(input, dim: int = -1):
    """The first half of a dimension times the sigmoid of the second. RuntimeError for an odd size."""
    if input._array.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    if input._array.dtype.kind in "biuc":
        raise NotImplementedError(
            f"\"glu_cpu\" not implemented for '{legacy_name(input._array.dtype)}'. Convert it first."
        )
    axis = dims.one(dim, input._array.ndim)
    n = input._array.shape[axis]
    if n % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {n}")
    a, b = input.split(n // 2, axis) if n else (input, input)
    return shown(a * sigmoid(b), "GluBackward0")


def _axis(input, dim, name: str) -> int:
    """The dimension of a softmax; the implicit choice of old programs is 0 or 1."""
    ndim = input._array.ndim
    if dim is None:
        warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
        )
        dim = 0 if ndim in (0, 1, 3) else 1
    return dims.one(dim, ndim)


def _soft(operator, input, dim, dtype, name: str):
    axis = _axis(input, dim, name)
    if dtype is not None and dtype.np != input._array.dtype:
        input = apply(astype, input, dtype=dtype.np)
    if input._array.dtype.kind in "biu":
        raise NotImplementedError(
            f"\"{name}_kernel_impl\" not implemented for '{legacy_name(input._array.dtype)}'. Convert first: input.float()."
        )
    if input._array.ndim == 0:
        return apply(operator, input.reshape(1), axis=0).reshape(())
    return apply(operator, input, axis=axis)


def softmax(input, dim=None, _stacklevel: int = 3, dtype=None, *, out=None):
    """exp(input) / sum(exp(input)) along a dimension: non-negative, sums to 1."""
    if isinstance(_stacklevel, dtypes.dtype):
        dtype = _stacklevel
    result = _soft(ops.softmax, input, dim, dtype, "softmax")
    return result if out is None else into(out, result)


def log_softmax(input, dim=None, _stacklevel: int = 3, dtype=None, *, out=None):
    """log(softmax(input)) along a dimension, without overflow."""
    if isinstance(_stacklevel, dtypes.dtype):
        dtype = _stacklevel
    result = _soft(ops.log_softmax, input, dim, dtype, "log_softmax")
    return result if out is None else into(out, result)


def softmin(input, dim=None, _stacklevel: int = 3, dtype=None):
    """softmax(-input) along a dimension."""
    return softmax(-input, _axis(input, dim, "softmin"), _stacklevel, dtype)


relu_ = unary_inplace(lambda array, target: np.maximum(0, array, out=target), relu)
leaky_relu_, elu_, celu_, selu_ = inplace(leaky_relu), inplace(elu), inplace(celu), inplace(selu)
hardtanh_, threshold_ = inplace(hardtanh), inplace(threshold)


class ActivationMethods:
    """Activations as methods."""

    __slots__ = ()

    relu = relu
    relu_ = relu_
    prelu = prelu
    hardshrink = hardshrink
    softmax = softmax
    log_softmax = log_softmax
    logit = logit
    logit_ = inplace(logit)
