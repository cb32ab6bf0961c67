"""What few nodes have: hooks, tensors that keep their gradient, anomaly mode's stack."""

from __future__ import annotations

import itertools
import traceback
import weakref


class Extras:
    """What few nodes have: hooks, tensors that keep their gradient, anomaly mode's stack."""

    __slots__ = ("hooks", "retained", "post_hooks", "prehooks", "metadata", "stack")

    def __init__(self):
        self.hooks: dict[int, dict] = {}
        self.retained: dict[int, weakref.ref] = {}
        self.post_hooks: dict = {}
        self.prehooks: dict = {}
        self.metadata: dict = {}
        self.stack: traceback.StackSummary | None = None


def extras_of(node) -> Extras:
    """The node's rarely used fields, made now if it has none."""
    if node.extras is None:
        node.extras = Extras()
    return node.extras


class Handle:
    """What registering a hook returns: `remove()` takes the hook out again, so does the end of a `with` block."""

    __slots__ = ("_hooks", "id", "__weakref__")

    _ids = itertools.count()
    changes = 0
    """How often a hook was registered or removed: who looks at hooks looks again when this has changed."""

    def __init__(self, hooks: dict, hook):
        self._hooks = hooks
        self.id = next(Handle._ids)
        hooks[self.id] = hook
        Handle.changes += 1

    def remove(self) -> None:
        self._hooks.pop(self.id, None)
        Handle.changes += 1

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error) -> None:
        self.remove()
