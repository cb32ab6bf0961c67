"""A scheduled graph as machine code and the tables it runs from.

Every array of a program has a slot, a word that holds its address. A kernel's table lists the slots it uses, an entry of
the program (see native/team.py) a kernel, its table and its chunks. Intermediate results lie in one arena, at places that
are reused when they are no longer read. Running sets the slots of what the caller owns and makes one native call; where a
host node needs the interpreter, or a check may refuse, the call is cut in two.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from ..native import cache, library, team
from ..native.machine import Machine, host
from .errors import CaptureError
from .evaluate import compute
from .graph import LEAVES, Graph, Node, reached, value_of
from .placing import Scratch, Segment, host_results, placed, settled, with_copies
from .recall import keep, key_of, recalled
from .undo import SHARE, Undo

if TYPE_CHECKING:
    from .lower.kernels import Kernel

ALIGN = 64
PARALLEL = 40_000
"""Nanoseconds of estimated work from which a program is worth sharing between threads."""

PIECE = 20_000_000
"""Nanoseconds of estimated work between two looks at interruptions."""

_loaded: WeakValueDictionary[str, library.Code] = WeakValueDictionary()
"""The code of kernels by their names, of all programs that live."""

_loading = threading.Lock()


@dataclass
class Entry:
    """One kernel of a program in an order of running: its code, the nodes or scratch areas in its table, its chunks."""

    kernel: Kernel | None
    text: str
    table: list[object]
    chunks: int
    reads: set
    writes: set
    flops: int = 0
    bytes: int = 0
    meet: bool = False
    name: str = ""
    code: str = ""
    loaded: library.Code | None = None

    @property
    def cost(self) -> float:
        """Nanoseconds of one thread, about."""
        return self.flops / 150 + self.bytes / 12


class Program:
    """The machine code of a graph: `results` are its values, of which those in `state` overwrite inputs.

    outputs: nodes whose arrays the caller gives at each run. leaves: inputs, numbers and draws that are read.
    """

    enters = True
    """Whether generated code may enter it without this class (entry.py)."""

    def __init__(self, graph: Graph, results: list[Node], state: dict[Node, Node], machine: Machine | None = None):
        self.machine = machine or host()
        self.graph, self.results, self.state = graph, results, state
        self.entries: list[Entry] = []
        self.segments: list[Segment] = []
        self._kernels: list[Kernel] | None = None
        order = reached([*results, *state.values()])
        key = key_of(order, results, state, self.machine)
        kept = None if key is None else recalled(key)
        if kept is None or not self._recall(kept):
            settled = self._schedule()
            self._emit()
            if key is not None and all(s.host is None for s in self.segments):
                keep(key, self._content(settled))
        nodes = reached(self.results)
        self.leaves = [n for n in nodes if n.op in LEAVES and n.op != "constant"]
        self._slots()
        self._load()

    @property
    def kernels(self) -> list[Kernel]:
        """What the entries compute; worked out again if the program was recalled from disk."""
        if self._kernels is None:
            entries, segments = self.entries, self.segments
            self.entries, self.segments = [], []
            self._kernels, _ = _scheduled(self.results, self.state)
            self._emit()
            for mine, made in zip(entries, self.entries):
                mine.kernel, mine.text = made.kernel, made.text
            self.entries, self.segments = entries, segments
        return self._kernels

    # Code.

    def _schedule(self) -> list[int]:
        """Find the kernels. Returns the places of results that have to be settled at the end."""
        self.results, self.state, self._kernels, places = settled(self.graph, self.results, self.state, _scheduled)
        return places

    def _content(self, settled: list[int]) -> dict:
        """The program as data."""
        places: dict[object, int] = {n: i for i, n in enumerate(reached([*self.results, *self.state.values()]))}
        areas: list[Scratch] = []

        def place(item) -> int:
            if isinstance(item, Scratch) and item not in places:
                areas.append(item)
                places[item] = -len(areas)
            return places[item]

        entries = [
            (
                _name_of(e.text), cache.key(_named(e.text), self.machine), [place(x) for x in e.table], e.chunks,
                [place(x) for x in e.reads], [place(x) for x in e.writes], e.flops, e.bytes,
            )
            for e in self.entries
        ]  # fmt: skip
        return {"settled": settled, "entries": entries, "areas": [a.size for a in areas]}

    def _recall(self, content: dict) -> bool:
        """Take the entries from what was kept; False if their code is no longer there."""
        if any(not (name in _loaded or cache.has(code)) for name, code, *_ in content["entries"]):
            return False
        self.results, self.state = with_copies(self.graph, self.results, self.state, content["settled"])
        order = reached([*self.results, *self.state.values()])
        areas = [Scratch(size) for size in content["areas"]]

        def item(place: int):
            return order[place] if place >= 0 else areas[-place - 1]

        for name, code, table, chunks, reads, writes, flops, size in content["entries"]:
            self.entries.append(
                Entry(
                    None,
                    "",
                    [item(i) for i in table],
                    chunks,
                    {item(i) for i in reads},
                    {item(i) for i in writes},
                    flops,
                    size,
                    name=name,
                    code=code,
                )  # fmt: skip
            )
        self.segments.append(Segment(0, len(self.entries)))
        return True

    def _emit(self) -> None:
        from .emission import emitted

        first = 0
        for kernel in self.kernels:
            if kernel.kind == "host":
                if any(n.size for n in kernel.results()):
                    self.segments.append(Segment(first, len(self.entries), kernel))
                    first = len(self.entries)
                continue
            targets = [r.target for r in kernel.roots if r.node not in kernel.silent] or [kernel.node]
            if all(n is None or n.size == 0 for n in targets):
                continue
            self.entries += emitted(kernel, self.machine)
        self.segments.append(Segment(first, len(self.entries)))

    def _slots(self) -> None:
        """Give every array a slot, and every intermediate result a place in the arena."""
        self.slot: dict[object, int] = {}
        lives: dict[object, list[int]] = {}
        own = {n for n in self.results if n not in self.state}
        time = 0
        for segment in self.segments:
            for i in range(segment.first, segment.last):
                for item in (*self.entries[i].reads, *self.entries[i].writes):
                    lives.setdefault(item, [time, time])[1] = time
                time += 1
            if segment.host is not None:
                for item in (*segment.host.operands, *host_results(segment.host)):
                    lives.setdefault(item, [time, time])[1] = time
                time += 1
        for item in lives:
            home = self.state.get(item, item)
            if home not in self.slot:
                self.slot[home] = len(self.slot)
            self.slot[item] = self.slot[home]
        for leaf in self.leaves:
            self.slot.setdefault(leaf, max(self.slot.values(), default=-1) + 1)
        self._number_slots()
        planned = [
            item
            for item in lives
            if (isinstance(item, Scratch) or item.op not in LEAVES) and item not in own and item not in self.state
        ]
        self.offsets, self.arena_size = placed({i: (lives[i][0], lives[i][1], bytes_of(i)) for i in planned}, ALIGN)
        self.constants = [n for n in self.slot if isinstance(n, Node) and n.op == "constant"]
        self._mark_meetings()

    def _number_slots(self) -> None:
        """Slots without gaps, in order of first use."""
        numbers: dict[int, int] = {}
        for item, at in self.slot.items():
            self.slot[item] = numbers.setdefault(at, len(numbers))
        self.slots = np.zeros(max(1, len(numbers)), np.int64)

    def _mark_meetings(self) -> None:
        """Threads meet before an entry that touches what another has written, or overwrites what another reads."""

        def places(items):
            found = set()
            for item in items:
                if item in self.offsets:
                    start = self.offsets[item]
                    found.add(("arena", start, start + max(bytes_of(item), 1)))
                else:
                    found.add(("slot", self.slot[item], self.slot[item] + 1))
            return found

        read: set = set()
        written: set = set()
        for i, entry in enumerate(self.entries):
            now_read, now_written = places(entry.reads), places(entry.writes)
            if i and (_meet(now_read, written) or _meet(now_written, written) or _meet(now_written, read)):
                self.entries[i - 1].meet = True
                read, written = set(), set()
            read |= now_read
            written |= now_written

    def _load(self) -> None:
        """Compile what is not compiled yet, and build the tables."""
        with _loading:
            missing: dict[str, bytes] = {}
            for entry in self.entries:
                entry.name = entry.name or _name_of(entry.text)
                entry.loaded = _loaded.get(entry.name)
                if entry.loaded is None and entry.name not in missing:
                    code = cache.get(entry.code) if entry.code else None
                    code = code or library.object_code(_named(entry.text or self._text_of(entry)), self.machine)
                    missing[entry.name] = code
            made = _linked(missing)
            _loaded.update(made)
            for entry in self.entries:
                entry.loaded = entry.loaded or made[entry.name]
        self.arena = np.zeros(self.arena_size + ALIGN, np.uint8)
        base = self.arena.ctypes.data
        base += -base % ALIGN
        for item, offset in self.offsets.items():
            self.slots[self.slot[item]] = base + offset
        self.kept = [np.ascontiguousarray(value_of(n)) for n in self.constants]
        for node, array in zip(self.constants, self.kept):
            self.slots[self.slot[node]] = array.ctypes.data
        slots = self.slots.ctypes.data
        self.tables = np.array(
            [slots + 8 * self.slot[item] for entry in self.entries for item in entry.table] or [0], np.int64
        )
        tables = self.tables.ctypes.data
        rows, at = [], 0
        for entry in self.entries:
            rows.append((entry.loaded.address, tables + 8 * at, entry.chunks, int(entry.meet)))
            at += len(entry.table)
        self.code = np.array(rows or [(0, 0, 0, 0)], np.int64)
        self.work = sum(e.cost for e in self.entries)
        over = set(self.state)
        self.commit = next((i for i, e in enumerate(self.entries) if not over.isdisjoint(e.writes)), len(self.entries))
        self.last_stop, self.early = self._last_stop()
        self.copies: list[np.ndarray] | None = None
        self.threads = 0 if self.work < PARALLEL or all(e.chunks == 1 for e in self.entries) else 1

    def _last_stop(self) -> tuple[int, list[Node]]:
        """The entry from which nothing interrupts the program, and the inputs that are overwritten before."""
        early: dict[Node, None] = {}
        for segment in self.segments[:-1]:
            for item in (*(w for e in self.entries[: segment.last] for w in e.writes), *host_results(segment.host)):
                if item in self.state:
                    early[self.state[item]] = None
        stop, room = max(self.segments[-1].first, self.commit), 12 * SHARE * self.work
        for i in range(stop, len(self.entries)):
            more = {self.state[w]: None for w in self.entries[i].writes if w in self.state}
            room -= sum(home.bytes for home in more if home not in early)
            if room < 0:
                break
            early.update(more)
            stop = i + 1
        return stop, list(early)

    def _text_of(self, entry: Entry) -> str:
        """The code of a recalled entry, written again because it was lost."""
        self.kernels  # noqa: B018
        return entry.text

    # Running.

    def view(self, node: Node) -> np.ndarray:
        """An intermediate result as an array over the arena."""
        start = self.offsets[node]
        base = -self.arena.ctypes.data % ALIGN
        return self.arena[base + start : base + start + node.bytes].view(node.dtype).reshape(node.shape)

    def run(self, arrays: dict[Node, np.ndarray], refused: np.ndarray | None = None) -> bool:
        """Run everything. `arrays` are those of leaves, outputs and overwritten inputs; contiguous.

        False, and nothing overwritten, if the flag `refused` gets set.
        """
        for node, array in arrays.items():
            at = self.slot.get(node)
            if at is not None:
                self.slots[at] = array.ctypes.data
        return self.execute(arrays, np.zeros((), bool) if refused is None else refused)

    def execute(self, arrays: dict[Node, np.ndarray], refused: np.ndarray) -> bool:
        """Run with the slots as they are. False, and nothing overwritten, if the flag `refused` gets set."""
        if self.copies is None:
            self.copies = [np.empty(home.shape, home.dtype) for home in self.early]
        undo = Undo([arrays[home] for home in self.early], self.copies)
        try:
            for segment in self.segments:
                for first, last in self.calls(segment):
                    if first >= self.commit and refused:
                        return False
                    self.native(first, last, undo if first >= self.last_stop else None)
                if segment.host is not None:
                    self.run_host(segment.host, arrays)
        except BaseException:
            undo.put_back()
            raise
        return not refused

    def calls(self, segment: Segment) -> list[tuple[int, int]]:
        """The native calls of a segment, first and last entry of each."""
        commit, stop = (min(max(at, segment.first), segment.last) for at in (self.commit, self.last_stop))
        parts = (*self.pieces(segment.first, commit), *self.pieces(commit, stop), (stop, segment.last))
        return [(first, last) for first, last in parts if first < last]

    def pieces(self, first: int, last: int) -> list[tuple[int, int]]:
        """Entries in pieces of some ten milliseconds: between them Python looks whether it is interrupted."""
        made, start, work = [], first, 0.0
        for i in range(first, last):
            work += self.entries[i].cost
            if work > PIECE:
                made.append((start, i + 1))
                start, work = i + 1, 0.0
        return [*made, (start, last)]

    def native(self, first: int, last: int, undo: Undo | None = None) -> None:
        """Run entries in one native call, on the team's threads if it is free; the call that closes `undo`, if given."""
        crew, run = team.team(), team.runner()
        address, code = crew.address, self.code.ctypes.data
        if self.threads and crew.lock.acquire(blocking=False):
            try:
                count = crew.ready(team.threads())
                if undo is not None:
                    undo.closed = True
                # No signal is handled between that and the call.
                run(address, code, first, last, count)
            finally:
                crew.lock.release()
        else:
            if undo is not None:
                undo.closed = True
            run(address, code, first, last, 1)

    def array(self, node: Node, arrays: dict[Node, np.ndarray]) -> np.ndarray:
        if node in arrays:
            return arrays[node]
        if node.op == "constant":
            return value_of(node)
        home = self.state.get(node)
        return arrays[home] if home is not None else self.view(node)

    def run_host(self, kernel: Kernel, arrays: dict[Node, np.ndarray]) -> None:
        """Call the interpreter's part and put its results where the program reads them."""
        node = kernel.node
        inputs = [self.array(n, arrays).reshape(x.shape) for n, x in zip(kernel.operands, node.inputs)]
        with np.errstate(all="ignore"):
            made = compute(node, inputs)
        results = made if node.op == "host" else [made]
        for target in host_results(kernel):
            value = results[target.attrs[0] if target.op == "part" else 0]
            if np.shape(value) != target.shape:
                raise CaptureError(f"{node!r} gave another shape than at capture: {np.shape(value)}")
            if target.size:
                self.array(target, arrays)[...] = value


def _scheduled(results: list[Node], state: dict[Node, Node]):
    from .lower.schedule import schedule

    return schedule(results, state)


def bytes_of(item) -> int:
    return item.size if isinstance(item, Scratch) else item.bytes


def _meet(a: set, b: set) -> bool:
    """Whether two sets of places overlap."""
    return any(k == l and s < f and t < e for k, s, e in a for l, t, f in b)


def _named(text: str) -> str:
    """A kernel's code under the name that tells it from all others in the process."""
    return text.replace("@KERNEL", "@" + _name_of(text))


def _name_of(text: str) -> str:
    return "k" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def code_of(text: str, machine: Machine) -> library.Code:
    """A kernel's code, compiled and loaded if it is not yet."""
    name = _name_of(text)
    with _loading:
        found = _loaded.get(name)
        if found is None:
            found = _loaded[name] = _linked({name: library.object_code(_named(text), machine)})[name]
        return found


def _linked(objects: dict[str, bytes]) -> dict[str, library.Code]:
    try:
        return library.loaded(objects)
    except library.Unresolved as error:
        raise CaptureError(str(error)) from error
