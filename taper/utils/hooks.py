"""The handle of a hook, and mappings of hooks to make one from."""

from __future__ import annotations

from typing import Any

from ..autograd.hooks import Handle

__all__ = ["RemovableHandle"]


class RemovableHandle(Handle):
    """The handle of a hook to come: `hooks[handle.id] = hook`; `remove()` takes it out of the mapping."""

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None):
        self._hooks = hooks_dict
        self.id = next(Handle._ids)

    __slots__ = ()


def unserializable_hook(f):
    """Mark a hook as one that a saved module shall not have."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor) -> None:
    """Hooks are not saved: nothing to warn of."""
