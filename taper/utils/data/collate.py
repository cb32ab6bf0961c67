"""Collating: samples made one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...autograd.tape import Variable
from ...dtypes import float64
from ...tensor.creation import as_tensor, tensor
from ...tensor.joining import stack

MUST = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_convert(data):
    """NumPy arrays inside nested containers as tensors; everything else stays."""
    if isinstance(data, Variable):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return type(data)({k: default_convert(v) for k, v in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(v) for v in data))
    if isinstance(data, tuple):
        return [default_convert(v) for v in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return type(data)([default_convert(v) for v in data])
    return data


def default_collate(batch):
    """A list of samples as one batch: tensors, arrays and numbers stacked, strings listed, containers by entry.

    TypeError for other types, RuntimeError for sizes that differ.
    """
    first = batch[0]
    if isinstance(first, Variable):
        return stack(batch, 0)
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind in "SUO":
            raise TypeError(MUST.format(first.dtype))
        return (
            stack([as_tensor(b) for b in batch], 0) if isinstance(first, np.ndarray) else as_tensor(np.asarray(batch))
        )
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return type(first)({k: default_collate([b[k] for b in batch]) for k in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(items) for items in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(b) != len(first) for b in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [default_collate(items) for items in zip(*batch)]
        return columns if isinstance(first, (tuple, list)) else type(first)(columns)
    raise TypeError(MUST.format(type(first)))
