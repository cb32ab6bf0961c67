"""Reduction of huge arguments modulo pi / 2 (Payne and Hanek, "Radian Reduction for Trigonometric Functions", 1983).

x is an integer times a power of two; of 1 / (2 pi) only those bits count that make neither whole turns nor less than
the result's precision. Three words of them, times the integer, leave the turn's fraction to 128 bits and more.
"""

from __future__ import annotations

import math
from functools import lru_cache

from ..text import Builder, Module, Value, const, i64, lanes, mangle, vector
from .lanes import Lanes

_WORDS = 21
_TABLE = "inverse_of_two_pi"


@lru_cache(None)
def _inverse_of_two_pi() -> tuple[int, ...]:
    """64 zero bits, then the bits of 1 / (2 pi) after the point, in words (pi by Machin's formula)."""
    bits = 64 * _WORDS + 64
    pi = 4 * (4 * _inverse_tangent(5, bits) - _inverse_tangent(239, bits))
    turns = (1 << (2 * bits)) // (2 * pi) >> (bits - 64 * (_WORDS - 1))
    return tuple(turns >> (64 * i) & (2**64 - 1) for i in reversed(range(_WORDS)))


def _inverse_tangent(n: int, bits: int) -> int:
    """arctan(1 / n), as an integer over 2**bits."""
    term = (1 << bits) // n
    total, k = term, 1
    while term:
        term //= -n * n
        total += term // (2 * k + 1)
        k += 1
    return total


def quadrant(m: Lanes, x: Value) -> tuple[Value, Value]:
    """x = q pi / 2 + r with |r| <= pi / 4, for huge x in double: q as integers (the low two bits count), and r.

    r is NaN for infinities. Lanes with |x| < 2**10 are meaningless.
    """
    b = m.b
    name = f"quadrant.{mangle(x.type)}"
    pair = f"{{{m.integer}, {m.type}}}"
    _define(b.module, name, x.type, pair)
    both = b.call_local(name, pair, x)
    return (
        b.emit(m.integer, f"extractvalue {pair} {both.text}, 0"),
        b.emit(m.type, f"extractvalue {pair} {both.text}, 1"),
    )


def _define(module: Module, name: str, type: str, pair: str) -> None:
    """The function that reduces every lane in turn, out of line: it is entered once in a blue moon."""
    if any(f" @{name}(" in function for function in module.functions):
        return
    words = ", ".join(f"i64 {w}" for w in _inverse_of_two_pi())
    module.declarations[f"@{_TABLE}"] = f"@{_TABLE} = internal constant [{_WORDS} x i64] [{words}]"
    b = Builder(module, name, [type], f"internal {pair}", "nounwind noinline cold")
    width = lanes(type)
    quadrants = b.emit("ptr", f"alloca [{width} x i64], align 64")
    rests = b.emit("ptr", f"alloca [{width} x double], align 64")
    b.store(b.args[0], rests, 8)
    with b.loop(i64(0), i64(width)) as loop:
        place = b.offset(rests, loop.index, "double")
        q, r = _scalar(b, b.load("double", place))
        b.store(q, b.offset(quadrants, loop.index, "i64"))
        b.store(r, place)
    first = b.emit(pair, f"insertvalue {pair} poison, {b.load(vector('i64', width), quadrants, 8)}, 0")
    last = b.emit(pair, f"insertvalue {pair} {first.text}, {b.load(type, rests, 8)}, 1")
    b.finish(Value(last.text, pair))


def _scalar(b: Builder, x: Value) -> tuple[Value, Value]:
    """q and r of one number."""
    m = Lanes(b, "double")
    bits = m.integer_op("and", m.to_bits(x), 2**63 - 1)
    fraction = m.integer_op("or", m.integer_op("and", bits, 2**52 - 1), 1 << 52)
    # x = fraction * 2**e: the bits from e + 1 after the point on, which stand 64 places further in the table.
    place = m.integer_op("sub", m.integer_op("lshr", bits, 52), 1075 - 64)
    place = b.select(b.compare("<", place, i64(0)), i64(0), place)
    place = b.select(b.compare(">", place, i64(64 * (_WORDS - 4))), i64(64 * (_WORDS - 4)), place)
    word = b.offset(Value(f"@{_TABLE}", "ptr"), m.integer_op("lshr", place, 6), "i64")
    shift = m.integer_op("and", place, 63)
    w = [b.load("i64", b.offset(word, i64(i), "i64")) for i in range(4)]
    f = [b.intrinsic("fshl", "i64", w[i], w[i + 1], shift) for i in range(3)]
    low = _product(b, fraction, f[2])
    middle = b.add(_product(b, fraction, f[1]), b.emit("i128", f"lshr {low}, 64"))
    turn = [
        b.add(b.mul(fraction, f[0]), _high(b, middle)),
        b.emit("i64", f"trunc {middle} to i64"),
        b.emit("i64", f"trunc {low} to i64"),
    ]
    # Two bits of the turn are the quadrant; the rest, signed, is what is left of it.
    q = m.integer_op("lshr", m.integer_op("add", turn[0], 1 << 61), 62)
    top = b.intrinsic("fshl", "i64", turn[0], turn[1], i64(2))
    next_ = b.intrinsic("fshl", "i64", turn[1], turn[2], i64(2))
    # Parts of 53, 53 and 22 bits are exact as numbers.
    middle_part = m.integer_op("or", m.integer_op("shl", top, 42), m.integer_op("lshr", next_, 22))
    parts = (
        (m.integer_op("and", top, -2048), 2.0**-64),
        (m.integer_op("and", middle_part, 2**53 - 1), 2.0**-106),
        (m.integer_op("and", next_, 2**22 - 1), 2.0**-128),
    )
    a, c, d = (m.mul(b.convert(part, "double"), unit) for part, unit in parts)
    high, rest = m.fast_two_sum(a, c)
    rest = m.add(rest, d)
    half_pi, half_pi_low = math.pi / 2, 6.123233995736766e-17
    product, error = m.two_product(high, const(half_pi, "double"))
    r = m.add(product, m.add(error, m.fma(high, half_pi_low, m.mul(rest, half_pi))))
    infinite = b.compare("==", m.abs(x), const(math.inf, "double"))
    negative = b.compare("<", m.to_bits(x), i64(0))
    r = m.select(infinite, math.nan, r)
    return b.select(negative, b.neg(q), q), m.select(negative, m.neg(r), r)


def _product(b: Builder, x: Value, y: Value) -> Value:
    """The product of two words, whole."""
    wide = [b.emit("i128", f"zext {v} to i128") for v in (x, y)]
    return b.mul(*wide)


def _high(b: Builder, x: Value) -> Value:
    shifted = b.emit("i128", f"lshr {x}, 64")
    return b.emit("i64", f"trunc {shifted} to i64")
