"""Where tests of GPUs run: on the stand-in for CuPy, and, marked `gpu`, on CuPy with a device."""

from __future__ import annotations

import contextlib
import sys

import pytest

import taper

from . import standin

ON_DEVICE = (pytest.mark.gpu, pytest.mark.skipif(not taper.cuda.device_count(), reason="needs a GPU with CuPy"))
PLACES = ("standin", pytest.param("device", marks=ON_DEVICE))


@contextlib.contextmanager
def gpus(place: str, count: int = 1):
    """A block in which `cuda` is usable: on the stand-in with a number of devices, or as the machine has it."""
    if place == "device":
        if taper.cuda.device_count() < count:
            pytest.skip(f"needs {count} GPUs with CuPy")
        # Tables compare float32 to the last digits.
        with taper.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
        return
    before = _forget()
    try:
        with standin.installed(count):
            yield
    finally:
        _forget()
        for name, module in before.items():
            sys.modules[name] = module
            setattr(sys.modules["taper.backends.cuda"], name.rpartition(".")[2], module)


def _forget() -> dict:
    """Drop what Taper made of the CuPy that it has seen, so that the next one is asked for anew; returns it."""
    from taper.backends.cuda import driver
    from taper.cuda import memory
    from taper.tensor import random

    random._on_devices.clear()
    random._seeds.clear()
    memory._peaks.clear()
    driver._watch.clear()
    driver._under_way.clear()
    names = [n for n in sys.modules if n.startswith("taper.backends.cuda.") and n != "taper.backends.cuda.driver"]
    for name in names:
        vars(sys.modules["taper.backends.cuda"]).pop(name.rpartition(".")[2], None)
    return {name: sys.modules.pop(name) for name in names}
