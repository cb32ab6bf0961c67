"""Arithmetic and elementary functions."""

from __future__ import annotations

import numpy as np

from ..case import COMPLEX, FLOATS, HALVES, INTEGERS, Case, Error, booleans, distinct, integers, real

ALL = (*FLOATS, *HALVES)
X, Y = real(3, 4), real(3, 4, seed="y")
ODD = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 2.5])
POSITIVE, UNIT = real(3, 4, low=0.1, high=3.0), real(3, 4, low=-0.9, high=0.9)
AWAY = distinct(3, 4)  # nowhere near a kink at 0


def unary(name, x, numpy=None, dtypes=ALL, **options):
    function = options.pop("function", name)
    return Case(name, lambda T, x: getattr(T, function)(x), (x,), numpy=numpy, dtypes=dtypes, **options)


def binary(name, x, y, numpy=None, dtypes=ALL, **options):
    function = options.pop("function", name)
    return Case(name, lambda T, x, y: getattr(T, function)(x, y), (x, y), numpy=numpy, dtypes=dtypes, **options)


SMOOTH = [
    unary("neg", X, np.negative, (*ALL, *INTEGERS)),
    unary("square", X, np.square, (*ALL, *INTEGERS), function="square"),
    unary("reciprocal", AWAY, np.reciprocal),
    unary("abs", AWAY, np.abs, (*ALL, "int8", "int64")),
    unary("exp", X, np.exp, (*ALL, "int64", *COMPLEX)),
    unary("exp2", X, np.exp2),
    unary("expm1", X, np.expm1),
    unary("log", POSITIVE, np.log, (*ALL, *COMPLEX)),
    unary("log2", POSITIVE, np.log2),
    unary("log10", POSITIVE, np.log10),
    unary("log1p", POSITIVE, np.log1p),
    unary("sqrt", POSITIVE, np.sqrt, (*ALL, "int32")),
    unary("rsqrt", POSITIVE, lambda x: 1 / np.sqrt(x)),
    unary("sin", X, np.sin, (*ALL, "int64")),
    unary("cos", X, np.cos),
    unary("tan", UNIT, np.tan),
    unary("asin", UNIT, np.arcsin),
    unary("acos", UNIT, np.arccos),
    unary("atan", X, np.arctan),
    unary("sinh", X, np.sinh),
    unary("cosh", X, np.cosh),
    unary("tanh", X, np.tanh, (*ALL, *COMPLEX)),
    unary("asinh", X, np.arcsinh),
    unary("acosh", POSITIVE + 1.1, np.arccosh),
    unary("atanh", UNIT, np.arctanh),
    unary("sigmoid", X, lambda x: 1 / (1 + np.exp(-x))),
    unary("floor", AWAY, np.floor, (*ALL, "int32")),
    unary("ceil", AWAY, np.ceil, (*ALL, "int32")),
    unary("trunc", AWAY, np.trunc, (*ALL, "int32")),
    unary("frac", AWAY, lambda x: x - np.trunc(x)),
    unary("sign", AWAY, np.sign, (*ALL, "int8")),
    unary("sgn", AWAY, np.sign),
    unary("angle", AWAY, np.angle, FLOATS, smooth=False),
    unary("round", X * 3, np.round, FLOATS, ops=("round",)),
    Case("round.decimals", lambda T, x: T.round(x, decimals=2), (X,), rtol=1e-5),
    binary("add", X, Y, np.add, (*ALL, *INTEGERS, *COMPLEX)),
    binary("sub", X, Y, np.subtract, (*ALL, *INTEGERS)),
    binary("mul", X, Y, np.multiply, (*ALL, *INTEGERS, *COMPLEX)),
    binary("div", X, POSITIVE, np.divide, (*ALL, "int64", *COMPLEX)),
    binary("pow", POSITIVE, Y, np.power),
    binary("atan2", AWAY, POSITIVE, np.arctan2),
    binary("hypot", AWAY, POSITIVE, np.hypot, FLOATS),
    binary("logaddexp", X, Y, np.logaddexp, FLOATS),
    binary("logaddexp2", X, Y, np.logaddexp2, FLOATS),
    binary("copysign", AWAY, distinct(3, 4, seed="sign"), np.copysign, FLOATS),
    binary("nextafter", X, Y, np.nextafter, FLOATS, grad=False),
    binary("heaviside", AWAY, Y, np.heaviside, FLOATS, grad=False),
    binary("maximum", AWAY, distinct(3, 4, seed="m") + 0.03, np.maximum, (*ALL, *INTEGERS)),
    binary("minimum", AWAY, distinct(3, 4, seed="m") + 0.03, np.minimum, (*ALL, *INTEGERS)),
    binary("fmax", AWAY, distinct(3, 4, seed="m") + 0.03, np.fmax, FLOATS),
    binary("fmin", AWAY, distinct(3, 4, seed="m") + 0.03, np.fmin, FLOATS),
    binary("floor_divide", X * 5, POSITIVE, np.floor_divide, FLOATS, grad=False),
    Case("rounded_divide", lambda T, x, y: T.div(x, y, rounding_mode="floor"), (X * 5, POSITIVE), smooth=False),
    Case("trunc_divide", lambda T, x, y: T.div(x, y, rounding_mode="trunc"), (X * 5, POSITIVE), smooth=False),
    binary("remainder", X * 5, POSITIVE, np.remainder, FLOATS, smooth=False),
    binary("fmod", X * 5, POSITIVE, np.fmod, FLOATS, smooth=False),
    binary("xlogy", X, POSITIVE, lambda x, y: x * np.log(y), FLOATS),
    Case("xlogy.a number", lambda T, x: T.xlogy(x, 2.5), (X,)),
    Case("clamp", lambda T, x: T.clamp(x, -0.31, 0.31), (AWAY,), dtypes=ALL),
    Case(
        "clamp.tensors",
        lambda T, x, a, b: T.clamp(x, a, b),
        (AWAY, real(4, low=-0.5, high=-0.2), real(3, 1, low=0.1, high=0.4)),
        smooth=False,
    ),
    Case("clamp_min", lambda T, x: T.clamp(x, min=0.11), (AWAY,), dtypes=ALL),
    Case("clamp_max", lambda T, x: T.clamp(x, max=0.11), (AWAY,), dtypes=ALL),
    Case("lerp", lambda T, x, y, w: T.lerp(x, y, w), (X, Y, real(3, 4, low=0, high=1))),
    Case("lerp.number", lambda T, x, y: T.lerp(x, y, 0.7), (X, Y)),
    Case("addcmul", lambda T, x, a, b: T.addcmul(x, a, b, value=0.3), (X, Y, real(4, seed="b"))),
    Case("addcdiv", lambda T, x, a, b: T.addcdiv(x, a, b, value=0.3), (X, Y, POSITIVE)),
    Case("nan_to_num", lambda T, x: T.nan_to_num(x), (np.array([1.0, np.nan, np.inf, -np.inf, 2.0]),), smooth=False),
    Case(
        "sigmoid.extreme", lambda T, x: T.sigmoid(x), (np.array([-1000.0, -100.0, 0.0, 100.0, 1000.0]),), smooth=False
    ),
]

SHAPES = [
    Case("sign.nan", lambda T, x: (T.sign(x), T.sgn(x)), (np.array([np.nan, -0.0, np.inf, -3.0]),), smooth=False),
    Case("add.broadcast", lambda T, x, y: x + y, (real(3, 1), real(1, 4)), dtypes=ALL),
    Case("mul.zero_dim", lambda T, x, y: x * y, (real(), real(3))),
    Case("div.zero_dims", lambda T, x, y: x / y, (real(), real(low=1))),
    Case("add.empty", lambda T, x, y: x + y, (real(0, 4), real(4)), grad=False),
    Case("exp.empty", lambda T, x: T.exp(x), (real(2, 0),), grad=False),
    Case("exp.zero_dim", lambda T, x: T.exp(x), (real(),)),
    Case("add.alpha", lambda T, x, y: T.add(x, y, alpha=3), (X, Y)),
    Case("sub.alpha", lambda T, x, y: T.sub(x, y, alpha=0.5), (X, Y)),
    Case("sub.reflected", lambda T, x: 3 - x, (X,)),
    Case("div.reflected", lambda T, x: 2 / x, (POSITIVE,)),
    Case("pow.reflected", lambda T, x: 2**x, (X,)),
    Case("pow.square", lambda T, x: x**2, (X,), ops=("square",)),
    Case("pow.cube", lambda T, x: x**3, (X,)),
    Case("pow.root", lambda T, x: x**0.5, (POSITIVE,)),
    Case("pow.zero", lambda T, x: x**0, (X,)),
    Case("pow.negative", lambda T, x: x**-2, (POSITIVE,)),
    Case("maximum.ties", lambda T, x: T.maximum(x, T.zeros_like(x)), (np.array([0.0, 1.0, -1.0]),), smooth=False),
    Case("abs.zero", lambda T, x: T.abs(x), (np.array([0.0, 1.0, -1.0]),), smooth=False),
]

MIXED = [
    Case("add.int_float", lambda T, i, x: i + x, (integers(3), real(3)), second=False),
    Case("mul.bool_float", lambda T, b, x: b * x, (booleans(3), real(3))),
    Case(
        "add.float32_float64", lambda T, x: x.float() + x, (real(3),), dtypes=("float64",), smooth=False, second=False
    ),
    Case("mul.int_number", lambda T, i: i * 2.5, (integers(3),), grad=False),
    Case("add.zero_dim_int", lambda T, i: i + T.tensor(1.5), (integers(3),), grad=False),
    Case("add.zero_dim_double", lambda T, x: x.float() + T.tensor(1.5, dtype=T.float64), (real(3),), grad=False),
    Case(
        "floor_divide.ints",
        lambda T, a, b: (a // b, a % b, T.div(a, b, rounding_mode="trunc"), T.fmod(a, b)),
        (integers(20, low=-9, high=9), integers(20, low=1, high=5)),
        grad=False,
        ops=("floor_divide", "trunc_divide"),
    ),
    Case("div.ints", lambda T, a, b: a / b, (integers(20, low=-9, high=9), integers(20, low=1, high=5)), grad=False),
    Case("pow.ints", lambda T, a: (a**3, 2 ** a.abs(), a ** a.abs()), (integers(9, low=-4, high=5),), grad=False),
    Case("add.uint8_wraps", lambda T, a: a.to(T.uint8) + 250, (integers(5),), grad=False),
    Case(
        "real",
        lambda T, x: (T.complex(x, 2 * x).real, T.complex(x, x).imag),
        (X,),
        ops=("real", "imag", "make_complex"),
    ),
    Case(
        "conjugate",
        lambda T, x, y: T.view_as_real((T.complex(x, y) * T.complex(y, x).conj()).resolve_conj()),
        (X, Y),
        ops=("conjugate", "bits"),
    ),
    Case("ldexp", lambda T, x, y: T.ldexp(x, y), (X, Y), dtypes=ALL),
    Case("ldexp.ints", lambda T, i, j: T.ldexp(i, j), (integers(5), integers(5, low=-3)), grad=False),
    Case("frexp", lambda T, x: tuple(T.frexp(x)), (np.array([0.3, -5.0, 7.0, 0.0015]),), dtypes=ALL),
    Case(
        "logaddexp.complex",
        lambda T, x, y: T.view_as_real(T.logaddexp(T.complex(x, y), T.complex(y, x))),
        (X, POSITIVE),
    ),
    Case("square.bool", lambda T, b: (T.square(b), b**2, b**True, b**False), (booleans(5),), grad=False),
    Case("sgn.bool", lambda T, b: (T.sgn(b), T.sign(b)), (booleans(5),), grad=False),
    Case("div.modes", lambda T, x, y: (x // y, x % y, T.fmod(x, y)), (ODD, ODD[::-1].copy()), grad=False),
    Case("logaddexp.odd", lambda T, x, y: T.logaddexp(x, y), (ODD, ODD[::-1].copy()), smooth=False, second=False),
    Case("maximum.nan", lambda T, x, y: (T.maximum(x, y), T.minimum(x, y)), (ODD, ODD[::-1].copy()), smooth=False),
    Case("fmax.nan", lambda T, x, y: (T.fmax(x, y), T.fmin(x, y)), (ODD, ODD[::-1].copy()), smooth=False),
    Case("atan2.odd", lambda T, x, y: T.atan2(x, y), (ODD, ODD[::-1].copy()), smooth=False, second=False),
    Case("clamp.odd", lambda T, x: (x.clamp(-1, 1), x.clamp(min=0), x.clamp(max=0)), (ODD,), smooth=False),
    Case("clamp.ints", lambda T, i: (i.clamp(1, 3), i.clamp(1.5, 3), i.clamp(max=2.5)), (integers(9),), grad=False),
    Case(
        "clamp.bytes", lambda T, i: (i.byte().clamp(-1), i.byte().clamp_(-1, 5)), (integers(9),), ("clamp",), grad=False
    ),
    Case("angle.odd", lambda T, x: T.angle(x), (ODD,), smooth=False),
    Case("nextafter.slope", lambda T, x, y: T.nextafter(x, y), (X, Y), ops=("nextafter",), smooth=False),
    Case(
        "lerp.complex",
        lambda T, x, y: T.view_as_real(T.lerp(T.complex(x, y), T.complex(y, x), 0.4j)),
        (X, Y),
    ),
    Case("pow.reflected_ints", lambda T, i, j: (i.__rpow__(j), 2**i), (integers(7, low=-3), integers(7)), grad=False),
    Case(
        "div.trunc_half",
        lambda T, x, y: T.div(x, y, rounding_mode="trunc"),
        (X * 30, POSITIVE),
        dtypes=HALVES,
        grad=False,
    ),
    Case("add.numbers", lambda T: (T.add(2, 3), T.mul(2.0, 3), T.floor_divide(7, 2)), grad=False),
    Case(
        "clamp.bools", lambda T, b, c: (b.clamp(0, 1), b.clamp(min=c)), (booleans(5), booleans(5, seed="c")), grad=False
    ),
    Case("abs.complex", lambda T, x, y: T.complex(x, y).abs(), (AWAY, POSITIVE)),
    Case("angle.complex", lambda T, x, y: T.complex(x, y).angle(), (AWAY, POSITIVE)),
    Case("sgn.complex", lambda T, x, y: T.view_as_real(T.complex(x, y).sgn()), (AWAY, POSITIVE)),
    Case("polar", lambda T, r, a: T.view_as_real(T.polar(r, a)), (POSITIVE, X), ops=("make_complex",)),
]

ERRORS = [
    Error("add.shapes", lambda T, x, y: x + y, RuntimeError, "must match the size of tensor b", (real(2, 3), real(4))),
    Error(
        "addcmul.shapes",
        lambda T, x, y: T.addcmul(x, x[0], y),
        RuntimeError,
        "tensor a .3. must match the size of tensor b .4. at non-singleton dimension 1",
        (real(2, 3), real(4)),
    ),
    Error("add.none", lambda T, x: T.add(None, x[:0]), TypeError, "must be Tensor", (real(3),)),
    Error("sub.bools", lambda T, x: x - x, RuntimeError, "with two bool tensors", (booleans(3),)),
    Error("sub.bool", lambda T, x: 1 - x, RuntimeError, "with a bool tensor", (booleans(3),)),
    Error("neg.bool", lambda T, x: -x, RuntimeError, "on a bool tensor", (booleans(3),)),
    Error("abs.bool", lambda T, x: T.abs(x), NotImplementedError, "abs", (booleans(3),)),
    Error("floor.bool", lambda T, x: T.floor(x), NotImplementedError, "floor", (booleans(3),)),
    Error("complex.shapes", lambda T, x: T.complex(x, x[:2]), RuntimeError, "must match the size of", (real(3),)),
    Error("floor.complex", lambda T, x: T.floor(T.complex(x, x)), NotImplementedError, "not supported for", (real(3),)),
    Error("clamp.complex", lambda T, x: T.complex(x, x).clamp(0), NotImplementedError, "not supported for", (real(3),)),
    Error("frac.ints", lambda T, x: T.frac(x), NotImplementedError, "frac", (integers(3),)),
    Error("round.ints", lambda T, x: T.round(x, decimals=1), NotImplementedError, "round", (integers(3),)),
    Error("pow.bools", lambda T, x: x**x, NotImplementedError, "pow", (booleans(3),)),
    Error("pow.overflow", lambda T, x: x.byte() ** 300, RuntimeError, "overflow", (integers(3),)),
    Error("clamp.mixed", lambda T, x: T.clamp(x, x, 2), TypeError, "clamp", (real(3),)),
    Error(
        "add.alpha_overflow",
        lambda T, x: T.add(x.byte(), x.byte(), alpha=300),
        RuntimeError,
        "overflow",
        (integers(3),),
    ),
    Error("clamp.overflow", lambda T, x: x.byte().clamp(max=300), RuntimeError, "overflow", (integers(3),)),
    Error("floor_divide.bools", lambda T, x: x // x, NotImplementedError, "floor", (booleans(3),)),
    Error("remainder.complex", lambda T, x: T.complex(x, x) % 2, NotImplementedError, "", (real(3),)),
    Error("sign.complex", lambda T, x: T.sign(T.complex(x, x)), NotImplementedError, "sgn", (real(3),)),
    Error("maximum.complex", lambda T, x: T.maximum(T.complex(x, x), x), RuntimeError, "complex", (real(3),)),
    Error("maximum.number", lambda T, x: T.maximum(x, 2), TypeError, "must be Tensor", (real(3),)),
    Error("atan2.number", lambda T, x: T.atan2(x, 2), TypeError, "must be Tensor", (real(3),)),
    Error("heaviside.dtypes", lambda T, x: T.heaviside(x, x.float()), RuntimeError, "different dtypes", (real(3),)),
    Error("hypot.ints", lambda T, x: T.hypot(x, x), NotImplementedError, "hypot", (integers(3),)),
    Error("frexp.ints", lambda T, x: T.frexp(x), RuntimeError, "floating-point", (integers(3),)),
    Error("lerp.ints", lambda T, x: T.lerp(x, x, 1), NotImplementedError, "lerp", (integers(3),)),
    Error("addcmul.bools", lambda T, x: T.addcmul(x, x, x), NotImplementedError, "addcmul", (booleans(3),)),
    Error("addcdiv.ints", lambda T, x: T.addcdiv(x, x, x), RuntimeError, "Integer division", (integers(3),)),
    Error("add.alpha_float", lambda T, x: T.add(x, x, alpha=1.0), RuntimeError, "alpha", (integers(3),)),
    Error("add.alpha_bool", lambda T, x: T.add(x, x, alpha=True), RuntimeError, "alpha", (real(3),)),
    Error("add.alpha_complex", lambda T, x: T.add(x, x, alpha=1j), RuntimeError, "alpha", (real(3),)),
    Error("deg2rad.complex", lambda T, x: T.deg2rad(T.complex(x, x)), RuntimeError, "complex", (real(3),)),
    Error("polar.dtypes", lambda T, x: T.polar(x, x.float()), RuntimeError, "scalar type", (real(3),)),
    Error("complex.number", lambda T, x: T.complex(x, 1.0), TypeError, "must be Tensor", (real(3),)),
    Error("pow.numbers", lambda T: T.pow(2, 3), TypeError, ""),
    Error("remainder.numbers", lambda T: T.remainder(2, 3), TypeError, ""),
    Error("abs.inplace_complex", lambda T, x: T.complex(x, x).abs_(), RuntimeError, "In-place abs", (real(3),)),
    Error("float_power.inplace", lambda T, x: x.float().float_power_(2), RuntimeError, "requires", (real(3),)),
    Error("lerp.ints_number", lambda T, i: T.lerp(i, i, 0.5), NotImplementedError, "lerp", (integers(3),)),
    Error("clamp.bool_numbers", lambda T, b: T.clamp(b, False, True), NotImplementedError, "Bool", (booleans(3),)),
    Error(
        "heaviside.slope",
        lambda T, x: T.heaviside(x.requires_grad_(), x).sum().backward(),
        RuntimeError,
        "heaviside is not implemented",
        (real(3),),
    ),
    Error("floor_divide.zero", lambda T, x: x // 0, RuntimeError, "ZeroDivisionError", (integers(3),)),
    Error("remainder.zero", lambda T, x: x % T.zeros_like(x), RuntimeError, "ZeroDivisionError", (integers(3),)),
    Error("pow.int_negative", lambda T, x: x**-1, RuntimeError, "negative integer powers", (integers(3),)),
    Error("add.inplace_float_in_int", lambda T, x: x.add_(1.5), RuntimeError, "can't be cast", (integers(3),)),
    Error("div.inplace_int", lambda T, x: x.div_(2), RuntimeError, "can't be cast", (integers(3),)),
    Error(
        "add.inplace_shape",
        lambda T, x: x.add_(T.ones(2, 3)),
        RuntimeError,
        "doesn't match the broadcast shape",
        (real(3),),
    ),
    Error(
        "add.leaf_inplace",
        lambda T, x: x.requires_grad_().add_(1),
        RuntimeError,
        "leaf Variable that requires grad",
        (real(3),),
    ),
    Error("add.string", lambda T, x: x + "a", TypeError, "", (real(3),)),
    Error("clamp.none", lambda T, x: T.clamp(x), RuntimeError, "must not be None", (real(3),)),
    Error("lerp.dtypes", lambda T, x: T.lerp(x, x.float(), 0.5), RuntimeError, "dtype", (real(3),)),
    Error("imag.real", lambda T, x: x.imag, RuntimeError, "not implemented", (real(3),)),
    Error("div.rounding", lambda T, x: T.div(x, 2, rounding_mode="up"), RuntimeError, "rounding_mode", (real(3),)),
    Error("exp.list", lambda T: T.exp([1.0]), TypeError, "must be Tensor"),
    Error(
        "out.requires_grad",
        lambda T, x: T.exp(x.requires_grad_(), out=T.empty(3, dtype=T.float64)),
        RuntimeError,
        "out=",
        (real(3),),
    ),
]

CASES = [*SMOOTH, *SHAPES, *MIXED, *ERRORS]
