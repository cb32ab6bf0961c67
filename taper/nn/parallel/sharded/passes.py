"""When the units of sharded modules are whole: around forward, around their part of backward, and never longer."""

from __future__ import annotations

from typing import Any

from ....autograd import engine
from .unit import Unit


class _Pass:
    """One backward pass: the units that take part, and the reductions that are under way."""

    def __init__(self):
        self.entered: list[Unit] = []
        self.left: list[Unit] = []
        self.finishing: list[Any] = []


class Passes:
    """What all sharded modules of a process share: the order of forward, and the backward passes that are going on."""

    def __init__(self):
        self.depth = 0
        self.order: list[Unit] = []
        self._passes: dict[Any, _Pass] = {}

    def begin(self) -> None:
        """The outermost module begins forward, outside of backward: what failed before is forgotten."""
        self.order = []
        if engine.passing() is None:
            self._passes.clear()

    def _current(self) -> _Pass | None:
        running = engine.passing()
        if running is None:
            return None
        if running not in self._passes:
            self._passes[running] = _Pass()
            engine.at_end(lambda: self._end(running))
        return self._passes[running]

    def enter(self, unit: Unit) -> None:
        """A gradient has reached a module's output: its parameters are needed, and soon those of the module before."""
        current = self._current()
        if current is None:
            return
        if unit not in current.entered:
            current.entered.append(unit)
            unit.arrived = set()
        unit.unshard()
        before = self.order.index(unit) - 1 if unit in self.order else -1
        if before >= 0 and self.order[before] not in current.entered:
            self.order[before].gather()

    def entered(self, unit: Unit) -> bool:
        """Whether a module's part of the running backward pass has begun."""
        running = engine.passing()
        return running in self._passes and unit in self._passes[running].entered

    def gradient(self, unit: Unit, number: int) -> None:
        """A parameter has its gradient."""
        current = self._current()
        if current is None:
            return
        if unit not in current.entered:
            current.entered.append(unit)
            unit.arrived = set()
        unit.arrived.add(number)
        if unit.arrived >= unit.trained and unit not in current.left:
            self._leave(current, unit)

    def _leave(self, current: _Pass, unit: Unit) -> None:
        current.left.append(unit)
        if unit.syncs:
            # One is under way while the next is made: the buffers of more would be as large as what sharding saves.
            while len(current.finishing) > 1:
                current.finishing.pop(0)()
            current.finishing += unit.reduce()
        if unit.reshards:
            unit.reshard()

    def _end(self, running: Any) -> None:
        current = self._passes.pop(running, None)
        if current is None:
            return
        for unit in current.entered:
            if unit not in current.left:
                self._leave(current, unit)
        for finish in current.finishing:
            finish()


PASSES = Passes()
