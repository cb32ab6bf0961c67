"""Where the pixels of a tile find their input: a table of the runs, each with a pointer for every pixel.

A line of the table is [length, pointer of each pixel]: how many elements from the pointers on are multiplied, 0 where no
pixel of the tile has that tap inside of x. A pixel that lacks a run that others have reads zeros; of a run that joins taps
of a row it reads a copy if some of them are outside.
"""

from __future__ import annotations

from hashlib import sha1

from ..gemm.micro_kernel import defined
from ..text import Builder, Module, Value, i64
from .pixels_plan import PixelPlan


def zeros(module: Module, plan: PixelPlan) -> Value:
    """A constant line of zeros that a pixel outside of x reads."""
    c = plan.convolution
    count = c.groups * plan.run + plan.lanes
    name = f"@zeros_{c.type}_{count}"
    module.declarations[name] = f"{name} = internal constant [{count} x {c.type}] zeroinitializer, align 64"
    return Value(name, "ptr")


def table_size(plan: PixelPlan) -> int:
    """Words of a tile's table."""
    return plan.lines * (plan.rows + 1)


def copies_size(plan: PixelPlan) -> int:
    """Elements of the copies of a tile's runs."""
    return plan.rows * plan.lines * plan.run if plan.joined else 0


def emit_places(module: Module, plan: PixelPlan) -> str:
    """Write `void places(ptr x, ptr table, ptr copies, i64 first pixel, i64 pixels)`; returns its name."""
    name = f"pixel_places_{sha1(repr(plan).encode()).hexdigest()[:12]}"
    if not defined(module, name):
        arguments = ["ptr"] * 3 + ["i64"] * 2
        b = Builder(module, name, arguments, attributes="noinline nounwind", linkage="internal")
        _Places(b, plan).emit()
        b.finish()
    return name


class _Places:
    """The code that fills the table, being written."""

    def __init__(self, b: Builder, plan: PixelPlan):
        self.b, self.plan, self.c = b, plan, plan.convolution
        self.x, self.table, self.copies, self.first, self.pixels = b.args
        self.line = plan.rows + 1
        self.zeros = zeros(b.module, plan)

    def emit(self) -> None:
        b, c, line = self.b, self.c, self.line
        with b.loop(i64(0), i64(self.plan.lines)) as lines:
            b.store(i64(0), b.offset(self.table, b.mul(lines.index, i64(line)), "i64"))
        origin, start, room = self._start(self.first)
        # Most tiles lie in one row, every tap of every pixel inside of x: pointers are equally far apart.
        last = b.add(start[2], b.mul(b.sub(self.pixels, i64(1)), i64(c.stride[2])))
        end = b.add(last, i64((c.kernel[2] - 1) * c.dilation[2]))
        inside = b.logical("and", b.compare(">=", start[2], i64(0)), b.compare("<", end, i64(c.spatial[2])))
        even = b.logical("and", inside, b.compare("<=", self.pixels, room))
        with b.when(even):
            self._row(origin, start)
        with b.when(b.invert(even)), b.loop(i64(0), self.pixels) as loop:
            origin, start, _ = self._start(b.add(self.first, loop.index))
            self._pixel(loop.index, origin, start)

    def _start(self, pixel: Value) -> tuple[Value, list[Value], Value]:
        """Where a pixel's image begins and its first tap falls, by dimension; how many pixels its row has from it on."""
        b, c = self.b, self.c
        image = b.div(pixel, i64(c.positions), signed=False)
        rest = b.rem(pixel, i64(c.positions), signed=False)
        start, room = [], i64(0)
        for dim in (2, 1, 0):
            place = b.rem(rest, i64(c.output[dim]), signed=False)
            rest = b.div(rest, i64(c.output[dim]), signed=False)
            start.insert(0, b.sub(b.mul(place, i64(c.stride[dim])), i64(c.padding[dim])))
            if dim == 2:
                room = b.sub(i64(c.output[dim]), place)
        return b.mul(image, i64(c.x[0])), start, room

    def _row(self, origin: Value, start: list[Value]) -> None:
        """Pointers of pixels beside each other that lack no tap of a row."""
        b, c = self.b, self.c
        across = 1 if self.plan.joined else c.kernel[2]
        with b.loop(i64(0), i64(c.kernel[0])) as depth, b.loop(i64(0), i64(c.kernel[1])) as row:
            z, z_in = self._along(0, start[0], depth.index)
            y, y_in = self._along(1, start[1], row.index)
            there = b.add(origin, b.add(b.mul(z, i64(c.x[2])), b.mul(y, i64(c.x[3]))))
            number = b.add(b.mul(depth.index, i64(c.kernel[1])), row.index)
            with b.when(b.logical("and", z_in, y_in)), b.loop(i64(0), i64(across)) as tap:
                at = b.add(start[2], b.mul(tap.index, i64(c.dilation[2])))
                found = b.offset(self.x, b.add(there, b.mul(at, i64(c.x[4]))), c.type)
                line = b.mul(b.add(b.mul(number, i64(across)), tap.index), i64(self.line))
                length = b.offset(self.table, line, "i64")
                b.store(i64(self.plan.run), length)
                with b.loop(i64(0), self.pixels) as loop:
                    pointer = b.offset(found, b.mul(loop.index, i64(c.stride[2] * c.x[4])), c.type)
                    b.store(pointer, b.offset(b.offset(length, loop.index, "i64"), i64(1), "i64"))

    def _along(self, dim: int, start: Value, tap: Value) -> tuple[Value, Value]:
        """Where a tap falls along a dimension, and whether that is in x."""
        b, c = self.b, self.c
        at = b.add(start, b.mul(tap, i64(c.dilation[dim])))
        return at, b.compare("<", at, i64(c.spatial[dim]), signed=False)

    def _pixel(self, pixel: Value, origin: Value, start: list[Value]) -> None:
        """One pixel's pointers."""
        b, c = self.b, self.c
        with b.loop(i64(0), i64(c.kernel[0])) as depth, b.loop(i64(0), i64(c.kernel[1])) as row:
            z, z_in = self._along(0, start[0], depth.index)
            y, y_in = self._along(1, start[1], row.index)
            there = b.add(origin, b.add(b.mul(z, i64(c.x[2])), b.mul(y, i64(c.x[3]))))
            exists = b.logical("and", z_in, y_in)
            number = b.add(b.mul(depth.index, i64(c.kernel[1])), row.index)
            if self.plan.joined:
                self._joined(pixel, number, there, exists, start[2])
            else:
                with b.loop(i64(0), i64(c.kernel[2])) as tap:
                    at, inside = self._along(2, start[2], tap.index)
                    here = b.logical("and", exists, inside)
                    offset = b.select(here, b.add(there, b.mul(at, i64(c.x[4]))), i64(0))
                    found = b.select(here, b.offset(self.x, offset, c.type), self.zeros)
                    self._enter(pixel, b.add(b.mul(number, i64(c.kernel[2])), tap.index), found, here)

    def _enter(self, pixel: Value, number: Value, found: Value, exists: Value) -> None:
        """Note a run of a pixel."""
        b = self.b
        length = b.offset(self.table, b.mul(number, i64(self.line)), "i64")
        b.store(found, b.offset(b.offset(length, pixel, "i64"), i64(1), "i64"))
        more = b.select(exists, i64(self.plan.run), i64(0))
        b.store(b.logical("or", b.load("i64", length), more), length)

    def _joined(self, pixel: Value, number: Value, there: Value, exists: Value, column: Value) -> None:
        """Note a run of all taps of a row; a copy where some are outside."""
        b, c, plan = self.b, self.c, self.plan
        last = b.add(column, i64(c.kernel[2] - 1))
        whole = b.logical("and", b.compare(">=", column, i64(0)), b.compare("<", last, i64(c.spatial[2])))
        begin = b.add(there, b.mul(column, i64(c.inputs)))
        at = b.mul(b.add(b.mul(pixel, i64(plan.lines)), number), i64(plan.run))
        copy = b.offset(self.copies, at, c.type)
        found = b.select(whole, b.offset(self.x, b.select(exists, begin, i64(0)), c.type), copy)
        self._enter(pixel, number, b.select(exists, found, self.zeros), exists)
        with b.when(b.logical("and", exists, b.invert(whole))), b.loop(i64(0), i64(c.kernel[2])) as tap:
            at, inside = self._along(2, column, tap.index)
            offset = b.select(inside, b.add(there, b.mul(at, i64(c.inputs))), i64(0))
            source = b.select(inside, b.offset(self.x, offset, c.type), self.zeros)
            target = b.offset(copy, b.mul(tap.index, i64(c.inputs)), c.type)
            with b.loop(i64(0), i64(c.inputs)) as channel:
                b.store(
                    b.load(c.type, b.offset(source, channel.index, c.type)), b.offset(target, channel.index, c.type)
                )
