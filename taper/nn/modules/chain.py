"""Layers called one after the other: where nothing is recorded, those that follow a convolution run with it as one program.

A convolution then takes the norm and the activation behind it into its own kernel, what lies between the others stays in
the program's memory, and Python is asked once for all of them, which is what a network of many small layers spends its
time on. It happens only where nobody could see the tensors between: exact classes without hooks, in evaluation, outside of
autocast and profiles. Everything else is called layer by layer.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np

from ...autograd import casting
from ...autograd.modes import is_grad_enabled
from ...autograd.tape import Variable, wrap
from ...backends.cpu.convolution import NATIVE
from ...backends.cpu.large import Native
from ...backends.cpu.layouts import lies_last
from ...dtypes import float32, float64
from ..hooks import EVERYWHERE
from ..module import Module
from .links import AFTER, FIRST, LINKS, MERGED, added, convolved, is_plain

KEPT = 1 << 20
"""Elements up to which a result between layers is the program's: programs keep their memory, and a call for a larger one
costs nothing beside it."""


def called_in_turn(modules: Sequence[Module | Variable], x):
    """The last module's output: each is called with the output of the one before. A tensor among them is added to that."""
    if is_grad_enabled() or Native.run is None or casting.scopes or EVERYWHERE.calls or sys.getprofile() is not None:
        for module in modules:
            x = _called(module, x)
        return x
    at, alone, count = 0, 0, len(modules)
    while at < count:
        module = modules[at]
        if at >= alone and module.__class__ in FIRST:
            made, after = _joined(x, modules, at)
            if made is not None:
                x, at = made, after
                continue
            alone = after
        x = _called(module, x)
        at += 1
    return x


def _called(module, x):
    if isinstance(module, Variable):
        x += module
        return x
    return module(x)


def _joined(x, modules: Sequence[Module], at: int):
    """What as many layers as possible from `at` on give, in one program, and the next one's place; None, and where to
    look again, where they do not fit together, or are too small to gain."""
    array = getattr(x, "_array", None)
    if array.__class__ is not np.ndarray or not (array.flags.c_contiguous or lies_last(array)):
        return None, at + 1
    dtype = array.dtype
    if dtype is not float32.np and dtype is not float64.np:
        return None, at + 1
    arrays: list = []
    steps: list[tuple] = []
    for i in range(at, len(modules)):
        module = modules[i]
        if isinstance(module, Variable):
            link = added, (module._array,), ()
        else:
            make = LINKS.get(module.__class__)
            link = make(module) if make is not None and is_plain(module) else None
        if link is None:
            break
        formula, given, options = link
        if not all([a is None or _fits(a, dtype) for a in given]):
            break
        arrays += given
        steps.append((formula, tuple([None if a is None else a.shape for a in given]), options))
    found = tuple(steps)
    reach, gains = _reach(array.shape, found)
    if not gains:
        return None, at + max(reach, 1)
    if reach < len(found):
        found = found[:reach]
        del arrays[sum([len(sizes) for _, sizes, _ in found]) :]
    run = Native.run
    assert run is not None  # asked before
    made = run(_in_turn, (array, *arrays, tuple([(f, len(sizes), options) for f, sizes, options in found])), {})
    return (None, at + reach) if made is NotImplemented else (wrap(made), at + reach)


def _fits(a, dtype) -> bool:
    return a.__class__ is np.ndarray and a.dtype is dtype and (a.flags.c_contiguous or lies_last(a))


@lru_cache(1024)
def _reach(shape: tuple[int, ...], steps: tuple[tuple, ...]) -> tuple[int, bool]:
    """How many of the steps one program may compute of an array of this shape, and whether that gains anything."""
    most = 0
    for i, (formula, sizes, options) in enumerate(steps):
        if not prod(shape) or i and formula not in MERGED and prod(shape) > KEPT:
            return i, most >= NATIVE and i > 1
        after = AFTER[formula](shape, sizes, *options)
        if after is None:
            return i, most >= NATIVE and i > 1
        if formula is convolved:
            most = max(most, prod(shape) // shape[1] * prod(sizes[0]) // prod(options[0]))
        shape = after
    return len(steps), most >= NATIVE and len(steps) > 1


def _in_turn(xp, x, *given):
    *arrays, steps = given
    at = 0
    for formula, count, options in steps:
        after = at + count
        x = formula(xp, x, *arrays[at:after], *options)
        at = after
    return x
