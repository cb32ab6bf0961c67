"""The thread team: one group of native threads that runs programs, and sleeps when there are none.

A program is an array of entries (kernel, table, chunks, meet). The calling thread is the team's first; the others are
POSIX threads that never touch Python. They spin for a moment after each program, since training steps follow one
another closely, and then sleep on a condition. Threads claim pieces of the work, so that none waits for another that has
not begun. `runner.ll` is their code.
"""

from __future__ import annotations

import ctypes
import os
import threading
from functools import lru_cache
from importlib import resources

import numpy as np

from . import library
from .machine import host
from .threads import available, set_threads, threads

__all__ = ["ENTRY", "Team", "available", "quick_runner", "runner", "set_threads", "team", "threads"]

ENTRY = 4
"""Words of an entry: the kernel's address, the address of its table, its chunks, whether all meet after it."""

_SPINS = 4000
_CLAIMS = 1024
"""Where in the team's memory, in bytes, the threads' claims begin, each in a line of the cache."""
_MOST = 1000
"""Threads of a team at most."""
_STACK = 8 << 20
"""Bytes of a thread's stack: kernels keep panels of a megabyte and more there, and some systems give threads half of one."""
_POSIX = ("pthread_mutex_lock", "pthread_mutex_unlock", "pthread_cond_wait", "pthread_cond_broadcast", "sched_yield")
_NAMES = ["taper_run", "taper_worker"]


@lru_cache(None)
def _code() -> tuple[int, int]:
    """The addresses of `taper_run` and `taper_worker`."""
    text = resources.files(__package__).joinpath("runner.ll").read_text(encoding="utf-8")
    pause = "call void @llvm.x86.sse2.pause()" if host().triple.startswith(("x86_64", "i686")) else ""
    text += "\ndeclare void @llvm.x86.sse2.pause()\n" if pause else ""
    run, worker = library.compiled(text.replace("$PAUSE", pause), _NAMES)
    return run, worker


@lru_cache(None)
def runner():
    """`run(team, program, first, last, threads)`: addresses and numbers; the interpreter is free meanwhile."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(_code()[0])


@lru_cache(None)
def quick_runner():
    """`runner` for programs so short that giving the interpreter free would cost more than they take."""
    return ctypes.PYFUNCTYPE(None, *[ctypes.c_int64] * 5)(_code()[0])


class Team:
    """Threads that run programs together. One program at a time: `lock` is held meanwhile."""

    def __init__(self):
        self.lock = threading.Lock()
        self._memory = np.zeros((_CLAIMS + 64 * (_MOST + 1)) // 8, np.int64)
        start = -self._memory.ctypes.data % 64
        self.address = self._memory.ctypes.data + start
        self._words = self._memory[start // 8 :]
        self._seats: list[np.ndarray] = []
        self._words[320 // 8] = _SPINS

    def ready(self, threads: int) -> int:
        """Start threads until there are so many, where the system has POSIX threads; returns how many there are."""
        threads = min(threads, _MOST)
        if len(self._seats) + 1 < threads:
            posix = _posix()
            if posix is None:
                return 1
            if not self._seats:
                for i, name in enumerate(_POSIX):
                    self._words[640 // 8 + i] = ctypes.cast(getattr(posix, name), ctypes.c_void_p).value
                posix.pthread_mutex_init(ctypes.c_void_p(self.address + 384), None)
                posix.pthread_cond_init(ctypes.c_void_p(self.address + 512), None)
            # More than any system's pthread_attr_t takes.
            attributes = ctypes.create_string_buffer(256)
            posix.pthread_attr_init(attributes)
            posix.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_STACK))
            while len(self._seats) + 1 < threads:
                seat = np.array([self.address, len(self._seats) + 1, self._words[0]], np.int64)
                thread = ctypes.c_void_p()
                failed = posix.pthread_create(
                    ctypes.byref(thread), attributes, ctypes.c_void_p(_code()[1]), ctypes.c_void_p(seat.ctypes.data)
                )
                if failed:
                    break
                posix.pthread_detach(thread)
                self._seats.append(seat)
        return min(threads, len(self._seats) + 1)

    def awake(self) -> bool:
        """Whether the team's threads are looking for work: a program that follows now needs not wake them."""
        return bool(self._seats) and not self._words[256 // 8]


@lru_cache(None)
def _posix():
    """The C library's threads, or None where it has none."""
    try:
        found = ctypes.CDLL(None)
        found.pthread_create  # noqa: B018
        return found
    except (OSError, AttributeError, TypeError):
        return None


_team: Team | None = None


def team() -> Team:
    """This process's team."""
    global _team
    if _team is None:
        _team = Team()
    return _team


def _forget() -> None:
    """A forked child has only the thread that forked: it gets a team of its own when it needs one."""
    global _team
    _team = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
