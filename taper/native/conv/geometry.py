"""What a convolution kernel computes: sizes, steps and strides, the same for every way of computing it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Convolution:
    """out[n, g, o, p] = sum over i, k of w[g, o, i, k] * x[n, g, i, (p * stride + k * dilation - padding) / spread].

    Only whole positions inside x count. Positions are (depth, row, column); one- and two-dimensional convolutions have
    leading dimensions of size 1. `inputs` and `outputs` are the channels of one of the `groups`.

    spread: x is read as if spread - 1 zeros lay between its positions (XLA's base dilation); with the channels of w
    exchanged and its taps turned round, the gradient of a strided convolution's input.
    x: strides in elements of (image, channel, depth, row, column). The result lies in C order.
    w: strides in elements of (group, output, input); the taps of a pair of channels lie `apart` elements from one another.
    turned: tap k of this convolution is found at the place of tap (last - k) in memory, in all three dimensions.
    """

    type: str
    images: int
    groups: int
    inputs: int
    outputs: int
    spatial: Triple
    output: Triple
    kernel: Triple
    stride: Triple
    padding: Triple
    dilation: Triple
    spread: Triple
    x: tuple[int, int, int, int, int]
    w: tuple[int, int, int]
    turned: bool = False
    apart: int = 1

    @property
    def positions(self) -> int:
        """Positions of the result in one channel of an image."""
        return prod(self.output)

    @property
    def taps(self) -> int:
        return prod(self.kernel)

    @property
    def flops(self) -> int:
        """Two for each product of an element with a weight that is not between positions of x; those on padding count."""
        each = self.images * self.groups * self.outputs * self.positions * self.inputs * self.taps
        return 2 * each // prod(self.spread)

    def reach(self, dim: int, tap: int, place: int) -> int | None:
        """The position of x, along one dimension, that a tap meets at a place of the result; None between positions
        and outside."""
        at = place * self.stride[dim] + tap * self.dilation[dim] - self.padding[dim]
        position, between = divmod(at, self.spread[dim])
        return None if between or not 0 <= position < self.spatial[dim] else position

    def tap_offset(self, tap: Triple) -> int:
        """Where a tap's weight lies from the first of its pair of channels."""
        return self.tap_place(tap) * self.apart

    def tap_place(self, tap: Triple) -> int:
        """Which of a pair of channels' weights, in the order of memory, is a tap's."""
        flat = (tap[0] * self.kernel[1] + tap[1]) * self.kernel[2] + tap[2]
        return self.taps - 1 - flat if self.turned else flat

    def all_taps(self) -> list[Triple]:
        return list(product(*map(range, self.kernel)))
