"""Reductions of neighbouring pieces, whose lengths may differ."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.dispatch import apply
from ..autograd.places import beside
from ..autograd.tape import Variable
from ..backends.device import CPU
from ..backends.transfer import moved
from ..ops import indexing as ops
from .shape import check_tensor, expanded, reshaped

__all__ = ["segment_reduce"]

_HOW = {"sum": "sum", "mean": "sum", "max": "amax", "min": "amin", "prod": "prod"}
_START = {"sum": 0.0, "mean": 0.0, "max": -math.inf, "min": math.inf, "prod": 1.0}


def segment_reduce(
    data, reduce: str, *, lengths=None, indices=None, offsets=None, axis: int = 0, unsafe: bool = False, initial=None
):
    """Pieces along a dimension, reduced by "sum", "mean", "max", "min" or "prod".

    lengths: those of the pieces, (*data.shape[:axis], pieces); or offsets, where they begin, and where the last ends.
    unsafe: the lengths need not add up to the dimension's. initial: where a reduction starts, which is also the result
    of an empty piece; without it 0, NaN, -inf, inf, 1. RuntimeError for lengths that do not fit.
    """
    check_tensor(data, "segment_reduce")
    if reduce not in _HOW:
        raise RuntimeError(f"segment_reduce: reduce must be one of {', '.join(_HOW)}, got {reduce!r}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    given = offsets if lengths is None else lengths
    if not isinstance(given, Variable):
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    array = data._array
    if given._array.dtype.kind != "i":
        raise RuntimeError(f"segment_reduce(): lengths and offsets must be integers, not {given.dtype}")
    if array.dtype.kind not in "fV":
        raise NotImplementedError(f"segment_reduce is not implemented for {data.dtype}: use data.float()")
    counts = moved(given._array, CPU)
    counts = np.diff(counts, axis=-1) if lengths is None else counts
    if counts.ndim != axis + 1 or counts.shape[:axis] != array.shape[:axis]:
        raise RuntimeError(
            f"segment_reduce(): Expected lengths of shape {list(array.shape[:axis])} and the number of pieces, but got "
            f"{list(counts.shape)}"
        )
    if counts.size and counts.min() < 0:
        raise RuntimeError("segment_reduce(): lengths contains negative value!")
    if not unsafe and (counts.sum(-1) != array.shape[axis]).any():
        raise RuntimeError("segment_reduce(): Expected all rows of lengths along axis to sum to data.size(axis)")
    lead, pieces, rest = array.shape[:axis], counts.shape[-1], array.shape[axis + 1 :]
    rows, n = math.prod(lead), array.shape[axis]
    # One piece more takes what no length counts.
    owner = np.full((rows, n), pieces, np.int64)
    for row, own in zip(owner, counts.reshape(rows, pieces)):
        row[: min(n, int(own.sum()))] = np.repeat(np.arange(pieces), own)[:n]
    source = reshaped(data, (rows, n, math.prod(rest)))
    index = expanded(beside(data, owner[:, :, None]), source._array.shape)
    start = np.full((rows, pieces + 1, math.prod(rest)), _START[reduce] if initial is None else initial, array.dtype)
    made = apply(ops.reduce_at, beside(data, start), source, index, axis=1, how=_HOW[reduce], include_self=True)[
        :, :pieces
    ]
    made = reshaped(made, (*lead, pieces, *rest))
    if reduce != "mean":
        return made
    share = counts.astype(np.float64)
    share[share == 0] = 1 if initial is not None else np.nan
    return made / beside(data, share.astype(array.dtype).reshape(*lead, pieces, *(1,) * len(rest)))
