"""How the positions of a weight gradient are laid out for its register tiles: in x itself or in panels, in which runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, gcd, prod

from ..machine import Machine
from .geometry import Convolution, Triple
from .panels import Panel

POSITIONS = (512, 1024, 2048)
"""Positions that a panel is made to hold, roughly: the more, the fewer sums of lanes; the fewer, the nearer the caches."""


@dataclass(frozen=True)
class Lay:
    """How positions are laid out for the register tiles, and how many of them a panel holds.

    way: "direct" (x is read where it lies, row by row), "rows" (a panel of sliding rows), "planes" (a panel in which the
    rows of a strip are dense) or "dense" (all positions of all images of a panel are, the gradient's too, in a copy).
    images, strip: images and positions (depth, row, column) of a panel; the last of each dimension may hold fewer.
    """

    convolution: Convolution
    lanes: int
    way: str
    images: int
    strip: Triple

    def panel(self, channels: int) -> Panel:
        """The panel of so many input channels."""
        expanded = {"rows": 0, "planes": 1, "dense": 3}[self.way]
        return Panel(self.convolution, self.lanes, expanded, self.images, channels, self.strip)

    @cached_property
    def taps(self) -> list[tuple[Triple, int]]:
        """The taps that meet x, each with its offset in a panel, or in x itself."""
        c = self.convolution
        if self.way != "direct":
            return self.panel(1).taps()
        steps = [d * s for d, s in zip(c.dilation, c.x[2:])]
        return [(tap, sum(t * s for t, s in zip(tap, steps))) for tap in c.all_taps()]

    @cached_property
    def strips(self) -> Triple:
        """Strips along each dimension."""
        d, h, w = (ceil(n / s) for n, s in zip(self.convolution.output, self.strip))
        return d, h, w

    @property
    def image_blocks(self) -> int:
        return ceil(self.convolution.images / self.images)

    @cached_property
    def panels(self) -> int:
        """Panels that cover all positions of all images."""
        return self.image_blocks * prod(self.strips)

    @property
    def run_dims(self) -> int:
        """How many trailing dimensions a run of positions side by side covers."""
        return 2 if self.way == "planes" else 1

    @cached_property
    def lengths(self) -> list[int]:
        """The lengths of runs that occur: at most two, the usual one first."""
        if self.way == "dense":
            return [self.lanes]
        first = 3 - self.run_dims
        usual = prod(self.strip[first:])
        output, strip = self.convolution.output, self.strip
        last = output[first] - (self.strips[first] - 1) * strip[first]
        return sorted({usual, usual // strip[first] * last}, reverse=True)

    @cached_property
    def positions(self) -> int:
        """Positions that a panel has room for."""
        return self.images * prod(self.strip)

    @cached_property
    def runs(self) -> int:
        """Runs of a panel."""
        return self.positions // self.lengths[0]

    @cached_property
    def vectors(self) -> int:
        """Vectors of a panel's positions."""
        return self.runs * ceil(self.lengths[0] / self.lanes)


def flattened(c: Convolution) -> Convolution:
    """The same sums over a single dimension of positions, if a kernel of one tap meets all of a dense x."""
    plain = c.taps == 1 and c.stride == (1, 1, 1) and c.padding == (0, 0, 0)
    _, h, w = c.spatial
    if not plain or c.x[4] != 1 or (h > 1 and c.x[3] != w) or (c.spatial[0] > 1 and c.x[2] != h * w):
        return c
    size = (1, 1, c.positions)
    return replace(c, spatial=size, output=size, x=(c.x[0], c.x[1], c.positions, c.positions, 1))


def lays(c: Convolution, machine: Machine) -> Iterator[Lay]:
    """The ways to lay positions out that are worth a thought."""
    lanes = machine.lanes(c.type)
    unit = lanes // gcd(c.positions, lanes)
    ways = ["rows", "planes"]
    if c.padding == (0, 0, 0) and c.stride[2] == 1 and c.x[4] == 1:
        ways.append("direct")
    if c.positions <= POSITIONS[2] and c.images * c.positions >= lanes:
        ways.append("dense")
    for way in ways:
        seen = set()
        for target in POSITIONS:
            if way == "dense":
                images = min(ceil(target / (unit * c.positions)), ceil(c.images / unit)) * unit
                lay = Lay(c, lanes, way, images, c.output)
            else:
                lay = Lay(c, lanes, way, *_strip(c, target, lanes, way))
            if (lay.images, lay.strip) not in seen:
                seen.add((lay.images, lay.strip))
                yield lay


def _strip(c: Convolution, target: int, lanes: int, way: str) -> tuple[int, Triple]:
    """Images and strip that hold about `target` positions: whole rows, then whole depths, then whole images first.

    Very wide rows are cut, into pieces that leave several of them to a panel.
    """
    d, h, w = c.output
    if way != "planes" and w > target + target // 2:
        wide = target if h == 1 else max(8 * lanes, target // 8)
        wide = ceil(_even(w, wide) / lanes) * lanes
        return 1, (1, _even(h, target // wide), wide)
    if h * w > target:
        return 1, (1, _even(h, target // w), w)
    if d * h * w > target:
        return 1, (_even(d, target // (h * w)), h, w)
    return _even(c.images, target // (d * h * w)), (d, h, w)


def _even(total: int, most: int) -> int:
    """The size of equal shares of a total that are not much above `most`."""
    return ceil(total / ceil(total / max(1, most)))
