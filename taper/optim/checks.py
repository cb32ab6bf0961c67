"""Checks of hyperparameters, worded as PyTorch's."""

from __future__ import annotations


def at_least_zero(name: str, value) -> None:
    """ValueError unless value >= 0 (a NaN is refused too), and for a tensor of more than one element."""
    if getattr(value, "ndim", 0) and value.numel() != 1:
        raise ValueError(f"Tensor {'lr' if name == 'learning rate' else name} must be 1-element")
    if not value >= 0:
        raise ValueError(f"Invalid {name}: {value}. It must be 0 or more.")


def fractions(name: str, values) -> None:
    """ValueError unless each of two values is in [0, 1), and unless all or none are tensors; IndexError for fewer."""
    if len({hasattr(value, "item") for value in values}) > 1:
        raise ValueError("betas must be either both floats or both Tensors")
    if len(values) < 2:
        raise IndexError(f"{name}s must be two numbers, but there are {len(values)}")
    for i, value in enumerate(values):
        if not 0 <= value < 1:
            raise ValueError(f"Invalid {name} at index {i}: {value}. It must be in [0, 1).")


def number(value):
    """A hyperparameter as a number: one that is a tensor by its value."""
    return value.item() if hasattr(value, "item") else value
