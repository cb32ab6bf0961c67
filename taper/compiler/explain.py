"""`taper.explain`: what a compiled function's program consists of, what each part costs, and how near to the limit it is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ..autograd.tape import Variable
from . import api
from .api import Compiled
from .capture import capturing
from .errors import CaptureError, Uninitialised
from .holdings import Reach
from .reach import Wrapper, reach
from .step import Step
from .trees import flatten


@dataclass(frozen=True)
class Row:
    """One kernel. seconds: measured, by itself, on copies. share: of the machine's roofline (None: runs on the host).

    lines: the user's, "file:line". fused: the operations that it computes. limit: what the roofline says limits it,
    "arithmetic" or "memory". direction: "forward" or "backward".
    """

    number: int
    what: str
    lines: tuple[str, ...]
    fused: tuple[str, ...]
    flops: int
    bytes: int
    seconds: float
    share: float | None
    limit: str
    direction: str = "forward"

    @property
    def host(self) -> bool:
        """Whether the interpreter computes it, by NumPy."""
        return self.share is None


@dataclass
class Explanation:
    """What `taper.explain` found; prints as a table.

    rows: the kernels in the order of running. seconds: the whole program, in one go. arena: bytes of memory for what is
    between kernels. calls: native calls in one run. reason: why the function runs eagerly, if it does.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    arena: int = 0
    threads: int = 1
    calls: int = 0
    machine: str = ""
    reason: str | None = None

    @property
    def flops(self) -> int:
        """Floating-point operations of all kernels."""
        return sum(r.flops for r in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes that all kernels read and write."""
        return sum(r.bytes for r in self.rows)

    @property
    def operations(self) -> int:
        """Operations that were fused into the kernels."""
        return sum(len(r.fused) for r in self.rows)

    @property
    def hosts(self) -> list[Row]:
        """What the interpreter computes."""
        return [r for r in self.rows if r.host]

    def __str__(self) -> str:
        if self.reason is not None:
            return f"{self.name}: {self.reason}"
        from .table import written

        return written(self)

    __repr__ = __str__


def explain(function: Callable) -> Callable[..., Explanation]:
    """`taper.explain(step)(*args)`: the kernels of a function's program for these arguments, and what they cost.

    `function` may be compiled already or not. It is run with symbols, as taper.compile does, and its kernels with copies
    of its data: parameters, gradients, optimizer state, random generators are afterwards what they were.
    """
    if not callable(function):
        raise TypeError(f"taper.explain takes a function or a module, not {type(function).__name__}")
    function = _behind(function)

    @functools.wraps(function, updated=())
    def explained(*args, **kwargs) -> Explanation:
        with capturing:
            found = reach([function, *flatten((args, kwargs))[0]])
            with _restored(found):
                try:
                    step = _step(function, args, kwargs)
                except CaptureError as problem:
                    return Explanation(_name(function), reason=f"runs eagerly, since it cannot be captured: {problem}")
                return explanation(step, _name(function))

    return explained


def _behind(function: Callable) -> Callable:
    """The plain function of a compiled one."""
    for _ in range(3):
        inner = getattr(function, "_orig_mod", None) or getattr(function, "_compiled_call", None)
        if isinstance(function, Wrapper):
            function = function.function
        elif inner is not None:
            function = inner
    return function


def _name(function: Callable) -> str:
    return getattr(function, "__qualname__", None) or type(function).__name__


def _step(function: Callable, args: tuple, kwargs: dict) -> Step:
    """The program for these arguments; optimizers make their state first, where they have none."""
    compiled = Compiled(function)
    for _ in range(2):
        try:
            return compiled.compile_for(args, kwargs)
        except Uninitialised:
            function(*args, **kwargs)
    return compiled.compile_for(args, kwargs)


@contextmanager
def _restored(found: Reach) -> Iterator[None]:
    """Puts back everything that a function reaches: arrays, gradients, containers, random streams."""
    from ..tensor.random import default_generator

    tensors = [(t, t._array, t._array.copy(), t._node, t._grad, dict(t.__dict__)) for t in found.tensors]
    grads = [(t._grad, t._grad._array, t._grad._array.copy()) for t in found.tensors if isinstance(t._grad, Variable)]
    counters = [(t._counter, t._counter[0]) for t in found.tensors if t._counter is not None]
    generators = {id(g): g for g in (default_generator, *found.generators)}.values()
    streams = [(g, g.stream, g.stream.copy()) for g in generators]
    try:
        yield
    finally:
        found.restore()
        for t, array, values, node, grad, attributes in tensors:
            t._array, t._node, t._grad = array, node, grad
            if getattr(array.flags, "writeable", True):  # others, such as repeated rows, cannot have changed
                array[...] = values
            t.__dict__.clear()
            t.__dict__.update(attributes)
        for grad, array, values in grads:
            grad._array = array
            array[...] = values
        for counter, count in counters:
            counter[0] = count
        for g, stream, state in streams:
            g.stream = stream
            stream.set_state(state.get_state())


def explanation(step: Step, name: str) -> Explanation:
    """What a compiled step's program costs now."""
    program = step.program
    if not program.kernels:
        return Explanation(name, reason="runs on NumPy, node by node, since llvmlite is not installed")
    if program.machine.gpu:
        from .cuda import timing

        return timing.explanation(step, name)
    from ..native import team
    from ..native.machine import host
    from .timing import copies, room, timed

    found = Explanation(name, machine=host().cpu)
    with step.lock:
        arrays = copies(step)
        times = timed(program, arrays)
        _add(found, program, times, "forward")
        found.calls += 1 if "enter" in step.scope else _calls(program)
        if step.backward is not None:
            backward = step.backward.program
            given = step.backward.gradients.given
            values = [np.ones(n.shape, n.dtype) for n in given]
            values += [arrays[n] if n in arrays else np.zeros(n.shape, n.dtype) for n, _ in step.saved]
            inputs = dict(zip(step.backward.leaves, values))
            _add(found, backward, timed(backward, inputs | room(backward)), "backward")
            found.calls += _calls(backward)
    if any(p.threads for p in (program, *([step.backward.program] if step.backward else []))):
        found.threads = team.threads()
    return found


def _calls(program) -> int:
    """Native calls of one run."""
    return sum(len(program.calls(segment)) for segment in program.segments)


def _add(found: Explanation, program, times, direction: str) -> None:
    """The rows of one program."""
    from ..native import roofline, team
    from . import describe

    kernels = program.kernels
    seconds: dict[object, float] = dict(times.hosts)
    for entry, taken in zip(program.entries, times.entries):
        seconds[entry.kernel] = seconds.get(entry.kernel, 0.0) + taken
    kernels = [k for k in kernels if k in seconds]
    several = {e.kernel for e in program.entries if e.chunks > 1} if program.threads else set()

    def limit(kernel) -> tuple[float, str]:
        threads = team.threads() if kernel in several else 1
        return limits.seconds(describe.flops(kernel), describe.traffic(kernel), describe.double(kernel), threads)

    limits = roofline.roofline(team.threads())
    if any(limit(k)[0] > 1.02 * seconds[k] and limit(k)[1] == "arithmetic" for k in kernels):
        limits = roofline.again(team.threads())
    for k in kernels:
        least, by = limit(k)
        share = None if k.kind == "host" else least / max(seconds[k], 1e-12)
        found.rows.append(
            Row(
                len(found.rows) + 1, describe.what(k), tuple(describe.lines(k)), tuple(describe.fused(k)),
                describe.flops(k), describe.traffic(k), seconds[k], share, by, direction,
            )
        )  # fmt: skip
    found.seconds += times.whole
    found.arena += program.arena_size


@contextmanager
def watching() -> Iterator[list[Compiled]]:
    """The compiled functions that are made meanwhile, kept alive with their programs."""
    before, api.watched = api.watched, []
    try:
        yield api.watched
    finally:
        api.watched = before


def explanations(compiled: Compiled) -> list[Explanation]:
    """What each program of a compiled function costs, for the arguments that it was made for."""
    name = _name(compiled.function)
    if compiled.eager_reason is not None:
        return [Explanation(name, reason=f"runs eagerly, since it cannot be captured: {compiled.eager_reason}")]
    if not compiled.steps:
        return [Explanation(name, reason="was not called")]
    return [explanation(step, name) for step in compiled.steps]


def listings(compiled: Compiled, device: str) -> list[str]:
    """Each program of a compiled function for GPUs of an architecture: its kernels, and their PTX."""
    from .stages import stages

    name = _name(compiled.function)
    if compiled.eager_reason is not None:
        return [f"{name}: runs eagerly, since it cannot be captured: {compiled.eager_reason}"]
    if not compiled.steps:
        return [f"{name}: was not called"]
    found = []
    for step in compiled.steps:
        texts = stages(step, compiled.function, device)
        parts = [
            f"{name}, {stage} for {device}:\n{texts[stage]}" for stage in texts if stage.endswith(("kernels", "ptx"))
        ]
        found.append("\n\n".join(parts))
    return found


__all__ = ["Explanation", "Row", "explain", "explanation", "explanations", "listings", "watching"]
