"""Finding the layer where numbers stop being numbers: NaN and Inf in outputs and gradients are told with its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..autograd.recording import needs
from ..autograd.tape import Variable
from ..backends import namespace_of
from .module import Module


class AnomalyError(RuntimeError):
    """An output or a gradient of a layer has NaN or Inf; the message names the layer."""


@contextmanager
def detect_anomalies(model: Module) -> Iterator[None]:
    """A scope in which AnomalyError is raised where NaN or Inf first appears in a model, forward or backward.

    Forward, it names the layer whose output has them. Backward, it names the layer whose parameter's gradient has them,
    or the one whose output they reach. Every output and gradient is looked at once.
    """
    handles = []
    for path, layer in model.named_modules():
        if next(layer.children(), None) is not None:
            continue
        name = f"'{path}' ({type(layer).__name__})" if path else type(layer).__name__
        handles.append(layer.register_forward_hook(partial(_output, name)))
        for parameter_name, parameter in layer.named_parameters(recurse=False):
            if parameter.requires_grad:
                handles.append(
                    parameter.register_hook(partial(_gradient, f"the gradient of {parameter_name} of layer {name}"))
                )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _output(name: str, layer: Module, arguments: Any, output: Any) -> None:
    values = output if isinstance(output, (tuple, list)) else [output]
    for value in values:
        if not isinstance(value, Variable):
            continue
        _check(f"the output of layer {name}", value)
        if needs(value):
            value.register_hook(partial(_gradient, f"the gradient that reaches the output of layer {name}"))


def _gradient(what: str, gradient: Any) -> None:
    _check(what, gradient)


def _check(what: str, value: Variable) -> None:
    array = value._array
    if array.dtype.kind in "iub":
        return
    xp = namespace_of(array)
    if bool(xp.all(xp.isfinite(array))):
        return
    nans, count = int(xp.sum(xp.isnan(array))), int(xp.sum(~xp.isfinite(array)))
    raise AnomalyError(f"{what} has {nans} NaN and {count - nans} Inf among {array.size} numbers")
