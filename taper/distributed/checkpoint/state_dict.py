"""State dicts of models and optimizers by the parameters' names, for `save` and `load`."""

from __future__ import annotations

from importlib import import_module

_THERE = (
    "StateDictOptions",
    "get_model_state_dict",
    "get_optimizer_state_dict",
    "get_state_dict",
    "set_model_state_dict",
    "set_optimizer_state_dict",
    "set_state_dict",
)


def __getattr__(name: str):
    if name in _THERE:
        return getattr(import_module("taper.serialization.training_state"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
