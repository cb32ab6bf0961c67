"""Which rows of a table a gradient is of: what `sparse=True` tells an optimizer. The gradient itself is dense."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from ...autograd.leaves import AccumulateGrad
from ...autograd.recording import node_of

_waiting: WeakKeyDictionary[AccumulateGrad, list[np.ndarray]] = WeakKeyDictionary()
"""The rows looked up by the results that the backward pass at work has reached, by leaf."""


def note_rows(weight, out, index: np.ndarray, padding_idx: int | None) -> None:
    """After a backward pass through `out`, let the gradient of a leaf `weight` have `_rows`: those looked up, each once."""
    leaf = node_of(weight)
    if not isinstance(leaf, AccumulateGrad) or not out.requires_grad:
        return
    if leaf not in _waiting:
        _waiting[leaf] = []
        weight.register_post_accumulate_grad_hook(_noted)
    rows = np.unique(index)
    rows = rows if padding_idx is None else rows[rows != padding_idx]
    out.register_hook(lambda g: _waiting[leaf].append(rows))


def _noted(weight) -> None:
    leaf = node_of(weight)
    found = _waiting[leaf] if leaf in _waiting else []
    before = getattr(weight.grad, "_rows", None)
    rows = [*found, *([] if before is None else [before])]
    weight.grad._rows = np.unique(np.concatenate(rows)) if rows else np.zeros(0, np.int64)
    found.clear()
