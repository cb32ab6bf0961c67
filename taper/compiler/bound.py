"""A program as a function of arrays: what it reads and what it makes are given in a fixed order at each run."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from .graph import Node
from .homes import HOST, Home

REFUSED, RAN = 2, 1


class Bound:
    """A program bound to the order of its arrays.

    reads, makes: its inputs, and the nodes whose arrays the caller gives to be written. flag: the node that is true if
    the inputs hold what the program refuses. Overwritten inputs must be contiguous; others are copied if they are not.
    """

    asleep = 0.0
    """Nanoseconds of work below which a team that sleeps is not woken."""

    def __init__(
        self, program, reads: Sequence[Node], makes: Sequence[Node], flag: Node | None = None, home: Home = HOST
    ):
        self.program, self.reads, self.makes, self.flag, self.home = program, reads, makes, flag, home
        self.lock = threading.Lock()
        self.refused = np.zeros((), bool)
        self.overwritten = frozenset(program.state.values())
        self.way = self._opened()

    def _opened(self):
        """The native entrance, where one call is the whole program."""
        if not self.program.enters:
            return None
        from .entry import PATIENCE, Entrance, enterable

        slot = self.program.slot
        nodes = (*self.reads, *self.makes)
        self.used = [i for i, n in enumerate(nodes) if n in slot]
        if self.program.work > PATIENCE or not enterable(self.program, len(self.used), 0):
            return None
        if self.flag is not None:
            self.program.slots[slot[self.flag]] = self.refused.ctypes.data
        given = len(self.reads)
        specs = [
            (slot[nodes[i]], nodes[i].shape if i < given else None, nodes[i].dtype, nodes[i] in self.overwritten)
            for i in self.used
        ]
        self.all = len(self.used) == len(nodes)
        return Entrance(self.program, specs, np.zeros(1), 0, None if self.flag is None else self.refused)

    def run(self, reads: Sequence[np.ndarray], makes: Sequence[np.ndarray]) -> int:
        """RAN; REFUSED if the flag was set; 0 if an input is unfit to be overwritten."""
        way = self.way
        if way is None:
            return self._run_general(reads, makes)
        arrays = (*reads, *makes)
        if not self.all:
            arrays = [arrays[i] for i in self.used]
        if way.brief:
            ran = way.enter(way.address, *arrays)
        elif way.threads:
            with self.lock, way.share(self.program.work < self.asleep):
                ran = way.enter(way.address, *arrays)
        else:
            with self.lock:
                ran = way.enter(way.address, *arrays)
        return ran or self._run_general(reads, makes)

    def _run_general(self, reads: Sequence[np.ndarray], makes: Sequence[np.ndarray]) -> int:
        """Run with arrays in any order of memory, with looks at interruptions between kernels."""
        values: dict[Node, np.ndarray] = {}
        for node, array in zip(self.reads, reads):
            fit = self.home.contiguous(array, dtype=node.dtype).reshape(node.shape)
            if node in self.overwritten and fit.size and not self.home.share_memory(fit, array):
                return 0
            values[node] = fit
        values.update(zip(self.makes, makes))
        if self.flag is not None:
            values[self.flag] = self.refused
        with self.lock:
            return RAN if self.program.run(values, self.refused) else REFUSED
