"""Collating: samples made one batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence

import numpy as np

from ...autograd.tape import Variable
from ...dtypes import float64
from ...tensor.creation import as_tensor, tensor
from ...tensor.joining import stack

WRONG = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_convert(data):
    """NumPy arrays and numbers, alone or inside mappings and sequences, as tensors; everything else stays."""
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, (Variable, str, bytes)):
        return data
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple):
        converted = [default_convert(value) for value in data]
        return type(data)(*converted) if hasattr(data, "_fields") else converted
    if isinstance(data, Sequence):
        return _sequence_like(data, [default_convert(value) for value in data])
    return data


def default_collate(batch):
    """A list of samples as one batch with a first dimension more.

    Tensors of one shape are stacked, arrays and numbers become tensors, strings stay a list; mappings and named tuples
    are collated entry by entry, other sequences position by position (a tuple gives a list).
    TypeError for samples of another type, RuntimeError for shapes or lengths that differ.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch, *, collate_fn_map: dict[type | tuple[type, ...], Callable] | None = None):
    """`default_collate` with another table of types.

    collate_fn_map: from a type, or a tuple of types, to a function (batch, *, collate_fn_map) -> batch; the first entry
    that fits the first sample decides, and containers come after all entries.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        exact = collate_fn_map.get(kind)
        if exact is not None:
            return exact(batch, collate_fn_map=collate_fn_map)
        for types, function in collate_fn_map.items():
            if isinstance(first, types):
                return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        entries = {k: collate([sample[k] for sample in batch], collate_fn_map=collate_fn_map) for k in first}
        return _mapping_like(first, entries)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else _sequence_like(first, columns)
    raise TypeError(WRONG.format(kind))


def _mapping_like(model, entries: dict):
    """Entries in a mapping of the model's type; in a dict where that type cannot be made so."""
    try:
        if isinstance(model, MutableMapping):
            made = copy.copy(model)
            made.update(entries)
            return made
        return type(model)(entries)
    except TypeError:
        return entries


def _sequence_like(model, values: list):
    """Values in a sequence of the model's type; in a list where that type cannot be made so."""
    if type(model) is list:
        return values
    try:
        if isinstance(model, MutableSequence):
            made = copy.copy(model)
            for i, value in enumerate(values):
                made[i] = value
            return made
        return type(model)(values)
    except TypeError:
        return values


def _tensors(batch, *, collate_fn_map=None):
    return stack(batch, 0)


def _arrays(batch, *, collate_fn_map=None):
    if batch[0].dtype.kind in "SUO":
        raise TypeError(WRONG.format(batch[0].dtype))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _array_numbers(batch, *, collate_fn_map=None):
    return as_tensor(batch)


def _floats(batch, *, collate_fn_map=None):
    return tensor(batch, dtype=float64)


def _integers(batch, *, collate_fn_map=None):
    return tensor(batch)


def _strings(batch, *, collate_fn_map=None):
    return batch


default_collate_fn_map: dict[type | tuple[type, ...], Callable] = {
    Variable: _tensors,
    np.ndarray: _arrays,
    (np.bool_, np.number, np.object_): _array_numbers,
    float: _floats,
    int: _integers,
    str: _strings,
    bytes: _strings,
}
"""Which function collates samples of which type; for `collate`, to copy and extend."""
