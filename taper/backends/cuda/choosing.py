"""Choosing between values element by element: one pass on a GPU, whatever the condition."""

from __future__ import annotations

from . import library as np


def where(condition, x, y):
    """x where the condition holds, else y; broadcast and promoted as NumPy does."""
    return np.where(_array(condition), x, y)


def kept(x, condition):
    """x where the condition holds, else 0; the condition has x's shape or broadcasts to it."""
    return np.where(_array(condition), x, x.dtype.type(0))


def dropped(x, condition):
    """0 where the condition holds, else x."""
    return np.where(_array(condition), x.dtype.type(0), x)


def _array(condition):
    return condition if condition.__class__ is np.ndarray else np.asarray(condition)
