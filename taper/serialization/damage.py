"""Damage: what readers raise about a file, and the one place where it becomes the error that users see."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import CheckpointError

WHOLE = "Copy or download the file again, or save it again"


class Damaged(Exception):
    """A reader's finding about the bytes before it. `fix` says what the user can do about it."""

    def __init__(self, problem: str, fix: str = WHOLE):
        super().__init__(problem)
        self.problem, self.fix = problem, fix


MALFORMED = (
    *(ArithmeticError, AttributeError, BufferError, EOFError, LookupError, MemoryError, RecursionError),
    *(TypeError, ValueError, struct.error),
)
"""What Python and NumPy raise when the bytes of a file are taken for what they are not."""


@contextmanager
def reported(name: str) -> Iterator[None]:
    """Turn a reader's finding into a CheckpointError that names the file."""
    try:
        yield
    except Damaged as found:
        raise CheckpointError(f"{name}: {found.problem}. {found.fix}.") from found


def name_of(file) -> str:
    """How messages call a file: by its path where it has one."""
    name = getattr(file, "name", None)
    return f"'{name}'" if isinstance(name, str) else f"<{type(file).__name__}>"
