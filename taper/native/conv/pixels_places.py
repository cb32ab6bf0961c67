"""Where the pixels of a tile find their input: a table of the taps, each with a pointer for every pixel.

A line of the table is [length, pointer of each pixel]: how many elements from the pointers on are multiplied, 0 where no
pixel of the tile has that tap inside of x. A pixel that lacks a tap of a line that others have reads zeros.
"""

from __future__ import annotations

from hashlib import sha1

from ..gemm.micro_kernel import defined
from ..text import Builder, Module, Value, const, i64
from .pixels_plan import PixelPlan


def zeros(module: Module, plan: PixelPlan) -> Value:
    """A constant line of zeros that a pixel outside of x reads."""
    c = plan.convolution
    count = max(c.groups * c.inputs, c.inputs * c.kernel[2])
    name = f"@zeros_{c.type}_{count}"
    module.declarations[name] = f"{name} = internal constant [{count} x {c.type}] zeroinitializer, align 64"
    return Value(name, "ptr")


def table_size(plan: PixelPlan) -> int:
    """Words of a tile's table."""
    return plan.convolution.taps * (plan.rows + 1)


def emit_places(module: Module, plan: PixelPlan) -> str:
    """Write `void places(ptr x, ptr table, ptr where, i64 first pixel, i64 pixels)`; returns its name.

    where: gets the image and the position in it of each pixel.
    """
    name = f"pixel_places_{sha1(repr(plan).encode()).hexdigest()[:12]}"
    if defined(module, name):
        return name
    b = Builder(module, name, ["ptr", "ptr", "ptr", "i64", "i64"], attributes="noinline nounwind", linkage="internal")
    x, table, where, first, pixels = b.args
    c, line = plan.convolution, plan.rows + 1
    empty = zeros(module, plan)
    with b.loop(i64(0), i64(c.taps)) as tap:
        b.store(i64(0), b.offset(table, b.mul(tap.index, i64(line)), "i64"))
    everywhere = const(1, "i1")
    with b.loop(i64(0), pixels, carry=[everywhere]) as loop:
        pixel = b.add(first, loop.index)
        image = b.div(pixel, i64(c.positions), signed=False)
        position = b.rem(pixel, i64(c.positions), signed=False)
        spot = b.offset(where, b.mul(loop.index, i64(2)), "i64")
        b.store(image, spot)
        b.store(position, b.offset(spot, i64(1), "i64"))
        start, rest = [], position
        for dim in (2, 1, 0):
            place = b.rem(rest, i64(c.output[dim]), signed=False)
            rest = b.div(rest, i64(c.output[dim]), signed=False)
            start.insert(0, b.sub(b.mul(place, i64(c.stride[dim])), i64(c.padding[dim])))
        origin = b.mul(image, i64(c.x[0]))
        column = b.offset(table, b.add(loop.index, i64(1)), "i64")

        def inside(dim: int, tap: Value, start: list[Value] = start) -> tuple[Value, Value]:
            """Where a tap falls along a dimension, and whether that is in x."""
            at = b.add(start[dim], b.mul(tap, i64(c.dilation[dim])))
            return at, b.compare("<", at, i64(c.spatial[dim]), signed=False)

        with b.loop(i64(0), i64(c.kernel[0])) as depth, b.loop(i64(0), i64(c.kernel[1])) as row:
            z, z_in = inside(0, depth.index)
            y, y_in = inside(1, row.index)
            there = b.add(origin, b.add(b.mul(z, i64(c.x[2])), b.mul(y, i64(c.x[3]))))
            both = b.logical("and", z_in, y_in)
            lines = b.mul(b.add(b.mul(depth.index, i64(c.kernel[1])), row.index), i64(c.kernel[2]))
            with b.loop(i64(0), i64(c.kernel[2])) as tap:
                at, at_in = inside(2, tap.index)
                exists = b.logical("and", both, at_in)
                number = b.mul(b.add(lines, tap.index), i64(line))
                offset = b.select(exists, b.add(there, b.mul(at, i64(c.x[4]))), i64(0))
                found = b.select(exists, b.offset(x, offset, c.type), empty)
                b.store(found, b.offset(column, number, "i64"))
                length = b.offset(table, number, "i64")
                more = b.select(exists, i64(c.inputs), i64(0))
                b.store(b.logical("or", b.load("i64", length), more), length)
        last = b.add(start[2], i64(c.kernel[2] - 1))
        whole = b.logical("and", b.compare(">=", start[2], i64(0)), b.compare("<", last, i64(c.spatial[2])))
        loop.values = [b.logical("and", loop.values[0], whole)]
    if plan.joined:
        # All taps of a row are there: they are one run.
        with b.when(loop.results[0]), b.loop(i64(0), i64(c.taps), i64(c.kernel[2])) as row:
            length = b.offset(table, b.mul(row.index, i64(line)), "i64")
            b.store(b.mul(b.load("i64", length), i64(c.kernel[2])), length)
            for tap in range(1, c.kernel[2]):
                b.store(i64(0), b.offset(length, i64(tap * line), "i64"))
    b.finish()
    return name
