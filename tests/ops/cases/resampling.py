"""Padding and interpolation."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, integers, real

ALL = (*FLOATS, *HALVES)
X = real(2, 3, 5, 7)
HOLES = real(1, 2, 5, 6)
HOLES[0, :, 2, 3] = np.nan


def pad(sides, mode):
    return lambda T, x: T.nn.functional.pad(x, sides, mode=mode)


def to(size=None, **options):
    return lambda T, x: T.nn.functional.interpolate(x, size, **options)


def row(name, call, *inputs, **options):
    return Case(f"resample.{name}", call, inputs, ops=("resample",), **options)


CASES = [
    row("reflect", pad((2, 3, 1, 4), "reflect"), X, dtypes=ALL),
    row("reflect of columns", pad((6, 0), "reflect"), real(3, 4, 7)),
    row("reflect in 3d", pad((1, 2, 0, 1, 1, 0), "reflect"), real(1, 2, 2, 3, 4)),
    row("replicate", pad((2, 9, 1, 4), "replicate"), X, dtypes=ALL),
    row("replicate rows", pad((0, 0, 3, 1), "replicate"), X),
    row("circular", pad((7, 3, 1, 5), "circular"), X),
    row("circular, cropped", pad((-2, 3, 1, -1), "circular"), X),
    row(
        "special values",
        pad((3, 3, 1, 1), "reflect"),
        np.array([[[[-0.0, np.inf], [np.nan, 1.0]]]]).repeat(2, 3),
        smooth=False,
    ),
    row("bilinear of holes", to((7, 9), mode="bilinear"), HOLES, smooth=False, second=False),
    row("bilinear of holes in 1d", lambda T, x: to(9, mode="linear")(T, x[0]), HOLES, smooth=False, second=False),
    row("nearest", to(scale_factor=2), X, dtypes=ALL),
    row("nearest to less", to((3, 4)), X),
    row("nearest to a wide row", to((3, 90)), X),
    row("nearest, exactly", to((8, 3), mode="nearest-exact"), X),
    row("nearest in 1d", to(scale_factor=2.5), real(2, 3, 9)),
    row("nearest in 3d", to((2, 5, 9)), real(1, 2, 3, 4, 5)),
    row("bilinear", to(scale_factor=2, mode="bilinear"), X, dtypes=ALL),
    row("bilinear to corners", to((9, 70), mode="bilinear", align_corners=True), X),
    row("bilinear to less", to((3, 4), mode="bilinear", antialias=True), real(1, 2, 9, 20)),
    row("bicubic", to((9, 11), mode="bicubic"), X),
    row("linear", to(40, mode="linear"), real(2, 3, 9)),
    row("trilinear", to((2, 5, 9), mode="trilinear"), real(1, 2, 3, 4, 5)),
    Case(
        "index_select.padding",
        lambda T, i: (pad((1, 1), "replicate")(T, i[0]), to(scale_factor=2)(T, i.byte())),
        (integers(1, 2, 5, 6),),
        ops=("index_select",),
        grad=False,
    ),
]
