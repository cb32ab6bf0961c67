"""TorchScript's names. Functions and modules that are scripted run as they are; files of TorchScript cannot be made or read.

`script` returns its argument and says so once: what scripting is for, taper.compile does. `trace`, `save` and `load` raise
NotImplementedError.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

from ..futures import Future
from ..refusal import refused
from .annotations import (
    BroadcastingList1 as _first_broadcasting_list,  # `annotations` itself is the __future__ feature here
)

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "TracerWarning",
    "annotate",
    "export",
    "fork",
    "freeze",
    "fuser",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_INSTEAD = "Programs are compiled by taper.compile, and modules saved by taper.save(module.state_dict(), path)."

trace = refused("jit.trace", _INSTEAD)
trace_module = refused("jit.trace_module", _INSTEAD)
load = refused("jit.load", _INSTEAD)
save = refused("jit.save", _INSTEAD)
freeze = refused("jit.freeze", _INSTEAD)
optimize_for_inference = refused("jit.optimize_for_inference", _INSTEAD)
ScriptModule = refused("jit.ScriptModule", _INSTEAD)
RecursiveScriptModule = refused("jit.RecursiveScriptModule", _INSTEAD)
ScriptFunction = refused("jit.ScriptFunction", _INSTEAD)
TopLevelTracedModule = refused("jit.TopLevelTracedModule", _INSTEAD)

_isinstance = isinstance
_warned = False


class Error(RuntimeError):
    """What running TorchScript raises in PyTorch; never raised here."""


class TracerWarning(Warning):
    """What tracing warns of in PyTorch; never given here."""

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Nothing to ignore."""


def script(obj: Any = None, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None):
    """The function, class or module itself, which runs as it is. Warns once."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "torch.jit.script has no effect in Taper: what is scripted runs as it is. taper.compile makes it one program.",
            UserWarning,
            stacklevel=2,
        )
    return obj


def script_method(fn: Any, _rcb: Any = None):
    """The method itself."""
    return fn


def script_if_tracing(fn: Any):
    """The function itself: nothing is traced."""
    return fn


def is_scripting() -> bool:
    """Whether TorchScript runs: False."""
    return False


def is_tracing() -> bool:
    """Whether a trace is made: False."""
    return False


def ignore(drop: Any = False, **kwargs: Any):
    """A decorator, with or without arguments, that changes nothing."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn: Any):
    """The function itself."""
    return fn


def export(fn: Any):
    """The function itself."""
    return fn


def interface(obj: Any):
    """The class itself."""
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def Attribute(value: Any, type: Any) -> Any:
    """The value."""
    return value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's `isinstance`."""
    return _isinstance(obj, target_type)


class fuser:
    """A scope with a way of joining TorchScript's operators, "fuser0" to "fuser3": accepted, there is no TorchScript."""

    def __init__(self, name: str):
        if name not in ("fuser0", "fuser1", "fuser2", "fuser3"):
            raise Exception(f"unrecognized fuser option (name: {name})")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> None:
        pass


def onednn_fusion_enabled() -> bool:
    """Whether oneDNN fuses: False."""
    return False


class optimized_execution:
    """A scope that changes nothing."""

    def __init__(self, should_optimize: bool):
        self.should_optimize = should_optimize

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> None:
        pass


def fork(func: Any, *args: Any, **kwargs: Any):
    """A future of func(*args, **kwargs), which is computed at once."""
    made = Future()
    made.set_result(func(*args, **kwargs))
    return made


def wait(future: Any) -> Any:
    """A future's value."""
    return future.wait()
