"""Losses. reduction: "mean", "sum", or "none" for one value an element (or sample)."""

from __future__ import annotations

import math

from ...autograd.casting import in_float32
from ...autograd.dispatch import apply
from ...autograd.inplace import legacy_name
from ...autograd.naming import shown
from ...autograd.tape import Variable
from ...backends import namespace_of
from ...errors import warn
from ...ops import loss as ops
from ...tensor.activation import log_softmax
from ...tensor.arithmetic import no_bools
from .class_checks import class_weights_fit, classes_fit, word
from .floating import as_input, needs_floating

REDUCTIONS = ("mean", "sum", "none")


def reduction_of(reduction: str, size_average=None, reduce=None) -> str:
    """The reduction, also from the arguments of old programs. ValueError for an unknown one."""
    if size_average is not None or reduce is not None:
        average = True if size_average is None else size_average
        reduction = ("mean" if average else "sum") if reduce is None or reduce else "none"
        warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.")
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(loss, reduction: str):
    """The loss of all elements, reduced."""
    if reduction == "mean":
        return loss.mean()
    return loss.sum() if reduction == "sum" else loss


def _in_shape(input, loss):
    """A loss that a weight must not have made larger than the input."""
    if loss._array.shape != input._array.shape:
        raise RuntimeError(
            f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(loss.shape)}: a weight has "
            "more dimensions or elements than the input"
        )
    return loss


def _sizes(name: str, input, target) -> None:
    """Warn of sizes that only broadcast, the usual mistake of (n, 1) against (n,)."""
    if input._array.shape != target._array.shape:
        warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            f"likely lead to incorrect results due to broadcasting. Please ensure they have the same size. ({name})"
        )


@in_float32
def mse_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", weight=None):
    """(input - target) ** 2, reduced. Warns where the sizes differ."""
    if input._array.dtype.kind != "f":
        needs_floating("mse_cpu", input, target)
    if input._array.shape != target._array.shape:
        _sizes("mse_loss", input, target)
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    if weight is not None:
        loss = weight * apply(ops.mse_loss, input, target, reduction="none")
        return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)
    return apply(ops.mse_loss, input, target, reduction=reduction)


@in_float32
def l1_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", weight=None):
    """|input - target|, reduced. Its gradient where both are equal is 0. RuntimeError for bools."""
    _sizes("l1_loss", input, target)
    no_bools(input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    if reduction == "mean" and input._array.dtype.kind in "biu" and target._array.dtype.kind in "biu":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{word(input._array)} (l1_loss)"
        )
    if weight is not None:
        loss = weight * apply(ops.l1_loss, input, target, reduction="none")
        return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)
    last = {"mean": "MeanBackward0", "sum": "SumBackward0", "none": "AbsBackward0"}[reduction]
    return shown(apply(ops.l1_loss, input, target, reduction=reduction), last)


@in_float32
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", beta: float = 1.0):
    """d ** 2 / (2 beta) where d = |input - target| is below beta, else d - beta / 2; reduced."""
    needs_floating("smooth_l1_cpu", input, target)
    _sizes("smooth_l1_loss", input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return apply(ops.l1_loss, input, target, reduction=reduction)
    return apply(ops.smooth_l1_loss, input, target, beta=beta, reduction=reduction)


@in_float32
def huber_loss(input, target, reduction: str = "mean", delta: float = 1.0, weight=None):
    """d ** 2 / 2 where d = |input - target| is at most delta, else delta * (d - delta / 2); reduced (Huber 1964)."""
    needs_floating("huber_cpu", input, target)
    _sizes("huber_loss", input, target)
    reduction = reduction_of(reduction)
    if isinstance(delta, (str, complex)) or not hasattr(delta, "__float__"):
        raise TypeError(f"huber_loss(): argument 'delta' (position 4) must be float, not {type(delta).__name__}")
    if not delta > 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is None and input._array.dtype == target._array.dtype:
        return apply(ops.huber_loss, input, target, delta=delta, reduction=reduction)
    loss = as_input(input, apply(ops.huber_loss, input, target, delta=delta, reduction="none"))
    if weight is not None:
        loss = weight * loss
        return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)
    return reduced(loss, reduction)


@in_float32
def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index: int = -100,
    reduce=None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
):
    """-log softmax(input)[target]: unnormalised scores (N, C, ...) or (C,), and class indices or probabilities.

    weight: one a class. ignore_index: this target counts for nothing. label_smoothing: how much of the uniform
    distribution is mixed in.
    IndexError for a target outside [0, C), ValueError for batch sizes that differ, RuntimeError for other shapes.
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    x, y = input._array, target._array
    if y.dtype.kind in "fV" and x.shape == y.shape and x.ndim:
        return _against_probabilities(input, target, weight, ignore_index, reduction, label_smoothing)
    if label_smoothing and not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    classes_fit(x, y, weight, "cross_entropy")
    if x.ndim == 1:
        input, target = input.unsqueeze(0), target.reshape(1)
    loss = apply(
        ops.cross_entropy, input, target, weight, ignore=ignore_index, smoothing=label_smoothing, reduction=reduction
    )
    if label_smoothing:
        shown(loss, "AddBackward0")
    elif x.ndim > 2:
        shown(loss, _grid_name(x, reduction))
    return loss if x.ndim > 1 else shown(loss.reshape(()), "NllLossBackward0")


def _grid_name(x, reduction: str) -> str:
    """What PyTorch calls the loss of scores (N, C, ...): they are seen as pictures unless they are such."""
    return "ViewBackward0" if reduction == "none" and x.ndim != 4 else "NllLoss2DBackward0"


def _against_probabilities(input, target, weight, ignore_index: int, reduction: str, smoothing: float):
    if not 0.0 <= smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing}")
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    axis = 0 if input._array.ndim == 1 else 1
    classes = input._array.shape[axis]
    class_weights_fit(weight, classes)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / max(classes, 1)
    logp = log_softmax(input, axis)
    if weight is not None:
        logp = logp * weight.reshape(*(1,) * axis, -1, *(1,) * (input._array.ndim - axis - 1))
    loss = -(logp * target).sum(axis)
    if reduction == "mean":
        return shown(loss.sum() / (input._array.size // max(classes, 1)), "DivBackward1")
    return shown(loss.sum(), "NegBackward0") if reduction == "sum" else loss


@in_float32
def nll_loss(
    input, target, weight=None, size_average=None, ignore_index: int = -100, reduce=None, reduction: str = "mean"
):
    """-input[target] for log-probabilities (N, C, ...) or (C,) and class indices. Errors as of cross_entropy."""
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    x, y = input._array, target._array
    classes_fit(x, y, weight, "nll_loss")
    if x.ndim == 1:
        input, target = input.unsqueeze(0), target.reshape(1)
    loss = apply(ops.nll_loss, input, target, weight, ignore=ignore_index, reduction=reduction)
    if x.ndim == 1:
        return shown(loss.reshape(()), "NllLossBackward0")
    return shown(loss, _grid_name(x, reduction)) if x.ndim > 2 else loss


@in_float32
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
    """-(y log x + (1 - y) log(1 - x)), each logarithm at least -100.

    ValueError for sizes that differ, RuntimeError for an input or a target outside [0, 1].
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if target._array.shape != input._array.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if target._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"Found dtype {word(target._array)} but expected {word(input._array)} (binary_cross_entropy)"
        )
    needs_floating("binary_cross_entropy", input)
    for name, a in (("input", input._array), ("target", target._array)):
        if a.size and namespace_of(a).found(~((a >= 0) & (a <= 1))):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1 (binary_cross_entropy)")
    loss = apply(ops.binary_cross_entropy, input, target)
    loss = loss if weight is None else as_input(input, _in_shape(input, loss * weight))
    return shown(reduced(loss, reduction), "BinaryCrossEntropyBackward0")


@in_float32
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean", pos_weight=None
):
    """binary_cross_entropy of sigmoid(input), without overflow; pos_weight multiplies the positive part."""
    reduction = reduction_of(reduction, size_average, reduce)
    if target._array.shape != input._array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    needs_floating("binary_cross_entropy_with_logits", input)
    given = target._array.dtype
    if given.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported: "
            "binary_cross_entropy_with_logits takes floating targets: target.float()."
        )
    if given.kind in "iu":
        raise RuntimeError(
            f"result type {legacy_name(input._array.dtype)} can't be cast to the desired output type {legacy_name(given)}: "
            "binary_cross_entropy_with_logits takes floating targets: target.float()."
        )
    if pos_weight is None:
        loss = apply(ops.bce_with_logits, input, target)
    else:
        no_bools(pos_weight, 1.0)
        loss = _in_shape(input, apply(ops.weighted_bce_with_logits, input, target, pos_weight))
    loss = loss if weight is None else _in_shape(input, loss * weight)
    loss = reduced(loss if loss._array.dtype == given else loss.to(target.dtype), reduction)
    return shown(loss, "BinaryCrossEntropyWithLogitsBackward0")


@in_float32
def kl_div(input, target, size_average=None, reduce=None, reduction: str = "mean", log_target: bool = False):
    """target * (log target - input) for log-probabilities `input`; "batchmean" divides the sum by the batch size."""
    if reduction != "batchmean":
        if reduction == "mean" and size_average is None and reduce is None:
            warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' "
                "divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed "
                "to behave the same as 'batchmean' in the next major release."
            )
        reduction = reduction_of(reduction, size_average, reduce)
    if input._array.dtype.kind in "biu" or target._array.dtype.kind in "biu":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if input._array.dtype.kind == "c" or target._array.dtype.kind == "c":
        raise RuntimeError("kl_div: Complex inputs not supported.")
    loss = target.exp() * (target - input) if log_target else target.xlogy(target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input._array.shape[0] if input._array.ndim else loss.sum()
    return reduced(loss, reduction)


@in_float32
def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction: str = "mean"
):
    """The negative log-likelihood of Poisson counts, from log-rates (log_input) or rates; full adds Stirling's term."""
    reduction = reduction_of(reduction, size_average, reduce)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps: float = 1e-6, reduction: str = "mean"):
    """The negative log-likelihood of a normal distribution of mean `input` and variance `var` (at least eps)."""
    reduction = reduction_of(reduction)
    if isinstance(var, Variable) and var._array.dtype.kind == "c":
        raise NotImplementedError(f"\"lt_cpu\" not implemented for '{word(var._array)}' (gaussian_nll_loss's var)")
    if not isinstance(var, Variable):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * input.new_ones(input._array.shape)
    if namespace_of(var._array).found(var._array < 0):
        raise ValueError("var has negative entry/entries")
    if var._array.shape != input._array.shape:
        mine, theirs = input._array.shape, var._array.shape
        if mine[:-1] == theirs:
            var = var.unsqueeze(-1)
        elif len(mine) != len(theirs) or [m for n, m in zip(mine, theirs) if n != m] != [1]:
            # One dimension may broadcast.
            raise ValueError("var is of incorrect size")
    if var._array.dtype.kind in "biu":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {word(var._array)} (gaussian_nll_loss's var)"
        )
    # eps bounds the value and not the gradient's path.
    var = var + (var.detach().clamp_min(eps) - var.detach())
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)
