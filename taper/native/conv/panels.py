"""Panels: part of a convolution's input, copied so that every tap meets consecutive positions of the result in a row.

Along each dimension a panel holds planes of entries. Along a *sliding* dimension a tap further is an entry further (or,
with steps between places, another plane): nothing is held twice. Along an *expanded* dimension every tap has its own
plane, already shifted, strided and bordered with zeros, so that places are dense: rows follow one another without halo.

A place is a position of the result, or, where x is read as if spread out, a block of `phases` positions: those of one
residue meet the same taps, the taps of other residues fall between x's positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha1
from math import ceil, gcd, prod

from ..gemm.micro_kernel import defined
from ..text import Builder, Module, Value, const, i64, lanes, vector
from .geometry import Convolution, Triple

UNROLLED = 96
"""Vectors of all planes' rows up to which a row's copy is written out, with constant masks at its borders."""


@dataclass(frozen=True)
class Axis:
    """One dimension: entry i of plane p of a strip that begins at `first` is x's position
    (first + i) * step + start + p * gap; zero outside of [0, size).

    places: of the result. reach: how many entries beyond a strip's places taps meet. taps: for each phase, (tap, plane,
    entries further) of every tap that meets x anywhere; those that only ever meet the border are left out.
    """

    size: int
    places: int
    phases: int
    step: int
    start: int
    gap: int
    planes: int
    reach: int
    taps: tuple[tuple[tuple[int, int, int], ...], ...]


@lru_cache(1024)
def axis(c: Convolution, dim: int, expanded: bool) -> Axis:
    """The planes of one dimension of a convolution's panels."""
    common = gcd(c.spread[dim], c.stride[dim])
    phases, step = c.spread[dim] // common, c.stride[dim] // common
    places = ceil(c.output[dim] / phases)
    shifts: list[list[tuple[int, int]]] = [[] for _ in range(phases)]
    for phase in range(phases):
        for tap in range(c.kernel[dim]):
            shift, between = divmod(phase * c.stride[dim] + tap * c.dilation[dim] - c.padding[dim], c.spread[dim])
            first = max(0, ceil(-shift / step))
            if not between and first < places and 0 <= first * step + shift < c.spatial[dim]:
                shifts[phase].append((tap, shift))
    met = {shift for phase in shifts for _, shift in phase} or {0}
    low = min(met)
    period = 1 + max(met) - low if expanded else step
    planes = {(shift - low) % period for shift in met}
    gap = gcd(*planes) or 1
    taps = tuple(tuple((t, (s - low) % period // gap, (s - low) // period) for t, s in phase) for phase in shifts)
    reach = (max(met) - low) // period
    return Axis(c.spatial[dim], places, phases, step, low, gap, max(planes) // gap + 1, reach, taps)


@dataclass(frozen=True)
class Panel:
    """The layout of a panel of at most `images` x `channels` x `strip` places (depth, row, column).

    expanded: how many trailing dimensions are. 0: rows are dense each for itself. 1: the rows of a strip are dense, which
    must have whole rows. 3: all places of all images are dense, whole ones only.
    All strides are in elements; a strip with fewer images, channels or places keeps the layout.
    """

    convolution: Convolution
    lanes: int
    expanded: int
    images: int
    channels: int
    strip: Triple

    @cached_property
    def axes(self) -> tuple[Axis, Axis, Axis]:
        d, h, w = (axis(self.convolution, dim, dim >= 3 - self.expanded) for dim in range(3))
        return d, h, w

    @cached_property
    def strides(self) -> dict[str, int]:
        """Elements between neighbours of each kind."""
        d, h, w = self.axes
        pitch = self.strip[2] + w.reach
        rows = self.strip[1] + h.reach
        names = {"row": rows, "row plane": h.planes, "depth": self.strip[0] + d.reach, "depth plane": d.planes}
        if self.expanded == 3:
            names = {"row": rows, "depth": self.strip[0], "image": self.images}
            names |= {"row plane": h.planes, "depth plane": d.planes}
        names |= {"column plane": w.planes, "channel": self.channels}
        if self.expanded < 3:
            names |= {"image": self.images}
        result, total = {}, pitch
        for name, count in names.items():
            result[name] = total
            total *= count
        return result | {"all": total}

    @property
    def size(self) -> int:
        """Elements of scratch: a vector more than the entries, so that the last tail may be read whole."""
        return self.strides["all"] + self.lanes

    @cached_property
    def phases(self) -> list[Triple]:
        """Residues of the result's positions; a single one unless x is spread out."""
        d, h, w = self.axes
        return [(i, j, k) for i in range(d.phases) for j in range(h.phases) for k in range(w.phases)]

    def taps(self, phase: Triple = (0, 0, 0)) -> list[tuple[Triple, int]]:
        """The taps that positions of a phase meet, each with its offset: place + offset is what it meets for the place.

        Taps that meet nothing but the border everywhere are missing.
        """
        d, h, w = self.axes
        strides = self.strides
        result = []
        for z, depth_plane, depth in d.taps[phase[0]]:
            for y, row_plane, row in h.taps[phase[1]]:
                for x, column_plane, column in w.taps[phase[2]]:
                    offset = depth_plane * strides["depth plane"] + depth * strides["depth"] + column
                    offset += row_plane * strides["row plane"] + row * strides["row"]
                    result.append(((z, y, x), offset + column_plane * strides["column plane"]))
        return result


@dataclass(frozen=True)
class Strip:
    """Which part of x a panel takes, as values of the code: images, channels, places; `first` and `count` by dimension.

    x: address of the first image's first channel.
    """

    x: Value
    images: Value
    channels: Value
    first: tuple[Value, Value, Value]
    count: tuple[Value, Value, Value]


def emit_panel(b: Builder, panel: Panel, strip: Strip, scratch: Value) -> None:
    """Call the code that copies a strip of x into scratch (panel.size elements), borders included."""
    name = _emit_copy(b.module, panel)
    b.call_local(name, "void", strip.x, scratch, strip.images, strip.channels, *strip.first, *strip.count)


def panel_rows(panel: Panel) -> int:
    """Rows that are copied for one channel of one image of the largest strip."""
    axes = panel.axes
    return prod(a.planes for a in axes) * prod(n + a.reach for n, a in zip(panel.strip[:2], axes[:2]))


def _emit_copy(module: Module, panel: Panel) -> str:
    """Write `void pack(x, scratch, images, channels, first depth, row, column, count of each)`; returns its name."""
    name = f"pack_panel_{sha1(repr(panel).encode()).hexdigest()[:12]}"
    if defined(module, name):
        return name
    types = ["ptr", "ptr"] + ["i64"] * 8
    b = Builder(module, name, types, attributes="noinline nounwind", linkage="internal")
    _Copy(b, panel).emit()
    b.finish()
    return name


class _Copy:
    """The code that fills a panel, being written: loops by descending strides, so that what a row's last vector
    overwrites is written after it."""

    def __init__(self, b: Builder, panel: Panel):
        self.b, self.panel = b, panel
        self.x, self.scratch, images, channels, *self.first = b.args[:7]
        self.counts = dict(zip(("depth", "row", "column"), b.args[7:]))
        self.axes = d, h, w = panel.axes
        loops = {
            "image": images,
            "channel": channels,
            "column plane": i64(w.planes),
            "depth plane": i64(d.planes),
            "depth": b.add(b.args[7], i64(d.reach)),
            "row plane": i64(h.planes),
            "row": b.add(b.args[8], i64(h.reach)),
        }
        strides = panel.strides
        self.loops = sorted(loops.items(), key=lambda item: -strides[item[0]])
        whole = panel.strip[2] == w.places
        vectors = w.planes * w.step * ceil((panel.strip[2] + w.reach) / panel.lanes)
        self.written_out = whole and vectors <= UNROLLED and w.step <= 4 and panel.convolution.x[4] == 1
        end = b.offset(self.scratch, i64(strides["all"]), panel.convolution.type)
        b.store(const(0, vector(panel.convolution.type, panel.lanes)), end)

    def emit(self) -> None:
        self._nest(0, {})

    def _nest(self, depth: int, at: dict[str, Value]) -> None:
        """The loops from `depth` on; `at`: the indices of those around."""
        if depth == len(self.loops):
            self._row(at)
            return
        name, count = self.loops[depth]
        if count.text == "1":
            self._nest(depth + 1, at | {name: i64(0)})
        elif name == "column plane" and self.written_out:
            for plane in range(int(count.text)):
                self._nest(depth + 1, at | {name: i64(plane)})
        else:
            with self.b.loop(i64(0), count) as loop:
                self._nest(depth + 1, at | {name: loop.index})

    def _position(self, dim: int, plane: Value, entry: Value) -> Value:
        """The position of x, inside or not, of an entry."""
        b, a = self.b, self.axes[dim]
        place = b.mul(b.add(self.first[dim], entry), i64(a.step))
        return b.add(b.add(place, i64(a.start)), b.mul(plane, i64(a.gap)))

    def _row(self, at: dict[str, Value]) -> None:
        """One row of entries: zeros if it lies outside of x."""
        b, c = self.b, self.panel.convolution
        strides = self.panel.strides
        place = i64(0)
        for name, _ in self.loops:
            place = b.add(place, b.mul(at[name], i64(strides[name])))
        target = b.offset(self.scratch, place, c.type)
        source = b.add(b.mul(at["image"], i64(c.x[0])), b.mul(at["channel"], i64(c.x[1])))
        inside: Value | None = None
        for dim, kind in enumerate(("depth", "row")):
            position = self._position(dim, at[f"{kind} plane"], at[kind])
            source = b.add(source, b.mul(position, i64(c.x[2 + dim])))
            if c.spatial[dim] > 1 or self.axes[dim].start or self.axes[dim].reach or self.axes[dim].planes > 1:
                exists = b.compare("<", position, i64(c.spatial[dim]), signed=False)
                inside = exists if inside is None else b.logical("and", inside, exists)
        if self.written_out:
            self._whole_row(source, target, int(at["column plane"].text), inside)
        else:
            self._any_row(source, target, at["column plane"], inside)

    def _whole_row(self, source: Value, target: Value, plane: int, inside: Value | None) -> None:
        """A row of known width: vectors written out, their borders constant masks; stores overrun into the next row."""
        b, c, w, lanes = self.b, self.panel.convolution, self.axes[2], self.panel.lanes
        wide = vector(c.type, lanes)
        width = self.panel.strip[2] + w.reach
        start = w.start + plane * w.gap
        spots = [b.offset(target, i64(v), c.type) for v in range(0, width, lanes)]
        if inside is not None:
            for spot in spots:
                b.store(const(0, wide), spot)
            with b.when(inside):
                self._vectors(source, spots, start, width)
        else:
            self._vectors(source, spots, start, width)

    def _vectors(self, source: Value, spots: list[Value], start: int, width: int) -> None:
        b, c, w, lanes = self.b, self.panel.convolution, self.axes[2], self.panel.lanes
        for v, spot in enumerate(spots):
            first, last = v * lanes, min(width, (v + 1) * lanes) - 1
            parts = []
            for part in range(w.step):
                x = start + first * w.step + part * lanes
                end = min(c.spatial[2], start + last * w.step + 1)
                where = b.offset(self.x, b.add(source, i64(x)), c.type)
                parts.append(self._part(where, max(0, -x), min(lanes, end - x)))
            b.store(every(b, parts, w.step), spot)

    def _part(self, where: Value, low: int, high: int) -> Value:
        """Lanes [low, high) from memory, zeros around them."""
        b, lanes = self.b, self.panel.lanes
        wide = vector(self.panel.convolution.type, lanes)
        if low >= high:
            return const(0, wide)
        if high - low == lanes:
            return b.load(wide, where)
        bits = ", ".join(f"i1 {int(low <= i < high)}" for i in range(lanes))
        return b.masked_load(wide, where, Value(f"<{bits}>", vector("i1", lanes)))

    def _any_row(self, source: Value, target: Value, plane: Value, inside: Value | None) -> None:
        """A row of any width and stride: zeros, what is inside, zeros."""
        b, c, w, lanes = self.b, self.panel.convolution, self.axes[2], self.panel.lanes
        width = b.add(self.counts["column"], i64(w.reach))
        start = self._position(2, plane, i64(0))

        def bounded(value: Value, most: Value) -> Value:
            value = b.select(b.compare("<", value, i64(0)), i64(0), value)
            return b.select(b.compare("<", value, most), value, most)

        def entries(positions: Value) -> Value:
            """How many entries begin before so many positions from the start."""
            return b.emit("i64", f"sdiv i64 {b.add(positions, i64(w.step - 1)).text}, {w.step}")

        most = width if inside is None else b.select(inside, width, i64(0))
        high = bounded(entries(b.sub(i64(c.spatial[2]), start)), most)
        low = bounded(entries(b.sub(i64(0), start)), high)
        self._zeros(target, i64(0), low)
        step = w.step * c.x[4]
        source = b.add(source, b.mul(start, i64(c.x[4])))
        left = low
        if step == 1:
            whole = b.logical("and", b.sub(high, low), i64(-lanes))
            left = b.add(low, whole)
            with b.loop(low, left, i64(lanes)) as loop:
                value = b.load(vector(c.type, lanes), b.offset(self.x, b.add(source, loop.index), c.type))
                b.store(value, b.offset(target, loop.index, c.type))
        with b.loop(left, high) as loop:
            where = b.add(source, b.mul(loop.index, i64(step)))
            b.store(b.load(c.type, b.offset(self.x, where, c.type)), b.offset(target, loop.index, c.type))
        self._zeros(target, high, width)

    def _zeros(self, target: Value, start: Value, stop: Value) -> None:
        b, type = self.b, self.panel.convolution.type
        with b.loop(start, stop) as loop:
            b.store(const(0, type), b.offset(target, loop.index, type))


def every(b: Builder, parts: list[Value], step: int) -> Value:
    """Every step-th lane of `step` vectors that follow one another."""
    count = lanes(parts[0].type)
    result = parts[0]
    if step > 1:
        result = b.shuffle(parts[0], parts[1], [min(i * step, 2 * count - 1) for i in range(count)])
    for number, part in enumerate(parts[2:], 2):
        done = number * count
        order = [i if i * step < done else min(count + i * step - done, 2 * count - 1) for i in range(count)]
        result = b.shuffle(result, part, order)
    return result
