"""Elementwise functions beyond their tables: signed zeros, in-place forms, what they share with the saved tape, dtypes."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import taper

ZEROS = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, np.inf, -np.inf]

SIGNED = {
    "relu": lambda T, x: T.relu(x),
    "relu6": lambda T, x: T.nn.functional.relu6(x),
    "elu": lambda T, x: T.nn.functional.elu(x),
    "leaky_relu": lambda T, x: T.nn.functional.leaky_relu(x),
    "remainder": lambda T, x: T.remainder(x, T.flip(x, (0,))),
    "floor_divide": lambda T, x: T.floor_divide(x, T.flip(x, (0,))),
    "fmod": lambda T, x: T.fmod(x, T.flip(x, (0,))),
    "trunc": lambda T, x: T.trunc(x),
    "round": lambda T, x: T.round(x),
    "frac": lambda T, x: T.frac(x),
    "angle": lambda T, x: T.angle(x),
    "sign": lambda T, x: T.sign(x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SIGNED)
def test_zeros_have_pytorchs_sign(name, dtype):
    torch = pytest.importorskip("torch")
    found, expected = (SIGNED[name](T, T.tensor(ZEROS * 3, dtype=getattr(T, dtype))).numpy() for T in (taper, torch))
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[number], np.signbit(expected)[number])


ONE = (
    *("abs", "neg", "square", "reciprocal", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid"),
    *("floor", "ceil", "trunc", "round", "frac", "sign", "relu", "erf", "lgamma", "deg2rad", "nan_to_num"),
)
TWO = {
    "add": dict(alpha=0.3),
    "sub": dict(alpha=2),
    "mul": {},
    "div": {},
    "true_divide": {},
    "floor_divide": {},
    "remainder": {},
    "fmod": {},
    "pow": {},
    "atan2": {},
    "copysign": {},
    "clamp_min": {},
    "clamp_max": {},
    "xlogy": {},
    "ldexp": {},
}
X, Y = np.linspace(0.1, 0.9, 7), np.linspace(2.0, -1.9, 7)


def both_ways(name, dtype, *others, **options):
    """An in-place method on a tensor without history, on one with history, and the function: three results."""
    x = taper.from_numpy(X).to(dtype)
    expected = getattr(x, name)(*others, **options)
    plain = x.clone()
    assert getattr(plain, name + "_")(*others, **options) is plain
    leaf = x.clone().requires_grad_()
    recorded = leaf * 1
    before = recorded._version
    getattr(recorded, name + "_")(*others, **options)
    assert recorded._version == before + 1 and recorded.grad_fn is not None
    return plain, recorded.detach(), expected


@pytest.mark.parametrize("name", ONE)
def test_in_place_is_the_function(name):
    for dtype in (taper.float32, taper.float64):
        plain, recorded, expected = both_ways(name, dtype)
        np.testing.assert_array_equal(plain.numpy(), expected.numpy())
        np.testing.assert_array_equal(recorded.numpy(), expected.numpy())


@pytest.mark.parametrize("name", TWO)
def test_in_place_with_another_is_the_function(name):
    for dtype in (taper.float32, taper.float64):
        y = taper.from_numpy(Y).to(dtype)
        numbers = () if name in ("atan2", "ldexp") else (2, 0.5)
        for other in (y, *numbers, *([y[2]] if name != "copysign" else [])):
            plain, recorded, expected = both_ways(name, dtype, other, **TWO[name])
            np.testing.assert_array_equal(plain.numpy(), expected.numpy())
            np.testing.assert_array_equal(recorded.numpy(), expected.numpy())


@pytest.mark.parametrize(
    "name, others, options",
    [
        ("addcmul", (Y, Y[::-1]), {}),
        ("addcmul", (Y, Y[::-1]), dict(value=0.3)),
        ("addcdiv", (Y, Y[::-1]), dict(value=-2)),
        ("lerp", (Y, 0.3), {}),
        ("lerp", (Y, 0.7), {}),
        ("lerp", (Y, X), {}),
        ("clamp", (0.2, 0.5), {}),
        ("clamp", (), dict(max=0.5)),
        ("clamp", (X[::-1],), {}),
    ],
)
def test_in_place_with_several_is_the_function(name, others, options):
    for dtype in (taper.float32, taper.float64):
        others_ = [taper.from_numpy(o.copy()).to(dtype) if isinstance(o, np.ndarray) else o for o in others]
        plain, recorded, expected = both_ways(name, dtype, *others_, **options)
        np.testing.assert_array_equal(plain.numpy(), expected.numpy())
        np.testing.assert_array_equal(recorded.numpy(), expected.numpy())


def test_in_place_refuses_what_the_function_refuses():
    x = taper.ones(3)
    with pytest.raises(TypeError):
        x.mul_(x, alpha=2)
    with pytest.raises(RuntimeError, match="must not be None"):
        x.clamp_()
    with pytest.raises(RuntimeError, match="bool tensor"):
        x.sub_(True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        taper.ones(3, requires_grad=True).exp_()
    with pytest.raises(RuntimeError, match="single memory location"):
        taper.ones(1).expand(3).neg_()
    assert x.tolist() == [1, 1, 1]


def test_a_gradient_after_an_in_place_change_is_that_of_the_values_used():
    x = taper.tensor([2.0], requires_grad=True)
    y = x * 1
    y.pow_(3).addcmul_(y, y, value=0.5).clamp_(max=100)
    assert y.item() == 8 + 0.5 * 64
    y.backward()
    assert x.grad.item() == 3 * 4 + 0.5 * 2 * 8 * 12


OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "<": operator.lt,
    "==": operator.eq,
    "&": operator.and_,
}
DTYPES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64")


def outcome(function, *operands):
    """The dtype of a result, or the class of an error."""
    try:
        return str(getattr(function(*operands), "dtype", bool))
    except (RuntimeError, TypeError) as error:
        return "refused" if isinstance(error, RuntimeError) else type(error).__name__


@pytest.mark.parametrize("symbol", OPERATORS)
def test_dtypes_and_refusals_of_pythons_operators_are_pytorchs(symbol):
    torch = pytest.importorskip("torch")
    numbers = (True, 3, 2.5, 1j, None, "a")
    wrong = []
    for a in DTYPES:
        for b in (*DTYPES, *numbers):
            for shape in ((2,), ()):
                if a == "float16" and b in (1j, "complex64"):  # PyTorch has complex32, which computes little
                    continue
                made = []
                for T in (taper, torch):
                    x = T.ones(2, dtype=getattr(T, a))
                    y = T.ones(shape, dtype=getattr(T, b)) if b in DTYPES else b
                    made.append((outcome(OPERATORS[symbol], x, y), outcome(OPERATORS[symbol], y, x)))
                if made[0] != made[1]:
                    wrong.append((a, b, shape, *made))
    assert wrong == []
