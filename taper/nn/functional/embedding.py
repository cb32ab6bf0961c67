"""Embeddings: rows of a table by number."""

from __future__ import annotations

import numpy as np

from ...autograd.dispatch import apply
from ...autograd.modes import no_grad
from ...autograd.naming import shown_as
from ...autograd.places import beside
from ...autograd.tape import changed, wrap
from ...backends import namespace_of
from ...ops import indexing as ops
from ...tensor.factory import on_host
from .looked_up import RowsOfTable, gets_sparse_gradient


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight` at the integers `input`. IndexError out of range.

    padding_idx: this row gets no gradient. max_norm: rows that are used and longer are first shortened, in place.
    scale_grad_by_freq: a row's gradient is divided by how often it was used. sparse: the gradient of
    a `weight` that is a leaf is a sparse tensor, with one element for each row that was used; that of another `weight`,
    and any on a GPU, is dense all the same.
    """
    index, table = input._array, weight._array
    if index.dtype.kind not in "iu" or index.dtype.itemsize < 4:
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{input.type()} instead (while checking arguments for embedding)"
        )
    if table.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if namespace_of(index).outside(index, table.shape[0]):
        raise IndexError(
            f"index out of range in self: the rows are 0 to {table.shape[0] - 1}, asked for {index.min()} to "
            f"{index.max()}"
        )
    if padding_idx is not None:
        if not -table.shape[0] <= padding_idx < table.shape[0]:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= table.shape[0]
    if max_norm is not None:
        _shorten(weight, namespace_of(index).unique(index), max_norm, norm_type)
    if sparse and gets_sparse_gradient(weight):
        return _with_sparse_gradient(input, weight, padding_idx, scale_grad_by_freq)
    out = apply(ops.embedding, weight, input, padding=-1 if padding_idx is None else padding_idx)
    if scale_grad_by_freq and out.requires_grad:
        counts = namespace_of(index).bincount(index.reshape(-1), minlength=table.shape[0])[index]
        share = wrap((1 / counts[..., None]).astype(table.dtype))
        out = out * share + (out * (1 - share)).detach()
    return out


def _with_sparse_gradient(input, weight, padding_idx: int | None, scale_grad_by_freq: bool):
    with no_grad():
        out = apply(ops.embedding, weight, input, padding=-1 if padding_idx is None else padding_idx)
    out._node = RowsOfTable(weight, input._array, padding_idx, scale_grad_by_freq)
    return out


def _shorten(weight, rows: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Scale rows longer than max_norm down to it, in place."""
    table = weight._array
    norms = namespace_of(table).linalg.norm(table[rows], norm_type, axis=1)
    long = norms > max_norm
    if long.any():
        table[rows[long]] *= (max_norm / (norms[long] + 1e-7))[:, None].astype(table.dtype)
        changed(weight)


@shown_as("EmbeddingBagBackward0")
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums, means or maxima of bags of embeddings: rows of a 2-D input, or what lies between `offsets` of a 1-D one."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum or mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum'"
        )
    if sparse and mode == "max":
        raise ValueError("max mode does not support sparse weights")
    index, table = on_host(input), weight._array  # where bags begin and end is found on the CPU
    if table.dtype.kind not in "fV":
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, "
            f"Float, Double; but got {weight.type()} instead (while checking arguments for embedding_bag)"
        )
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                "sequences."
            )
        bounds = np.arange(0, index.size + 1, max(index.shape[1], 1))
        if index.shape[1] == 0:
            bounds = np.zeros(index.shape[0] + 1, np.int64)
    elif index.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        bounds = on_host(offsets)
        if bounds.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        if bounds.__class__ is not np.ndarray and mode != "max" and bounds.size > include_last_offset:
            rows = embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
            rows = rows if per_sample_weights is None else rows * per_sample_weights.reshape(-1, 1)
            padding_idx = None if padding_idx is None else padding_idx % table.shape[0]
            return _unseen(rows, input, offsets, mode, include_last_offset, padding_idx)
        if bounds.size and bounds[0] != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                f"However, got {bounds[0]}"
            )
        bounds = bounds if include_last_offset else np.append(bounds, index.size)
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {index.ndim}")
    if per_sample_weights is not None and per_sample_weights._array.shape != index.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not None, then it must have "
            f"the same shape as the input ({tuple(input.shape)})"
        )
    if (
        bounds.size
        and bounds[: len(bounds) if include_last_offset or index.ndim == 2 else -1].max(initial=0) > index.size
    ):
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {index.size}, but got {int(bounds.max())} (embedding_bag)"
        )
    rows = embedding(input.reshape(-1), weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    bags = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    taken = np.arange(bags.size)
    if padding_idx is not None:
        kept = index.reshape(-1)[: bags.size] != padding_idx % weight._array.shape[0]
        bags, taken = bags[kept], taken[kept]
    count = np.bincount(bags, minlength=len(bounds) - 1)
    if mode == "max":
        return _largest(rows, bags, taken, count)
    total = apply(
        ops.add_rows,
        rows.index_select(0, beside(rows, taken)),
        beside(rows, bags),
        axis=0,
        shape=(len(count), table.shape[1]),
    )
    return total if mode == "sum" else total / beside(total, np.maximum(count, 1).reshape(-1, 1).astype(table.dtype))


def _unseen(rows, input, offsets, mode: str, include_last_offset: bool, padding_idx: int | None):
    """Sums or means of the rows between offsets whose values are not known yet: a step is captured."""
    bounds, (n, width) = offsets._array, rows._array.shape
    xp = namespace_of(bounds)
    if xp.found(bounds[:1] != 0) or xp.found(bounds > n):
        raise RuntimeError("embedding_bag: offsets have to begin with 0 and to lie within the input")
    place = beside(rows, np.arange(n))
    starts = offsets[:-1] if include_last_offset else offsets
    bags = (place[:, None] >= starts).sum(1) - 1
    kept = place < offsets[-1] if include_last_offset else place >= 0
    if padding_idx is not None:
        kept = kept & (input != padding_idx)
    shape = starts._array.shape[0], width
    total = apply(ops.add_rows, rows.masked_fill(~kept[:, None], 0), bags, axis=0, shape=shape)
    if mode == "sum":
        return total
    count = apply(ops.add_rows, kept[:, None].to(rows.dtype), bags, axis=0, shape=(shape[0], 1))
    return total / count.clamp(min=1)


def _largest(rows, bags: np.ndarray, taken: np.ndarray, count: np.ndarray):
    """The largest of each bag in each column, zeros for an empty bag."""
    where = np.zeros((len(count), rows._array.shape[1]), np.int64)
    values = on_host(rows)
    for bag in np.flatnonzero(count):
        inside = taken[bags == bag]
        where[bag] = inside[values[inside].argmax(0)]
    if not rows._array.shape[0]:
        return rows.new_zeros(where.shape)
    found = rows.gather(0, beside(rows, where))
    return found if count.all() else found * beside(rows, (count > 0).reshape(-1, 1).astype(rows._array.dtype))
