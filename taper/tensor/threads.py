"""Threads: how many a computation may use."""

from __future__ import annotations

from ..backends.cpu import threads

__all__ = ["get_num_threads", "set_num_threads", "get_num_interop_threads", "set_num_interop_threads"]


def get_num_threads() -> int:
    """The number of threads that one operation may use."""
    return threads.get_num_threads()


def set_num_threads(num: int) -> None:
    """Let one operation use `num` threads. RuntimeError for fewer than 1."""
    if not isinstance(num, int) or isinstance(num, bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    threads.set_num_threads(num)


def get_num_interop_threads() -> int:
    """1: operations run one after the other."""
    return 1


def set_num_interop_threads(num: int) -> None:
    """Accepted and without effect: operations run one after the other."""
    if num < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
