"""The user's lines: where the nodes of a graph come from, and where an error does."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

from .errors import CaptureError
from .reach import called

_PACKAGE = __name__.partition(".")[0]


def user_line() -> str | None:
    """The file and line of the innermost frame that is not Taper's own. Asked for every node."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", _PACKAGE)
        if _foreign[name] if name in _foreign else _users(frame):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None


ORDINARY = (AttributeError, TypeError, ValueError, NotImplementedError, IndexError, RuntimeError, KeyError)
"""What a kernel or a user's line may raise when it meets symbols in place of arrays."""


def located(error: Exception, function: Callable) -> CaptureError:
    """The error as a CaptureError that names the user's line: the innermost one that led to it, or the function's."""
    message = str(error) if isinstance(error, CaptureError) else f"{type(error).__name__}: {error}"
    place, trace = None, error.__traceback__
    while trace is not None:
        if _users(trace.tb_frame):
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    if place is None:
        code = getattr(called(function), "__code__", None) or getattr(type(function).__call__, "__code__", None)
        place = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)
    return CaptureError(f"{message} ({place})")


_foreign: dict[str, bool] = {}
"""Modules by name: whether they are other than Taper's own."""


def _users(frame: types.FrameType) -> bool:
    """Whether a frame runs code that is not Taper's own."""
    # Code that Taper wrote itself, such as derivatives, belongs to no module.
    name = frame.f_globals.get("__name__", _PACKAGE)
    _foreign[name] = name.partition(".")[0] not in (_PACKAGE, "contextlib", "numpy")
    return _foreign[name]


def nowhere() -> None:
    """Where nodes come from that are made after capture."""
