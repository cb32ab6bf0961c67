"""Collectives in compiled functions: nodes of the program, which begins them where their operands are known, and goes on.

Each is two nodes. The first copies the operand and begins; the second waits. The first ones of a program depend on each
other in the order of the function's calls, so that all processes begin them in one order, whatever else is reordered.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .groups import ProcessGroup, chosen
from .reduction import ReduceOp
from .work import Work, facts_of


def capturing() -> bool:
    """Whether a function is being captured in this thread."""
    # The compiler is imported when something is compiled.
    found = sys.modules.get("taper.compiler.recording")
    return found is not None and found.recording.graph is not None


def notes() -> dict[object, Any]:
    """What is remembered until the capture that goes on ends."""
    return sys.modules["taper.compiler.recording"].recording.graph.notes


def refuse(what: str) -> None:
    """CaptureError if a function is being captured."""
    if capturing():
        from ..compiler import CaptureError

        raise CaptureError(what)


def participants(group: Any) -> ProcessGroup | None:
    """The group of a collective that runs now: None where this process is no member. CaptureError in a compiled function."""
    refuse("in compiled functions processes exchange tensors by all_reduce and broadcast only: call others outside")
    return chosen(group)


class CapturedWork:
    """A collective of a compiled function: `wait()` says where the program waits for it."""

    def __init__(self, tensor: Any, symbol: Any, finish: Any):
        self._tensor, self._symbol, self._finish = tensor, symbol, finish

    def wait(self, timeout: Any = None) -> bool:
        """The program waits here."""
        if self._finish is not None:
            self._tensor._array[...] = self._finish(self._symbol)
            self._finish = None
        return True


class _Running:
    """What one pair of nodes shares at run time: memory that the collective uses, and the work that goes on."""

    def __init__(self, name: str, group: ProcessGroup, begin: Any, facts: tuple):
        self.name, self.group, self.begin, self.facts = name, group, begin, facts
        self.array = np.empty(0)
        self.work: Work | None = None

    def start(self, operand: np.ndarray, *after: np.ndarray) -> np.ndarray:
        if self.work is not None:
            self.work.wait()
        if self.array.shape != operand.shape:
            self.array = np.empty(operand.shape, operand.dtype)
        self.array[...] = operand
        part = self.begin(self.array)
        self.work = Work(self.group, self.name, [part], facts=self.facts).in_background()
        return np.zeros((), np.int64)

    def wait(self, started: np.ndarray) -> np.ndarray:
        assert self.work is not None
        work, self.work = self.work, None
        work.wait()
        return self.array


def collective(
    tensor: Any, name: str, group: ProcessGroup, begin: Any, facts: tuple, async_op: bool
) -> CapturedWork | None:
    """Put a collective into the program that is being captured; begin(array) starts it, in place."""
    from ..compiler.host import collective_as

    symbol = tensor._array
    if group.size() == 1:
        return CapturedWork(tensor, symbol, None) if async_op else None
    running = _Running(name, group, begin, facts)
    started = collective_as(name, running.start, (), np.int64, symbol, True)

    def waited(token: Any) -> Any:
        return collective_as(f"wait for {name}", running.wait, symbol.shape, symbol.dtype, token, False)

    work = CapturedWork(tensor, started, waited)
    if async_op:
        return work
    work.wait()
    return None


def _symbolic(tensor: Any, what: str) -> None:
    """CaptureError for a tensor that is the same in every run: it is made in the compiled function, of nothing else."""
    if isinstance(tensor._array, np.ndarray):
        refuse(f"{what}: the tensor is a constant of the compiled function. Pass it as an argument.")


def captured_all_reduce(tensor: Any, op: ReduceOp, group: Any, async_op: bool) -> CapturedWork | None:
    """`all_reduce` of a tensor of a compiled function."""
    _symbolic(tensor, "all_reduce")
    members = chosen(group)
    if members is None:
        return None
    facts = facts_of(tensor._array, op)
    return collective(
        tensor, "all_reduce", members, lambda array: members.transport.all_reduce(array, op), facts, async_op
    )


def captured_broadcast(tensor: Any, source: int, members: ProcessGroup, async_op: bool) -> CapturedWork | None:
    """`broadcast` of a tensor of a compiled function."""
    _symbolic(tensor, "broadcast")
    facts = facts_of(tensor._array, root=source)
    return collective(
        tensor, "broadcast", members, lambda array: members.transport.broadcast(array, source), facts, async_op
    )
