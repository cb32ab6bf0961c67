"""torch.utils: data loading, checkpointing, measuring, trees of containers."""

from __future__ import annotations

from . import data

# Opened when first asked for.
_ROOMS = (
    *("_pytree", "benchmark", "checkpoint", "collect_env", "cpp_extension", "dlpack", "file_baton", "flop_counter"),
    *("hooks", "mobile_optimizer", "model_zoo", "serialization", "tensorboard"),
)


def __getattr__(name: str):
    if name == "swap_tensors":
        from .swap import swap_tensors

        return swap_tensors
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
