"""Arithmetic on the lanes of one floating type: what the functions of this folder are written in.

Every method takes Values or plain numbers. Nothing here is ever contracted or reassociated, so that error terms such
as `x - (x + y) + y` mean what they say; `fma` is one instruction where the machine has it and two where it has not.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ..text import BITS, Builder, Value, const, element, lanes, vector

Number = Value | float


@dataclass(frozen=True)
class Format:
    """A binary floating format: bits of the fraction, bias of the exponent, the integer type of the same width."""

    fraction: int
    bias: int
    integer: str
    tiny: float
    huge: float

    @property
    def ones(self) -> float:
        """1.5 times 2 to the fraction: added to a small number it leaves the nearest integer in the low bits."""
        return 1.5 * 2.0**self.fraction


FORMATS = {
    "float": Format(23, 127, "i32", 2.0**-126, (2 - 2.0**-23) * 2.0**127),
    "double": Format(52, 1023, "i64", 2.0**-1022, (2 - 2.0**-52) * 2.0**1023),
}


class Lanes:
    """The arithmetic of `builder` on one floating type, float or double, with any number of lanes."""

    def __init__(self, builder: Builder, type: str):
        self.b = builder
        self.type = type
        self.element = element(type)
        self.width = lanes(type)
        if self.element not in FORMATS:
            raise TypeError(f"vector math is for float and double, got {type}: convert first")
        self.format = FORMATS[self.element]
        self.single = self.element == "float"
        self.integer = vector(self.format.integer, self.width)

    # Numbers.

    def of(self, x: Number) -> Value:
        """A number as a value of this type."""
        return x if isinstance(x, Value) else const(x, self.type)

    def whole(self, x: Value | int) -> Value:
        """An integer as a value of the integer type of the same width."""
        if isinstance(x, Value):
            return x
        bits = BITS[self.format.integer]
        return const((x + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1)), self.integer)

    def bits_of(self, number: float) -> int:
        """The bits of a constant."""
        if self.single:
            return struct.unpack("<i", struct.pack("<f", number))[0]
        return struct.unpack("<q", struct.pack("<d", number))[0]

    # Floating arithmetic.

    def add(self, x: Number, y: Number) -> Value:
        return self.b.exact("fadd", self.of(x), self.of(y))

    def sub(self, x: Number, y: Number) -> Value:
        return self.b.exact("fsub", self.of(x), self.of(y))

    def mul(self, x: Number, y: Number) -> Value:
        return self.b.exact("fmul", self.of(x), self.of(y))

    def div(self, x: Number, y: Number) -> Value:
        return self.b.exact("fdiv", self.of(x), self.of(y))

    def fma(self, x: Number, y: Number, z: Number) -> Value:
        """x y + z, in one rounding where the machine has that, else in two."""
        return self.b.intrinsic("fmuladd", self.type, self.of(x), self.of(y), self.of(z))

    def fnma(self, x: Number, y: Number, z: Number) -> Value:
        """z - x y."""
        return self.fma(-x, y, z) if isinstance(x, float) else self.fma(self.neg(x), y, z)

    def neg(self, x: Value) -> Value:
        return self.b.neg(x)

    def abs(self, x: Value) -> Value:
        return self.b.abs(x)

    def sqrt(self, x: Value) -> Value:
        return self.b.sqrt(x)

    def sign_of(self, x: Number, sign: Value) -> Value:
        """|x| with the sign of `sign`."""
        return self.b.intrinsic("copysign", self.type, self.of(x), sign)

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """The polynomial with these coefficients, the constant one first, by Horner's rule."""
        y = self.of(coefficients[-1])
        for c in coefficients[-2::-1]:
            y = self.fma(y, x, c)
        return y

    # Comparisons; all but != are false for NaN.

    def compare(self, relation: str, x: Number, y: Number) -> Value:
        return self.b.compare(relation, self.of(x), self.of(y))

    def select(self, condition: Value, x: Number, y: Number) -> Value:
        return self.b.select(condition, self.of(x), self.of(y))

    def both(self, p: Value, q: Value) -> Value:
        return self.b.logical("and", p, q)

    def either(self, p: Value, q: Value) -> Value:
        return self.b.logical("or", p, q)

    def at_least(self, x: Value, low: Number) -> Value:
        """The greater of both; NaN stays."""
        return self.select(self.compare(">", low, x), low, x)

    def at_most(self, x: Value, high: Number) -> Value:
        """The smaller of both; NaN stays."""
        return self.select(self.compare("<", high, x), high, x)

    # Bits.

    def to_bits(self, x: Value) -> Value:
        return self.b.bitcast(x, self.integer)

    def from_bits(self, x: Value) -> Value:
        return self.b.bitcast(x, self.type)

    def integer_op(self, instruction: str, x: Value, y: Value | int) -> Value:
        """`add`, `sub`, `and`, `or`, `xor`, `shl`, `lshr` on integers of this width."""
        return self.b.logical(instruction, self.whole(x), self.whole(y))

    # Sums and products with their errors.

    def two_sum(self, x: Value, y: Number) -> tuple[Value, Value]:
        """x + y as a rounded sum and its error, exactly (Knuth)."""
        s = self.add(x, y)
        v = self.sub(s, x)
        return s, self.add(self.sub(x, self.sub(s, v)), self.sub(y, v))

    def fast_two_sum(self, x: Number, y: Number) -> tuple[Value, Value]:
        """The same where |x| >= |y| or x is 0 (Dekker)."""
        s = self.add(x, y)
        return s, self.sub(y, self.sub(s, x))

    def two_product(self, x: Value, y: Value) -> tuple[Value, Value]:
        """x y as a rounded product and its error; the error is exact unless it underflows or a splitting overflows."""
        p = self.mul(x, y)
        if self.b.module.fused:
            return p, self.b.fma(x, y, self.neg(p))
        x1, x2 = self.halves(x)
        y1, y2 = (x1, x2) if x is y else self.halves(y)
        error = self.sub(self.mul(x1, y1), p)
        error = self.add(self.add(error, self.mul(x1, y2)), self.mul(x2, y1))
        return p, self.add(error, self.mul(x2, y2))

    def halves(self, x: Value) -> tuple[Value, Value]:
        """x as a sum of two numbers with half the bits each (Veltkamp)."""
        c = self.mul(x, 2.0 ** math.ceil((self.format.fraction + 1) / 2) + 1)
        high = self.sub(c, self.sub(c, x))
        return high, self.sub(x, high)
