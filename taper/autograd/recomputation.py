"""Recomputation: a part of the forward pass keeps nothing for the backward pass, which runs that part again.

What nodes would keep is counted instead of kept (hooks on saved tensors). When the first of them is needed, the part
runs once more, and what its nodes would keep is found by number. Source: arXiv 1604.06174.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from .modes import enable_grad
from .saved import saved_tensors_hooks
from .tape import Variable, alias


class CheckpointError(RuntimeError):
    """The part did not do the same when it ran again."""


class _Stop(Exception):
    """Enough of the part has run again."""


class Part:
    """One checkpointed call: how to run it again, and what its nodes were going to keep, by number."""

    def __init__(self, run: Callable[[], Any], check: bool = True, early_stop: bool = True):
        self.run, self.check, self.early_stop = run, check, early_stop
        self.facts: list[tuple] = []
        self.found: dict[int, Any] | None = None

    def pack(self, t: Variable) -> int:
        self.facts.append((t._array.shape, t.dtype))
        return len(self.facts) - 1

    def unpack(self, number: int) -> Variable:
        if self.found is None or number not in self.found:
            self.run_again()
        # Each is asked for once a backward pass; a graph that is kept runs the part again.
        return self.found.pop(number)

    def run_again(self) -> None:
        found: dict[int, Any] = {}
        count = [0]

        def collect(t: Variable):
            number, count[0] = count[0], count[0] + 1
            found[number] = alias(t, t._array)
            if self.early_stop and count[0] == len(self.facts):
                raise _Stop
            return found[number]

        with contextlib.suppress(_Stop), saved_tensors_hooks(collect, lambda t: t), enable_grad():
            self.run()
        if len(found) < len(self.facts) or (not self.early_stop and len(found) != len(self.facts)):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.facts)}\nNumber of tensors saved "
                f"during recomputation: {len(found)}"
            )
        if self.check:
            self._compare(found)
        self.found = found

    def _compare(self, found: dict[int, Any]) -> None:
        wrong = []
        for number, (shape, dtype) in enumerate(self.facts):
            t = found[number]
            if (t._array.shape, t.dtype) != (shape, dtype):
                wrong.append(
                    f"tensor at position {number}:\nsaved metadata: {{'shape': {tuple(shape)}, 'dtype': {dtype}}}\n"
                    f"recomputed metadata: {{'shape': {tuple(t._array.shape)}, 'dtype': {t.dtype}}}"
                )
        if wrong:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during the forward pass.\n" + "\n".join(wrong)
            )
