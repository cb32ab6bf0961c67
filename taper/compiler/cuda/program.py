"""A scheduled graph as kernels and library calls on one GPU, replayed as CUDA graphs.

The first run enqueues kernel after kernel; the second is captured, and from then on a run replays what was captured: one
launch, without waiting. A graph holds addresses, so that inputs must stay where they are. Parameters do, and are
overwritten in place; an array that is found elsewhere than before gets a fixed twin in the program's memory, to which it
is copied before each launch (or from which, if it is a result). Numbers, such as a learning rate, lie in a small buffer
that is filled before each launch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np

from ...backends.cuda.cublaslt_products import Product
from ...native.machine import Machine
from ..errors import CaptureError
from ..evaluate import compute, evaluate
from ..graph import LEAVES, PRODUCTS, SEVERAL, Graph, Node, reached, value_of
from ..lower.calls import Call, call_of
from ..lower.kernels import Kernel
from ..lower.launches import Launch, has_room, independent, launches, side_by_side
from ..lower.schedule import schedule
from ..placing import Segment, host_results, placed, settled
from .driver import Driver
from .passes import prepared

ALIGN = 256
"""Bytes: what a device's own allocations are aligned to."""

VECTOR = 16
"""Bytes to which every array must be aligned: kernels load as much with one instruction."""

WATCHED = 64
"""Runs whose checks may be outstanding."""


class CudaProgram:
    """The program of a graph for GPUs of a kind: `results` are its values, of which those in `state` overwrite inputs.

    It is code alone, to be looked at, until it is `loaded` on a device. hosted: inputs in host memory; they go
    the way of numbers, and what overwrites them is computed by NumPy. fuses: whether the device's library has a kernel for a
    product and what follows it; by default wherever the library's rules allow one.
    """

    enters, threads, work = False, 0, 0.0

    def __init__(
        self,
        graph: Graph,
        results: list[Node],
        state: dict[Node, Node],
        machine: Machine,
        hosted: frozenset[Node] = frozenset(),
        fuses: Callable[[Product], bool] = Product.is_possible,
    ):
        self.graph, self.machine, self.hosted = graph, machine, hosted
        self.counts = {r: old for r, old in state.items() if old in hosted}
        self._check_counts()
        there = [r for r in results if r not in self.counts]
        made, own = prepared(graph, there, {r: old for r, old in state.items() if r not in self.counts}, fuses)
        self.made, self.own, self.kernels, _ = settled(graph, made, own, schedule, library=True)
        new = dict(zip(there, self.made))
        self.results, self.state = [new.get(r, r) for r in results], self.own | self.counts
        self.flag = next((n for n in self.made if n.op == "check"), None)
        self.leaves = [n for n in reached(self.results) if n.op in LEAVES and n.op != "constant"]
        self.entries: list[Launch | Call] = []
        self.segments: list[Segment] = []
        self._emit()
        self._place()
        # Steps know programs by their slots; here they have none to fill.
        self.slot = {n: i for i, n in enumerate([*self.leaves, *self.external, *self.state])}
        self.slots = np.zeros(len(self.slot) + 1, np.int64)

    def _check_counts(self) -> None:
        """CaptureError if a number in host memory would become one that is known on the GPU alone."""
        for node in reached(self.counts):
            if node.op in LEAVES and node.op not in ("number", "constant") and node not in self.hosted:
                raise CaptureError(
                    "a tensor in host memory is overwritten with what is computed on the GPU; move it there"
                )

    # What is run, and where things are.

    def _emit(self) -> None:
        first = 0
        waiting: list[list[Kernel]] = []

        def launch() -> None:
            self.entries.extend(side_by_side(group, self.machine, self.flag) for group in waiting)
            waiting.clear()

        for kernel in self.kernels:
            targets = [r.target for r in kernel.roots if r.node not in kernel.silent] or kernel.results()
            if all(n.size == 0 for n in targets):
                continue
            if kernel.kind == "loop":
                self._put(kernel, waiting)
                continue
            launch()
            if kernel.kind == "routine":
                self.entries.append(call_of(kernel))
            elif kernel.kind == "host":
                self.segments.append(Segment(first, len(self.entries), kernel))
                first = len(self.entries)
            elif kernel.kind == "product" and kernel.node.op in PRODUCTS:
                self.entries.append(call_of(kernel))
            else:
                self.entries += launches(kernel, self.machine)
        launch()
        self.segments.append(Segment(first, len(self.entries)))

    def _put(self, kernel: Kernel, groups: list[list[Kernel]]) -> None:
        """Put a loop kernel into the last of the launches to come that can take it, where no later one has to do with it."""

        def home(node: Node) -> Node:
            return self.own.get(node, node)

        for group in reversed(groups):
            if not independent(group, kernel, home, self.flag):
                break
            if has_room(group, kernel):
                group.append(kernel)
                return
        groups.append([kernel])

    def _place(self) -> None:
        """Give every intermediate result a place in the arena, by how long it is needed."""
        lives: dict[Node, list[int]] = {}
        time = 0
        for segment in self.segments:
            for entry in self.entries[segment.first : segment.last]:
                for node in (*entry.reads, *entry.writes):
                    lives.setdefault(node, [time, time])[1] = time
                time += 1
            if segment.host is not None:
                for node in (*segment.host.operands, *host_results(segment.host)):
                    lives.setdefault(node, [time, time])[1] = time
                time += 1
        self.numbers = [n for n in self.leaves if n.op == "number" or n in self.hosted]
        self.external = [n for n in self.leaves if n not in self.numbers]
        self.external += [n for n in dict.fromkeys(self.own.values()) if n not in self.external]
        self.external += [n for n in self.made if n not in self.own and n is not self.flag and n.size]
        own = {*self.external, *self.own, *self.leaves, self.flag}
        planned = [n for n in lives if n.op not in LEAVES and n not in own]
        self.offsets, self.arena_size = placed({n: (*lives[n], n.bytes) for n in planned}, ALIGN)
        self.used = [n for n in lives if n.op == "constant"]
        self.overwritten = set(self.own.values())
        self.written = {n for n in self.external if n not in self.leaves and n not in self.overwritten}

    def loaded(self, driver: Driver) -> CudaProgram:
        """This program, ready to run on a device: kernels compiled, memory taken."""
        self.driver = driver
        self.functions = [driver.load(e.text, "KERNEL") if isinstance(e, Launch) else None for e in self.entries]
        self.arena = driver.empty((max(self.arena_size, 1),), np.dtype(np.uint8))
        words = [-(-n.bytes // 16) * 2 for n in self.numbers]  # threads load up to 16 bytes
        starts = [0, *accumulate(words)]
        self.values = driver.empty((max(1, starts[-1]),), np.dtype(np.float64))
        self.staged = np.zeros(starts[-1], np.float64)
        self.cells = [self.staged[i:].view(n.dtype)[: n.size].reshape(n.shape) for i, n in zip(starts, self.numbers)]
        self.addresses: dict[Node, int] = {}
        for node, offset in self.offsets.items():
            self.addresses[node] = driver.address(self.arena) + offset
        for i, node in zip(starts, self.numbers):
            self.addresses[node] = driver.address(self.values) + 8 * i
        self.kept = []
        for node in self.used:
            array = np.ascontiguousarray(value_of(node))
            self.kept.append(driver.empty(array.shape, array.dtype))
            self.addresses[node] = driver.address(self.kept[-1])
            driver.store(self.addresses[node], array)
        if self.flag is not None:
            self.raised = driver.empty((1,), np.dtype(bool))
            self.addresses[self.flag] = driver.address(self.raised)
            self.seen = driver.watched(WATCHED)
        self.bound: dict[Node, int] = {}
        self.twins: dict[Node, object] = {}
        self.graphs: list[object] = []
        self.runs = 0
        return self

    # Running.

    def run(self, arrays: dict[Node, object], refused: np.ndarray | None = None) -> bool:
        """Enqueue everything. `arrays` are the device's arrays of leaves, outputs and overwritten inputs, without gaps,
        and the numbers.

        False, and nothing overwritten, if a check fails at the first run, or at one that waits for the GPU anyway, since
        it calls the host. Other runs do not wait: where a check fails they overwrite nothing either, and the next run
        raises RuntimeError.
        """
        self._look()
        copies = self._bind(arrays)
        if self.numbers:
            for node, cell in zip(self.numbers, self.cells):
                cell[...] = arrays[node]
            self.driver.upload(self.driver.address(self.values), self.staged)
        for node in copies:
            if node not in self.written:
                self.driver.copy(self.addresses[node], self.bound[node], node.bytes)
        self._enqueue(capture=self.runs > 0)
        for node in copies:
            if node in self.written:
                self.driver.copy(self.bound[node], self.addresses[node], node.bytes)
        if self.counts:
            self._count(arrays)
        self.runs += 1
        if self.flag is None:
            return True
        if self.runs == 1 or len(self.segments) > 1:
            return not self.driver.fetch(self.addresses[self.flag], (1,), np.dtype(bool))[0]
        at = self.runs % WATCHED
        self.driver.watch(self.seen[at : at + 1], self.addresses[self.flag])
        return True

    def _count(self, arrays: dict[Node, object]) -> None:
        """Overwrite the numbers in host memory, while the GPU works."""
        leaves = {n: np.asarray(arrays[n]) for n in self.numbers}
        for old, value in zip(self.counts.values(), evaluate(list(self.counts), leaves)):
            arrays[old][...] = value

    def _look(self) -> None:
        """RuntimeError if a run before this one met values that it must not go on with."""
        if self.flag is not None and self.seen.any():
            self.seen[:] = 0
            raise RuntimeError(
                "a check failed in an earlier call of this compiled step: an index or a target lay out of range. "
                "That call changed no parameters. Run the step without taper.compile to see which operator it was."
            )

    def _bind(self, arrays: dict[Node, object]) -> list[Node]:
        """Note where the arrays are. Returns those that are copied to or from their twins."""
        copies, moved = [], not self.bound
        for node in self.external:
            if not node.size:
                self.addresses[node] = 0
                continue
            now = self.driver.address(arrays[node])
            before = self.bound.get(node)
            self.bound[node] = now
            if node in self.twins:
                copies.append(node)
                continue
            if before == now:
                continue
            moved = True
            if node not in self.overwritten and (before is not None or now % VECTOR):
                self.twins[node] = twin = self.driver.empty(node.shape, node.dtype)
                self.addresses[node] = self.driver.address(twin)
                copies.append(node)
                continue
            if now % VECTOR:
                raise CaptureError(f"an array that is overwritten begins at an address that {VECTOR} does not divide")
            self.addresses[node] = now
        if moved:
            self.graphs.clear()
            for result, old in self.own.items():
                if old.size:
                    self.addresses[result] = self.addresses[old]
        return copies

    def _enqueue(self, capture: bool) -> None:
        """Enqueue the kernels, call by call or as graphs, and call the host between them."""
        captured = iter(list(self.graphs))
        for segment in self.segments:
            if segment.first < segment.last:
                if not capture:
                    self._entries(segment)
                else:
                    graph = next(captured, None)
                    if graph is None:
                        graph = self.driver.capture(lambda segment=segment: self._entries(segment))
                        self.graphs.append(graph)
                    self.driver.replay(graph)
            if segment.host is not None:
                self.call_host(segment.host)

    def _entries(self, segment: Segment) -> None:
        for i in range(segment.first, segment.last):
            self.enqueue_entry(i)

    def enqueue_entry(self, i: int) -> None:
        """Enqueue one launch or call, with the arrays where the last run found them."""
        entry = self.entries[i]
        addresses = [self.addresses[n] for n in entry.items]
        if isinstance(entry, Launch):
            self.driver.launch(self.functions[i], entry.grid, addresses)
        else:
            self.driver.call(entry.what, addresses)

    def call_host(self, kernel: Kernel) -> None:
        """Call the interpreter's part on copies in host memory."""
        node, driver = kernel.node, self.driver
        inputs = [self._fetched(n).reshape(x.shape) for n, x in zip(kernel.operands, node.inputs)]
        with np.errstate(all="ignore"):
            made = compute(node, inputs)
        results = made if node.op in SEVERAL else [made]
        for target in host_results(kernel):
            value = np.asarray(results[target.attrs[0] if target.op == "part" else 0])
            if value.shape != target.shape:
                raise CaptureError(f"{node!r} gave another shape than at capture: {value.shape}")
            if target.size and target in self.addresses:
                driver.store(self.addresses[target], np.ascontiguousarray(value, target.dtype))

    def _fetched(self, node: Node) -> np.ndarray:
        if node.op == "constant":
            return value_of(node)
        if not node.size:
            return np.empty(node.shape, node.dtype)
        return self.driver.fetch(self.addresses[node], node.shape, node.dtype)
