"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...autograd.tape import Variable
from ...tensor import cat


def parameters_to_vector(parameters: Iterable):
    """All elements of tensors, one after the other, in a new vector."""
    return cat([p.view(-1) for p in parameters])


def vector_to_parameters(vec, parameters: Iterable) -> None:
    """Make each parameter's data the next piece of a vector (shared memory). TypeError for what is no tensor."""
    if not isinstance(vec, Variable):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        count = parameter.numel()
        parameter.data = vec[start : start + count].view_as(parameter).data
        start += count
