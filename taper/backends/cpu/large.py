"""Large arrays: kernels that run as native programs instead of NumPy's passes over memory, where the compiler is there.

Which way a kernel goes depends on the sizes of its arrays alone, so the same call gives the same bits every time. Most
kernels have a program for each shape, which costs some tens of milliseconds once (it is remembered on disk), so only arrays
go the native way on which NumPy itself takes milliseconds. Elementwise formulas have one program for all sizes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

from numpy import asarray, ascontiguousarray, empty, ndarray

LARGE = 1 << 20
"""Elements from which kernels run natively."""

LARGE_WORK = 1 << 9
"""Nanoseconds of NumPy's from which elementwise formulas do, beside its calls themselves."""

ROWS = 1 << 8
"""Elements from which kernels of rows run natively: NumPy takes five to ten passes, each a microsecond and more."""

SAMPLES = 1 << 8
"""Scores from which losses of class indices run natively."""

SHORT = 1 << 14
"""Elements up to which the short way into a program is tried."""

WIDE = 16
"""Elements of a row from which softmax runs row by row."""

NARROW = 1 << 12
"""Elements up to which it does so with shorter rows, too."""

SPREAD = 1 << 18
"""Elements from which what NumPy computes in one pass over memory runs natively: threads share it."""

SEVERAL_PASSES = 1 << 15
"""Elements from which what NumPy computes in a few such passes runs natively."""

LARGE_PARAMETER = 1 << 16
"""Elements from which an optimizer updates a parameter natively: parameters keep their shapes for thousands of steps."""


class Native:
    """What the layer above lends of its compiler. Each returns NotImplemented to decline.

    run(formula, args, attrs): `formula(xp, *args, **attrs)` by a program for these shapes. elementwise: the same of an
    elementwise formula, by a program for all sizes. rows: `formula(xp, *along, *args)` of arrays `along` of rows, by a
    program for any number of rows. update: see `optim/optimizer.py`. recurrence, recurrence_grad: see `recurrence.py`.
    attention, attention_grad: see `attention.py`. update_way: the way of an optimizer's rule (`optim/direct.py`).
    """

    ways: dict[tuple, Any] = {}
    """The short ways into programs, by formula, dtypes and what else tells them apart; None for what has none. The layer
    above finds them, once a program has run, by `element_way` and its like."""

    element_way: Callable[..., Any] = staticmethod(lambda *args: None)
    row_way: Callable[..., Any] = staticmethod(lambda *args: None)
    sample_way: Callable[..., Any] = staticmethod(lambda *args: None)
    update_way: Callable[..., Any] | None = None
    run: Callable[..., Any] | None = None
    elementwise: Callable[..., Any] | None = None
    rows: Callable[..., Any] | None = None
    update: Callable[..., Any] | None = None
    recurrence: Callable[..., Any] | None = None
    recurrence_grad: Callable[..., Any] | None = None
    attention: Callable[..., Any] | None = None
    attention_grad: Callable[..., Any] | None = None


def _large(x, *others) -> bool:
    return x.size >= LARGE


def accelerated(kernel: Callable, pays: Callable[..., bool] = _large) -> Callable:
    """A kernel of arrays that runs natively where `pays` says so of its arguments: by default if the first is large.

    `__wrapped__` of what is returned is the kernel itself.
    """
    formula = _kernel(kernel.__name__)

    @functools.wraps(kernel)
    def call(*args):
        x = args[0]
        if x.__class__ is ndarray and Native.run is not None and x.dtype.kind == "f" and pays(*args):
            made = Native.run(formula, args, {})
            if made is not NotImplemented:
                return made
        return kernel(*args)

    return call


def rowwise(kernel: Callable, seen: Callable[..., tuple[int, int, tuple] | None]) -> Callable:
    """A kernel of the rows of arrays that runs natively on more than a few elements, by a program for any number of rows.

    seen(*args): how many of the first arguments have rows, how many last axes make a row, and the other arguments for
    rows of one axis; None where the kernel is asked for something else. Results have rows of that length, or of one.
    """
    formula = _kernel(kernel.__name__)

    @functools.wraps(kernel)
    def call(*args):
        x = args[0]
        if x.__class__ is ndarray and x.size >= ROWS and x.dtype.kind == "f":
            found = seen(*args)
            if found is not None:
                made = _by_rows(formula, args, *found)
                if made is not NotImplemented:
                    return made
        return kernel(*args)

    return call


def _by_rows(formula: Callable, args: tuple, along: int, axes: int, others: tuple):
    x = args[0]
    shape = x.shape
    if Native.rows is None:
        return NotImplemented
    if axes == 1 and len(others) == 1 and others[0].__class__ is int:
        key = formula, shape[-1], x.dtype
        way = Native.ways.get(key, key)
        if way is key:
            made = _by_rows_of(formula, args, along, axes, others)
            Native.ways[key] = None if made is NotImplemented else Native.row_way(formula, x, along, others)
            return made
        if way is not None and x.size <= SHORT:
            made = empty(shape, x.dtype)
            if way(*args[:along], made) or way(*map(ascontiguousarray, args[:along]), made):
                return made
    return _by_rows_of(formula, args, along, axes, others)


def _by_rows_of(formula: Callable, args: tuple, along: int, axes: int, others: tuple):
    shape = args[0].shape
    if axes == 1 and len(shape) == 2:
        made = Native.rows(formula, args[:along], others)
        return made if made.__class__ is not list else tuple(made)
    lead, width = shape[: len(shape) - axes], prod(shape[len(shape) - axes :])
    given = tuple([a.reshape(-1, width if a.shape == shape else 1) for a in args[:along]])
    made = Native.rows(formula, given, others)
    if made is NotImplemented:
        return made
    if made.__class__ is not list:
        return made.reshape(shape)
    return tuple([a.reshape(shape if a.shape[1] == width else (*lead, *(1,) * axes)) for a in made])


def is_last(x: ndarray, axis: int) -> bool:
    """Whether an axis is the last, and native code gains from taking it row by row."""
    return axis in (-1, x.ndim - 1) and (x.shape[-1] >= WIDE or x.size <= NARROW)


def has_rows(x: ndarray, width: int) -> bool:
    """Whether an array of rows of `width` elements goes the native way row by row."""
    return (
        width >= WIDE and x.__class__ is ndarray and x.size >= ROWS and Native.rows is not None and x.dtype.kind == "f"
    )


def by_rows(formula: Callable, xp, x, *others_and_axis):
    """`formula(xp, x, *others, axis)` of arrays of one shape, natively if they are NumPy's and the axis is their last."""
    if x.__class__ is ndarray and x.size >= ROWS and x.dtype.kind == "f":
        *others, axis = others_and_axis
        if is_last(x, axis) and all(a.shape == x.shape for a in others):
            made = _by_rows(formula, (x, *others), 1 + len(others), 1, (-1,))
            if made is not NotImplemented:
                return made
    return formula(xp, x, *others_and_axis)


def goes_by_samples(x) -> bool:
    """Whether the losses of scores, samples first, go the native way: NumPy takes a dozen passes, each a microsecond."""
    return x.__class__ is ndarray and x.size >= SAMPLES and Native.rows is not None and x.dtype.kind == "f"


def by_samples(formula: Callable, xp, x, *others):
    """`formula(xp, x, *others)` of scores (samples, classes, 1), natively if they are NumPy's and more than a few.

    others: arrays of as many samples, and perhaps last a number.
    """
    if x.shape[2] == 1 and goes_by_samples(x):
        # Arrays of samples, and perhaps last a number.
        key = formula, x.shape[1], x.dtype, *[(a.dtype, a.ndim) for a in others]
        found = Native.ways.get(key)
        if found is not None:
            way, made = found
            n = x.shape[0]
            results = [empty((n, *tail), dtype) for tail, dtype in made]
            if way(x, *others, *results):
                return results[0] if len(results) == 1 else tuple(results)
        along, number = [a for a in others if a.ndim], [asarray(a) for a in others if not a.ndim]
        made = NotImplemented if Native.rows is None else Native.rows(formula, (x, *along), tuple(number))
        if made is not NotImplemented:
            if key not in Native.ways:
                Native.ways[key] = Native.sample_way(formula, (x, *along), tuple(number))
            return made
    return formula(xp, x, *others)


def computed(formula: Callable, xp, x, *args):
    """`formula(xp, x, *args)`, natively if x is a large array of NumPy's."""
    if x.__class__ is ndarray and x.size >= LARGE and Native.run is not None and x.dtype.kind == "f":
        made = Native.run(formula, (x, *args), {})
        if made is not NotImplemented:
            return made
    return formula(xp, x, *args)


def spread(formula: Callable, xp, *arrays):
    """An elementwise `formula(xp, *arrays)` of many of NumPy's elements in one pass that threads share."""
    made = NotImplemented if Native.elementwise is None else Native.elementwise(formula, arrays, {})
    return formula(xp, *arrays) if made is NotImplemented else made


def natively(name: str, x, *options):
    """A kernel of the CPU namespace by a program for x's shape; NotImplemented where it stays NumPy's."""
    if Native.run is None or x.__class__ is not ndarray or x.dtype.kind != "f" or not x.flags.c_contiguous:
        return NotImplemented
    return Native.run(_kernel(name), (x, *options), {})


@functools.cache
def _kernel(name: str) -> Callable:
    """A kernel as a formula."""

    def formula(xp, *args):
        return getattr(xp, name)(*args)

    return formula


def _told_apart(formula: Callable, values: tuple) -> tuple[tuple, list, list]:
    """What tells the program of an elementwise formula from others, and the arrays and the numbers that it takes."""
    key: list = [formula]
    arrays, numbers = [], []
    for v in values:
        if v.__class__ is ndarray:
            key.append(v.dtype)
            arrays.append(v)
        elif v.__class__ is float and v not in (0, 1):
            key.append(float)
            numbers.append(v)
        else:
            key.append((v.__class__, v))
    return tuple(key), arrays, numbers


def _repeated(x: ndarray) -> ndarray:
    """An array whose elements are few, seen in a larger shape, written out: gradients of sums come like that."""
    return x.copy() if not x.flags.c_contiguous and 0 in x.strides else x


def fused(formula: Callable, cost: float) -> Callable:
    """An elementwise formula `formula(xp, x, ...)`, of which large arrays of NumPy's are computed natively in one pass.

    cost: about how many nanoseconds NumPy takes for an element.
    """
    code = formula.__code__

    # Small steps are mostly calls: those of one and two arrays do without packing their arguments.
    def one(xp, x):
        if x.__class__ is ndarray and (size := x.size) * cost >= LARGE_WORK:
            if size <= SHORT:
                way = Native.ways.get((formula, x.dtype))
                if way is not None:
                    made = empty(x.shape, x.dtype)
                    if way(x, made) or way(_repeated(x), made):
                        return made
            return large(xp, (x,), {})
        return formula(xp, x)

    def two(xp, x, y):
        if x.__class__ is ndarray and (size := x.size) * cost >= LARGE_WORK:
            if size <= SHORT and y.__class__ is ndarray and y.shape == x.shape:
                way = Native.ways.get((formula, x.dtype, y.dtype))
                if way is not None:
                    made = empty(x.shape, x.dtype)
                    if way(x, y, made) or way(_repeated(x), _repeated(y), made):
                        return made
            return large(xp, (x, y), {})
        return formula(xp, x, y)

    def several(xp, *args, **attrs):
        x = args[0]
        if x.__class__ is ndarray and (size := x.size) * cost >= LARGE_WORK:
            if size <= SHORT:
                key, arrays, numbers = _told_apart(formula, (*args, *attrs.values()))
                way = Native.ways.get(key)
                if way is not None:
                    made = empty(x.shape, x.dtype)
                    if way(*arrays, *numbers, made) or way(*map(_repeated, arrays), *numbers, made):
                        return made
            return large(xp, args, attrs)
        return formula(xp, *args, **attrs)

    def large(xp, args: tuple, attrs: dict):
        if args[0].size <= SHORT and all([a.__class__ is not ndarray or a.shape == args[0].shape for a in args]):
            args = tuple([_repeated(a) if a.__class__ is ndarray else a for a in args])
        made = NotImplemented if Native.elementwise is None else Native.elementwise(formula, args, attrs)
        if made is NotImplemented:
            return formula(xp, *args, **attrs)
        key, arrays, _ = _told_apart(formula, (*args, *attrs.values()))
        if key not in Native.ways:
            if not all([a.shape == args[0].shape for a in arrays]):
                return made
            Native.ways[key] = Native.element_way(formula, args, attrs)
        return made

    return several if code.co_kwonlyargcount else {2: one, 3: two}.get(code.co_argcount, several)
