"""Where a step's arrays live, and what runs its programs there: this processor, or a GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends.device import CPU, device
from .engine import program_of
from .errors import CaptureError


@dataclass(frozen=True)
class Home:
    """kind: the class of arrays there. empty, share_memory: as NumPy's functions of these names. contiguous: an array as
    programs read it. program: the program of a graph. stand_in: a NumPy array, of any values, with the shape, dtype and
    strides of one there. fetch: a NumPy array with the elements of one there. place: the device. gpu: whether programs run
    on a GPU. generators: those of random numbers that are the device's. attends: whether a library there computes
    attention (heads.py)."""

    kind: type
    empty: Callable
    contiguous: Callable
    share_memory: Callable[[Any, Any], bool]
    program: Callable
    stand_in: Callable[[Any], np.ndarray]
    fetch: Callable[[Any], np.ndarray] = np.array
    place: device = CPU
    gpu: bool = False
    generators: Callable[[], list] = list
    attends: Callable[[Any], bool] | None = None


def lies_fit(array) -> bool:
    """Whether an array, here or on a GPU, lies as programs read it: in C order and aligned."""
    flags = array.flags
    return flags.c_contiguous and getattr(flags, "aligned", True)


def fit(array: np.ndarray, dtype=None) -> np.ndarray:
    """An array as programs read it; a copy if it lies otherwise."""
    fits = isinstance(array, np.ndarray) and lies_fit(array) and (dtype is None or array.dtype == dtype)
    return array if fits else np.array(array, dtype, order="C")


HOST = Home(np.ndarray, np.empty, fit, np.may_share_memory, program_of, lambda array: array)


def home_of(array) -> Home:
    """The home of an array. CaptureError for a class of arrays that no program is made for."""
    kind = array.__class__
    if kind is np.ndarray:
        return HOST
    if kind is getattr(sys.modules.get("cupy"), "ndarray", None):
        from .cuda import device as gpus

        return gpus.home(array)
    raise CaptureError(f"tensors on {kind.__name__} are not captured")
