"""What lies around the code that is captured: libraries that have nothing to do with Taper, and what Python itself holds.

A program means what the function means as long as the function's world stands still. Where a step reads from something that
moves on by being read (an iterator, the random numbers of Python or NumPy), that has to be seen when it is captured.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
import types
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import PurePath

from ..autograd.naming import PACKAGES

_PACKAGES = ("site-packages", "dist-packages")
"""Folders of installed packages."""

_libraries: dict[str, tuple[int, bool]] = {}
"""Packages by name: how many modules were loaded when it was looked at, and whether it is a library."""


def is_library(module: str | None) -> bool:
    """Whether a module belongs to Python, to NumPy, or to an installed package that uses nothing of Taper.

    What such a module holds in its variables and classes is taken to be the same in all calls.
    """
    if module is None:
        return False
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == "numpy":
        return True
    known = _libraries.get(top)
    if known is None or known[0] != len(sys.modules):
        known = _libraries[top] = len(sys.modules), _is_installed(top) and not _uses_taper(top)
    return known[1]


def _is_installed(top: str) -> bool:
    module = sys.modules.get(top)
    where = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    return any(part in _PACKAGES for part in PurePath(where).parts)


def _uses_taper(top: str) -> bool:
    """Whether a module of a package has something of Taper among its variables."""
    if top in PACKAGES:
        return True
    inside = [m for name, m in list(sys.modules.items()) if name == top or name.startswith(top + ".")]
    return any(_is_tapers(value) for m in inside for value in list(getattr(m, "__dict__", {}).values()))


def _is_tapers(value) -> bool:
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif isinstance(value, (type, types.FunctionType)):
        name = value.__module__ or ""
    else:
        return False
    return isinstance(name, str) and name.partition(".")[0] in PACKAGES


def is_consumed(item) -> bool:
    """Whether this is an iterator of Python's own: what is read from it is gone, and nothing shows it."""
    return isinstance(item, Iterator) and type(item).__module__ in ("builtins", "itertools")


_CLOCKS = {
    "time": frozenset(f"{name}{ns}" for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time") for ns in ("", "_ns")),
    "datetime": frozenset(("now", "utcnow", "today")),
}  # fmt: skip
"""What says another thing whenever it is asked, by modules."""


def clock_of(value, mentioned: Container[str]) -> str | None:
    """The clock that code reads which mentions these names, and has `value` in a variable; None if it reads none there."""
    if isinstance(value, types.BuiltinFunctionType) and value.__name__ in _CLOCKS.get(value.__module__ or "", ()):
        return f"{value.__module__}.{value.__name__}"
    if isinstance(value, types.ModuleType):
        module = value.__name__
    else:
        module = value.__module__ if isinstance(value, type) and value.__module__ == "datetime" else ""
    read = [name for name in sorted(_CLOCKS.get(module, ())) if name in mentioned]
    return f"{module}.{read[0]}" if read else None


class _Listener:
    """Stands for a stream of text: what this thread writes is noted and goes nowhere."""

    def __init__(self, stream, said: list[str]):
        self._stream, self._said, self._thread = stream, said, threading.get_ident()

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if threading.get_ident() != self._thread:
            return self._stream.write(text)
        self._said.append("prints")
        return len(text)


@contextmanager
def unheard():
    """A list that gets an entry when this thread prints or logs; nothing is seen of it, for the eager run will do it again."""
    said: list[str] = []
    streams = sys.stdout, sys.stderr
    listeners = [None if s is None else _Listener(s, said) for s in streams]
    thread, handle = threading.get_ident(), logging.Logger.handle

    def heard(logger, record):
        if threading.get_ident() != thread:
            return handle(logger, record)
        said.append("logs")

    sys.stdout, sys.stderr = listeners
    logging.Logger.handle = heard
    try:
        yield said
    finally:
        # What the function has put there itself stays.
        if sys.stdout is listeners[0]:
            sys.stdout = streams[0]
        if sys.stderr is listeners[1]:
            sys.stderr = streams[1]
        logging.Logger.handle = handle


class Randomness:
    """The states of the random generators of Python and NumPy that a step could use: the global ones and those reached."""

    def __init__(self, reached: list):
        self.sources = [random, *reached]
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is not None:
            self.sources.append(numpy_random.mtrand._rand)
        self.states = [_state_of(s) for s in self.sources]

    def drawn(self) -> bool:
        """Whether a number was drawn since; puts the states back."""
        moved = False
        for source, before in zip(self.sources, self.states):
            if not _equal(_state_of(source), before):
                moved = True
                _put_back(source, before)
        return moved


def is_random(item) -> bool:
    """Whether this is a generator of random numbers of Python's or NumPy's."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None and isinstance(item, (numpy_random.Generator, numpy_random.RandomState)):
        return True
    return isinstance(item, random.Random) and not isinstance(item, random.SystemRandom)


def _state_of(source):
    if hasattr(source, "getstate"):
        return source.getstate()
    return source.bit_generator.state if hasattr(source, "bit_generator") else source.get_state(legacy=False)


def _put_back(source, state) -> None:
    if hasattr(source, "setstate"):
        source.setstate(state)
    elif hasattr(source, "bit_generator"):
        source.bit_generator.state = state
    else:
        source.set_state(state)


def _equal(a, b) -> bool:
    """Whether two states, of numbers, arrays and dicts, are the same."""
    if isinstance(a, dict):
        return all(_equal(a[k], b[k]) for k in a)
    return bool((a == b).all()) if hasattr(a, "all") else a == b
