"""sqrt, rsqrt and pow."""

from __future__ import annotations

from ..text import Builder, Value
from .lanes import Lanes


def sqrt(b: Builder, x: Value) -> Value:
    """The square root, correctly rounded."""
    return Lanes(b, x.type).sqrt(x)


def rsqrt(b: Builder, x: Value) -> Value:
    """1 / sqrt(x): infinity with the sign of the zero at 0, NaN below."""
    m = Lanes(b, x.type)
    return m.div(1.0, m.sqrt(x))
