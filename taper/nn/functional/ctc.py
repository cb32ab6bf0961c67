"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

import numpy as np

from ...autograd.casting import in_float32
from ...autograd.dispatch import apply
from ...autograd.places import beside
from ...backends import namespace_of
from ...ops.ctc import ctc
from ...tensor.factory import on_host
from ...tensor.kinds import refuse
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
    refuse(log_probs._array, "ctc_loss_cpu", "h")
    if targets._array.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets._array.ndim}-dimensional tensor for argument #2 'targets' "
            "(ctc_loss)"
        )
    batched = log_probs._array.ndim == 3
    x = log_probs if batched else log_probs.unsqueeze(1)
    steps, n, classes = x._array.shape
    lengths = [_whole_numbers(v) for v in (input_lengths, target_lengths)]
    for name, found in zip(("input_lengths", "target_lengths"), lengths):
        if found.size != n:
            raise RuntimeError(f"{name} must be of size batch_size")
        if _some(found < 0):
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {found.min()} (ctc_loss)")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if _some(lengths[0] > steps):
        raise RuntimeError(f"Expected input_lengths to have value at most {steps}, but got value {lengths[0].max()}")
    rows = _as_rows(on_host(targets).astype(np.int64, copy=False), lengths[1], n)
    given = [beside(x, v) for v in (rows, np.clip(lengths[0], 0, steps), np.clip(lengths[1], 0, rows.shape[1]))]
    loss = apply(ctc, x, *given, blank=blank, zero_infinity=zero_infinity)
    if not batched:
        loss = loss.squeeze(0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    divisor = beside(x, np.clip(lengths[1], 1, None)).to(log_probs.dtype)
    return (loss / (divisor if batched else divisor.squeeze(0))).mean()


def _whole_numbers(value):
    """Numbers in a row, of any form, as an int64 array; a captured step may have yet to compute them."""
    array = on_host(value)
    return (array if _is_unknown(array) else np.asarray(array)).astype(np.int64).reshape(-1)


def _is_unknown(array) -> bool:
    """Whether a captured step has yet to compute an array."""
    known = getattr(array, "known", None)
    return known is not None and known() is None


def _some(condition) -> bool:
    """Whether any is true; a captured step asks at each run, and leaves the call to eager then."""
    return condition.size > 0 and namespace_of(condition).found(condition)


def _as_rows(targets, lengths, n: int):
    """The target sequences as rows (N, S), padded with zeros. RuntimeError if there are too few."""
    size = targets.size // n if targets.ndim == 2 or n == 1 else targets.size
    longest = size if _is_unknown(lengths) else int(lengths.max(initial=0))
    if targets.ndim == 2 or n == 1:
        rows = targets.reshape(n, -1)
        if _some(lengths > rows.shape[1]):
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size {list(targets.shape)} "
                "for argument #2 'targets' (while checking arguments for ctc_loss)"
            )
        return rows[:, :longest]
    if _some(lengths.sum() > targets.size):
        raise RuntimeError(f"ctc_loss: target_lengths add up to {lengths.sum()}, but there are {targets.size} targets")
    if targets.size == 0:
        return np.zeros((n, longest), np.int64)
    places = (np.cumsum(lengths) - lengths)[:, None] + np.arange(longest)
    inside = np.arange(longest) < lengths[:, None]
    return np.where(inside, targets.reshape(-1)[np.where(inside, places, 0)], 0)
