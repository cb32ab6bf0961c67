"""Elementary functions, element by element. Integers give results of the default floating type."""

from __future__ import annotations

from .. import dtypes
from ..autograd.casting import in_float32
from ..autograd.dispatch import apply, binary, into, unary
from ..autograd.inplace import inplace
from ..ops import elementwise as ops

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
    "conj",
    "real",
    "imag",
    "angle",
    "complex",
    "polar",
    "view_as_real",
    "view_as_complex",
    "conj_physical",
    "resolve_conj",
    "resolve_neg",
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
floor = unary(ops.floor, "The largest integer not above each element.")
ceil = unary(ops.ceil, "The smallest integer not below each element.")
trunc = fix = unary(ops.trunc, "Each element without its fraction.")
frac = unary(ops.frac, "The fraction of each element, with its sign.")
sign = unary(ops.sign, "-1, 0 or 1.")
sgn = unary(ops.sgn, "-1, 0 or 1; input / |input| for complex numbers.")
logaddexp = binary(ops.logaddexp, "log(exp(input) + exp(other)), without overflow.")
logaddexp2 = binary(ops.logaddexp2, "log2(2 ** input + 2 ** other), without overflow.")
atan2 = arctan2 = binary(ops.atan2, "The angle of the point (other, input), in (-pi, pi].")
hypot = binary(ops.hypot, "sqrt(input ** 2 + other ** 2), without overflow.")
copysign = binary(ops.copysign, "The magnitude of input with the sign of other.")
heaviside = binary(ops.heaviside, "0 below zero, 1 above, `values` at zero.")
nextafter = binary(ops.nextafter, "The next floating number from input towards other.")
maximum = binary(ops.maximum, "The larger of both; NaN if either is NaN.")
minimum = binary(ops.minimum, "The smaller of both; NaN if either is NaN.")
fmax = binary(ops.fmax, "The larger of both; a NaN only if both are.")
fmin = binary(ops.fmin, "The smaller of both; a NaN only if both are.")
xlogy = binary(ops.xlogy, "input * log(other), 0 where input is 0.")
_angle = unary(ops.angle)


def round(input, *, decimals: int = 0, out=None):
    """Each element rounded to `decimals` places, halves to even."""
    result = apply(ops.round, input, decimals=decimals)
    return result if out is None else into(out, result)


def clamp(input, min=None, max=None, *, out=None):
    """Each element kept within [min, max], numbers or tensors, of which one may be None. RuntimeError if both are."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if max is None:
        result = apply(ops.clamp_min, input, min)
    elif min is None:
        result = apply(ops.clamp_max, input, max)
    else:
        result = apply(ops.clamp, input, min, max)
    return result if out is None else into(out, result)


clip = clamp


def clamp_min(input, min, *, out=None):
    """Each element, at least `min`."""
    return clamp(input, min, None, out=out)


def clamp_max(input, max, *, out=None):
    """Each element, at most `max`."""
    return clamp(input, None, max, out=out)


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


def deg2rad(input, *, out=None):
    """Degrees as radians."""
    result = input * 0.017453292519943295
    return result if out is None else into(out, result)


def rad2deg(input, *, out=None):
    """Radians as degrees."""
    result = input * 57.29577951308232
    return result if out is None else into(out, result)


def conj(input):
    """The complex conjugate; the tensor itself if it is real."""
    return apply(ops.conjugate, input) if input._array.dtype.kind == "c" else input


conj_physical = conj


def resolve_conj(input):
    """The tensor itself: Taper computes conjugates at once."""
    return input


def resolve_neg(input):
    """The tensor itself: Taper computes negatives at once."""
    return input


def real(input):
    """The real part, a view; a real tensor itself."""
    return apply(ops.real, input) if input._array.dtype.kind == "c" else input


def imag(input):
    """The imaginary part, a view. RuntimeError for a real tensor."""
    if input._array.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return apply(ops.imag, input)


def angle(input, *, out=None):
    """The angle of a complex number in (-pi, pi]; 0 or pi for a real one."""
    return _angle(input, out=out)


def complex(real, imag, *, out=None):
    """real + i imag. RuntimeError for parts of different or not floating dtypes."""
    for t in (real, imag):
        if t._array.dtype.kind not in "f":
            raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {t.type()}")
    if real._array.dtype != imag._array.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {real.type()} but got scalar type {imag.type()} for second argument"
        )
    result = apply(ops.make_complex, real, imag)
    return result if out is None else into(out, result)


@in_float32
def polar(abs, angle, *, out=None):
    """The complex number of this modulus and angle."""
    return complex(abs * cos(angle), abs * sin(angle), out=out)


def view_as_real(input):
    """A complex tensor as a real one, a view, with real and imaginary part along a new last dimension."""
    from .shape import bits

    if input._array.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return bits(input.unsqueeze(-1), input.dtype.to_real())


@in_float32
def view_as_complex(input):
    """A real tensor with a last dimension of 2 as a complex one, a view. RuntimeError for another shape."""
    from .shape import bits

    array = input._array
    if array.dtype.kind not in "f":
        raise RuntimeError(
            f"view_as_complex is only supported for floating point tensors, but got a tensor of scalar type: {input.dtype}"
        )
    if not array.ndim or array.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if array.strides[-1] != array.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    return bits(input, input.dtype.to_complex()).squeeze(-1)


class ElementwiseMethods:
    """Elementary functions as methods."""

    __slots__ = ()

    exp = exp
    exp_ = inplace(exp)
    exp2 = exp2
    exp2_ = inplace(exp2)
    expm1 = expm1
    expm1_ = inplace(expm1)
    log = log
    log_ = inplace(log)
    log2 = log2
    log2_ = inplace(log2)
    log10 = log10
    log10_ = inplace(log10)
    log1p = log1p
    log1p_ = inplace(log1p)
    sqrt = sqrt
    sqrt_ = inplace(sqrt)
    rsqrt = rsqrt
    rsqrt_ = inplace(rsqrt)
    sin = sin
    sin_ = inplace(sin)
    cos = cos
    cos_ = inplace(cos)
    tan = tan
    tan_ = inplace(tan)
    asin = arcsin = asin
    asin_ = arcsin_ = inplace(asin)
    acos = arccos = acos
    acos_ = arccos_ = inplace(acos)
    atan = arctan = atan
    atan_ = arctan_ = inplace(atan)
    sinh = sinh
    sinh_ = inplace(sinh)
    cosh = cosh
    cosh_ = inplace(cosh)
    tanh = tanh
    tanh_ = inplace(tanh)
    asinh = arcsinh = asinh
    asinh_ = arcsinh_ = inplace(asinh)
    acosh = arccosh = acosh
    acosh_ = arccosh_ = inplace(acosh)
    atanh = arctanh = atanh
    atanh_ = arctanh_ = inplace(atanh)
    sigmoid = sigmoid
    sigmoid_ = inplace(sigmoid)
    floor = floor
    floor_ = inplace(floor)
    ceil = ceil
    ceil_ = inplace(ceil)
    trunc = fix = trunc
    trunc_ = fix_ = inplace(trunc)
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
    clamp_ = clip_ = inplace(clamp)
    clamp_min = clamp_min
    clamp_min_ = inplace(clamp_min)
    clamp_max = clamp_max
    clamp_max_ = inplace(clamp_max)
    nan_to_num = nan_to_num
    nan_to_num_ = inplace(nan_to_num)
    xlogy = xlogy
    xlogy_ = inplace(xlogy)
    deg2rad = deg2rad
    deg2rad_ = inplace(deg2rad)
    rad2deg = rad2deg
    rad2deg_ = inplace(rad2deg)
    conj = conj
    conj_physical = conj
    resolve_conj = resolve_conj
    resolve_neg = resolve_neg
    angle = angle
    real = property(real, doc="The real part, a view; a real tensor itself.")
    imag = property(imag, doc="The imaginary part, a view.")

    def is_conj(self):
        """False: Taper computes conjugates at once."""
        return False

    def is_neg(self):
        """False: Taper computes negatives at once."""
        return False
