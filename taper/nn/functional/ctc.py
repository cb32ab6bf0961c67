"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

import numpy as np

from ...autograd.casting import in_float32
from ...autograd.dispatch import apply
from ...autograd.places import beside
from ...ops.ctc import ctc
from ...tensor.factory import on_host
from .floating import needs_floating


@in_float32
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
):
    """-log of the probability of the target sequences under all alignments.

    log_probs (T, N, C) or (T, C); targets (N, S), or all in a row; lengths: tensors or sequences of N numbers. "mean"
    divides each loss by its target's length first. zero_infinity: sequences that cannot be aligned cost nothing.
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if log_probs._array.ndim not in (2, 3):
        raise RuntimeError(f"Expected 3-dimensional tensor for log_probs (T, N, C), or 2, but got {log_probs.shape}")
    needs_floating("ctc_loss_cpu", log_probs)
    if targets._array.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets._array.ndim}-dimensional tensor for argument #2 'targets' "
            "(ctc_loss)"
        )
    batched = log_probs._array.ndim == 3
    x = log_probs if batched else log_probs.unsqueeze(1)
    steps, n, classes = x._array.shape
    lengths = [np.asarray(on_host(v), np.int64).reshape(-1) for v in (input_lengths, target_lengths)]
    for name, found in zip(("input_lengths", "target_lengths"), lengths):
        if found.size != n:
            raise RuntimeError(f"{name} must be of size batch_size")
        if found.size and found.min() < 0:
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {found.min()} (ctc_loss)")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if lengths[0].size and lengths[0].max() > steps:
        raise RuntimeError(f"Expected input_lengths to have value at most {steps}, but got value {lengths[0].max()}")
    loss = apply(
        ctc,
        x,
        beside(x, _as_rows(on_host(targets).astype(np.int64, copy=False), lengths[1], n)),
        lengths=tuple(lengths[0].tolist()),
        label_lengths=tuple(lengths[1].tolist()),
        blank=blank,
        zero_infinity=zero_infinity,
    )
    if not batched:
        loss = loss.squeeze(0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    divisor = log_probs.new_tensor(np.maximum(lengths[1], 1))
    return (loss / (divisor if batched else divisor.squeeze(0))).mean()


def _as_rows(targets: np.ndarray, lengths: np.ndarray, n: int) -> np.ndarray:
    """The target sequences as rows (N, S), padded with zeros. RuntimeError if there are too few."""
    longest = int(lengths.max(initial=0))
    if targets.ndim == 2 or n == 1:
        rows = targets.reshape(n, -1)
        if rows.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size {list(targets.shape)} "
                "for argument #2 'targets' (while checking arguments for ctc_loss)"
            )
        return rows[:, :longest]
    if targets.size < lengths.sum():
        raise RuntimeError(f"ctc_loss: target_lengths add up to {lengths.sum()}, but there are {targets.size} targets")
    if targets.size == 0:
        return np.zeros((n, longest), np.int64)
    places = (np.cumsum(lengths) - lengths)[:, None] + np.arange(longest)
    inside = np.arange(longest) < lengths[:, None]
    return np.where(inside, targets.reshape(-1)[np.where(inside, places, 0)], 0)
