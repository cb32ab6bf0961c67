"""Several modules of one kind as one: their parameters stacked, for `vmap` over an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.modes import no_grad
from ..nn.modules.batchnorm import _BatchNorm
from ..tensor import stack


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(parameters, buffers) by path, each stacked along a new first dimension: leaves of their own.

    RuntimeError for no models, models of different classes, or some in training and others in evaluation mode.
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return (
        {name: _stacked([p[name] for p in params]) for name in params[0]},
        {name: _stacked([b[name] for b in buffers]) for name in buffers[0]},
    )


def _stacked(tensors: list):
    wanted = [t.requires_grad for t in tensors]
    if any(wanted) and not all(wanted):
        raise RuntimeError(f"Expected {len(tensors)} parameters from different models to have the same .requires_grad")
    with no_grad():
        made = stack(tensors)
    return made.detach().requires_grad_(wanted[0])


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Let all batch norms inside a module, and the module itself, use the batch's statistics and keep none; returns it.

    A function of parameters, to differentiate or map, may not change buffers.
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """The tensor itself: no transformation wraps it."""
    return tensor
