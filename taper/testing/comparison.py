"""`assert_close`: compare tensors, numbers and containers of them, and say where they differ."""

from __future__ import annotations

import cmath
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Variable, wrap

__all__ = ["assert_allclose", "assert_close"]

# dtype name: (rtol, atol); other dtypes are compared exactly.
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


class _Options:
    """How to compare; `where` is the path to what is compared, in nested containers."""

    def __init__(self, rtol, atol, equal_nan, check_dtype, check_stride, allow_subclasses, msg):
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan
        self.check_dtype, self.check_stride, self.allow_subclasses = check_dtype, check_stride, allow_subclasses
        self.msg = msg

    def fail(self, message: str, where: tuple) -> AssertionError:
        if where:
            message += "\n\nThe failure occurred for item " + "".join(f"[{key!r}]" for key in where)
        if self.msg is None:
            return AssertionError(message)
        return AssertionError(self.msg(message) if callable(self.msg) else self.msg)

    def tolerances(self, *names: str) -> tuple[float, float]:
        if self.rtol is not None:
            return self.rtol, self.atol
        found = [_TOLERANCES.get(name, (0.0, 0.0)) for name in names]
        return max(r for r, _ in found), max(a for _, a in found)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere, with equal shapes and dtypes.

    Tensors, NumPy arrays, numbers, None, and sequences and mappings of them. rtol and atol go together; by default they
    follow from the dtypes (float32: 1.3e-6 and 1e-5, float64: both 1e-7, integers: 0). equal_nan: NaN equals NaN. msg:
    the message, or a function that makes it of the report.
    ValueError for only one of rtol and atol, TypeError for things that cannot be compared.
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    options = _Options(rtol, atol, equal_nan, check_dtype, check_stride, allow_subclasses, msg)
    _compare(actual, expected, options, ())


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """`assert_close` that takes numbers and lists for tensors and ignores dtypes. Deprecated."""
    warnings.warn("`torch.testing.assert_allclose()` is deprecated, use assert_close().", FutureWarning, stacklevel=2)
    actual, expected = (x if isinstance(x, Variable) else wrap(np.asarray(x)) for x in (actual, expected))
    if rtol is None and atol is None:
        names = [t.dtype.name for t in (actual, expected)]
        table = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}
        found = [table.get(name, (0.0, 0.0)) for name in names]
        rtol, atol = max(r for r, _ in found), max(a for _, a in found)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        msg=msg or None,
    )


def _compare(actual, expected, options: _Options, where: tuple) -> None:
    both = (actual, expected)
    if actual is None and expected is None:
        return
    if all(isinstance(x, bool) for x in both):
        if actual is not expected:
            raise options.fail(f"Booleans mismatch: {actual} is not {expected}", where)
        return
    if all(isinstance(x, (int, float, complex)) for x in both):
        _numbers(actual, expected, options, where)
        return
    if all(isinstance(x, Variable) for x in both):
        if not (options.allow_subclasses or type(actual) is type(expected)):
            raise _incomparable(actual, expected)
        _tensors(actual, expected, options, where)
        return
    if all(isinstance(x, np.ndarray) for x in both):
        _tensors(wrap(actual), wrap(expected), options, where)
        return
    if all(isinstance(x, Mapping) for x in both):
        missing, extra = sorted(set(expected) - set(actual), key=str), sorted(set(actual) - set(expected), key=str)
        if missing or extra:
            raise options.fail(
                f"The keys of the mappings do not match:\nMissing keys in the actual mapping: {missing}\n"
                f"Additional keys in the actual mapping: {extra}",
                where,
            )
        for key in expected:
            _compare(actual[key], expected[key], options, (*where, key))
        return
    if all(isinstance(x, Sequence) and not isinstance(x, (str, bytes)) for x in both):
        if len(actual) != len(expected):
            raise options.fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", where)
        for i, (a, e) in enumerate(zip(actual, expected)):
            _compare(a, e, options, (*where, i))
        return
    raise _incomparable(actual, expected)


def _incomparable(actual, expected) -> TypeError:
    return TypeError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.")


def _numbers(actual, expected, options: _Options, where: tuple) -> None:
    if options.check_dtype and type(actual) is not type(expected):
        raise options.fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", where)
    names = {int: "int64", float: "float64", complex: "complex128"}
    rtol, atol = options.tolerances(*(names.get(type(x), "int64") for x in (actual, expected)))
    if actual == expected or (options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return
    difference = abs(actual - expected)
    if cmath.isfinite(actual) and cmath.isfinite(expected) and difference <= atol + rtol * abs(expected):
        return
    raise options.fail(_about_numbers(actual, expected, rtol, atol), where)


def _about_numbers(actual, expected, rtol: float, atol: float) -> str:
    difference = abs(actual - expected)
    relative = difference / abs(expected) if expected else math.inf
    exact = rtol == atol == 0
    allowed = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{allowed[0]}\nRelative difference: {relative}{allowed[1]}"
    )


def _tensors(actual: Variable, expected: Variable, options: _Options, where: tuple) -> None:
    a, e = actual._array, expected._array
    if a.shape != e.shape:
        raise options.fail(f"The values for attribute 'shape' do not match: {actual.shape} != {expected.shape}.", where)
    if options.check_dtype and actual.dtype != expected.dtype:
        raise options.fail(f"The values for attribute 'dtype' do not match: {actual.dtype} != {expected.dtype}.", where)
    if options.check_stride and actual.stride() != expected.stride():
        raise options.fail(
            f"The values for attribute 'stride()' do not match: {actual.stride()} != {expected.stride()}.", where
        )
    rtol, atol = options.tolerances(actual.dtype.name, expected.dtype.name)
    kind = a.dtype.kind
    shown = np.dtype(np.float32) if kind in "biu" else np.zeros(0, a.dtype).real.dtype
    a, e = _wide(a), _wide(e)
    with np.errstate(all="ignore"):
        difference = np.abs(a - e)
        close = (a == e) | (np.isfinite(a) & np.isfinite(e) & (difference <= atol + rtol * np.abs(e)))
        if options.equal_nan:
            close |= np.isnan(a) & np.isnan(e)
        if close.all():
            return
        relative = (difference / np.abs(e)).astype(shown)
    if not a.ndim:
        raise options.fail(_about_numbers(a.item(), e.item(), rtol, atol), where)
    raise options.fail(_about_tensors(a, difference, relative, close, rtol, atol), where)


def _wide(array: np.ndarray) -> np.ndarray:
    """The values in a type in which differences do not overflow."""
    kind = array.dtype.kind
    if kind in "bu" and array.dtype.itemsize < 8 or kind == "i":
        return array.astype(np.int64)
    if kind == "c":
        return array.astype(np.complex128)
    return array.astype(np.float64)


def _about_tensors(a, difference, relative, close, rtol: float, atol: float) -> str:
    exact = rtol == atol == 0
    wrong, count = int((~close).sum()), a.size
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!",
        "",
        f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})",
    ]
    for word, values, allowed in (("absolute", difference, atol), ("relative", relative, rtol)):
        shown = np.where(close, 0, values)
        at = np.unravel_index(int(np.argmax(shown)), a.shape)
        place = tuple(int(i) for i in at)
        tail = "" if exact else f" (up to {allowed} allowed)"
        lines.append(f"Greatest {word} difference: {shown[at].item()} at index {place}{tail}")
    return "\n".join(lines)


def default_tolerances(*values: Any) -> tuple[float, float]:
    """(rtol, atol) that `assert_close` takes for tensors or dtypes."""
    names = [v.name if isinstance(v, dtypes.dtype) else v.dtype.name for v in values]
    return _Options(None, None, False, True, False, True, None).tolerances(*names)
