"""Results that come later: `Future`, and waiting for several."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A value that somebody will set: `set_result` or `set_exception`, once; callbacks are called then."""

    def __init__(self, *, devices: Any = None):
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable] = []
        self._value: Any = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether the value, or an error, is there."""
        return self._ready.is_set()

    def wait(self) -> Any:
        """The value, when it is there; an error is raised."""
        self._ready.wait()
        return self.value()

    def value(self) -> Any:
        """The value, which must be there. RuntimeError if it is not."""
        if not self.done():
            raise RuntimeError("Future is not completed: wait() for it")
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result: Any) -> None:
        """Set the value. RuntimeError if there is one."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Set an error, which `wait` raises."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._lock:
            if self.done():
                raise RuntimeError("Future is already completed: its value can be set once")
            self._value, self._error = value, error
            self._ready.set()
        for callback in self._callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call `callback(self)` when the value is there; at once if it is."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """The future of `callback(self)`."""
        made = Future()

        def run(future: Future) -> None:
            try:
                made.set_result(callback(future))
            except Exception as error:
                made.set_exception(error)

        self.add_done_callback(run)
        return made


def collect_all(futures: Sequence[Future]) -> Future:
    """The future of the list of futures when all are done."""
    made, left, lock = Future(), [len(futures)], threading.Lock()
    if not futures:
        made.set_result([])

    def arrived(_: Future) -> None:
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            made.set_result(list(futures))

    for future in futures:
        future.add_done_callback(arrived)
    return made


def wait_all(futures: Sequence[Future]) -> list:
    """The values of all futures; the first error is raised."""
    return [future.wait() for future in collect_all(futures).wait()]
