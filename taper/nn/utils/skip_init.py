"""Making a module whose first values do not matter."""

from __future__ import annotations

import inspect

from ...tensor.random import fork_rng
from ..module import Module


def skip_init(module_cls, *args, **kwargs):
    """A module, made without drawing from the default generator: for one whose parameters are loaded next.

    RuntimeError for a class that is no Module, or that takes no device.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    with fork_rng():
        return module_cls(*args, **kwargs)
