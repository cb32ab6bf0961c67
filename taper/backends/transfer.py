"""Where arrays are, and copies of them elsewhere."""

from __future__ import annotations

import sys

from numpy import generic, ndarray

from .cuda import driver
from .device import CPU, device


def place_of(array) -> device:
    """Where an array is."""
    if isinstance(array, (ndarray, generic)):
        return CPU
    captured = getattr(array, "place", None)
    if captured is not None:  # of a step that is being captured
        return captured
    arrays = sys.modules.get(f"{driver.__package__}.arrays")  # without it there is none on a GPU
    return CPU if arrays is None or not isinstance(array, arrays.ndarray) else arrays.device_of(array)


def moved(array, where: device, non_blocking: bool = False):
    """An array on a device; itself if it is there. A copy keeps the order in memory if that is dense."""
    here = place_of(array)
    if here == where:
        return array
    if where.type == "cpu":
        return driver.to_host(array, non_blocking)
    return driver.to_device(array, where, non_blocking)
