"""Masks for causal attention of queries and keys of different numbers."""

from __future__ import annotations

from ...dtypes import bool_
from ...tensor import ones

__all__ = ["causal_lower_right", "causal_upper_left"]


def causal_upper_left(*size: int):
    """Query i sees keys 0 ... i: (queries, keys) of booleans."""
    return ones(size, dtype=bool_).tril()


def causal_lower_right(*size: int):
    """The last query sees all keys, each one before a key less: (queries, keys) of booleans."""
    rows, columns = size
    return ones(size, dtype=bool_).tril(columns - rows)
