"""`Work`: an operation between processes that was started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..futures import Future
from .errors import DistBackendError
from .reduction import ReduceOp
from .watch import current

if TYPE_CHECKING:
    from .groups import ProcessGroup

_EAGER = 50
"""Polls before the first pause: what takes microseconds is not slept over."""


@lru_cache(64)
def _named(dtype: Any) -> str:
    """A dtype's name, which NumPy takes microseconds to make."""
    return str(dtype)


def facts_of(array: Any, op: ReduceOp | None = None, root: int | None = None) -> tuple:
    """What must be the same in all processes that call an operation of an array."""
    return (
        None if op is None else ReduceOp(op).name,
        _named(array.dtype),
        f"{array.size} elements",
        None if root is None else f"root {root}",
    )


class Work:
    """An operation that was started: `wait()` for it before its tensors are used.

    facts: what must be the same in all processes, besides the operation: reduction, dtype, number of elements, root.
    """

    def __init__(
        self,
        group: ProcessGroup,
        operation: str,
        parts: list,
        result: Any = None,
        finish: Callable[[], None] | None = None,
        peer: int | None = None,
        facts: tuple = (),
    ):
        self._group, self._operation, self._parts, self._result = group, operation, parts, result
        self._finish, self._peer = finish, peer
        self._lock = threading.Lock()
        self._done = False
        self._error: BaseException | None = None
        self._then: list[Callable[[], None]] = []
        self._number = 0
        watch = current()
        if watch is not None and peer is None:
            self._number = watch.entered(group.title, group.ranks, operation, facts)

    def advance(self) -> bool:
        """Let the operation go on; whether it is over, well or not."""
        if not self._done and self._lock.acquire(blocking=False):
            try:
                self._advance()
            finally:
                self._lock.release()
        return self._done

    def _advance(self) -> None:
        if self._done:
            return
        try:
            if not all([part.poll() for part in self._parts]):
                return
            if self._finish is not None:
                self._finish()
        except (RuntimeError, TypeError, ValueError, MemoryError) as error:
            self._error = error
        self._done = True
        for call in self._then:
            call()

    def in_background(self) -> Work:
        """Let it go on while the program computes."""
        watch = current()
        if not self.advance() and watch is not None:
            watch.background(self)
        return self

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Wait until it is done: True.

        DistBackendError if it is not within the timeout (the group's by default), or cannot be: the message names the
        processes that are missing.
        """
        limit = self._group.timeout if not timeout else timeout
        seconds = limit.total_seconds()
        started, pause, polls = time.monotonic(), 0.0, 0
        while not self.advance():
            polls += 1
            if polls < _EAGER:
                continue
            time.sleep(pause)
            pause = min(pause + 1e-5, 5e-4)
            try:
                self._check(seconds, time.monotonic() - started)
            except DistBackendError:
                self._abandoned()
                raise
        if self._error is not None:
            self._explain()
            raise self._error
        return True

    def _explain(self) -> None:
        """Where MPI says that something is wrong, the others may know what: DistBackendError if one tells soon."""
        watch = current()
        if watch is not None and isinstance(self._error, DistBackendError):
            watch.give_time()

    def reached(self, seconds: float) -> bool:
        """Whether it is done within a time, which is all that is lost if it is not."""
        until = time.monotonic() + seconds
        while not self.advance():
            if time.monotonic() > until:
                self._abandoned()
                return False
            time.sleep(1e-4)
        return True

    def _abandoned(self) -> None:
        watch = current()
        if watch is not None:
            watch.abandon(self)

    def _check(self, seconds: float, waited: float) -> None:
        watch, group = current(), self._group
        if watch is None:
            return
        name = f"{self._operation} (operation {self._number} of {group.title})" if self._number else self._operation
        members = group.ranks if self._peer is None else [self._peer]
        if self._number:
            watch.check_members(name, group.title, self._number, members)
        watch.check()
        if waited > seconds:
            raise watch.timed_out(name, group.title if self._number else None, members, seconds)

    def is_completed(self) -> bool:
        """Whether it is over."""
        return self.advance()

    def is_success(self) -> bool:
        """Whether it is over and went well."""
        return self.advance() and self._error is None

    def exception(self) -> BaseException | None:
        """What went wrong, if anything did."""
        return self._error

    def result(self) -> Any:
        """The tensors it made."""
        return self._result

    def source_rank(self) -> int:
        """The process of the world that a receive was from."""
        source = getattr(self._parts[0], "source", None)
        return self._group.ranks[source] if source is not None else -1

    def synchronize(self) -> None:
        """`wait`."""
        self.wait()

    def get_future(self) -> Future:
        """A future that has the result when it is done; waiting for it waits for this."""
        made = _WorkFuture(self.wait)

        def arrived() -> None:
            if self._error is not None:
                made.set_exception(self._error)
            else:
                made.set_result(self._result)

        with self._lock:
            if not self._done:
                self._then.append(arrived)
                return made
        arrived()
        return made


class _WorkFuture(Future):
    """A future that comes of operations: who waits for it lets them go on, and learns when they cannot."""

    def __init__(self, before: Callable[[], Any]):
        super().__init__()
        self._before = before

    def wait(self) -> Any:
        self._before()
        return super().wait()

    def then(self, callback: Callable[[Future], Any]) -> Future:
        plain, made = super().then(callback), _WorkFuture(self._before)
        plain.add_done_callback(lambda f: made.set_exception(f._error) if f._error else made.set_result(f._value))
        return made
