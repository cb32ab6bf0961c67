"""The Mersenne twister's draws: `twisted` renews 624 words of state, the others temper them into what is asked for.

A state is NumPy's: 624 words of 32 bits and the number of those that are used, an `i32`.
Source: Matsumoto and Nishimura (1998).
"""

from __future__ import annotations

from collections.abc import Callable

from ..machine import Machine
from ..text import Builder, Module, Value, const, i64, lanes, vector

_WORDS, _MIDDLE = 624, 397
_UPPER, _LOWER, _MATRIX = -(1 << 31), (1 << 31) - 1, 0x9908B0DF
_TOGETHER = 2048  # 64-bit draws whose words are made at once: they stay in the first-level cache


def emit_twister(module: Module, machine: Machine) -> None:
    """`words`, `floats`, `longs` and `doubles`, each of (state, out, count)."""
    width = machine.lanes("i32")
    _emit_twisted(module, width)
    _emit_draws(module, "words", [], width, lambda b, word: word)
    _emit_draws(module, "floats", ["float", "float"], width, _scaled)
    _emit_pairs(module, "longs", width // 2, lambda b, long: long)
    _emit_pairs(module, "doubles", width // 2, _unit)


def _emit_twisted(module: Module, width: int) -> None:
    b = Builder(module, "taper_twisted", ["ptr"], linkage="internal")
    (state,) = b.args

    def renew(at: Value, ahead: Value, other: Value, type: str) -> None:
        """Words from `at` on, made of themselves, their neighbours from `ahead` on and those from `other` on."""
        place = b.offset(state, at, "i32")
        high = b.logical("and", b.load(type, place), const(_UPPER, type))
        low = b.load(type, b.offset(state, ahead, "i32"))
        mixed = b.logical("or", high, b.logical("and", low, const(_LOWER, type)))
        odd = b.sub(const(0, type), b.logical("and", low, const(1, type)))
        new = b.logical("xor", b.load(type, b.offset(state, other, "i32")), b.logical("lshr", mixed, const(1, type)))
        b.store(b.logical("xor", new, b.logical("and", odd, const(_MATRIX, type))), place)

    # What a word is made of lies far enough from it that a register of them can be made at once.
    for first, last, other in ((0, _WORDS - _MIDDLE, _MIDDLE), (_WORDS - _MIDDLE, _WORDS - 1, _MIDDLE - _WORDS)):
        whole = first + (last - first) // width * width
        for start, stop, step in ((first, whole, width), (whole, last, 1)):
            with b.loop(i64(start), i64(stop), i64(step)) as loop:
                at = loop.index
                renew(at, b.add(at, i64(1)), b.add(at, i64(other)), vector("i32", step))
    renew(i64(_WORDS - 1), i64(0), i64(_MIDDLE - 1), "i32")
    b.finish()


def _tempered(b: Builder, y: Value) -> Value:
    def mixed(y: Value, shift: str, by: int, mask: int) -> Value:
        moved = b.logical(shift, y, const(by, y.type))
        return b.logical("xor", y, b.logical("and", moved, const(mask, y.type)))

    y = mixed(y, "lshr", 11, -1)
    y = mixed(y, "shl", 7, 0x9D2C5680)
    y = mixed(y, "shl", 15, 0xEFC60000)
    return mixed(y, "lshr", 18, -1)


def _emit_draws(module: Module, name: str, options: list[str], width: int, finished: Callable) -> None:
    """`name(state, out, count, *options)`: elements of 32 bits, each `finished(builder, word, *options)`."""
    b = Builder(module, f"taper_{name}", ["ptr", "ptr", "i64", *options])
    state, out, count, *given = b.args
    words = i64(_WORDS)
    place = b.offset(state, words, "i32")
    used = b.convert(b.load("i32", place), "i64")
    # Draws are counted from the first word of the present state, so that every 624th begins a new one.
    end = b.add(used, count)
    last = b.div(b.sub(end, i64(1)), words)
    with b.loop(b.div(used, words), b.add(last, i64(1))) as states:
        start = b.mul(states.index, words)
        with b.when(b.compare(">", states.index, i64(0))):
            b.call_local("taper_twisted", "void", state)
        lowest = b.intrinsic("smax", "i64", start, used)
        highest = b.intrinsic("smin", "i64", b.add(start, words), end)
        whole = b.sub(highest, b.rem(b.sub(highest, lowest), i64(width)))
        for low, high, step in ((lowest, whole, width), (whole, highest, 1)):
            with b.loop(low, high, i64(step)) as loop:
                word = b.load(vector("i32", step), b.offset(state, b.sub(loop.index, start), "i32"))
                to = b.offset(out, b.sub(loop.index, used), "i32")
                b.store(finished(b, _tempered(b, word), *given), to)
    b.store(b.convert(b.sub(end, b.mul(last, words)), "i32"), place)
    b.finish()


def _scaled(b: Builder, word: Value, span: Value, low: Value) -> Value:
    """low + span u, u in [0, 1) of the low 24 bits."""
    width = lanes(word.type)
    type = vector("float", width)
    unit = b.convert(b.logical("and", word, const((1 << 24) - 1, word.type)), type.replace("i32", "float"))
    unit = b.exact("fmul", unit, const(2.0**-24, type))
    span, low = b.splat(span, width), b.splat(low, width)
    if b.module.fused:
        return b.fma(unit, span, low)
    # The product of two floats is exact in double.
    unit, span, low = (b.convert(x, "double") for x in (unit, span, low))
    return b.convert(b.exact("fadd", b.exact("fmul", unit, span), low), "float")


def _emit_pairs(module: Module, name: str, width: int, finished: Callable) -> None:
    """`name(state, out, count)`: elements of 64 bits, each `finished(builder, pair)` of two words, the high one first."""
    b = Builder(module, f"taper_{name}", ["ptr", "ptr", "i64"])
    state, out, count = b.args
    with b.loop(i64(0), count, i64(_TOGETHER)) as blocks:
        here = b.offset(out, blocks.index, "i64")
        n = b.intrinsic("smin", "i64", b.sub(count, blocks.index), i64(_TOGETHER))
        b.call_local("taper_words", "void", state, here, b.mul(n, i64(2)))
        whole = b.sub(n, b.rem(n, i64(width)))
        for low, high, step in ((i64(0), whole, width), (whole, n, 1)):
            with b.loop(low, high, i64(step)) as loop:
                place = b.offset(here, loop.index, "i64")
                pairs = b.load(vector("i32", 2 * step), place)
                type = vector("i64", step)
                first, second = (b.convert(_every_second(b, pairs, k), type, signed=False) for k in (0, 1))
                long = b.logical("or", b.logical("shl", first, const(32, type)), second)
                b.store(finished(b, long), place)
    b.finish()


def _every_second(b: Builder, x: Value, first: int) -> Value:
    return b.extract(x, first) if lanes(x.type) == 2 else b.shuffle(x, x, range(first, lanes(x.type), 2))


def _unit(b: Builder, long: Value) -> Value:
    """The low 53 bits as a number in [0, 1)."""
    unit = b.convert(b.logical("and", long, const((1 << 53) - 1, long.type)), "double")
    return b.exact("fmul", unit, const(2.0**-53, unit.type))
