"""What a call came to, so that two of them can be compared: results as arrays, or the class of an error."""

from __future__ import annotations

import numpy as np

TOLERANCES = {"bfloat16": 2e-2, "float32": 2e-4, "complex64": 5e-4, "float64": 1e-8, "complex128": 1e-8}


class Failed(AssertionError):
    """Two outcomes differ."""


def flat(result) -> list:
    """The tensors and plain values of a result, in order."""
    if isinstance(result, (tuple, list)):
        return [x for item in result for x in flat(item)]
    return [result]


def array(t) -> np.ndarray:
    """A tensor's values; bfloat16 as float32."""
    t = t.detach()
    if str(t.dtype) == "torch.bfloat16":
        t = t.float()
    if hasattr(t, "resolve_conj"):
        t = t.resolve_conj().resolve_neg()
    return np.asarray(t.numpy(force=True))


def attempt(function, *args):
    """The function's result, or its error."""
    try:
        return function(*args)
    except Exception as error:
        return error


def compare(found, expected, what: str = "", coarse: float = 0.0) -> None:
    """Failed if results differ in number, kind, dtype, shape or values, or errors in their class.

    coarse: how far floating values may differ in any case, because something was computed in a smaller dtype.
    """
    if isinstance(expected, Exception) or isinstance(found, Exception):
        if type(found) is not type(expected):
            raise Failed(f"{what}: {_said(found)}; expected {_said(expected)}")
        return
    ours, theirs = flat(found), flat(expected)
    if len(ours) != len(theirs):
        raise Failed(f"{what}: {len(ours)} results, expected {len(theirs)}")
    for a, b in zip(ours, theirs):
        if not hasattr(b, "detach"):
            if hasattr(a, "detach") or not (str(a) == str(b) or np.allclose(a, b, 1e-6, equal_nan=True)):
                raise Failed(f"{what}: {a!r}, expected {b!r}")
            continue
        if str(a.dtype) != str(b.dtype) or tuple(a.shape) != tuple(b.shape):
            raise Failed(f"{what}: {a.dtype}{tuple(a.shape)}, expected {b.dtype}{tuple(b.shape)}")
        x, y = array(a), array(b)
        limit = TOLERANCES.get(str(b.dtype).partition(".")[2], 0.0)
        if limit:
            limit = max(limit, coarse)
            with np.errstate(all="ignore"):
                finite = np.abs(y[np.isfinite(y)])
                scale = max(1.0, float(finite.max())) if finite.size else 1.0
                same = np.isclose(x, y, rtol=limit, atol=limit * scale, equal_nan=True)
        else:
            same = x == y
        if not np.all(same):
            raise Failed(f"{what}: {x.tolist()}, expected {y.tolist()}")


def _said(outcome) -> str:
    if isinstance(outcome, Exception):
        return f"{type(outcome).__name__}: {str(outcome)[:200]}"
    return f"a result, {str(outcome)[:100]}"
