"""Safe globals: classes and functions that the program itself adds to what files of weights may name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

_allowed: list[Callable | tuple[Callable, str]] = []


def add_safe_globals(safe_globals: Iterable[Callable | tuple[Callable, str]]) -> None:
    """Let checkpoints name these classes and functions under `weights_only=True`.

    An entry is a class or function, or a pair of one and the full name that files have for it. Loading a file may then
    call the functions, and `__new__` and `__setstate__` of the classes: name only what you trust with any arguments.
    """
    _allowed.extend(entry for entry in safe_globals if entry not in _allowed)


def get_safe_globals() -> list[Callable | tuple[Callable, str]]:
    """What was added."""
    return list(_allowed)


def clear_safe_globals() -> None:
    """Forget all that was added."""
    _allowed.clear()


class safe_globals:
    """`with safe_globals([Thing]):` adds to the safe globals within the block."""

    def __init__(self, safe_globals: Iterable[Callable | tuple[Callable, str]]):
        self._added = list(safe_globals)
        self._before: list = []

    def __enter__(self) -> None:
        self._before = get_safe_globals()
        add_safe_globals(self._added)

    def __exit__(self, *error) -> None:
        _allowed[:] = self._before


def allowed_by_user() -> dict[str, Callable]:
    """The safe globals by the name that files have for them."""
    named = (
        entry if isinstance(entry, tuple) else (entry, f"{entry.__module__}.{entry.__qualname__}") for entry in _allowed
    )
    return {name: obj for obj, name in named}
