"""Losses with a margin: they push scores or distances apart until they differ by enough."""

from __future__ import annotations

import numpy as np

from ...autograd.casting import in_float32
from ...autograd.inplace import legacy_name
from ...autograd.naming import shown_as
from ...autograd.places import beside
from ...backends import namespace_of
from ...tensor.activation import logsigmoid
from ...tensor.kinds import refuse
from ...tensor.selection import where
from .class_checks import word
from .distance import pairwise_distance
from .floating import as_input, needs_floating
from .loss import reduced, reduction_of


@in_float32
def hinge_embedding_loss(input, target, margin: float = 1.0, size_average=None, reduce=None, reduction: str = "mean"):
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(reduction, size_average, reduce)
    close = where(target != -1, input, 0.0)
    far = where(target != 1, (margin - input).clamp_min(0), 0.0)
    return reduced(close + far, reduction)


@in_float32
def margin_ranking_loss(
    input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction: str = "mean"
):
    """max(0, -target * (input1 - input2) + margin)."""
    reduction = reduction_of(reduction, size_average, reduce)
    if not input1._array.ndim == input2._array.ndim == target._array.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    loss = -target * (input1 - input2) + float(margin)
    if loss._array.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types (margin_ranking_loss)")
    return reduced(loss.clamp_min(0), reduction)


@shown_as("SoftMarginLossBackward0")
@in_float32
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """log(1 + exp(-target * input))."""
    reduction = reduction_of(reduction, size_average, reduce)
    if input._array.dtype.kind in "biu":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {legacy_name(input._array.dtype)} "
            "(soft_margin_loss). Use floating-point numbers: x.float()."
        )
    loss = (target * -input).exp().log1p()
    if loss._array.shape != input._array.shape:
        raise RuntimeError(
            f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(loss.shape)} "
            f"(soft_margin_loss got a target of shape {list(target.shape)})"
        )
    return reduced(as_input(input, loss), reduction)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
    """The mean over classes of the binary cross entropy of sigmoid(input)."""
    reduction = reduction_of(reduction, size_average, reduce)
    needs_floating("log_sigmoid_cpu", input)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    last = input._array.ndim - 1
    return reduced(loss.sum(last) / input._array.shape[last], reduction)


def _rows_of_scores(name: str, input, target) -> bool:
    """Whether the input is one row of scores; errors for what is neither one nor several."""
    shape = input._array.shape
    if len(shape) > 2 or 0 in shape[-1:]:
        raise RuntimeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(shape)}"
        )
    return len(shape) < 2


def _check_types(name: str, input, target) -> None:
    needs_floating(name, input)
    refuse(input._array, f"{name}_cpu", "h")
    if target._array.dtype != np.int64:
        raise RuntimeError(
            f"{name}: expected scalar type Long but found {legacy_name(target._array.dtype)}. Use target.long()."
        )


@shown_as("MultiMarginLossBackward0")
@in_float32
def multi_margin_loss(
    input, target, p: int = 1, margin: float = 1.0, weight=None, size_average=None, reduce=None, reduction: str = "mean"
):
    """The mean over the other classes of max(0, margin - input[target] + input) ** p."""
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight._array.ndim != 1:
        raise ValueError("multi_margin_loss: weight must be one-dimensional, one number a class")
    single = _rows_of_scores("multi_margin_loss", input, target)
    x, y = (input.reshape(1, -1), target.reshape(1)) if single else (input, target)
    n, classes = x._array.shape
    if y._array.shape != (n,):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size [{n}], but got {list(y._array.shape)}."
        )
    if weight is not None and weight._array.shape != (classes,):
        raise RuntimeError(
            f"multi_margin_loss: inconsistent weight size, expected {classes} but got {list(weight._array.shape)}"
        )
    _check_types("multi_margin_loss", input, target)
    if y._array.size and namespace_of(y._array).found((y._array < 0) | (y._array >= classes)):
        raise RuntimeError(f"multi_margin_loss: target out of range, which is 0 to {classes - 1}")
    if weight is not None and weight._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"expected scalar type {word(input._array)} but found {word(weight._array)} (the weight of multi_margin_loss)"
        )
    loss = margin - x.gather(1, y.unsqueeze(1)) + x
    loss = where(loss > 0, loss, 0.0)  # also of what is no number
    loss = loss**p if p > 1 else loss
    if weight is not None:
        loss = loss * weight[y].unsqueeze(1)
    others = y.unsqueeze(1) != beside(y, np.arange(classes))
    loss = (loss * others).sum(1) / classes
    return reduced(loss.reshape(target._array.shape), reduction)


@shown_as("MultilabelMarginLossBackward0")
@in_float32
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """The mean over pairs of a target class and another of max(0, 1 - (input[target] - input[other])).

    A row of targets ends at its first -1.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    single = _rows_of_scores("multilabel_margin_loss", input, target)
    if (target._array.shape or (1,)) != (input._array.shape or (1,)):
        raise RuntimeError(
            f"multilabel_margin_loss: inconsistent target size: {list(target._array.shape)} for input of size: "
            f"{list(input._array.shape)}"
        )
    _check_types("multilabel_margin_loss", input, target)
    x, y = (input.reshape(1, -1), target.reshape(1, -1)) if single else (input, target)
    if y._array.size and namespace_of(y._array).found((y._array < -1) | (y._array >= x._array.shape[1])):
        raise RuntimeError(
            f"multilabel_margin_loss: argument #2 'target' is out of range, which is -1 to {x._array.shape[1] - 1}"
        )
    listed = (((y < 0).cumsum(1)) == 0).unsqueeze(2)
    is_target = ((y.unsqueeze(2) == beside(y, np.arange(x._array.shape[1]))) & listed).any(1)
    picked = x.gather(1, y.clamp_min(0))
    pair = 1 - (picked.unsqueeze(2) - x.unsqueeze(1))
    counted = listed & ~is_target.unsqueeze(1) & (pair > 0)
    loss = where(counted, pair, 0.0).sum((1, 2)) / x._array.shape[1]
    return reduced(loss.squeeze(0) if single else loss, reduction)


@in_float32
def cosine_embedding_loss(
    input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction: str = "mean"
):
    """1 - cos where target is 1, max(0, cos - margin) where it is -1."""
    reduction = reduction_of(reduction, size_average, reduce)
    if input1._array.dtype.kind == "c" or input2._array.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types (cosine_embedding_loss)")
    _one_target_a_row(input1, input2, target)
    eps = 1e-12
    square1, square2 = (input1 * input1).sum(-1) + eps, (input2 * input2).sum(-1) + eps
    cos = (input1 * input2).sum(-1) / (square1 * square2).sqrt()
    loss = where(target == 1, 1 - cos, 0.0) + where(target == -1, (cos - margin).clamp_min(0), 0.0)
    return reduced(loss, reduction)


def _one_target_a_row(input1, input2, target) -> None:
    n = target._array.ndim
    if n > 1:
        raise RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported: cosine_embedding_loss got a target of shape "
            f"{list(target.shape)}"
        )
    if (input1._array.ndim, input2._array.ndim) != (n + 1, n + 1):
        raise RuntimeError(
            f"{n}D target tensor expects {n + 1}D input tensors, but found inputs with sizes {list(input1.shape)} and "
            f"{list(input2.shape)}."
        )


def _same_ranks(anchor, positive, negative) -> None:
    ranks = [t._array.ndim for t in (anchor, positive, negative)]
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {ranks[0]}D, positive {ranks[1]}D, and negative {ranks[2]}D inputs"
        )


@in_float32
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average=None,
    reduce=None,
    reduction: str = "mean",
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm distance (Balntas et al. 2016)."""
    reduction = reduction_of(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _same_ranks(anchor, positive, negative)
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced((near - far + margin).clamp_min(0), reduction)


def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function=None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
):
    """`triplet_margin_loss` with a distance of one's own."""
    reduction = reduction_of(reduction)
    distance = pairwise_distance if distance_function is None else distance_function
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _same_ranks(anchor, positive, negative)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((near - far + margin).clamp_min(0), reduction)
