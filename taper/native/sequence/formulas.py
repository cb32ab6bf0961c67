"""Formulas of array code as instructions: `Lanes` stand for arrays in them, `LaneMath` for the array namespace."""

from __future__ import annotations

from .. import vector_math
from ..text import Builder, Value, const


class Lanes:
    """A vector of numbers being computed, with Python's operators."""

    __slots__ = ("b", "value")

    def __init__(self, b: Builder, value: Value):
        self.b, self.value = b, value

    def _of(self, other) -> Value:
        return other.value if isinstance(other, Lanes) else const(other, self.value.type)

    def __add__(self, other) -> Lanes:
        return Lanes(self.b, self.b.add(self.value, self._of(other)))

    def __sub__(self, other) -> Lanes:
        return Lanes(self.b, self.b.sub(self.value, self._of(other)))

    def __rsub__(self, other) -> Lanes:
        return Lanes(self.b, self.b.sub(self._of(other), self.value))

    def __mul__(self, other) -> Lanes:
        return Lanes(self.b, self.b.mul(self.value, self._of(other)))

    def __gt__(self, other) -> Lanes:
        return Lanes(self.b, self.b.compare(">", self.value, self._of(other)))


class LaneMath:
    """The functions of an array namespace that formulas over lanes use."""

    @staticmethod
    def tanh(x: Lanes) -> Lanes:
        return Lanes(x.b, vector_math.tanh(x.b, x.value))

    @staticmethod
    def sigmoid(x: Lanes) -> Lanes:
        return Lanes(x.b, vector_math.sigmoid(x.b, x.value))

    @staticmethod
    def maximum(x: Lanes, y) -> Lanes:
        """The larger; NaN where x is."""
        b, other = x.b, x._of(y)
        return Lanes(b, b.select(b.compare("<", x.value, other), other, x.value))

    @staticmethod
    def where(condition: Lanes, x: Lanes, y: Lanes) -> Lanes:
        return Lanes(x.b, x.b.select(condition.value, x.value, y.value))

    @staticmethod
    def zeros_like(x: Lanes) -> Lanes:
        return Lanes(x.b, const(0, x.value.type))
