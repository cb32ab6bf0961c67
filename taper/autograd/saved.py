"""Hooks on what nodes keep: each tensor is handed to `pack` when it is saved and asked of `unpack` when it is needed.

A scope of hooks sets `nodes.watch`, so that nodes made outside of any scope lose nothing by it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from numpy import ndarray

from ..ops.operator import Plan
from . import nodes
from .tape import SavedOutput, Variable, wrap

Hooks = tuple[Callable[[Any], Any], Callable[[Any], Any]]

refusal: ContextVar[str | None] = ContextVar("taper_saved_tensors_refusal", default=None)
"""What to say to those who open a scope where none is allowed."""


class Packed:
    """The saved values of one node, its tensors packed. It reads as the list for which it stands."""

    __slots__ = ("items", "pack", "unpack")

    def __init__(self, plan: Plan, saved, hooks: Hooks):
        self.pack, self.unpack = hooks
        self.items = []
        for (kind, _), value in zip(plan.keep, saved):
            several = kind == Plan.INPUT and value.__class__ is tuple
            self.items.append(tuple(map(self._packed, value)) if several else self._packed(value))

    def _packed(self, value):
        if isinstance(value, Variable):
            return Held(self.pack(value), value)
        if value.__class__ is SavedOutput:
            return Held(self.pack(wrap(value.array)), value)
        if value.__class__ is ndarray:
            return Held(self.pack(wrap(value)), value)
        return value

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, k: int):
        value = self.items[k]
        return tuple(map(self._unpacked, value)) if value.__class__ is tuple else self._unpacked(value)

    def __iter__(self):
        return (self[k] for k in range(len(self.items)))

    def _unpacked(self, value):
        if value.__class__ is not Held:
            return value
        array = self.unpack(value.packed)._array
        if value.kind is ndarray:
            return array
        return SavedOutput(wrap(array)) if value.kind is SavedOutput else wrap(array, value.node)

    def keep(self, t: Variable, former: Variable) -> None:
        """Pack `former` in the place of `t`, whose values are about to go."""
        for k, value in enumerate(self.items):
            if value.__class__ is Held and value.of == id(t):
                self.items[k] = Held(self.pack(former), former)


class Held:
    """One packed tensor: what `pack` returned, what kind of value it stands for, its node, and whose identity it was."""

    __slots__ = ("packed", "kind", "node", "of")

    def __init__(self, packed, value):
        self.packed = packed
        self.kind = value.__class__
        self.node = value._node if isinstance(value, Variable) else None
        self.of = id(value)


class saved_tensors_hooks:
    """A scope in which `pack_hook(tensor)` decides what is kept for the backward pass, and `unpack_hook` restores it.

    `unpack_hook(pack_hook(t))` must be a tensor with the values, shape and dtype of `t`. Scopes nest: the innermost one
    is asked. RuntimeError where hooks are disabled.
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if refusal.get() is not None:
            raise RuntimeError(refusal.get())
        nodes.watch(1)
        nodes.saved_hooks.set((*nodes.saved_hooks.get(), (self.pack_hook, self.unpack_hook)))

    def __exit__(self, *error) -> None:
        nodes.saved_hooks.set(nodes.saved_hooks.get()[:-1])
        nodes.watch(-1)


class save_on_cpu(saved_tensors_hooks):
    """A scope in which saved tensors are kept on the CPU, where they are already."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(lambda t: t, lambda t: t)


class disable_saved_tensors_hooks:
    """A scope in which opening a scope of hooks raises RuntimeError with this message."""

    def __init__(self, error_message: str):
        self.message = error_message

    def __enter__(self) -> None:
        self._token = refusal.set(self.message)

    def __exit__(self, *error) -> None:
        refusal.reset(self._token)
