"""The vector functions against wider arithmetic, over all exponents and special values, for every number of lanes."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from taper.native import library, machine
from taper.native.text import Builder, Module, const, i64, vector
from taper.native.vector_math import FUNCTIONS

from .vector_math_reference import LONG_DOUBLE_IS_WIDER, WIDE, reference, ulps

DTYPES = {"float": np.float32, "double": np.float64}
LIMITS = {"float": 2, "double": 4}
UNARY = [name for name, f in FUNCTIONS.items() if f.arity == 1]
BINARY = [name for name, f in FUNCTIONS.items() if f.arity == 2]
WIDTHS = (1, 3, 4, 8, 16)

# Where a function does what it does, besides everywhere.
DOMAINS = {
    "log": (0, 4), "log2": (0, 4), "log10": (0, 4), "log1p": (-1, 3), "sqrt": (0, 4), "rsqrt": (0, 4),
    "acosh": (1, 4), "atanh": (-1, 1), "asin": (-1, 1), "acos": (-1, 1), "erfinv": (-1, 1), "exp": (-110, 90),
    "exp2": (-150, 128), "expm1": (-20, 20), "sin": (-100, 100), "cos": (-100, 100), "tan": (-100, 100),
    "erfc": (-3, 27), "ndtr": (-38, 9), "sigmoid": (-110, 20), "sinh": (-90, 90), "cosh": (-90, 90),
}  # fmt: skip


def source(name, type, width, fused, symbol):
    """A module with a loop that applies a function to arrays: f(pointers to the arguments, to the result, count)."""
    function = FUNCTIONS[name]
    module = Module(fused=fused)
    b = Builder(module, symbol, ["ptr"] * (function.arity + 1) + ["i64"])
    *arguments, out, count = b.args
    with b.loop(i64(0), count, i64(width)) as loop:
        values = [b.load(vector(type, width), b.offset(a, loop.index, type)) for a in arguments]
        b.store(function.emit(b, *values), b.offset(out, loop.index, type))
    b.finish()
    return str(module)


@lru_cache(None)
def kernel(name, type, width):
    """The function over arrays, by `width` lanes at a time."""
    symbol = f"test_{name}_{type}_{width}"
    address = library.compiled(source(name, type, width, machine.host().fused, symbol), [symbol])[0]
    arity = FUNCTIONS[name].arity
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(address)

    def apply(*arguments):
        count = len(arguments[0])
        padded = [np.append(x, np.ones(-count % width, x.dtype)) for x in arguments]
        out = np.empty_like(padded[0])
        call(*(x.ctypes.data for x in padded), out.ctypes.data, len(out))
        return out[:count]

    return apply


def special_values(dtype):
    info = np.finfo(dtype)
    unit = 2.0**info.nmant
    positive = [0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 7, 7.5, 1e10, unit, unit + 1, 2 * unit, 1 + info.eps, 1 - info.epsneg]
    positive += [info.tiny, info.tiny / 2, info.smallest_subnormal, info.max, np.inf, np.nan]
    positive = np.array(positive, dtype)
    return np.concatenate([positive, -positive])


def bit_patterns(dtype, count, seed):
    """Numbers of all sizes: one random bit pattern from each of `count` equal ranges of them."""
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    step = 2 ** (8 * np.dtype(dtype).itemsize) // count
    steps = np.random.default_rng(seed).integers(0, step, count, dtype=unsigned)
    return (np.arange(count, dtype=unsigned) * unsigned(step) + steps).view(dtype)


def samples(name, dtype, count):
    rng = np.random.default_rng(sum(map(ord, name)))
    low, high = DOMAINS.get(name, (-8, 8))
    parts = [
        special_values(dtype),
        bit_patterns(dtype, count, 1),
        rng.uniform(low, high, count),
        rng.uniform(-1, 1, count // 2),
    ]
    parts.append(1 + rng.uniform(-0.3, 0.3, count // 2))
    return np.concatenate([part.astype(dtype) for part in parts])


def pairs(name, dtype, count):
    """Arguments of pow and atan2: all special values with all, and pairs whose results are of all sizes."""
    rng = np.random.default_rng(7)
    special = special_values(dtype)
    x, y = (grid.ravel() for grid in np.meshgrid(special, special))
    parts = [(x, y), (bit_patterns(dtype, count, 1), rng.permutation(bit_patterns(dtype, count, 2)))]
    parts.append((rng.uniform(-9, 9, count), rng.uniform(-9, 9, count)))
    if name == "pow":
        top = np.log(float(np.finfo(dtype).max))
        exponents = rng.uniform(-1.06 * top, 1.02 * top, count)
        for base in (
            np.exp(rng.uniform(-top, top, count)),
            1 + rng.uniform(-0.5, 1, count),
            1 + rng.uniform(-1, 1, count) * 1e-4,
        ):
            base = base.astype(dtype)
            with np.errstate(divide="ignore"):
                parts.append((base, np.where(base == 1, 1, exponents / np.log(base.astype(np.float64)))))
        parts.append((rng.uniform(-20, 20, count), rng.integers(-40, 40, count)))
    return tuple(np.concatenate([part[i].astype(dtype) for part in parts]) for i in (0, 1))


def assert_close(name, arguments, found, limit):
    error = ulps(found, reference(name, arguments))
    worst = int(np.argmax(error))
    where = tuple(x[worst] for x in arguments)
    assert error[worst] <= limit, f"{name}{where} = {found[worst]!r}, {error[worst]:.2f} units in the last place off"


def test_every_function_has_a_reference():
    assert set(FUNCTIONS) == set(WIDE)


@pytest.mark.parametrize("name", UNARY)
def test_float(name):
    if name == "erfinv" and not LONG_DOUBLE_IS_WIDER:
        pytest.skip("the reference needs a long double of 64 bits")
    x = samples(name, np.float32, 1 << (11 if name == "erfinv" else 16))
    assert_close(name, (x,), kernel(name, "float", 16)(x), 6 if name == "ndtr" else LIMITS["float"])


@pytest.mark.skipif(not LONG_DOUBLE_IS_WIDER, reason="the reference needs a long double of 64 bits")
@pytest.mark.parametrize("name", UNARY)
def test_double(name):
    x = samples(name, np.float64, 1 << (11 if name.startswith(("erf", "ndtr")) else 14))
    assert_close(name, (x,), kernel(name, "double", 8)(x), LIMITS["double"])


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("type", DTYPES)
def test_of_two_arguments(name, type):
    if type == "double" and not LONG_DOUBLE_IS_WIDER:
        pytest.skip("the reference needs a long double of 64 bits")
    arguments = pairs(name, DTYPES[type], 1 << 14)
    assert_close(name, arguments, kernel(name, type, 16 if type == "float" else 8)(*arguments), LIMITS[type])


@pytest.mark.parametrize("type", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_lanes_do_not_change_results(name, type):
    dtype = DTYPES[type]
    if FUNCTIONS[name].arity == 2:
        arguments = pairs(name, dtype, 1 << 8)
    else:
        arguments = (samples(name, dtype, 1 << 8),)
    expected = kernel(name, type, 16 if type == "float" else 8)(*arguments)
    for width in WIDTHS:
        found = kernel(name, type, width)(*arguments)
        np.testing.assert_array_equal(found, expected, err_msg=f"{width} lanes")
        np.testing.assert_array_equal(np.signbit(found[expected == 0]), np.signbit(expected[expected == 0]))


# Values that were chosen to hurt: the argument, and the result to 20 digits.
HARD = [
    ("sin", 6381956970095103.0 * 2.0**797, "1"),
    ("cos", 6381956970095103.0 * 2.0**797, "-4.6871659242546276111e-19"),
    ("sin", 1e22, "-0.852200849767188801773"),
    ("cos", 1e22, "0.52321478539513894549"),
    ("tan", 1e22, "-1.6287782256068984879"),
    ("sin", 3.141592653589793, "1.2246467991473531772e-16"),
    ("cos", 1.5707963267948966, "6.1232339957367658861e-17"),
    ("tan", 1.5707963267948966, "16331239353195369.756"),
    ("log1p", -1 + 2.0**-53, "-36.736800569677101399"),
    ("acosh", 1 + 2.0**-52, "2.1073424255447016969e-8"),
    ("expm1", 1e-300, "1e-300"),
    ("ndtr", -37.5, "4.60535300958195484383e-308"),
    ("erfc", 26.5, "2.21090766426373427593e-307"),
]


@pytest.mark.parametrize(("name", "x", "expected"), HARD, ids=[f"{n}({x:.6g})" for n, x, _ in HARD])
def test_hard_values(name, x, expected):
    found = kernel(name, "double", 8)(np.array([x]))
    assert ulps(found, np.array([expected]).astype(np.longdouble))[0] <= 4


@pytest.mark.parametrize("level", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_machine_code_calls_no_library(level):
    target = machine.level(level)
    for type in DTYPES:
        texts = [source(name, type, target.lanes(type), target.fused, f"k_{name}") for name in FUNCTIONS]
        for name, text in zip(FUNCTIONS, texts):
            assembly = library.assembly(text, target)
            called = re.findall(r"^\s+(?:callq?|jmp|bl|b)\s+([A-Za-z_]\S*)", assembly, re.MULTILINE)
            assert all(c.startswith("quadrant.") for c in called), f"{name} of {type} calls {called}"
            assert f"k_{name}" in assembly


def test_without_fused_operations():
    """The same accuracy where a product and a sum round separately, which only another process can run."""
    if not machine.host().triple.startswith("x86_64"):
        pytest.skip("every machine of this architecture has fused operations")
    if os.environ.get("TAPER_CPU") == "x86-64":
        pytest.skip("that is this process")
    tests = [
        f"{__file__}::{test}" for test in ("test_float", "test_double", "test_of_two_arguments", "test_hard_values")
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        env=os.environ | {"TAPER_CPU": "x86-64"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_other_types_are_refused():
    b = Builder(Module(), "refused", [])
    for type in ("half", "bfloat", "i32"):
        with pytest.raises(TypeError, match="convert first"):
            FUNCTIONS["exp"].emit(b, const(1, type))


def test_results_do_not_depend_on_neighbours():
    """A huge argument takes a detour for all lanes; those beside it must come out as they do alone."""
    for name in ("sin", "cos", "tan"):
        for type, dtype in DTYPES.items():
            x = np.random.default_rng(3).uniform(-1e4, 1e4, 64).astype(dtype)
            mixed = x.copy()
            mixed[::5] = 1e30
            alone, beside = (kernel(name, type, 16)(v) for v in (x, mixed))
            keep = np.arange(64) % 5 != 0
            assert np.array_equal(alone[keep], beside[keep]), f"{name} of {type}"
