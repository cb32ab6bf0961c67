"""Elementary functions, element by element. Integers give results of the default floating type."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.callables import binary, unary
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace
from ..autograd.naming import shown, shown_as
from ..autograd.outputs import FOUND, into
from ..autograd.refusals import only_tensors
from ..autograd.tape import Variable
from ..autograd.updates import unary_inplace, update
from ..ops import elementwise as ops
from . import return_types
from .arithmetic import kind_of, trunc
from .kinds import refuse

__all__ = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "logaddexp",
    "logaddexp2",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "arcsin",
    "arccos",
    "arctan",
    "atan2",
    "arctan2",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "sigmoid",
    "hypot",
    "copysign",
    "floor",
    "ceil",
    "trunc",
    "fix",
    "round",
    "frac",
    "sign",
    "sgn",
    "heaviside",
    "nextafter",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "clamp",
    "clip",
    "clamp_min",
    "clamp_max",
    "nan_to_num",
    "xlogy",
    "deg2rad",
    "rad2deg",
    "ldexp",
    "frexp",
]

exp = unary(ops.exp, "e ** input.")
exp2 = unary(ops.exp2, "2 ** input.")
expm1 = unary(ops.expm1, "e ** input - 1, accurate near 0.")
log = unary(ops.log, "The natural logarithm.")
log2 = unary(ops.log2, "The logarithm to base 2.")
log10 = unary(ops.log10, "The logarithm to base 10.")
log1p = unary(ops.log1p, "log(1 + input), accurate near 0.")
sqrt = unary(ops.sqrt, "The square root; NaN for negative numbers.")
rsqrt = unary(ops.rsqrt, "1 / sqrt(input).")
sin = unary(ops.sin, "The sine of an angle in radians.")
cos = unary(ops.cos, "The cosine of an angle in radians.")
tan = unary(ops.tan, "The tangent of an angle in radians.")
asin = arcsin = unary(ops.asin, "The angle in [-pi/2, pi/2] whose sine is input.")
acos = arccos = unary(ops.acos, "The angle in [0, pi] whose cosine is input.")
atan = arctan = unary(ops.atan, "The angle in (-pi/2, pi/2) whose tangent is input.")
sinh = unary(ops.sinh, "The hyperbolic sine.")
cosh = unary(ops.cosh, "The hyperbolic cosine.")
tanh = unary(ops.tanh, "The hyperbolic tangent.")
asinh = arcsinh = unary(ops.asinh, "The inverse hyperbolic sine.")
acosh = arccosh = unary(ops.acosh, "The inverse hyperbolic cosine; NaN below 1.")
atanh = arctanh = unary(ops.atanh, "The inverse hyperbolic tangent.")
sigmoid = unary(ops.sigmoid, "1 / (1 + exp(-input)).")


def _not_complex(message: str, error=NotImplementedError):
    """A check that refuses complex tensors."""

    def check(*operands):
        if any(isinstance(t, Variable) and t._array.dtype.kind == "c" for t in operands):
            raise error(message)
        return operands[0]

    return check


floor = unary(ops.floor, "The largest integer not above each element.", exact=FOUND)
ceil = unary(ops.ceil, "The smallest integer not below each element.", exact=FOUND)
fix = trunc
frac = unary(ops.frac, "The fraction of each element, with its sign.", exact=FOUND)
sign = unary(
    ops.sign,
    "-1, 0 or 1. NotImplementedError for complex numbers, which have `sgn`.",
    check=_not_complex(
        "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
    ),
    exact=FOUND,
)
sgn = unary(ops.sgn, "-1, 0 or 1; input / |input| for complex numbers.", exact=FOUND)
logaddexp = binary(ops.logaddexp, "log(exp(input) + exp(other)), without overflow.", scalars="none")
logaddexp2 = binary(ops.logaddexp2, "log2(2 ** input + 2 ** other), without overflow.", scalars="none")
atan2 = arctan2 = binary(ops.atan2, "The angle of the point (other, input), in (-pi, pi].", scalars="none")
hypot = binary(ops.hypot, "sqrt(input ** 2 + other ** 2), without overflow.", scalars="none")
copysign = binary(ops.copysign, "The magnitude of input with the sign of other.", scalars="second")


def _one_dtype(x, y):
    """What `heaviside` refuses."""
    if "c" in (x._array.dtype.kind, y._array.dtype.kind):
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if x._array.dtype != y._array.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes. Convert one of them.")


heaviside = binary(
    ops.heaviside,
    "0 below zero, 1 above, `values` at zero. RuntimeError for different dtypes.",
    scalars="none",
    names=("input", "values"),
    check=_one_dtype,
    exact="heaviside is not yet implemented for tensors with different dtypes: out has {1}, not {0}.",
)
nextafter = binary(ops.nextafter, "The next floating number from input towards other.", scalars="none")


def _extreme(operator, doc: str):
    """The callable of an operator that picks one of two tensors' elements."""
    check = _not_complex(f"{operator.name} not implemented for complex tensors.", RuntimeError)
    return binary(operator, doc, scalars="none", check=check)


maximum = _extreme(ops.maximum, "The larger of both; NaN if either is NaN.")
minimum = _extreme(ops.minimum, "The smaller of both; NaN if either is NaN.")
fmax = _extreme(ops.fmax, "The larger of both; a NaN only if both are.")
fmin = _extreme(ops.fmin, "The smaller of both; a NaN only if both are.")
xlogy = binary(ops.xlogy, "input * log(other), 0 where input is 0.")


def round(input, *, decimals: int | None = None, out=None):
    """Each element rounded to `decimals` places (None: to whole numbers), halves to even."""
    if decimals is not None and isinstance(input, Variable):
        refuse(input._array, "round_vml_cpu", "iu")
    result = apply(ops.round, input, decimals=decimals or 0)
    return result if out is None else into(out, result)


def _refuse_bools(bounds: list) -> None:
    """NotImplementedError for bounds of a bool that are bools too, unless it is one tensor."""
    if all(kind_of(b) == "b" for b in bounds) and (len(bounds) == 2 or not isinstance(bounds[0], Variable)):
        raise NotImplementedError("\"clamp_cpu\" not implemented for 'Bool'. Convert first: input.int().")


def clamp(input, min=None, max=None, *, out=None):
    """Each element kept within [min, max], numbers or tensors, of which one may be None.

    RuntimeError if both are None; TypeError for a tensor with a number.
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    only_tensors("clamp", input=input)
    if input._array.dtype.kind in "iu":
        from .writing import number_for

        min, max = [number_for(b, input._array.dtype, "clamp") if b.__class__ is int else b for b in (min, max)]
    if min is not None and max is not None and isinstance(min, Variable) != isinstance(max, Variable):
        if (min if isinstance(min, Variable) else max)._array.ndim:
            raise TypeError("clamp(): min and max must both be tensors or both be numbers. Make the number a tensor.")
        min, max = (b.item() if isinstance(b, Variable) else b for b in (min, max))
    if input._array.dtype.kind == "b":
        _refuse_bools([bound for bound in (min, max) if bound is not None])
    if max is None:
        result = apply(ops.clamp_min, input, min)
    elif min is None:
        result = apply(ops.clamp_max, input, max)
    else:
        result = apply(ops.clamp, input, min, max)
    shown(result, "ClampBackward0" if isinstance(min, Variable) or isinstance(max, Variable) else "ClampBackward1")
    return result if out is None else into(out, result)


clip = clamp


def clamp_min(input, min, *, out=None):
    """Each element, at least `min`."""
    return shown(clamp(input, min, None, out=out), f"ClampMinBackward{1 if isinstance(min, Variable) else 0}")


def clamp_max(input, max, *, out=None):
    """Each element, at most `max`."""
    return shown(clamp(input, None, max, out=out), f"ClampMaxBackward{1 if isinstance(max, Variable) else 0}")


def nan_to_num(input, nan=0.0, posinf=None, neginf=None, *, out=None):
    """NaN, infinity and minus infinity replaced, by default by 0 and the dtype's largest and smallest number."""
    dtype = input._array.dtype
    if dtype.kind in "biu":
        result = input.clone()
    else:
        limits = dtypes.finfo(input.dtype)
        result = apply(
            ops.nan_to_num,
            input,
            nan=0.0 if nan is None else nan,
            posinf=limits.max if posinf is None else posinf,
            neginf=limits.min if neginf is None else neginf,
        )
    return result if out is None else into(out, result)


def _turned(input, factor: float, name: str):
    """The input times a factor, of its dtype if that is floating."""
    if input._array.dtype.kind == "c":
        raise RuntimeError(f"{name} is not supported for complex tensors.")
    return input * factor


@shown_as("Deg2RadBackward0")
def deg2rad(input, *, out=None):
    """Degrees as radians. RuntimeError for complex numbers."""
    result = _turned(input, math.pi / 180, "deg2rad")
    return result if out is None else into(out, result)


@shown_as("Rad2DegBackward0")
def rad2deg(input, *, out=None):
    """Radians as degrees. RuntimeError for complex numbers."""
    result = _turned(input, 180 / math.pi, "rad2deg")
    return result if out is None else into(out, result)


ldexp = binary(ops.ldexp, "input * 2 ** other.", scalars="none")


def frexp(input, *, out=None):
    """The mantissa in (-1, -1/2], 0 or [1/2, 1) and the int32 exponent: input = mantissa * 2 ** exponent.

    RuntimeError unless floating.
    """
    if input._array.dtype.kind not in "fV":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    results = apply(ops.frexp, input)
    if out is not None:
        results = tuple(into(o, r) for o, r in zip(out, results))
    return return_types.frexp(*results)


def _keep_within(array, min=None, max=None):
    if min is None and max is None:
        return False
    if min is not None:
        np.maximum(array, min, out=array)
    if max is not None:
        np.minimum(array, max, out=array)


def _keep_above(array, min):
    np.maximum(array, min, out=array)


def _keep_below(array, max):
    np.minimum(array, max, out=array)


class ElementwiseMethods:
    """Elementary functions as methods."""

    __slots__ = ()

    exp = exp
    exp_ = unary_inplace(np.exp, exp)
    exp2 = exp2
    exp2_ = unary_inplace(np.exp2, exp2)
    expm1 = expm1
    expm1_ = unary_inplace(np.expm1, expm1)
    log = log
    log_ = unary_inplace(np.log, log)
    log2 = log2
    log2_ = unary_inplace(np.log2, log2)
    log10 = log10
    log10_ = unary_inplace(np.log10, log10)
    log1p = log1p
    log1p_ = unary_inplace(np.log1p, log1p)
    sqrt = sqrt
    sqrt_ = unary_inplace(np.sqrt, sqrt)
    rsqrt = rsqrt
    rsqrt_ = inplace(rsqrt)
    sin = sin
    sin_ = unary_inplace(np.sin, sin)
    cos = cos
    cos_ = unary_inplace(np.cos, cos)
    tan = tan
    tan_ = unary_inplace(np.tan, tan)
    asin = arcsin = asin
    asin_ = arcsin_ = unary_inplace(np.arcsin, asin)
    acos = arccos = acos
    acos_ = arccos_ = unary_inplace(np.arccos, acos)
    atan = arctan = atan
    atan_ = arctan_ = unary_inplace(np.arctan, atan)
    sinh = sinh
    sinh_ = unary_inplace(np.sinh, sinh)
    cosh = cosh
    cosh_ = unary_inplace(np.cosh, cosh)
    tanh = tanh
    tanh_ = unary_inplace(np.tanh, tanh)
    asinh = arcsinh = asinh
    asinh_ = arcsinh_ = unary_inplace(np.arcsinh, asinh)
    acosh = arccosh = acosh
    acosh_ = arccosh_ = unary_inplace(np.arccosh, acosh)
    atanh = arctanh = atanh
    atanh_ = arctanh_ = unary_inplace(np.arctanh, atanh)
    sigmoid = sigmoid
    sigmoid_ = inplace(sigmoid)
    floor = floor
    floor_ = unary_inplace(np.floor, floor)
    ceil = ceil
    ceil_ = unary_inplace(np.ceil, ceil)
    trunc = fix = trunc
    trunc_ = fix_ = unary_inplace(np.trunc, trunc)
    round = round
    round_ = inplace(round)
    frac = frac
    frac_ = inplace(frac)
    sign = sign
    sign_ = inplace(sign)
    sgn = sgn
    sgn_ = inplace(sgn)
    logaddexp = logaddexp
    logaddexp2 = logaddexp2
    atan2 = arctan2 = atan2
    atan2_ = arctan2_ = inplace(atan2)
    hypot = hypot
    hypot_ = inplace(hypot)
    copysign = copysign
    copysign_ = inplace(copysign)
    heaviside = heaviside
    heaviside_ = inplace(heaviside)
    nextafter = nextafter
    nextafter_ = inplace(nextafter)
    maximum = maximum
    minimum = minimum
    fmax = fmax
    fmin = fmin
    clamp = clip = clamp
    clamp_ = clip_ = update(_keep_within, clamp)
    clamp_min = clamp_min
    clamp_min_ = update(_keep_above, clamp_min)
    clamp_max = clamp_max
    clamp_max_ = update(_keep_below, clamp_max)
    nan_to_num = nan_to_num
    nan_to_num_ = inplace(nan_to_num)
    xlogy = xlogy
    xlogy_ = inplace(xlogy)
    deg2rad = deg2rad
    deg2rad_ = inplace(deg2rad)
    rad2deg = rad2deg
    rad2deg_ = inplace(rad2deg)
    ldexp = ldexp
    ldexp_ = inplace(ldexp)
    frexp = frexp
