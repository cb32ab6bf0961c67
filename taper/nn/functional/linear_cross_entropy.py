"""Cross-entropy of the scores of a linear layer, whole or a few rows at a time."""

from __future__ import annotations

from ...amp.autocast_mode import autocast_setting
from ...autograd.modes import is_grad_enabled
from ...autograd.recomputation import Part
from ...autograd.saved import saved_tensors_hooks
from ...autograd.tape import Variable
from ...dtypes import from_numpy
from ...errors import warn
from ...tensor.joining import cat
from ...tensor.products import linear
from .loss import cross_entropy


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options=None,
):
    """`cross_entropy` of the scores that linear_weight (C, ..., in) gives for input (N, in) or (in,).

    linear_bias has the weight's shape without its last dimension. options (`nn.LinearCrossEntropyOptions`): never keep
    the scores of all rows; each chunk of rows is computed, reduced, and computed again in the backward pass. That needs
    classes as int64, weights (C, in) and no label smoothing; else options are ignored with a warning.
    RuntimeError for shapes that do not fit, and for an ignore_index beside probabilities.
    """
    x, w = input._array, linear_weight._array
    _check(x.shape, w.shape, None if linear_bias is None else linear_bias._array.shape)
    shape = w.shape[:-1]
    if ignore_index is None:
        ignore_index = -100
    elif target._array.shape == (*x.shape[:-1], *shape):
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    settings = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    if options is not None:
        if len(shape) == 1 and not label_smoothing and target._array.dtype == "int64":
            return _in_chunks(input, linear_weight, target, linear_bias, options, **settings)
        warn(
            "linear_cross_entropy: options are ignored: the chunked path needs label_smoothing == 0, a target of int64 "
            f"and linear_weight (C, in_features); got {label_smoothing=}, {from_numpy(target._array.dtype)} and "
            f"{tuple(w.shape)}."
        )
    scores = linear(input, linear_weight.reshape(-1, w.shape[-1])).reshape(*x.shape[:-1], *shape)
    if linear_bias is not None:
        scores = scores + linear_bias
    return cross_entropy(scores, target, label_smoothing=label_smoothing, **settings)


def _check(x: tuple, w: tuple, bias: tuple | None) -> None:
    if len(x) not in (1, 2):
        raise RuntimeError(f"linear_cross_entropy: expected input with dimensionality 1 or 2, got {len(x)}")
    if len(w) < 2:
        raise RuntimeError(f"linear_cross_entropy: expected linear_weight with dimensionality at least 2, got {len(w)}")
    if x[-1] != w[-1]:
        raise RuntimeError(
            "linear_cross_entropy: expected equal input and linear_weight last dimensions (in_features), got "
            f"{x[-1]} and {w[-1]}, respectively"
        )
    if bias is not None and bias != w[:-1]:
        raise RuntimeError(f"linear_cross_entropy: expected linear_bias shape {tuple(w[:-1])}, got {tuple(bias)}")
    if len(w) > 2 and len(x) == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(w)} requires batched input, (N, {x[0]}), got "
            f"unbatched input with shape {tuple(x)}"
        )


def _in_chunks(input, linear_weight, target, bias, options, *, weight, ignore_index: int, reduction: str) -> Variable:
    """The loss from chunks of rows, whose scores exist one after the other."""
    single = input._array.ndim == 1
    if single:
        input, target = input.unsqueeze(0), target.reshape(1)
    n, classes = input._array.shape[0], linear_weight._array.shape[0]
    rows = options.rows(n, input._array.shape[1], classes, input.dtype)
    inner = options.inner_dtype(input.dtype)
    weight = None if weight is None else weight.to(inner)

    def part(x, y):
        scores = linear(x, linear_weight) if bias is None else linear(x, linear_weight) + bias
        each = "none" if reduction == "none" else "sum"
        return cross_entropy(scores.to(inner), y, weight=weight, ignore_index=ignore_index, reduction=each)

    if n <= rows:
        parts = [part(input, target)]
    else:
        pairs = zip(input.split(rows), target.split(rows))
        parts = [_computed_again(part, x, y) for x, y in pairs]
    loss = cat(parts) if reduction == "none" else sum(parts[1:], parts[0])
    if reduction == "mean":
        kept = target != ignore_index
        loss = loss / (kept.sum() if weight is None else weight[target[kept]].sum())
    loss = loss.to(input.dtype)
    return loss.reshape(()) if single else loss


def _computed_again(function, x, y) -> Variable:
    """function(x, y), which keeps nothing for the backward pass and runs again there."""
    if not is_grad_enabled():
        return function(x, y)
    setting = autocast_setting()

    def again():
        with setting():
            function(x, y)

    part = Part(again)
    with saved_tensors_hooks(part.pack, part.unpack):
        return function(x, y)
