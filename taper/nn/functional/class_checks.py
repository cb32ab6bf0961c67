"""What losses of classes refuse: targets and weights that do not fit the scores, in the order in which PyTorch looks."""

from __future__ import annotations

import numpy as np

from ...autograd.inplace import legacy_name

INT64, UINT8 = np.dtype(np.int64), np.dtype(np.uint8)


def word(array) -> str:
    """An array's dtype as messages name it: Long, Float, ..."""
    return legacy_name(array.dtype).removeprefix("torch.").removesuffix("Tensor")


def classes_fit(x, y, weight, name: str) -> None:
    """Refuse class indices that do not fit the scores (N, C, ...) or (C,). Whether they are in range the operator tells.

    ValueError for another number of samples, RuntimeError for another shape or dtype, NotImplementedError for scores
    that are no floating-point numbers.
    """
    if name == "cross_entropy":
        _scores_fit(x, y, name)
    if not x.ndim:
        raise ValueError(f"Expected 1 or more dimensions (got 0): {name} takes scores (N, C, ...) or (C,)")
    if x.ndim > 1 and (not y.ndim or x.shape[0] != y.shape[0]):
        raise ValueError(
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({y.shape[0] if y.ndim else 0}). The "
            f"input is {tuple(x.shape)}, the target {tuple(y.shape)}."
        )
    if x.ndim <= 2 and y.ndim > 1:
        raise RuntimeError(
            f"0D or 1D target tensor expected, multi-target not supported: {name} got a target of {tuple(y.shape)}. "
            "Squeeze it, or give probabilities as floating-point numbers."
        )
    if x.ndim > 2 and y.shape[1:] != x.shape[2:]:
        raise RuntimeError(f"Expected target size {[x.shape[0], *x.shape[2:]]}, got {list(y.shape)} ({name})")
    if y.dtype != INT64 and y.dtype != UINT8:
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {word(y)}. {name} takes class indices: target.long()."
        )
    if x.ndim == 1 and y.size != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {y.size}")
    if name != "cross_entropy":
        _floating(x, name)
    if weight is not None:
        class_weights_fit(weight, x.shape[0 if x.ndim == 1 else 1])
        if weight._array.dtype != x.dtype:
            raise RuntimeError(f"expected scalar type {word(x)} but found {word(weight._array)} (the weight of {name})")


def _scores_fit(x, y, name: str) -> None:
    if not x.ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got 1): {name} of a number")
    if y.shape == x.shape and y.dtype.kind in "iub":
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {word(y)}. A target in the "
            "input's shape means probabilities."
        )
    _floating(x, name)


def _floating(x, name: str) -> None:
    if x.dtype.kind not in "fV":
        raise NotImplementedError(f"{name} is not implemented for '{word(x)}'. Use floating-point scores: x.float().")


def class_weights_fit(weight, classes: int) -> None:
    """Refuse weights that are not one a class."""
    if weight is not None and weight._array.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(weight._array.shape)}"
        )
