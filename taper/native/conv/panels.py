"""Panels: part of a convolution's input, copied so that every tap meets consecutive positions of the result in a row.

Along each dimension a panel holds planes of entries. Along a *sliding* dimension a tap further is an entry further (or,
with steps between places, another plane): nothing is held twice. Along an *expanded* dimension every tap has its own
plane, already shifted, strided and bordered with zeros, so that places are dense: rows follow one another without halo.

A place is a position of the result, or, where x is read as if spread out, a block of `phases` positions: those of one
residue meet the same taps, the taps of other residues fall between x's positions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha1
from math import ceil, gcd, prod

from ..gemm.micro_kernel import defined
from ..text import BITS, Builder, Module, Value, const, i64, lanes, vector
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
        size = BITS[self.convolution.type] // 8
        for name, count in names.items():
            # Channels about a page apart would fall on the same few sets of the first cache.
            if name == "channel" and abs((total * size + 2048) % 4096 - 2048) < 256 and count > 1:
                total += 512 // size
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


def copies_written_out(panel: Panel) -> tuple[bool, bool]:
    """Whether the copies of rows are written out, vector after vector, and whether those of all rows of a plane are."""
    w = panel.axes[2]
    vectors = w.step * ceil((panel.strip[2] + w.reach) / panel.lanes)
    if panel.strip[2] < w.places or w.step > 4 or panel.convolution.x[4] != 1 or w.planes * vectors > UNROLLED:
        return False, False
    h = panel.axes[1]
    each = w.planes * h.planes * (panel.strip[1] + h.reach) * vectors
    return True, panel.strip[1] == h.places and each <= 4 * UNROLLED


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


@dataclass(frozen=True)
class _Spot:
    """Where nested loops are: offsets in the panel and in x, positions of x, the plane of columns, and whether the
    positions lie inside x (None: surely)."""

    target: Value
    source: Value
    position: dict[str, Value]
    plane: Value
    inside: Value | None


def plus(b: Builder, x: Value, y: Value) -> Value:
    """x + y, a constant if both are."""
    if x.text.lstrip("-").isdigit() and y.text.lstrip("-").isdigit():
        return i64(int(x.text) + int(y.text))
    return y if x.text == "0" else x if y.text == "0" else b.add(x, y)


def times(b: Builder, x: Value, factor: int) -> Value:
    """x * factor, a constant if x is."""
    if x.text.lstrip("-").isdigit():
        return i64(int(x.text) * factor)
    return x if factor == 1 else b.mul(x, i64(factor))


class _Copy:
    """The code that fills a panel, being written: loops by descending strides, so that what a row's last vector
    overwrites is written after it."""

    def __init__(self, b: Builder, panel: Panel):
        self.b, self.panel = b, panel
        self.x, self.scratch, images, channels, *self.first = b.args[:7]
        self.width = b.args[9]
        self.axes = d, h, w = panel.axes
        # Rows and depths past a smaller strip are filled, too: tails of vectors read there.
        loops = {
            "image": images,
            "channel": channels,
            "column plane": i64(w.planes),
            "depth plane": i64(d.planes),
            "depth": i64(panel.strip[0] + d.reach),
            "row plane": i64(h.planes),
            "row": i64(panel.strip[1] + h.reach),
        }
        strides = panel.strides
        self.loops = sorted(loops.items(), key=lambda item: -strides[item[0]])
        self.whole_rows, self.whole_planes = copies_written_out(panel)
        end = b.mul(images, i64(strides["image"])) if panel.expanded < 3 else i64(strides["all"])
        zeros = const(0, vector(panel.convolution.type, panel.lanes))
        b.store(zeros, b.offset(self.scratch, end, panel.convolution.type))

    def emit(self) -> None:
        nothing = i64(0)
        self._nest(0, _Spot(nothing, nothing, {"depth": nothing, "row": nothing}, nothing, None))

    def _nest(self, depth: int, at: _Spot) -> None:
        """The loops from `depth` on."""
        if depth == len(self.loops):
            self._row(at)
            return
        name, count = self.loops[depth]
        written_out = {"column plane": self.whole_rows, "row plane": self.whole_planes, "row": self.whole_planes}
        if count.text == "1" or written_out.get(name):
            for index in range(int(count.text)):
                self._nest(depth + 1, self._further(at, name, i64(index)))
        else:
            with self.b.loop(i64(0), count) as loop:
                self._nest(depth + 1, self._further(at, name, loop.index))

    def _further(self, at: _Spot, name: str, index: Value) -> _Spot:
        """The spot within the loop `name` at `index`."""
        b, c = self.b, self.panel.convolution
        target = plus(b, at.target, times(b, index, self.panel.strides[name]))
        if name in ("image", "channel"):
            step = c.x[0] if name == "image" else c.x[1]
            return replace(at, target=target, source=plus(b, at.source, times(b, index, step)))
        if name == "column plane":
            return replace(at, target=target, plane=index)
        kind = name.split()[0]
        dim = ("depth", "row").index(kind)
        a = self.axes[dim]
        if name != kind:
            position = plus(b, times(b, index, a.gap), i64(a.start))
            return replace(at, target=target, position=at.position | {kind: position})
        first = i64(0) if self.panel.strip[dim] == a.places else self.first[dim]
        position = plus(b, at.position[kind], times(b, plus(b, first, index), a.step))
        source = plus(b, at.source, times(b, position, c.x[2 + dim]))
        inside = at.inside
        if position.text.lstrip("-").isdigit():
            if not 0 <= int(position.text) < c.spatial[dim]:
                inside = Value("false", "i1")
        elif inside is None or inside.text != "false":
            exists = b.compare("<", position, i64(c.spatial[dim]), signed=False)
            inside = exists if inside is None else b.logical("and", inside, exists)
        return replace(at, target=target, source=source, inside=inside)

    def _row(self, at: _Spot) -> None:
        """One row of entries: zeros if it lies outside of x."""
        if self.whole_rows:
            self._whole_row(at)
        else:
            self._any_row(at)

    def _whole_row(self, at: _Spot) -> None:
        """A row of known width: vectors written out, their borders constant masks; stores overrun into the next row."""
        b, c, lanes = self.b, self.panel.convolution, self.panel.lanes
        places = range(0, self.panel.strip[2] + self.axes[2].reach, lanes)

        def zeros() -> None:
            for v in places:
                b.store(const(0, vector(c.type, lanes)), b.offset(self.scratch, plus(b, at.target, i64(v)), c.type))

        if at.inside is None:
            self._vectors(at, places)
        elif at.inside.text == "false":
            zeros()
        else:
            with b.when(at.inside):
                self._vectors(at, places)
            with b.when(b.invert(at.inside)):
                zeros()

    def _vectors(self, at: _Spot, places: range) -> None:
        """A row that lies inside of x."""
        b, c, w, lanes = self.b, self.panel.convolution, self.axes[2], self.panel.lanes
        width = self.panel.strip[2] + w.reach
        start = w.start + int(at.plane.text) * w.gap
        for first in places:
            last = min(width, first + lanes) - 1
            parts = []
            for part in range(w.step):
                x = start + first * w.step + part * lanes
                end = min(c.spatial[2], start + last * w.step + 1)
                where = b.offset(self.x, plus(b, at.source, i64(x)), c.type)
                parts.append(self._part(where, max(0, -x), min(lanes, end - x)))
            spot = b.offset(self.scratch, plus(b, at.target, i64(first)), c.type)
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

    def _any_row(self, at: _Spot) -> None:
        """A row of any width and stride: zeros, what is inside, zeros."""
        b, c, w, lanes = self.b, self.panel.convolution, self.axes[2], self.panel.lanes
        width = b.add(self.width, i64(w.reach))
        first = b.add(b.mul(self.first[2], i64(w.step)), i64(w.start))
        start = b.add(first, b.mul(at.plane, i64(w.gap)))
        target = b.offset(self.scratch, at.target, c.type)

        def bounded(value: Value, most: Value) -> Value:
            value = b.select(b.compare("<", value, i64(0)), i64(0), value)
            return b.select(b.compare("<", value, most), value, most)

        def entries(positions: Value) -> Value:
            """How many entries begin before so many positions from the start."""
            return b.emit("i64", f"sdiv i64 {b.add(positions, i64(w.step - 1)).text}, {w.step}")

        most = width if at.inside is None else b.select(at.inside, width, i64(0))
        high = bounded(entries(b.sub(i64(c.spatial[2]), start)), most)
        low = bounded(entries(b.sub(i64(0), start)), high)
        self._zeros(target, i64(0), low)
        step = w.step * c.x[4]
        source = b.add(at.source, b.mul(start, i64(c.x[4])))
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
