"""`assert_close` says what PyTorch's says; `make_tensor` gives the same values."""

from __future__ import annotations

import re

import numpy as np
import pytest

import taper


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


INF, NAN = float("inf"), float("nan")
CASES = {
    "floats": lambda T: (T.tensor([1.0, 2.0, 3.0]), T.tensor([1.0, 2.5, 3.0]), {}),
    "zero-dim": lambda T: (T.tensor(1.0), T.tensor(2.0), {}),
    "numbers": lambda T: (1.0, 2.0, {}),
    "ints": lambda T: (1, 2, {}),
    "int tensors": lambda T: (T.tensor([1, 2]), T.tensor([1, 4]), {}),
    "shapes": lambda T: (T.tensor([1.0]), T.tensor([1.0, 2]), {}),
    "dtypes": lambda T: (T.tensor([1.0]), T.tensor([1.0], dtype=T.float64), {}),
    "dtypes ignored": lambda T: (T.tensor([1.0]), T.tensor([1.0], dtype=T.float64), dict(check_dtype=False)),
    "sequences": lambda T: ([T.tensor(1.0), T.tensor(2.0)], [T.tensor(1.0), T.tensor(4.0)], {}),
    "keys": lambda T: ({"a": 1.0}, {"b": 1.0}, {}),
    "nested": lambda T: ({"a": [1.0, (2.0, 3)]}, {"a": [1.0, (2.0, 4)]}, {}),
    "lengths": lambda T: ([1.0], [1.0, 2.0], {}),
    "nan": lambda T: (T.tensor([NAN]), T.tensor([NAN]), {}),
    "nan equal": lambda T: (T.tensor([NAN, 1]), T.tensor([NAN, 1]), dict(equal_nan=True)),
    "strings": lambda T: ("a", "a", {}),
    "none": lambda T: (None, None, {}),
    "booleans": lambda T: (True, False, {}),
    "kinds of numbers": lambda T: (1, 1.0, {}),
    "bool tensors": lambda T: (T.tensor([True, False]), T.tensor([True, True]), {}),
    "rtol alone": lambda T: (T.tensor([1.0]), T.tensor([1.0]), dict(rtol=0.1)),
    "message": lambda T: (T.tensor([1.0]), T.tensor([1.5]), dict(msg="boo")),
    "message made": lambda T: (T.tensor([1.0]), T.tensor([1.5]), dict(msg=lambda m: "X" + m)),
    "arrays": lambda T: (np.array([1.0]), np.array([1.5]), {}),
    "array and number": lambda T: (np.array([1.0]), 1.0, {}),
    "within": lambda T: (T.tensor([1.0, 2.0]), T.tensor([1.0, 2.0078125]), dict(atol=0, rtol=0.01)),
    "exact": lambda T: (T.tensor([1.0, 2.0]), T.tensor([1.0, 2.5]), dict(atol=0, rtol=0)),
    "inf": lambda T: (T.tensor([1.0, INF]), T.tensor([1.0, INF]), {}),
    "inf signs": lambda T: (T.tensor([1.0, INF]), T.tensor([1.0, -INF]), {}),
    "zero expected": lambda T: (T.tensor([1.0, 0]), T.tensor([0.0, 0]), {}),
    "strides": lambda T: (T.ones(2, 3).t(), T.ones(3, 2), dict(check_stride=True)),
    "uint8": lambda T: (T.tensor([1], dtype=T.uint8), T.tensor([2], dtype=T.uint8), {}),
    "empty": lambda T: (T.tensor([]), T.tensor([]), {}),
    "float64 is stricter": lambda T: (T.tensor([1.0], dtype=T.float64), T.tensor([1.00001], dtype=T.float64), {}),
}


def verdict(T, case):
    actual, expected, options = case(T)
    try:
        T.testing.assert_close(actual, expected, **options)
    except (AssertionError, TypeError, ValueError) as error:
        # Relative differences of float32 tensors differ in the last digits.
        return type(error).__name__, re.sub(r"(\d\.\d{6})\d+", r"\1", str(error)).replace("taper", "torch")
    return "close"


@pytest.mark.parametrize("name", CASES)
def test_verdict_is_pytorchs(torch, name):
    assert verdict(taper, CASES[name]) == verdict(torch, CASES[name])


def test_without_oracle():
    taper.testing.assert_close(taper.ones(3), taper.ones(3) + 1e-7)
    with pytest.raises(AssertionError, match="Mismatched elements: 1 / 3"):
        taper.testing.assert_close(taper.tensor([1.0, 2, 3]), taper.tensor([1.0, 2, 4]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int64", "uint8", "bool", "complex64"])
def test_made_tensors_are_pytorchs(torch, dtype):
    made = []
    for T in (taper, torch):
        T.manual_seed(3)
        made.append(T.testing.make_tensor((4, 5), dtype=getattr(T, dtype), device="cpu", noncontiguous=True))
        made.append(T.testing.make_tensor(3, dtype=getattr(T, dtype), device="cpu", low=0, high=2))
    for t, e in zip(made[:2], made[2:]):
        assert t.is_contiguous() == e.is_contiguous() and tuple(t.shape) == tuple(e.shape)
        assert t.tolist() == e.tolist()


def test_made_tensors_refuse():
    with pytest.raises(ValueError, match="requires_grad"):
        taper.testing.make_tensor(2, dtype=taper.int64, device="cpu", requires_grad=True)
    with pytest.raises(ValueError, match="low"):
        taper.testing.make_tensor(2, dtype=taper.float32, device="cpu", low=3, high=1)
