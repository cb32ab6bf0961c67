"""Conversions between float and the two half precisions by instructions that every processor has.

Where the processor has none of its own, LLVM would call a function of a library that is not there.
"""

from __future__ import annotations

from .text import Builder, Value, const, lanes, vector


def to_bfloat(b: Builder, x: Value) -> Value:
    """Floats as bfloats, rounded to even; what is no number stays none."""
    wide = vector("i32", lanes(x.type))
    bits = b.bitcast(x, wide)
    odd = b.logical("and", b.logical("lshr", bits, const(16, wide)), const(1, wide))
    near = b.logical("lshr", b.add(b.add(bits, const(0x7FFF, wide)), odd), const(16, wide))
    quiet = b.logical("or", b.logical("lshr", bits, const(16, wide)), const(0x40, wide))
    return _narrow(b, b.select(b.is_nan(x), quiet, near), "bfloat")


def to_half(b: Builder, x: Value) -> Value:
    """Floats as halves, rounded to even; what is no number stays none."""
    wide = vector("i32", lanes(x.type))
    bits = b.bitcast(x, wide)
    sign = b.logical("and", bits, const(1 << 31, wide))
    size = b.logical("xor", bits, sign)
    # Of another exponent, and half a unit more, or less than half if the last bit that stays is even.
    odd = b.logical("and", b.logical("lshr", size, const(13, wide)), const(1, wide))
    near = b.add(b.add(size, const(((15 - 127) << 23) + 0xFFF, wide)), odd)
    near = b.logical("lshr", near, const(13, wide))
    # Below the least normal half the addition to a half rounds: its last bit is that of the least half.
    small = b.exact("fadd", b.bitcast(size, x.type), const(0.5, x.type))
    small = b.sub(b.bitcast(small, wide), b.bitcast(const(0.5, x.type), wide))
    payload = b.logical("and", b.logical("lshr", size, const(13, wide)), const(0x3FF, wide))
    kept = b.select(b.compare("<", size, const((127 - 14) << 23, wide)), small, near)
    kept = b.select(b.compare(">=", size, const((127 + 16) << 23, wide)), const(0x7C00, wide), kept)
    kept = b.select(b.is_nan(x), b.logical("or", payload, const(0x7E00, wide)), kept)
    return _narrow(b, b.logical("or", kept, b.logical("lshr", sign, const(16, wide))), "half")


def from_half(b: Builder, x: Value) -> Value:
    """Halves as floats, exactly."""
    count = lanes(x.type)
    wide, float_ = vector("i32", count), vector("float", count)
    short = b.bitcast(x, vector("i16", count))
    bits = b.emit(wide, f"zext {short} to {wide}")
    sign = b.logical("shl", b.logical("and", bits, const(0x8000, wide)), const(16, wide))
    size = b.logical("shl", b.logical("and", bits, const(0x7FFF, wide)), const(13, wide))
    # Where floats have the exponent 0, halves have -14: so small ones become right too.
    scaled = b.bitcast(b.exact("fmul", b.bitcast(size, float_), const(2.0**112, float_)), wide)
    beyond = b.compare(">=", size, const(31 << 23, wide))
    scaled = b.logical("or", scaled, b.select(beyond, const(255 << 23, wide), const(0, wide)))
    return b.bitcast(b.logical("or", scaled, sign), float_)


def from_bfloat(b: Builder, x: Value) -> Value:
    """Bfloats as floats, exactly."""
    count = lanes(x.type)
    wide = vector("i32", count)
    short = b.bitcast(x, vector("i16", count))
    return b.bitcast(b.logical("shl", b.emit(wide, f"zext {short} to {wide}"), const(16, wide)), vector("float", count))


def _narrow(b: Builder, bits: Value, to: str) -> Value:
    """The low halves of integers, as numbers of a type."""
    count = lanes(bits.type)
    narrow = vector("i16", count)
    return b.bitcast(b.emit(narrow, f"trunc {bits} to {narrow}"), vector(to, count))


FROM, TO = {"half": from_half, "bfloat": from_bfloat}, {"half": to_half, "bfloat": to_bfloat}
