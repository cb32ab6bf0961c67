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
from ..gemm.pack import piece_lanes
from ..text import BITS, Builder, Module, Value, const, i64, vector
from .geometry import Convolution, Triple
from .rows import RowCopy, Spot, plus, times

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


class _Copy:
    """The code that fills a panel, being written: loops by descending strides, so that what a row's last vector
    overwrites is written after it."""

    def __init__(self, b: Builder, panel: Panel):
        self.b, self.panel = b, panel
        self.x, self.scratch, images, channels, *self.first = b.args[:7]
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
        whole_rows, whole_planes = copies_written_out(panel)
        self.written_out = {"column plane": whole_rows, "row plane": whole_planes, "row": whole_planes}
        self.rows = RowCopy(b, panel, self.x, self.scratch, self.first[2], b.args[9], whole_rows)
        end = b.mul(images, i64(strides["image"])) if panel.expanded < 3 else i64(strides["all"])
        zeros = const(0, vector(panel.convolution.type, panel.lanes))
        b.store(zeros, b.offset(self.scratch, end, panel.convolution.type))

    def emit(self) -> None:
        nothing = i64(0)
        self._nest(0, Spot(nothing, nothing, {"depth": nothing, "row": nothing}, nothing, None))

    def _nest(self, depth: int, at: Spot) -> None:
        """The loops from `depth` on."""
        if depth == len(self.loops):
            self.rows.copy(at)
            return
        b, (name, count) = self.b, self.loops[depth]
        if count.text == "1" or self.written_out.get(name):
            for index in range(int(count.text)):
                self._nest(depth + 1, self._further(at, name, i64(index)))
        elif name == self.rows.beside():
            side = piece_lanes(self.panel.convolution.type)
            whole = b.logical("and", count, i64(-side))
            with b.loop(i64(0), whole, i64(side)) as loop:
                self._nest(depth + 1, replace(self._further(at, name, loop.index), lines=side))
            with b.loop(whole, count) as loop:
                self._nest(depth + 1, self._further(at, name, loop.index))
        else:
            with b.loop(i64(0), count) as loop:
                self._nest(depth + 1, self._further(at, name, loop.index))

    def _further(self, at: Spot, name: str, index: Value) -> Spot:
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
