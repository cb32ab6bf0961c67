"""What is done element by element: swaps, and the C library's functions, whose last bits no vector version shares."""

from __future__ import annotations

from ..text import Builder, Module, i64


def emit_swaps(module: Module) -> None:
    """`swaps(order, offsets, count)`: element i of `order` changes places with element i + offsets[i], for i = 0, 1, ..."""
    b = Builder(module, "taper_swaps", ["ptr", "ptr", "i64"])
    order, offsets, count = b.args
    with b.loop(i64(0), count) as loop:
        here = b.offset(order, loop.index, "i64")
        there = b.offset(here, b.load("i64", b.offset(offsets, loop.index, "i64")), "i64")
        first, second = b.load("i64", here), b.load("i64", there)
        b.store(second, here)
        b.store(first, there)
    b.finish()


def emit_each(module: Module) -> None:
    """`each(function, x, count)`: in place, a C function of one `double` of every element."""
    b = Builder(module, "taper_each", ["ptr", "ptr", "i64"])
    function, x, count = b.args
    with b.loop(i64(0), count) as loop:
        place = b.offset(x, loop.index, "double")
        b.store(b.emit("double", f"call double {function.text}({b.load('double', place)})"), place)
    b.finish()
