"""The compiler's kernels for eager execution: single functions of the CPU namespace, and optimizers' rules, as programs.

`backends/cpu/large.py` asks for them where arrays are large. A function is captured from what it computes on symbols,
once for each combination of shapes, dtypes and options.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import prod

import numpy as np

from ..backends import cpu
from ..backends.cpu.large import Native
from . import arrays
from .bound import RAN, Bound
from .entry import AWAKE, SHARED
from .errors import CaptureError
from .evaluate import evaluate
from .graph import ANY, Graph, Node
from .layouts import lying_last, second_to_last
from .numbers import Number
from .one_pass import OnePass, in_order, is_single, prepared
from .program import Program
from .recording import recording
from .reuse import keep_freed_memory, new_array
from .symbol import Symbol, made
from .trees import flatten, rebuild

LIMIT = 512
"""Programs kept in memory; beyond that all are forgotten (their code stays on disk)."""

ARENAS = 1 << 30
"""Bytes for intermediate results that they may hold together; beyond that the oldest are forgotten, one by one."""

SHAPES = 4
"""Shapes of an operation's first array, all else being the same, for which programs are made at once."""

AGAIN = 32
"""How often a further shape must be met before it has a program: more often than one pass of a network meets it."""

_shapes_of: dict[tuple, dict] = {}
_programs: dict[tuple, Fused | OnePass | None] = {}
_making = threading.Lock()


class Fused:
    """A program with its inputs and results in order."""

    def __init__(
        self,
        graph: Graph,
        inputs: list[Node],
        results: list,
        tree,
        checks: list[Node],
        numbers: int = 0,
        overwritten: Sequence[Node] = (),
        last: Sequence[int] = (),
    ):
        """last: which of the results have their channels last, and are to be seen with them second."""
        self.inputs, self.tree, self.last = inputs, tree, last
        self.results = [None if r is None else graph.copied(r) for r in results]
        nodes = [r for r in self.results if isinstance(r, Node)]
        flag = None
        for check in checks:
            bad = graph.reduce("any", check, tuple(range(check.ndim)))
            flag = bad if flag is None else graph.elementwise("logical_or", flag, bad)
        self.flag = None if flag is None else graph.copied(flag)
        state = dict(zip(nodes, overwritten))
        self.program = Program(graph, nodes + ([] if flag is None else [self.flag]), state)
        if any(s.host is not None for s in self.program.segments) or set(self.program.results) - {*nodes, self.flag}:
            raise CaptureError("a kernel that needs the interpreter")
        if self.program.work < AWAKE:
            self.program.threads = 0
        self.overwrites = bool(overwritten)
        self.made = [] if overwritten else [(n.shape, n.dtype) if isinstance(n, Node) else None for n in self.results]
        self.bound = Bound(self.program, inputs, [] if overwritten else nodes, self.flag)
        self.bound.asleep = SHARED

    def run(self, given: list[np.ndarray]):
        """The results for these arrays; NotImplemented if they hold what the kernel refuses."""
        fresh = [None if made is None else new_array(*made) for made in self.made]
        if self.bound.run(given, [a for a in fresh if a is not None]) != RAN:
            return NotImplemented
        for i in self.last:
            fresh[i] = cpu.last_to_second(fresh[i])
        return None if self.overwrites else rebuild(self.tree, fresh)


@contextmanager
def _recorded(graph: Graph, numbers: dict[Node, np.float64]):
    """Symbols record into `graph`; questions about numbers are answered by what they are now. Gives `settled()`."""
    before = recording.graph
    recording.graph, recording.questions, recording.checks = graph, [], []
    recording.present = lambda node: evaluate([node], numbers)[0].item()
    try:
        # A number that is neither 0 nor 1 answers every question whether it is one of them.
        yield lambda: all(q.node in numbers and q.operand in (None, 0, 1) for q in recording.questions)
    finally:
        recording.graph = before


def run(formula: Callable, args: tuple, attrs: dict):
    """`formula(xp, *args, **attrs)` by a program for arrays of these shapes; NotImplemented where it stays NumPy's."""
    if recording.graph is not None:
        return NotImplemented
    given: list[np.ndarray] = []
    key: list = [formula, cpu.winograd, *attrs]
    _describe((*args, *attrs.values()) if attrs else args, key, given)
    for i, a in enumerate(given):
        if is_single(a):
            key.append(i)
            given[i] = a[(0,) * a.ndim + (...,)]
        elif a.ndim > 3 and cpu.lies_last(a):
            key.append(-1 - i)
            given[i] = cpu.second_to_last(a)
    make = lambda: _captured(formula, args, attrs, _shapes(args), Fused, _never)
    fused = _kept(tuple(key), make, 2 + len(attrs))
    return NotImplemented if fused is None else fused.run(given)


def _is_rare(key: tuple, at: int) -> bool:
    """Whether a program would come too early: there were several for first arrays of other shapes (`key[at]`), and this shape
    was met a few times only. Images and sequences of ever other sizes are computed at once so, where making a program takes
    longer."""
    shape = key[at]
    met = _shapes_of.setdefault((*key[:at], *[_sizeless(k, shape) for k in key[at + 1 :]]), {})
    if shape not in met and len(met) >= LIMIT:
        met.clear()
    number = met.get(shape, AGAIN if len(met) < SHAPES else 0) + 1
    met[shape] = number
    return number < AGAIN


def _sizeless(value, shape):
    """A part of a key; of the shape of one more image or sequence of the same batch, only the channels."""
    alike = value.__class__ is tuple and len(value) == len(shape) > 2 and value[0] == shape[0]
    return value[1] if alike else value


def _describe(values: Sequence, key: list, given: list[np.ndarray]) -> None:
    """Add to a key what a program depends on: arrays' shapes and dtypes, and the types and values of all else.

    given: gets the arrays.
    """
    for v in values:
        if isinstance(v, np.ndarray):
            key += v.shape, v.dtype
            given.append(v)
        else:
            key += v.__class__, v


def _shapes(args: tuple) -> list[tuple]:
    """How each array is given, and how a formula sees it; and whether that has its channels last."""
    return [_seen(a) for a in args if isinstance(a, np.ndarray)]


def _seen(a: np.ndarray) -> tuple:
    if is_single(a):
        return (), a.shape
    return (cpu.second_to_last(a).shape, a.shape, True) if cpu.lies_last(a) else (a.shape, a.shape)


def elementwise(formula: Callable, args: tuple, attrs: dict):
    """The same of an elementwise formula by a program for all sizes, the result in the order of memory that is NumPy's.

    Floats are read at each call, but for 0 and 1, on which formulas branch.
    """
    if recording.graph is not None:
        return NotImplemented
    values = (*args, *attrs.values()) if attrs else args
    arrays = [a for a in values if a.__class__ is np.ndarray]
    shape = arrays[0].shape
    if shape and all([a.shape == shape and a.flags.c_contiguous for a in arrays]):
        given, order, likes = [*arrays], None, [_ALIKE] * len(arrays)
    else:
        found = prepared(arrays)
        if found is None:
            return NotImplemented
        given, shape, order = found
        likes = [((ANY,) if x.ndim else (), (ANY,) if a.ndim else ()) for x, a in zip(given, arrays)]
    key = [formula, *attrs]
    rest = iter(likes)
    for v in values:
        if v.__class__ is np.ndarray:
            key += v.dtype, next(rest)
        elif _changes(v):
            key.append(Number)
            given.append(v)
        else:
            key += v.__class__, v
    program = _kept(tuple(key), lambda: _captured(formula, args, attrs, likes, OnePass, _changes))
    if program is None:
        return NotImplemented
    made = program.run(given, prod(shape)).reshape(shape)
    return made if order is None else made.transpose(np.argsort(order).tolist())


_ALIKE = (ANY,), (ANY,)
"""How an array of all elements is given, and how a formula sees it."""


def element_way(formula: Callable, args: tuple, attrs: dict):
    """The way into the program of an elementwise formula of arrays of one shape; None where there is none, or the result is
    of another dtype."""
    return _way(_element_key(formula, args, attrs), [args[0].dtype])


def update_way(rule: Callable, tensors: list[np.ndarray], numbers: dict):
    """The way into the program of an optimizer's rule, made now, whose results take the places of the parameter and its
    state. NotImplemented while something else is captured."""
    if recording.graph is not None:
        return NotImplemented
    likes, key = [_ALIKE] * len(tensors), _element_key(rule, tensors, numbers)
    _kept(key, lambda: _captured(rule, tuple(tensors), numbers, likes, OnePass, _changes))
    return _way(key, [tensors[0].dtype, *[a.dtype for a in tensors[2:]]])


def _element_key(formula: Callable, args: Sequence, attrs: dict) -> tuple:
    key = [formula, *attrs]
    for v in (*args, *attrs.values()):
        key += (v.dtype, _ALIKE) if v.__class__ is np.ndarray else (Number,) if _changes(v) else (v.__class__, v)
    return tuple(key)


def row_way(formula: Callable, x: np.ndarray, along: int, args: tuple):
    """The way into a program of rows of as many elements as those of `x`, which all its arrays have."""
    like = x.reshape(-1, x.shape[-1])
    return _way(_row_key(formula, (like,) * along, args), [x.dtype], x.shape[-1:])


def sample_way(formula: Callable, along: tuple[np.ndarray, ...], args: tuple):
    """(way, tails and dtypes of the results) of the program that `rows` runs for these, None where there is none."""
    program = _programs.get(_row_key(formula, along, args))
    return None if program is None or program.way is None else (program.way, program.made)


def _way(key: tuple, made: list, tail: tuple = ()):
    """The way into a program whose results have these dtypes and that tail."""
    program = _programs.get(key)
    return None if program is None or program.made != [(tail, dtype) for dtype in made] else program.way


def rows(formula: Callable, along: tuple[np.ndarray, ...], args: tuple):
    """`formula(xp, *along, *args)` of arrays of rows, `along`, by a program for any number of them.

    The formula must be one of each row by itself, its results of as many rows. NotImplemented where it stays NumPy's.
    """
    if recording.graph is not None:
        return NotImplemented
    given = [a if a.flags.c_contiguous else in_order(a) for a in (*along, *_arrays(args))]
    program = _kept(
        _row_key(formula, along, args),
        lambda: _captured(formula, (*along, *args), {}, _row_shapes(given, len(along)), OnePass, _never),
    )
    return NotImplemented if program is None else program.run(given, len(along[0]))


def _arrays(values: tuple) -> list[np.ndarray]:
    return [v for v in values if isinstance(v, np.ndarray)]


def _row_key(formula: Callable, along: tuple[np.ndarray, ...], args: tuple) -> tuple:
    key: list = [formula]
    for a in along:
        key += a.shape[1:], a.dtype
    _describe(args, key, [])
    return tuple(key)


def _row_shapes(given: list[np.ndarray], along: int) -> list[tuple]:
    shapes = [(ANY, *a.shape[1:]) if i < along else a.shape for i, a in enumerate(given)]
    return [(shape, shape) for shape in shapes]


def _changes(value) -> bool:
    return value.__class__ is float and value not in (0, 1)


def _never(value) -> bool:
    return False


def _kept(key: tuple, make: Callable, at: int = 0):
    """The program of this key, made now if there is none; None where there can be none, or it would come too early.

    at: where in the key the shape of the first array is, if programs of rare shapes are not made.
    """
    try:
        found = _programs.get(key, key)
    except TypeError:
        return None
    if found is key:
        if at and _is_rare(key, at):
            return None
        with _making:
            if len(_programs) >= LIMIT:
                _programs.clear()
                _shapes_of.clear()
                Native.ways.clear()
            found = _programs[key] = make()
            if found.__class__ is Fused:
                _forget_arenas(key)
    return found


def _forget_arenas(newest: tuple) -> None:
    """Forget the oldest programs whose arenas are too much."""
    held = {key: p.program.arena_size for key, p in _programs.items() if p.__class__ is Fused}
    excess = sum(held.values()) - ARENAS
    for key, size in held.items():
        if excess <= 0 or key is newest:
            break
        if size:
            del _programs[key]
            excess -= size


def _captured(formula: Callable, args: tuple, attrs: dict, shapes: list[tuple], program: Callable, changes: Callable):
    """What a formula computes, as a program; None if it has none.

    shapes: how each of its arrays is given, and how it sees it. changes: whether a number is one more input.
    """
    graph = Graph()
    inputs: list[Node] = []
    numbers: dict[Node, np.float64] = {}

    def stand_in(value):
        if isinstance(value, np.ndarray):
            given, seen, *last = shapes[len(inputs)]
            inputs.append(graph.leaf("input", len(inputs), given, value.dtype))
            return lying_last(graph, inputs[-1]) if last else made(graph.expand(inputs[-1], seen))
        if not changes(value):
            return value
        node = graph.leaf("input", -1 - len(numbers), (), np.float64)
        numbers[node] = np.float64(value)
        return Number(node)

    with _recorded(graph, numbers) as settled:
        symbols = [stand_in(a) for a in args]
        named = {name: stand_in(v) for name, v in attrs.items()}
        try:
            results, tree = flatten(formula(arrays, *symbols, **named))
            if not settled() or not all(isinstance(r, Symbol) or r is None for r in results):
                return None
            nodes = [None if r is None else r.node() for r in results]
            last = [i for i, r in enumerate(results) if program is Fused and r is not None and cpu.is_channels_last(r)]
            for i in last:
                nodes[i] = second_to_last(graph, nodes[i])
            more = {"last": last} if last else {}
            return program(graph, [*inputs, *numbers], nodes, tree, recording.checks, len(numbers), **more)
        except CaptureError:
            return None


def update(rule: Callable, tensors: list[np.ndarray], numbers: dict):
    """Overwrite a parameter and its state (`tensors`: parameter, gradient, state...) by an optimizer's pure rule.

    NotImplemented where the rule has no program. Numbers are read at each call but for 0, 1, None and flags, on which
    rules branch.
    """
    changing = {k: float(v) for k, v in numbers.items() if type(v) in (int, float) and v not in (0, 1)}
    fixed = tuple((k, v) for k, v in numbers.items() if k not in changing)
    key = rule, tuple((a.shape, a.dtype) for a in tensors), fixed, tuple(changing)
    fused = _kept(key, lambda: _captured_rule(rule, tensors, dict(fixed), changing))
    if fused is None:
        return NotImplemented
    return fused.run([*tensors, *[np.array(v, np.float64) for v in changing.values()]])


def _captured_rule(rule: Callable, tensors: list[np.ndarray], fixed: dict, changing: dict[str, float]) -> Fused | None:
    graph = Graph()
    inputs = [graph.leaf("input", i, a.shape, a.dtype) for i, a in enumerate(tensors)]
    numbers = {graph.leaf("input", name, (), np.float64): np.float64(v) for name, v in changing.items()}
    with _recorded(graph, numbers) as settled:
        try:
            results = rule(
                arrays, *[made(n) for n in inputs], **fixed, **{k: Number(n) for k, n in zip(changing, numbers)}
            )
            if not settled() or not all(isinstance(r, Symbol) for r in results):
                return None
            # The gradient, which is second, stays as it is.
            nodes = [r.node() for r in results]
            return Fused(graph, [*inputs, *numbers], nodes, None, [], len(numbers), [inputs[0], *inputs[2:]])
        except CaptureError:
            return None


def lend() -> None:
    """Let the CPU namespace run large kernels natively; `native_available` says that machine code can be made."""
    keep_freed_memory()
    Native.run, Native.elementwise, Native.rows, Native.update = run, elementwise, rows, update
    Native.element_way, Native.row_way, Native.sample_way = element_way, row_way, sample_way
    Native.update_way, Native.ways = update_way, {}
    Native.recurrence, Native.recurrence_grad = _of_sequences("recurrence"), _of_sequences("recurrence_grad")
    Native.attention, Native.attention_grad = _of_sequences("attention"), _of_sequences("attention_grad")


def _of_sequences(name: str) -> Callable:
    """A kernel of `sequences.py`, which is imported when it is first called."""

    def first(*args):
        function = getattr(import_module(f"{__package__}.sequences"), name)
        setattr(Native, name, function)
        return function(*args)

    return first
