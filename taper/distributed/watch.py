"""What each process knows of the others: who they are, where they are, and who is missing.

One thread a process answers the others' questions over a communicator of its own, looks whether the processes of this
machine live, and drives collectives that run in the background. While all goes well each process tells its neighbour what
collectives it called, every 50 ms in one message, so that those that differ are found out.

When one is missing, every other one learns its name: its operations raise DistBackendError, and the process ends with a
status that is not 0.
"""

from __future__ import annotations

import atexit
import os
import socket
import sys
import threading
import time
from typing import Any

from .errors import DistBackendError
from .ledger import Ledger, shown

_ASK, _ANSWER, _FAILED, _LEAVING, _DID = "ask", "answer", "failed", "leaving", "did"
_LOOK = 0.25
"""Seconds between two looks at whether the processes of this machine live."""
_IDLE = 0.05
"""Seconds between two looks at the messages."""
_FRESH, _SLOW = 2e-5, 2e-4
"""Seconds between two advances of background work that has just begun, and of work that takes long."""
_GRACE = 2.0
"""Seconds in which a process that lives answers, and in which one that learned of a failure reports it."""


class Watch:
    """The watch of one process over all; `communicator` is its own."""

    def __init__(self, communicator: Any):
        self._communicator = communicator
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        self.peers: list[tuple[str, int]] = communicator.allgather((socket.gethostname(), os.getpid()))
        host = self.peers[self.rank][0]
        # A container may show no process but its own: only who can be seen now can be missed later.
        self._seen = {r for r, (h, pid) in enumerate(self.peers) if h == host and r != self.rank and _lives(pid)}
        self.failure: str | None = None
        self._marks: dict[str, tuple[int, str]] = {}
        self._ledger = Ledger(self.rank)
        self._talks = threading.Lock()
        self._gone: dict[int, dict[str, tuple[int, str]]] = {}
        self._answers: dict[int, tuple[dict, str]] = {}
        self._sends: list = []
        self._running: list = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = False
        self._stuck: str | None = None
        self._told = False
        self._abandoned: list = []
        self._main = threading.main_thread().ident
        self._thread = threading.Thread(target=self._look, name="taper-watch", daemon=True)
        self._thread.start()

    def name(self, rank: int) -> str:
        """How messages call a process."""
        host, pid = self.peers[rank]
        return f"rank {rank} (process {pid} on {host})"

    def entered(self, group: str, members: list[int], operation: str, facts: tuple) -> int:
        """Note that an operation of all of a group begins; returns its number."""
        count = self._marks.get(group, (0, ""))[0] + 1
        self._marks[group] = (count, operation)
        self._ledger.note(group, members, (operation, *facts))
        return count

    def background(self, work: Any) -> None:
        """Drive an operation while the program computes."""
        with self._lock:
            self._running.append(work)
        self._wake.set()

    def abandon(self, work: Any) -> None:
        """Drive on an operation that nobody waits for any more: MPI may still write to its memory."""
        self._abandoned.append(work)
        self.background(work)

    def waiting(self, what: str) -> _Stuck:
        """A scope in which the program waits inside MPI, and cannot be told of a failure."""
        return _Stuck(self, what)

    def check(self) -> None:
        """DistBackendError if a process is missing."""
        if self.failure is not None:
            raise DistBackendError(self.failure)

    def check_members(self, operation: str, group: str, count: int, members: list[int]) -> None:
        """DistBackendError if a process is missing, or a member has left without having called a group's count-th
        operation."""
        self.check()
        for rank in members:
            if rank in self._gone and self._gone[rank].get(group, (0, ""))[0] < count:
                text = f"{operation} cannot finish: {self.name(rank)} has left without calling it; its program ended."
                self.fail(text)
                raise DistBackendError(text)

    def timed_out(self, operation: str, group: str | None, members: list[int], seconds: float) -> DistBackendError:
        """The error of an operation that took too long, after asking all members where they are; all are told."""
        text = f"{operation} did not finish within {seconds:g} s on rank {self.rank}. {self.missing(group, members)}"
        self.fail(text)
        return DistBackendError(text)

    def missing(self, group: str | None, members: list[int]) -> str:
        """Which members have not come as far in a group's operations as this process, and where they are."""
        others = [r for r in members if r != self.rank]
        self._answers = {}
        for rank in others:
            self._send(rank, (_ASK, self.rank, group))
        until = time.monotonic() + _GRACE
        while time.monotonic() < until and not all(r in self._answers for r in others if r not in self._gone):
            time.sleep(0.01)
        mine = self._marks.get(group or "", (0, ""))
        found = []
        for rank in others:
            if rank in self._gone:
                found.append(f"{self.name(rank)} has left: its program ended")
            elif rank not in self._answers:
                found.append(f"{self.name(rank)} does not answer: it is dead, stopped, or cannot be reached")
            else:
                (count, operation), where = self._answers[rank]
                if group is None:
                    found.append(f"{self.name(rank)} is at {where}")
                elif count < mine[0]:
                    found.append(f"{self.name(rank)} has not called it: it is at {where}")
                elif count == mine[0] and operation != mine[1]:
                    found.append(f"{self.name(rank)} called {operation} instead, at {where}")
        if not found:
            return "All processes have called it: the network is slow or broken, or their sizes differ."
        return "Missing: " + "; ".join(found) + "."

    def fail(self, text: str) -> None:
        """Let all processes know of a failure."""
        if self.failure is None:
            self.failure = text
            for rank in range(self.size):
                if rank != self.rank:
                    self._send(rank, (_FAILED, self.rank, text))

    def _send(self, rank: int, message: tuple) -> None:
        from mpi4py import MPI

        try:
            with self._talks:
                self._sends = [s for s in self._sends if not s.Test()]
                self._sends.append(self._communicator.isend(message, rank))
        except MPI.Exception:
            # Whoever cannot be reached does not answer, and is reported for that.
            self._gone.setdefault(rank, {})

    def _tell(self) -> None:
        """Tell the neighbours what was called since."""
        for rank, group, entries in self._ledger.unsent():
            self._send(rank, (_DID, self.rank, group, entries))

    def _compare(self) -> None:
        """Let all know if a neighbour called something else."""
        if self.failure is not None:
            return
        found = self._ledger.difference()
        if found is not None:
            group, number, mine, rank, theirs = found
            text = (
                f"operation {number} of {group} differs: {self.name(self.rank)} called {shown(mine)}, {self.name(rank)} "
                f"called {shown(theirs)}. All members of a group call the same operations, in the same order, with tensors "
                "of one size and dtype."
            )
            self.fail(text)
            self._report(text)

    def give_time(self) -> None:
        """Wait for what the others may have to say. DistBackendError for a failure."""
        until = time.monotonic() + 6 * _IDLE
        while time.monotonic() < until:
            self.check()
            time.sleep(_IDLE / 5)

    def _look(self) -> None:
        next_look, pause = 0.0, _FRESH
        while not self._stop:
            with self._lock:
                self._running = [w for w in self._running if not w.advance()]
                busy = bool(self._running)
            now = time.monotonic()
            if now >= next_look:
                next_look = now + _IDLE
                self._tell()
                self._read()
                self._compare()
                self._look_around()
            # Background work advances only when MPI is called: often while it is fresh.
            pause = _FRESH if self._wake.is_set() else min(pause * 1.2, _SLOW)
            self._wake.clear()
            if busy:
                time.sleep(pause)
            else:
                self._wake.wait(_IDLE)

    def _read(self) -> None:
        from mpi4py import MPI

        while self._communicator.iprobe(MPI.ANY_SOURCE, MPI.ANY_TAG):
            kind, sender, *rest = self._communicator.recv(source=MPI.ANY_SOURCE)
            if kind == _ASK:
                mark = self._marks.get(rest[0] or "", (0, ""))
                self._send(sender, (_ANSWER, self.rank, mark, self._where()))
            elif kind == _ANSWER:
                self._answers[sender] = (rest[0], rest[1])
            elif kind == _DID:
                self._ledger.heard(*rest)
            elif kind == _LEAVING:
                self._gone[sender] = rest[0]
            elif kind == _FAILED and self.failure is None:
                self._report(f"{rest[0]} [told by rank {sender}]")

    def _look_around(self) -> None:
        for rank in list(self._seen):
            if not _lives(self.peers[rank][1]):
                self._seen.discard(rank)
                if self.failure is None:
                    text = f"{self.name(rank)} has died."
                    self.fail(text)
                    self._report(text)

    def _report(self, text: str) -> None:
        """Say it now, and end the process if it cannot say it itself: it waits inside MPI for one that will not come."""
        self.failure, self._told = text, True
        print(f"[rank {self.rank}] {text}", file=sys.stderr, flush=True)
        if self._stuck is not None:
            print(f"[rank {self.rank}] ends: {self._stuck} cannot finish.", file=sys.stderr, flush=True)
            _end()

    def _where(self) -> str:
        """The innermost line of the program that is not Taper's."""
        frame = sys._current_frames().get(self._main or 0)
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        own = frame
        while own is not None and own.f_code.co_filename.startswith(package):
            own = own.f_back
        frame = own or frame
        if frame is None:
            return "an unknown place"
        return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"

    def leave(self) -> None:
        """Wait until all processes want to leave. DistBackendError if one cannot."""
        if not all(work.advance() for work in self._abandoned):
            self.fail(f"{self.name(self.rank)} left while an operation had not finished.")
        self.check()
        self._tell()
        for rank in range(self.size):
            if rank != self.rank:
                self._send(rank, (_LEAVING, self.rank, self._marks))
        # Messages keep their order: who has said that it leaves has told before what it called.
        compared = time.monotonic() + 2 * _IDLE
        while not self._ledger.neighbours() <= self._gone.keys() or time.monotonic() < compared:
            time.sleep(0.005)
            self.check()
        last = self._communicator.Ibarrier()
        while not last.Test():
            time.sleep(0.005)
            self.check()
        self._stop = True
        self._wake.set()
        self._thread.join()
        self._seen.clear()


class _Stuck:
    def __init__(self, watch: Watch, what: str):
        self._watch, self._what = watch, what

    def __enter__(self) -> None:
        self._watch.check()
        self._watch._stuck = self._what

    def __exit__(self, *error: Any) -> None:
        self._watch._stuck = None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Process:
    """This process's one watch, and whether its program failed."""

    watch: Watch | None = None
    error: str | None = None
    pid = 0


def begin(communicator: Any) -> Watch:
    """The watch of this process, which lasts as long as the process."""
    if _Process.watch is None:
        _Process.watch, _Process.pid = Watch(communicator.Dup()), os.getpid()
        shown = sys.excepthook

        def failed(kind: type, error: BaseException, trace: Any) -> None:
            shown(kind, error, trace)
            _Process.error = f"{kind.__name__}: {error}"

        sys.excepthook = failed
        atexit.register(_at_exit)
    return _Process.watch


def current() -> Watch | None:
    """The watch of this process, if it is one of several."""
    return _Process.watch


def failing(reason: str) -> None:
    """Note why this process's program ends, for the others to be told."""
    _Process.error = reason


def _at_exit() -> None:
    watch = _Process.watch
    if watch is None or _Process.pid != os.getpid():
        return
    from mpi4py import MPI

    if MPI.Is_finalized():
        return
    try:
        if _Process.error is not None:
            watch.fail(f"{watch.name(watch.rank)} ended by {_Process.error}")
        watch.leave()
    except DistBackendError as error:
        if _Process.error is None and not watch._told:
            print(f"[rank {watch.rank}] {error}", file=sys.stderr, flush=True)
        # The others read the message while this process still is there to have sent it.
        time.sleep(4 * _IDLE)
        _end()
    else:
        MPI.Finalize()


def _end() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
