"""What is said when there is no memory: what asked for it, for how much, and what holds what there is."""

from __future__ import annotations

import gc
import math
import os
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from .tape import SavedOutput, Variable

_SHOWN = 5
"""As many of the largest holders of memory are told."""


def out_of_memory(what: str, error: MemoryError, operands: Iterable = ()) -> RuntimeError:
    """PyTorch's error for a CPU without memory, made of NumPy's; `what` is the operator, operands are its arrays."""
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is not None and dtype is not None:
        nbytes = math.prod(shape) * dtype.itemsize
        asked = f"you tried to allocate {nbytes} bytes ({_size(nbytes)}) for {tuple(shape)} of {dtype}"
    else:
        asked = str(error) or "the result does not fit"
    of = " and ".join(f"{a.shape} of {a.dtype}" for a in operands if hasattr(a, "shape"))
    return RuntimeError(
        f"{what}: can't allocate memory: {asked}{f', computing from {of}' if of else ''}. {_state()} "
        "Use smaller batches, delete what is not needed, or record less (no_grad, utils.checkpoint)."
    )


def _state() -> str:
    """What holds memory now."""
    holders = _holders()
    total = sum(nbytes for nbytes, _ in holders)
    counted: dict[str, list[int]] = {}
    for nbytes, name in holders:
        counted.setdefault(name, []).append(nbytes)
    largest = sorted(counted.items(), key=lambda item: -sum(item[1]))[:_SHOWN]
    words = [f"{_size(sum(sizes))} {f'{len(sizes)} x ' if len(sizes) > 1 else ''}{name}" for name, sizes in largest]
    process = _resident()
    uses = "" if process is None else f"The process uses {_size(process)}. "
    return f"{uses}Tensors hold {_size(total)}{': ' + '; '.join(words) if words else ''}."


def _holders() -> list[tuple[int, str]]:
    """(bytes, name) of each memory that tensors hold."""
    found: dict[int, tuple[int, str, int]] = {}
    names: dict[int, str] = {}
    alive = gc.get_objects()
    modules = _modules({type(thing) for thing in alive})
    for thing in alive:
        if type(thing) in modules:
            held = {**thing.__dict__.get("_parameters", {}), **thing.__dict__.get("_buffers", {})}
            names.update((id(t), f"{name} of {type(thing).__name__}") for name, t in held.items() if t is not None)
    for thing in alive:
        # Strangers among the objects may run code of theirs when they are asked what they are: their types do not.
        if issubclass(type(thing), Variable):
            _count(found, thing.__dict__.get("_local_tensor", thing)._array, names.get(id(thing)), 2)
            gradient = thing._grad
            if gradient is not None and id(thing) in names:
                _count(found, gradient._array, f"gradient of {names[id(thing)]}", 3)
        elif type(thing) is SavedOutput:
            _count(found, thing.array, "kept for backward", 1)
    return [(nbytes, name) for nbytes, name, _ in found.values()]


def _modules(classes: set[type]) -> set[type]:
    """Of some classes those of modules, which lie above this file."""
    return {c for c in classes if any("register_parameter" in vars(base) for base in c.__mro__)}


def _count(found: dict, array: Any, name: str | None, rank: int) -> None:
    """Note the memory of an array; of several that look at it the one that says most names it."""
    if not isinstance(array, np.ndarray):
        return
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    rank = rank if name is not None else 0
    if id(owner) not in found or found[id(owner)][2] < rank:
        shown = f"{owner.shape} {owner.dtype}"
        found[id(owner)] = owner.nbytes, shown if name is None else f"{shown} ({name})", rank


def _resident() -> int | None:
    """The bytes of memory that this process has, where the system tells."""
    if sys.platform != "linux":
        return None
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _size(nbytes: int) -> str:
    value = float(nbytes)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} GiB"
