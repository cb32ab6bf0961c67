"""Windows over images, with what is computed from their elements: vectors lie along a row of the result.

The taps of a row are unrolled, the other dimensions' are loops over what lies inside. With stride s a vector of windows
reads s vectors and shuffles them; the transposes compute s vectors, for the places 0 to s - 1 between two windows, and
weave them together. Lanes beyond a border are masked by constants. Where windows do not lie evenly, elements are
computed one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ...native.machine import Machine
from ...native.text import Builder, Module, Value, const, i64, is_float, vector
from ..windows import TRANSPOSED, Axis, Even
from .emitter import Pointer, memory_type, woven
from .instructions import LLVM
from .kernels import Kernel
from .products import Epilogue, Piece

STRIDES = 8
"""The largest stride whose vectors are shuffled."""

UNROLLED = 4
"""Taps of a dimension, and vectors of a row, up to which code is repeated instead of a loop."""

TAPS = 32
"""Taps of a row, at most, that are unrolled."""

CHUNK = 32768
"""Elements read by a chunk of rows, about."""

Range = tuple[Value, Value, int, "int | None"]
"""The positions first, first + step, ... below stop; how many they are, if that is always the same."""


def window_pieces(kernel: Kernel, pointer: Pointer, machine: Machine) -> list[Piece]:
    """The kernel of a node over windows."""
    windows = Windows(kernel, pointer, machine)
    return [Piece(windows.emit, windows.chunks, frozenset(kernel.operands), frozenset(), windows.flops, finishes=True)]


def flops(node) -> int:
    """Additions or comparisons that windows take."""
    axes = node.attrs[0]
    taps = math.prod(min(a.n, a.kernel if isinstance(a, Axis) else -(-a.n // a.m) + 1) for a in axes)
    planes = node.shape[0]
    return planes * taps * math.prod(a.m for a in axes)


class Images:
    """Rows of images made from others: `one_row` writes the code for what `place` says.

    plane, row: which one. at: the place along each dimension but the last. base: where the plane that is read begins.
    """

    def __init__(self, kernel: Kernel, pointer: Pointer, machine: Machine, read: Sequence[int], written: Sequence[int]):
        self.kernel, self.pointer, self.machine = kernel, pointer, machine
        node = kernel.node
        self.read, self.written = read, written
        self.steps = [math.prod(read[i + 1 :]) for i in range(len(read))]
        self.planes, self.rows, self.columns = node.shape
        self.dtype = node.inputs[0].dtype
        self.type, self.kind = LLVM[self.dtype.name], memory_type(self.dtype)
        self.width = machine.lanes(self.type if is_float(self.type) or self.type == "i64" else "i32")
        each = max(1, self.flops // max(1, self.planes * self.rows))
        self.count = max(1, min(CHUNK // max(each, self.columns), -(-self.planes * self.rows // 8)))
        self.chunks = -(-self.planes * self.rows // self.count)

    flops = 0

    def emit(self, module: Module, name: str) -> None:
        b = Builder(module, name, ["ptr", "i64", "i64"])
        self.begin(b)
        total = self.planes * self.rows
        first, last = b.mul(b.args[1], i64(self.count)), b.mul(b.args[2], i64(self.count))
        last = b.select(b.compare("<", last, i64(total)), last, i64(total))
        with b.loop(first, last) as loop:
            self.locate(loop.index)
            self.one_row()
        b.finish()

    def begin(self, b: Builder) -> None:
        """Find the operands, and get ready to store."""
        self.b = b
        self.operands = [self.pointer(b, n) for n in self.kernel.operands]
        self.x = self.operands[0]
        self.finish = Epilogue(self.kernel, self.pointer, self.machine)
        self.finish.begin(b)

    def locate(self, number: Value) -> None:
        """Note where the row of a number is."""
        b = self.b
        self.plane = b.div(number, i64(self.rows), signed=False) if self.rows > 1 else number
        self.row = b.rem(number, i64(self.rows), signed=False) if self.rows > 1 else i64(0)
        self.base = b.mul(self.plane, i64(math.prod(self.read)))
        within, at = self.row, []
        for size in reversed(self.written[1:-1]):
            at.append(b.rem(within, i64(size), signed=False))
            within = b.div(within, i64(size), signed=False)
        self.at = [within, *reversed(at)][: len(self.written) - 1]

    def one_row(self) -> None:
        raise NotImplementedError

    def one_element(self, column: Value) -> None:
        """A single element of the row."""
        raise NotImplementedError


class Windows(Images):
    def __init__(self, kernel: Kernel, pointer: Pointer, machine: Machine):
        node = kernel.node
        self.op, self.axes = node.op, node.attrs[0]
        self.flops = flops(node)
        self.transposed = node.op in TRANSPOSED
        self.outer, self.last = self.axes[:-1], self.axes[-1]
        elements, windows = [a.n for a in self.axes], [a.m for a in self.axes]
        read, written = (windows, elements) if self.transposed else (elements, windows)
        super().__init__(kernel, pointer, machine, read, written)
        self.own_steps = [math.prod(written[i + 1 :]) for i in range(len(written))]
        # Which results are computed: of a maximum its place, too, or that alone.
        self.finds = node.op == "window_place" or bool(kernel.beside)

    def reach_rows(self) -> None:
        """Note which rows are read for the one that is written, and where that is."""
        b = self.b
        self.ranges = [self.reached(axis, i) for axis, i in zip(self.outer, self.at)]
        # The flat position in its plane of the first element of the row that is written.
        self.own = i64(0)
        for i, step in zip(self.at, self.own_steps):
            self.own = b.add(self.own, b.mul(i, i64(step)))

    def one_row(self) -> None:
        b = self.b
        self.reach_rows()
        start, stop, step = 0, self.span, self.width
        if step == 1 or isinstance(self.last, Even) or self.last.stride > STRIDES or self.last.kernel > TAPS:
            (self.put_one_by_one if self.op == "window_put" else self.one_by_one)()
            return
        plain = [q for q in range(start, stop, step) if self.is_plain(q)]
        if len(plain) <= UNROLLED:
            for q in range(start, stop, step):
                self.vectors(i64(q), None if q in plain else q)
            return
        # Only the ends of a row are masked, so what is not lies together.
        for q in range(start, plain[0], step):
            self.vectors(i64(q), q)
        with b.loop(i64(plain[0]), i64(plain[-1] + step), i64(step)) as loop:
            self.vectors(loop.index, None)
        for q in range(plain[-1] + step, stop, step):
            self.vectors(i64(q), q)

    @property
    def span(self) -> int:
        """The steps of vectors along a row: windows, or groups of as many elements as the stride."""
        if self.transposed and isinstance(self.last, Axis):
            return -(-self.columns // self.last.stride)
        return self.columns

    def vectors(self, q: Value, known: int | None) -> None:
        """The windows, or groups of elements, from q on; known: the number that q is, if lanes must be masked."""
        (self.put_vectors if self.transposed else self.take_vectors)(q, known)

    # What is read.

    def reached(self, axis: Axis | Even, i: Value) -> Range:
        """The positions that are read along an axis for a place i of what is written."""
        b = self.b
        if isinstance(axis, Even):
            n, m = (axis.m, axis.n) if self.transposed else (axis.n, axis.m)
            first = b.div(b.mul(i, i64(n)), i64(m), signed=False)
            last = b.add(b.mul(b.add(i, i64(1)), i64(n)), i64(m - 1))
            return first, b.div(last, i64(m), signed=False), 1, None
        n, m, kernel, stride, padding, dilation = axis
        if self.transposed:
            if (kernel, padding, dilation) == (stride, 0, 1) and m * stride == n:
                first = b.div(i, i64(stride), signed=False)
                return first, b.add(first, i64(1)), 1, 1
            # All windows that reach so far; where dilation steps over the element, its place will not be theirs.
            end = b.add(i, i64(padding))
            first = self.at_least(b.add(end, i64(stride - axis.reach)), 0)
            stop = b.add(b.div(end, i64(stride), signed=False), i64(1))
            return b.div(first, i64(stride), signed=False), self.at_most(stop, m), 1, None
        start = b.sub(b.mul(i, i64(stride)), i64(padding))
        if padding == 0 and (m - 1) * stride + axis.reach <= n:
            return start, b.add(start, i64(axis.reach)), dilation, kernel
        stop = self.at_most(b.add(start, i64(axis.reach)), n)
        if dilation == 1:
            return self.at_least(start, 0), stop, 1, None
        # The first tap inside: the rest of the way to the border, in whole steps.
        first = b.rem(b.add(start, i64(-(-padding // dilation) * dilation)), i64(dilation), signed=False)
        return b.select(b.compare("<", start, i64(0)), first, start), stop, dilation, None

    def at_least(self, x: Value, low: int) -> Value:
        return self.b.select(self.b.compare("<", x, i64(low)), i64(low), x)

    def at_most(self, x: Value, high: int) -> Value:
        return self.b.select(self.b.compare("<", x, i64(high)), x, i64(high))

    def over_rows(
        self, carry: Sequence[Value], body: Callable[[Value, Sequence[Value]], Sequence[Value]]
    ) -> list[Value]:
        """Loops over the rows that are read; body(position of the row in its plane, carried) -> carried."""
        b = self.b

        def nest(depth: int, place: Value, carry: Sequence[Value]) -> list[Value]:
            if depth == len(self.ranges):
                return list(body(place, carry))
            first, stop, step, count = self.ranges[depth]
            if count is not None and count <= UNROLLED:
                for tap in range(count):
                    at = b.add(first, i64(tap * step)) if tap else first
                    carry = nest(depth + 1, b.add(place, b.mul(at, i64(self.steps[depth]))), carry)
                return list(carry)
            with b.loop(first, stop, i64(step), carry) as loop:
                loop.values = nest(depth + 1, b.add(place, b.mul(loop.index, i64(self.steps[depth]))), loop.values)
            return loop.results

        return nest(0, i64(0), carry)

    def first_row(self) -> Value:
        """The position in its plane of the first row that is read."""
        place = i64(0)
        for (first, *_), step in zip(self.ranges, self.steps):
            place = self.b.add(place, self.b.mul(first, i64(step)))
        return place

    def load(self, memory: Value, kind: str, row: Value, column: Value, start: int | None, size: int) -> Value | None:
        """A vector from a column of a row on; start: the number that column is, if lanes outside of the row are masked.

        None if all are."""
        b, w = self.b, self.width
        type = vector(kind, w)
        where = b.offset(memory, b.add(b.add(self.base, row), column), kind)
        if start is None or (start >= 0 and start + w <= size):
            return b.load(type, where)
        inside = [0 <= start + i < size for i in range(w)]
        return b.masked_load(type, where, mask_of(inside)) if any(inside) else None

    # Windows from elements.

    def is_plain(self, q: int) -> bool:
        """Whether the vectors from q on lie inside, with all that is read for them."""
        n, m, kernel, stride, padding, dilation = self.last
        w = self.width
        if self.transposed:
            lows, highs = zip(*((min(t), max(t)) for t in map(self.windows_at, range(stride)) if t), (0, 0))
            return (q + w) * stride <= n and q + min(lows) >= 0 and q + max(highs) + w <= m
        low = q * stride - padding
        return q + w <= m and low >= 0 and low + (kernel - 1) * dilation + stride * w <= n

    def take_vectors(self, q: Value, known: int | None) -> None:
        b, w = self.b, self.width
        n, m, kernel, stride, padding, dilation = self.last
        lanes = range(w)
        # Whether a tap lies inside, for each lane whose window exists.
        inside = [
            [known is None or 0 <= (known + i) * stride - padding + t * dilation < n for i in lanes]
            for t in range(kernel)
        ]
        wanted = [known is None or known + i < m for i in lanes]
        left = b.sub(b.mul(q, i64(stride)), i64(padding))
        type, place_type = vector(self.type, w), vector("i32", w)

        def body(row: Value, carry: Sequence[Value]) -> Sequence[Value]:
            carry = list(carry)
            numbers = b.splat(b.convert(row, "i32"), w) if self.finds else None
            for t in range(kernel):
                if not any(i and k for i, k in zip(inside[t], wanted)):
                    continue
                value = self.strided(
                    row,
                    b.add(left, i64(t * dilation)),
                    None if known is None else known * stride - padding + t * dilation,
                )
                if self.op == "window_sum":
                    carry = [b.add(carry[0], value)]
                    continue
                better = self.better(value, carry[0])
                if not all(i or not k for i, k in zip(inside[t], wanted)):
                    better = b.logical("and", better, mask_of(inside[t]))
                carry[0] = b.select(better, value, carry[0])
                if numbers is not None:
                    number = b.add(numbers, const(t * dilation, place_type)) if t else numbers
                    carry[1] = b.select(better, number, carry[1])
            return carry

        if self.op == "window_sum":
            carry = [const(0, type)]
        else:
            carry = [const(self.lowest(), type)]
            if self.finds:
                firsts = [next((t for t in range(kernel) if inside[t][i]), 0) * dilation for i in lanes]
                start = b.splat(b.convert(self.first_row(), "i32"), w)
                carry.append(b.add(start, numbers_of(firsts)) if any(firsts) else start)
        carry = self.over_rows(carry, body)
        if self.finds and self.op != "window_sum":
            columns = b.add(b.splat(b.convert(left, "i32"), w), numbers_of([i * stride for i in lanes]))
            carry[1] = b.add(carry[1], columns)
        self.done(carry, q, None if all(wanted) else mask_of(wanted))

    def strided(self, row: Value, column: Value, start: int | None) -> Value:
        """One element of each window of a vector, as far apart as the stride."""
        b, w, s = self.b, self.width, self.last.stride
        parts = []
        for j in range(s):
            if j * w > (w - 1) * s:
                break
            at = b.add(column, i64(j * w)) if j else column
            parts.append(self.load(self.x, self.kind, row, at, None if start is None else start + j * w, self.last.n))
        return woven(b, parts, [divmod(i * s, w) for i in range(w)], vector(self.kind, w))

    def lowest(self):
        if self.dtype.kind == "f":
            return -math.inf
        bits = 8 * self.dtype.itemsize
        return 0 if self.dtype.kind == "u" else -(1 << (bits - 1))

    def better(self, x: Value, best: Value) -> Value:
        """Whether an element takes the place of the largest so far: it is larger, or NaN."""
        b = self.b
        larger = b.compare(">", x, best, signed=self.dtype.kind != "u")
        return b.logical("or", larger, b.is_nan(x)) if is_float(x.type) else larger

    def done(self, results: Sequence[Value], column: Value, mask: Value | None) -> None:
        """Finish with the results of the windows from a column on."""
        results = results[::-1] if self.op == "window_place" else results
        self.finish(self.b, tuple(results), self.plane, self.row, column, mask)

    # Elements from windows.

    def windows_at(self, phase: int) -> range:
        """The windows, counted from that of the same number, which reach the elements phase, phase + stride, ..."""
        a = self.last
        ahead, at = divmod(phase + a.padding, a.stride)
        return range(ahead - (a.reach - 1 - at) // a.stride, ahead + 1) if at < a.reach else range(0)

    def put_vectors(self, q: Value, known: int | None) -> None:
        b, w = self.b, self.width
        n, m, stride = self.last.n, self.last.m, self.last.stride
        type = vector(self.type, w)

        def body(row: Value, carry: Sequence[Value]) -> Sequence[Value]:
            carry = list(carry)
            for phase in range(stride):
                own = None
                for window in self.windows_at(phase):
                    start = None if known is None else known + window
                    at = b.add(q, i64(window)) if window else q
                    value = self.load(self.x, self.kind, row, at, start, m)
                    if value is None:
                        continue
                    if self.op == "window_put":
                        if own is None:
                            first = b.add(self.own, b.add(b.mul(q, i64(stride)), i64(phase)))
                            own = b.add(b.splat(b.convert(first, "i32"), w), numbers_of([i * stride for i in range(w)]))
                        places = self.load(self.operands[1], self.place_kind, row, at, start, m)
                        hit = b.compare("==", b.convert(places, "i32"), own)
                        value = b.select(hit, value, const(0, type))
                    carry[phase] = b.add(carry[phase], value)
            return carry

        phases = self.over_rows([const(0, type)] * stride, body)
        left = b.mul(q, i64(stride))
        for j in range(stride):
            wanted = [known is None or known * stride + j * w + i < n for i in range(w)]
            if any(wanted):
                value = woven(b, phases, [((j * w + i) % stride, (j * w + i) // stride) for i in range(w)], type)
                self.done([value], b.add(left, i64(j * w)) if j else left, None if all(wanted) else mask_of(wanted))

    @property
    def place_kind(self) -> str:
        return memory_type(self.kernel.node.inputs[1].dtype)

    # Without vectors.

    def one_by_one(self) -> None:
        with self.b.loop(i64(0), i64(self.columns)) as columns:
            self.computed(columns.index)

    def one_element(self, column: Value) -> None:
        self.reach_rows()
        self.computed(column)

    def computed(self, column: Value) -> None:
        """One window, or one element of windows."""
        b, kind = self.b, self.kind
        first, last, step, _ = self.reached(self.last, column)
        own = b.add(self.own, column)

        def body(row: Value, carry: Sequence[Value]) -> Sequence[Value]:
            with b.loop(first, last, i64(step), carry) as loop:
                place = b.add(row, loop.index)
                at = b.add(self.base, place)
                value = b.load(kind, b.offset(self.x, at, kind))
                if self.op == "window_put":
                    found = b.load(self.place_kind, b.offset(self.operands[1], at, self.place_kind))
                    hit = b.compare("==", b.convert(found, "i64"), own)
                    value = b.select(hit, value, const(0, self.type))
                if self.op in (*TRANSPOSED, "window_sum"):
                    loop.values = [b.add(loop.values[0], value)]
                else:
                    better = self.better(value, loop.values[0])
                    loop.values = [b.select(better, value, loop.values[0])] + [
                        b.select(better, b.convert(place, "i32"), old) for old in loop.values[1:]
                    ]
            return loop.results

        if self.op in (*TRANSPOSED, "window_sum"):
            carry = [const(0, self.type)]
        else:
            carry = [const(self.lowest(), self.type)]
            if self.finds:
                carry.append(b.convert(b.add(self.first_row(), first), "i32"))
        self.done(self.over_rows(carry, body), column, None)

    def put_one_by_one(self) -> None:
        """A row of zeros on the stack, to which each window that may have its place there adds."""
        b, w, kind = self.b, self.width, self.type
        line = b.place(kind, self.columns + w)
        with b.loop(i64(0), i64(self.columns), i64(w)) as loop:
            b.store(const(0, vector(kind, w)), b.offset(line, loop.index, kind))

        def body(row: Value, carry: Sequence[Value]) -> Sequence[Value]:
            with b.loop(i64(0), i64(self.last.m)) as loop:
                at = b.add(b.add(self.base, row), loop.index)
                place = b.convert(b.load(self.place_kind, b.offset(self.operands[1], at, self.place_kind)), "i64")
                column = b.sub(place, self.own)
                with b.when(b.compare("<", column, i64(self.columns), signed=False)):
                    cell = b.offset(line, column, kind)
                    b.store(b.add(b.load(kind, cell), b.load(self.kind, b.offset(self.x, at, self.kind))), cell)
            return carry

        self.over_rows([], body)
        whole = self.columns // w * w
        with b.loop(i64(0), i64(whole), i64(w)) as loop:
            self.done([b.load(vector(kind, w), b.offset(line, loop.index, kind))], loop.index, None)
        if whole < self.columns:
            mask = mask_of([whole + i < self.columns for i in range(w)]) if w > 1 else None
            self.done([b.load(vector(kind, w), b.offset(line, i64(whole), kind))], i64(whole), mask)


def mask_of(bits: Sequence[bool]) -> Value:
    return Value("<" + ", ".join(f"i1 {int(x)}" for x in bits) + ">", f"<{len(bits)} x i1>")


def numbers_of(numbers: Sequence[int]) -> Value:
    return Value("<" + ", ".join(f"i32 {x}" for x in numbers) + ">", f"<{len(numbers)} x i32>")
