"""Capture: a Python function runs once with symbols in its tensors, and what it did becomes a graph.

Tensors that the function reaches get symbols for arrays; optimizers' hyperparameters and float arguments become
`Number`s; random generators note what is drawn. Afterwards everything is as it was before, and the differences that the
function made (parameters written, gradients set, draws taken) are the captured step's effects.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ..autograd.casting import kept_apart
from ..autograd.leaves import AccumulateGrad
from ..autograd.recording import node_of
from ..autograd.tape import Variable, wrap
from ..backends.device import CPU
from ..backends.making import making
from ..tensor.random import default_generator
from .backward import Gradients, captured_gradients
from .captured import Captured, Effect, Output, Source
from .drawing import Stream
from .errors import CaptureError, Uninitialised, Unstepped
from .evaluate import evaluate
from .graph import LEAVES, Graph, Node, reached
from .holdings import Reach
from .homes import HOST, Home, home_of
from .numbers import FixedNumberNeeded, Number
from .places import nowhere, user_line
from .reach import reach
from .recording import recording
from .sharing import overlapping, root_of, way_to
from .surroundings import Randomness, unheard
from .symbol import Memory, Symbol, constant_symbol
from .trees import flatten, rebuild

capturing = threading.RLock()
"""Held while a function is captured: its tensors hold symbols meanwhile."""


@dataclass
class Capture:
    """One run of a function with symbols."""

    function: Callable
    args: tuple
    kwargs: dict
    fixed: frozenset = frozenset()
    assume_grads: bool = True
    patient: bool = False
    graph: Graph = field(default_factory=Graph)
    sources: dict[Node, Source] = field(default_factory=dict)
    draws: list = field(default_factory=list)
    questions: list = field(default_factory=list)
    checks: list = field(default_factory=list)
    actual: dict[Node, np.ndarray] = field(default_factory=dict)
    numbered: set = field(default_factory=set)
    arrays: list[Symbol] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    home: Home = HOST

    def run(self) -> Captured:
        """The captured step. CaptureError if it cannot be, and Uninitialised if it should be run once before."""
        leaves, tree = flatten((self.args, self.kwargs))
        found = reach([self.function, *[v for v in leaves if not isinstance(v, Variable)]])
        if self.patient and found.unstepped:
            raise Unstepped(found.unstepped)
        arguments = {id(v): i for i, v in enumerate(leaves) if isinstance(v, Variable)}
        behind = {id(t) for t in found.tensors}
        # An argument that stands in two places, or is reached by the function too, must be the same one in later calls.
        identities = [
            (i, arguments[id(v)] if arguments[id(v)] != i else v)
            for i, v in enumerate(leaves)
            if isinstance(v, Variable) and (arguments[id(v)] != i or id(v) in behind)
        ]
        given_tensors = {id(v): v for v in leaves if isinstance(v, Variable) and id(v) not in behind}
        tensors = [*found.tensors, *given_tensors.values()]
        randomness = Randomness(found.randoms)
        places = self._symbols(tensors, arguments)
        with places as before, self._numbers(found), self._generators(found), kept_apart(), unheard() as said:
            given = [self._argument(v, i) for i, v in enumerate(leaves)]
            args, kwargs = rebuild(tree, given)
            try:
                result = self.function(*args, **kwargs)
                _no_change_of((args, kwargs), given, tree)
                outputs, count, result_tree = self._outputs(result, tensors, before, arguments)
                effects = self._effects(tensors, before, arguments)
                _no_shared_memory(before, self.home)
                gradients = self._gradients(outputs, tensors, before)
                requiring = [(s.source, t._node is not None) for t, s in zip(tensors, before) if t._node is not s.node]
            finally:
                problem = found.changed()
                found.restore()
                drawn = randomness.drawn()
        if said:
            raise CaptureError(
                f"the function {said[0]}, which a program cannot do. Return what is to be seen, and show it outside"
            )
        if drawn:
            raise CaptureError(
                "the function draws random numbers from Python's or NumPy's generator, which a program cannot do. "
                "Draw with taper.rand or taper.randint, or draw outside and pass the number as an argument"
            )
        if problem is not None:
            raise Uninitialised(f"the function changes {problem}, which a program cannot do")
        assumed = {id(t) for t, state in zip(tensors, before) if state.assumed}
        touched = [t for t, s in zip(tensors, before) if s.symbol.memory.value is not None or s.grad_symbol is not None]
        needed = {id(t) for t in touched if t._node is not None} | {id(s.tensor) for s, _ in requiring}
        no_grads = [
            Source("grad", tensor=t, place=arguments.get(id(t), -1))
            for t in touched
            if t._grad is None and id(t) in needed and (id(t) in arguments or not self.assume_grads)
        ]
        needing = [(t, t._node is not None) for t in touched if id(t) not in arguments]
        plain, cells = found.plain(self.numbered)
        return Captured(
            self.graph, self.sources, self.draws, self.questions, effects, outputs, count, result_tree, found, self.checks,
            assumed, no_grads, requiring, needing, plain, cells, found.held(self.numbered),
            found.kept(self.read), identities, gradients, self.home,
        )  # fmt: skip

    # What the function sees in place of the real things.

    def _argument(self, value, place: int):
        if type(value) is float:
            return self._number(Source("number", place=place), value)
        return value

    def _number(self, source: Source, value: float):
        """A number that is read at each call; the plain value if it turned out that it must be fixed."""
        key = source.key_of()
        if key in self.fixed:
            return value
        node = self.graph.leaf("number", key, (), np.float64)
        self.numbered.add(key)
        self.sources[node] = source
        self.actual[node] = np.float64(value)
        return Number(node)

    def behind(self, node: Node) -> frozenset:
        """The numbers that a computed number comes from; CaptureError if a tensor is among them."""
        leaves = [n for n in reached([node]) if n.op in LEAVES and n.op != "constant"]
        if any(n.op != "number" for n in leaves):
            raise CaptureError("a number that is computed from a tensor is needed as a plain number")
        return frozenset(self.sources[n].key_of() for n in leaves)

    def _present(self, node: Node) -> float:
        """What a number is now."""
        return evaluate([node], self.actual)[0].item()

    def _leaf(self, source: Source, array: np.ndarray) -> Callable[[], Node]:
        """Makes the input's node when its value is first read."""

        def fetch() -> Node:
            node = self.graph.leaf("input", source.key_of(), array.shape, array.dtype)
            self.sources[node] = source
            self.actual[node] = array
            return node

        return fetch

    def _constant(self, array) -> Symbol:
        """A symbol for an array that the function makes, wherever it is."""
        if isinstance(array, Symbol):
            return array
        return constant_symbol(array if array.__class__ is np.ndarray else home_of(array).fetch(array))

    def _shared(self, array: np.ndarray) -> Symbol:
        """A symbol for a NumPy array that the function makes a tensor of: the array is read at each call."""
        source = Source("tensor", tensor=wrap(array))
        symbol = Symbol(Memory(None, self._leaf(source, array)), array)
        self.arrays.append(symbol)
        owner: object = array
        while isinstance(owner, np.ndarray):
            self.read.add(id(owner))
            owner = owner.base
        return symbol

    @contextmanager
    def _symbols(self, tensors: list[Variable], arguments: dict[int, int]):
        """Symbols in place of the arrays of tensors and of their gradients; everything is put back at the end."""
        before = [_State.of(t) for t in tensors]
        recording.graph, recording.present = self.graph, self._present
        recording.questions, recording.checks = self.questions, self.checks
        self.graph.source = user_line
        making.constant, making.shared = self._constant, self._shared
        try:
            self.home = _common_home(tensors, before, arguments)
            recording.place, recording.gpu, recording.attends = self.home.place, self.home.gpu, self.home.attends
            for t, state in zip(tensors, before):
                home = home_of(state.array)
                if state.array.dtype.kind == "c":
                    raise CaptureError("complex numbers are not captured")
                place = arguments.get(id(t), -1)
                source = Source("argument", tensor=t, place=place) if place >= 0 else Source("tensor", tensor=t)
                t._array = Symbol(Memory(None, self._leaf(source, state.array)), home.stand_in(state.array))
                state.symbol, state.source = t._array, source
                grad = state.grad
                if grad is None and self.assume_grads and t._node is not None and t.is_leaf and place < 0:
                    grad = state.assumed_grad = wrap(state.array)
                    state.assumed = True
                if grad is not None and grad._array.__class__ is home.kind:
                    state.grad_array = grad._array
                    origin = Source("grad", tensor=t, place=place)
                    shadow = home.stand_in(state.grad_array)
                    grad._array = Symbol(Memory(None, self._leaf(origin, state.grad_array)), shadow)
                    state.grad_symbol = grad._array
                    t._grad = grad
            yield before
        finally:
            for t, state in zip(tensors, before):
                state.put_back(t)
            recording.graph, recording.place, recording.gpu, recording.attends = None, CPU, False, None
            making.constant = making.shared = None
            self.graph.source = nowhere

    @contextmanager
    def _numbers(self, found: Reach):
        """Numbers in place of floats that may change: hyperparameters, and what user code names."""
        kept = [(mapping, key, mapping[key]) for mapping, key in (*found.numbers, *found.floats)]
        cells = [(cell, value) for cell, value in found.cells if type(value) is float]
        copies = {id(now): then for now, then in found.states}
        try:
            for mapping, key, value in kept:
                if isinstance(value, tuple):
                    if not all(type(v) is float for v in value):
                        continue
                    new: object = tuple(
                        self._number(Source("number", mapping=mapping, key=key, part=i), v) for i, v in enumerate(value)
                    )
                else:
                    new = self._number(Source("number", mapping=mapping, key=key), value)
                mapping[key] = new
                if id(mapping) in copies:
                    copies[id(mapping)][key] = new
            found.globals = [(m, k, m.get(k)) for m, k, _ in found.globals]
            for cell, value in cells:
                cell.cell_contents = self._number(Source("number", cell=cell), value)
            found.cells = [(c, c.cell_contents) for c, _ in found.cells]
            yield
        finally:
            for mapping, key, value in kept:
                mapping[key] = value
                if id(mapping) in copies:
                    copies[id(mapping)][key] = value
            for cell, value in cells:
                cell.cell_contents = value
            found.globals = [(m, k, m.get(k)) for m, k, _ in found.globals]
            found.cells = [(c, c.cell_contents) for c, _ in found.cells]

    @contextmanager
    def _generators(self, found: Reach):
        own = (self.home).generators()
        generators = list({id(g): g for g in (default_generator, *own, *found.generators)}.values())
        streams = [g.stream for g in generators]
        try:
            for g, stream in zip(generators, streams):
                g.stream = Stream(self, g, stream)
            yield
        finally:
            for g, stream in zip(generators, streams):
                g.stream = stream

    # What the function did.

    def _outputs(self, result, tensors, before, arguments) -> tuple[list[Output], int, object]:
        """The results, with those that others are views of at the end; how many the function returned; how they are arranged."""
        leaves, tree = flatten(result)
        own = {id(t): state.source for t, state in zip(tensors, before)}
        for t in tensors:
            if t._grad is not None:
                own[id(t._grad)] = Source("grad", tensor=t, place=arguments.get(id(t), -1))
        bases: dict[int, Variable] = {id(t._array): t for t in tensors}
        bases |= {id(t._grad._array): t._grad for t in tensors if t._grad is not None}
        places: dict[int, int] = {}
        outputs: list[Output] = []
        shared = _sharing(leaves, own, bases)
        for v in (*leaves, *shared):
            if isinstance(v, Number):
                raise FixedNumberNeeded("the function returns a number that it was given", v.node)
            if not isinstance(v, Variable):
                _no_symbols_in(v, own)
                outputs.append(v)
            elif id(v) in own:
                outputs.append(Output(None, same=own[id(v)]))
            elif id(v) in places:
                outputs.append(Output(None, again=places[id(v)]))
            else:
                places[id(v)] = len(outputs)
                outputs.append(self._output(v, own, bases))
        for v in shared:
            for i, other in enumerate(leaves):
                if isinstance(other, Variable) and other is not v and places.get(id(other)) == i:
                    way = way_to(other, {id(v._array): v})
                    if way is not None:
                        outputs[i] = Output(None, again=places[id(v)], steps=way[1])
        return outputs, len(leaves), tree

    def _output(self, v: Variable, own: dict[int, Source], bases: dict[int, Variable]) -> Output:
        """A tensor that was not there before as a result."""
        if not isinstance(v._array, Symbol):
            array = home_of(v._array).fetch(v._array)
            return Output(self.graph.constant(array), node_of(v) is not None, tensor=v)
        way = way_to(v, bases)
        if way is not None:
            return Output(None, same=own[id(way[0])], steps=way[1])
        return Output(v._array.node(), node_of(v) is not None, tensor=v)

    def _gradients(self, outputs, tensors, before) -> Gradients | None:
        """For results that the caller may differentiate: their gradients, for a backward program."""
        live = [
            (i, o.tensor)
            for i, o in enumerate(outputs)
            if isinstance(o, Output) and o.requires_grad and o.value is not None and not _spent(o.tensor)
        ]
        if not live:
            return None
        for i, _ in live:
            outputs[i].live = True
        wanted = [
            t
            for t, s in zip(tensors, before)
            if (s.node is not None or t._node is not None) and s.symbol.memory.value is not None
        ]
        return captured_gradients(self.graph, live, wanted)

    def _effects(self, tensors, before, arguments) -> list[Effect]:
        effects = []
        if any(symbol.memory.changes for symbol in self.arrays):
            raise CaptureError(
                "a NumPy array is written through a tensor made of it inside the step; clone() the tensor"
            )
        for t, state in zip(tensors, before):
            symbol = t._array
            if symbol is not state.symbol:
                raise CaptureError("a tensor's memory is replaced (.data = ..., set_, resize_) inside the step")
            if symbol.memory.changes:
                effects.append(Effect(state.source, symbol.node()))
            if not all(node is None or node.__class__ is AccumulateGrad for node in (t._node, state.node)):
                if t._node is not state.node and not _same_leaf(t._node, state.node):
                    raise CaptureError(
                        "a tensor from outside gets a history inside the step; return the result instead"
                    )
            grad, origin = t._grad, Source("grad", tensor=t, place=arguments.get(id(t), -1))
            if grad is None:
                if state.grad is not None or state.assumed:
                    effects.append(Effect(origin, None))
            elif state.grad_symbol is not None and grad._array is state.grad_symbol:
                if grad._array.memory.changes:
                    effects.append(Effect(origin, grad._array.node()))
            else:
                if not isinstance(grad._array, Symbol):
                    raise CaptureError("a gradient is set to a tensor that the step does not compute")
                effects.append(Effect(origin, grad._array.node(), fresh=True))
        return effects


def _sharing(leaves: list, own: dict, bases: dict[int, Variable]) -> list[Variable]:
    """The tensors of whose memory several results have elements in common."""
    groups: dict[int, list[Variable]] = {}
    for v in {id(v): v for v in leaves if isinstance(v, Variable)}.values():
        if isinstance(v._array, Symbol) and id(v) not in own and way_to(v, bases) is None:
            groups.setdefault(id(root_of(v)._array), []).append(v)
    return [root_of(group[0]) for group in groups.values() if len(group) > 1 and overlapping(group)]


def _no_change_of(arguments: tuple, given: list, tree) -> None:
    """CaptureError if the function has changed a container among its arguments: later calls give it others."""
    leaves, now = flatten(arguments)
    if now != tree or any(a is not b for a, b in zip(leaves, given)):
        raise CaptureError(
            "the function changes a list, dict or object that it is given, which a program cannot do. Make a new one and return it"
        )


def _no_symbols_in(value, own: dict) -> None:
    """CaptureError if a returned object holds tensors that the step has made: later calls could not make another of it."""
    if isinstance(value, (str, bytes, int, float, complex, type(None), np.ndarray, np.generic)):
        return
    if isinstance(value, (Iterator, Awaitable, AsyncIterator)):
        if isinstance(value, Coroutine):
            value.close()
        raise CaptureError(
            f"the function returns a {type(value).__name__}, which runs later. Make it in an uncompiled function that calls this one"
        )
    if any(id(t) not in own and isinstance(t._array, Symbol) for t in reach([value]).tensors):
        raise CaptureError(
            f"the function returns an object of class {type(value).__name__} with tensors that it has computed. "
            "Return them in a tuple, list, dict, named tuple or dataclass"
        )


def _spent(t: Variable) -> bool:
    """Whether part of the graph behind a tensor was used, and freed, by a backward pass inside the step."""
    stack, seen = [t._node], set()
    while stack:
        node = stack.pop()
        node = getattr(node, "node", node)
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.edges and node.saved is None:
            return True
        stack.extend(node.edges)
    return False


def _common_home(tensors: list[Variable], before: list[_State], arguments: dict[int, int]) -> Home:
    """Where the arrays of tensors are. Beside a GPU's, a step may have tensors of one element in host memory, such as an
    optimizer's counts of steps, that are no arguments. CaptureError for other mixtures."""
    homes = list(dict.fromkeys(home_of(state.array) for state in before))
    if len(homes) > 1:
        homes = [
            home_of(state.array)
            for t, state in zip(tensors, before)
            if state.array.__class__ is not np.ndarray or state.array.ndim or id(t) in arguments
        ]
        homes = list(dict.fromkeys(homes))
    if len(homes) > 1:
        raise CaptureError("a step that uses tensors on several devices is not captured")
    return homes[0] if homes else HOST


def _no_shared_memory(before: list[_State], home: Home) -> None:
    """CaptureError if a tensor is changed whose memory another one that is used looks at: each would have its own."""
    used: dict[int, list[tuple[np.ndarray, Memory]]] = {}
    for state in before:
        for symbol, array in ((state.symbol, state.array), (state.grad_symbol, state.grad_array)):
            if array is state.array and symbol is not state.symbol:
                continue
            if symbol is not None and symbol.memory.value is not None and array.size:
                owner = array if array.base is None else array.base
                used.setdefault(id(owner), []).append((array, symbol.memory))
    for group in used.values():
        for i, (a, memory) in enumerate(group):
            for b, other in group[i + 1 :]:
                share_memory = np.may_share_memory if a.__class__ is np.ndarray else home.share_memory
                if (memory.changes or other.changes) and share_memory(a, b):
                    raise CaptureError(
                        "two tensors share memory and the step changes one of them in place; make the other one of it inside"
                    )


def _same_leaf(a, b) -> bool:
    return a is None and b is None or (type(a) is type(b) and not a.edges and not b.edges)


@dataclass
class _State:
    """A tensor as it was before."""

    array: np.ndarray
    node: object
    counter: list | None
    count: int
    grad: Variable | None
    attributes: dict
    symbol: Symbol | None = None
    source: Source | None = None
    grad_array: np.ndarray | None = None
    grad_symbol: Symbol | None = None
    assumed_grad: Variable | None = None
    assumed: bool = False

    @classmethod
    def of(cls, t: Variable) -> _State:
        counter = t._counter
        return cls(t._array, node_of(t), counter, counter[0] if counter else 0, t._grad, dict(t.__dict__))

    def put_back(self, t: Variable) -> None:
        t._array = self.array
        t._node = self.node
        t._counter = self.counter
        if self.counter is not None:
            self.counter[0] = self.count
        t.__dict__.clear()
        t.__dict__.update(self.attributes)
        if self.grad is not None and self.grad_array is not None:
            self.grad._array = self.grad_array
