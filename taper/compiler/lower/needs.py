"""The kernels of a program while it is scheduled, and which of them need what others compute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ..graph import Node
from .kernels import Kernel


class Kernels:
    """All kernels; producer: which computes a node; pieces: which write its slices, in order.

    nodes: all nodes of the program in order. state: as `schedule` has it.
    """

    def __init__(self, nodes: list[Node], state: Mapping[Node, Node]):
        self.nodes, self.state = nodes, state
        self.all: list[Kernel] = []
        self.alive: set[Kernel] = set()
        self.producer: dict[Node, Kernel] = {}
        self.pieces: dict[Node, list[Kernel]] = defaultdict(list)
        self.changed()

    def changed(self) -> None:
        """Forget what is known of needs."""
        self._needs: dict[Kernel, list[Kernel]] = {}
        self._reach: dict[Kernel, int] = {}
        self._readers: dict[Node, list[Kernel]] | None = None

    def add(self, kernel: Kernel, before: Kernel | None = None) -> None:
        """One more kernel, last or before another."""
        self.all.insert(len(self.all) if before is None else self.all.index(before), kernel)
        self.alive.add(kernel)
        for n in kernel.results():
            self.producer[n] = kernel

    def depends(self, kernel: Kernel, on: Kernel, without: Kernel | None = None) -> bool:
        """Whether `kernel` needs, through others, what `on` computes; not counting the step straight from `without`."""
        seen = {kernel}
        stack = [k for k in self.needs(kernel) if not (without is kernel and k is on)]
        end = last(on)
        while stack:
            k = stack.pop()
            if k is on:
                return True
            if k not in seen and self.reach(k) >= end:
                seen.add(k)
                stack.extend(self.needs(k))
        return False

    def reach(self, kernel: Kernel) -> int:
        """The number of the last node among what a kernel computes and all that it needs, through others, too.

        Numbers grow along single nodes, but a kernel may compute early nodes with late ones. Kernels that overwrite what
        each other reads wait in a circle, until one of them is settled: they count as reaching everything.
        """
        known = self._reach
        stack, begun = [kernel], set()
        while stack:
            k = stack[-1]
            missing = [] if k in known else [n for n in self.needs(k) if n not in known and n not in begun]
            if missing:
                begun.add(k)
                stack.extend(missing)
            else:
                if k not in known:
                    everything = self.nodes[-1].number
                    known[k] = max([last(k), *[known.get(n, everything) for n in self.needs(k)]])
                stack.pop()
        return known[kernel]

    def needs(self, kernel: Kernel) -> list[Kernel]:
        """The kernels whose results a kernel reads."""
        found = self._needs.get(kernel)
        if found is None:
            found = self._needs[kernel] = self._needed(kernel)
        return found

    def _needed(self, kernel: Kernel) -> list[Kernel]:
        found = []
        for n in kernel.loads():
            if n.op == "part":
                n = n.inputs[0]
            k = self.producer.get(n)
            if k is not None and k is not kernel and k not in found:
                found.append(k)
            for other in self.pieces.get(n, ()):
                if other is not kernel and other not in found:
                    found.append(other)
        for r in kernel.roots:
            old = self.state.get(r.node)
            if old is not None:
                # Who overwrites an input waits for all who read it.
                found.extend(k for k in self.readers(old) if k is not kernel and k not in found)
            if r.into is not None and r.into.op == "update":
                mine = self.pieces[r.into]
                found.extend(k for k in mine[: mine.index(kernel)] if k not in found)
        return found

    def readers(self, leaf: Node) -> list[Kernel]:
        """The kernels that read an input which some kernel overwrites."""
        if self._readers is None:
            self._readers = defaultdict(list)
            overwritten = set(self.state.values())
            for k in self.all:
                for n in k.loads() & overwritten:
                    self._readers[n].append(k)
        return self._readers[leaf]

    def replace(self, a: Kernel, b: Kernel, made: Kernel) -> None:
        """Let one kernel stand for two."""
        self.all[self.all.index(b)] = made
        self.all.remove(a)
        self.alive -= {a, b}
        self.alive.add(made)
        self._forget({a, b})
        for n in made.results():
            self.producer[n] = made

    def _forget(self, gone: set[Kernel]) -> None:
        """Forget what is known of kernels that are no more, and of all that need them."""
        above = set(gone)
        for k in self._reach:
            # What a kernel needs was noted before it.
            if not above.isdisjoint(self._needs[k]):
                above.add(k)
        for k in above:
            self._reach.pop(k, None)
        for k in [k for k, needs in self._needs.items() if k in gone or not gone.isdisjoint(needs)]:
            del self._needs[k]
        self._readers = None


def last(kernel: Kernel) -> int:
    """The number of the last node that a kernel computes."""
    return max((n.number for n in kernel.results()), default=0)
