"""Dimension arguments: negative numbers, ranges, NumPy's names `axis` and `keepdims`."""

from __future__ import annotations

from operator import index

from ..errors import dim_out_of_range


def one(dim, ndim: int) -> int:
    """A dimension as a number from 0. A zero-dimensional tensor has one for this purpose. IndexError out of range."""
    if dim.__class__ is bool:
        raise TypeError("a dimension must be int, not bool")
    dim = index(dim)
    limit = ndim or 1
    if not -limit <= dim < limit:
        raise dim_out_of_range(dim, ndim)
    return dim + limit if dim < 0 else dim


def several(dim, ndim: int, operator: str = "dim") -> tuple[int, ...] | None:
    """Dimensions as sorted-as-given numbers from 0; None, like an empty tuple, means all of them (None)."""
    if dim is None:
        return None
    if isinstance(dim, (tuple, list)):
        if not dim:
            return None
        found = tuple(one(d, ndim) for d in dim)
        if len(set(found)) != len(found):
            twice = next(d for d in found if found.count(d) > 1)
            raise RuntimeError(f"{operator}: dim {twice} appears multiple times in the list of dims")
        return found if ndim else ()
    dim = one(dim, ndim)
    return (dim,) if ndim else ()
