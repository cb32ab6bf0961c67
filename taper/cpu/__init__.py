"""`taper.cpu`: what programs ask of the device that is always there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stream:
    """A queue of work. The CPU has one, and it is always empty."""

    def __init__(self, priority: int = -1):
        pass

    def wait_stream(self, stream: Any) -> None:
        """Let later work wait for another stream's: nothing to do."""

    def record_event(self) -> None:
        """Note an event: nothing to do."""

    def wait_event(self, event: Any) -> None:
        """Let later work wait for an event: nothing to do."""


class Event:
    """A mark in the CPU's work, always passed."""

    def query(self) -> bool:
        """Whether the mark was passed: True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Put the mark into a stream: nothing to do."""

    def synchronize(self) -> None:
        """Wait for the mark: nothing to do."""

    def wait(self, stream: Any = None) -> None:
        """Let a stream wait for the mark: nothing to do."""


_STREAM = Stream()


def is_available() -> bool:
    """Whether there is a CPU: True."""
    return True


def is_initialized() -> bool:
    """Whether the CPU may be used: True."""
    return True


def device_count() -> int:
    """The number of CPUs as devices: 1."""
    return 1


def current_device() -> str:
    """The device in use: "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Use the CPU: nothing to do."""


def synchronize(device: Any = None) -> None:
    """Wait for the CPU's work: nothing to do."""


def current_stream(device: Any = None) -> Stream:
    """The CPU's only stream."""
    return _STREAM


@contextmanager
def stream(stream: Any) -> Iterator[None]:
    """A scope in which work goes to a stream: nothing to do."""
    yield


StreamContext = stream


def __getattr__(name: str):
    # Mixed precision is a room of its own, opened when asked for.
    if name == "amp":
        from importlib import import_module

        return import_module(f"{__name__}.amp")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
