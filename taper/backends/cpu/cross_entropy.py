"""Where the target classes of scores are: what the losses of class indices (`ops/class_loss.py`) are made of.

Scores (N, C, ...) are taken as (samples, C, positions). Few classes are put in front of the samples first: NumPy is ten
times slower over many short rows than over a few long ones.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import prod

import numpy as np

from .indexing import take_along
from .large import goes_by_samples, has_rows, rowwise
from .reduce import sum

__all__ = [
    "class_targets",
    "class_scores",
    "class_scores_back",
    "class_exponentials",
    "class_picked",
    "class_lowered",
]

FEW = 64
_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def class_targets(target, classes: int, ignore: int):
    """Target classes that are all valid, and which of them count (None: all). IndexError for a class that is none."""
    if not target.size:
        return target, None
    # One comparison for both ends of the range: a negative number read as unsigned is a large one.
    largest = np.maximum.reduce(target.view(_UNSIGNED[target.itemsize]), axis=None)
    if int(largest) < classes and not 0 <= ignore < classes:
        return target, None
    kept = target != ignore
    bad = ((target < 0) | (target >= classes)) & kept
    if bad.any():
        raise IndexError(f"Target {int(target[bad][0])} is out of bounds. The classes are 0 to {classes - 1}.")
    return (target, None) if kept.all() else (np.where(kept, target, 0), kept)


def class_scores(x):
    """Scores (N, C, ...) as (samples, classes, positions): samples become positions where there are few classes."""
    n, classes, *rest = x.shape
    if not rest and classes <= FEW and not goes_by_samples(x):
        return np.ascontiguousarray(x.T).reshape(1, classes, n)
    return x.reshape(n, classes, prod(rest))


def class_scores_back(x, shape):
    """What `class_scores` made, in the scores' own shape again."""
    if len(shape) == 2 and x.shape[2] == shape[0]:
        return np.ascontiguousarray(x[0].T)
    return x.reshape(shape)


@partial(rowwise, seen=lambda x, axis: (1, 2, (1,)) if x.shape[2] == 1 and has_rows(x, x.shape[1]) else None)
def class_exponentials(x, axis):
    """The largest score, exp(x - the largest), and the sum of these, of scores (samples, classes, positions)."""
    top = np.maximum.reduce(x, axis=axis, keepdims=True) if x.size else x
    e = np.exp(x - top)
    return top, e, sum(e, axis, True)


def class_picked(x, at):
    """The elements of x (samples, classes, positions) at the classes `at` (samples, positions)."""
    if x.shape[2] == 1 and x.__class__ is np.ndarray:
        return take_along(x.reshape(x.shape[:2]), at, 1)
    return x.reshape(-1)[_places(x.shape, at)]


def class_lowered(x, at, strength):
    """x, perhaps overwritten, with a number, or numbers (samples, positions), taken off at the classes `at`."""
    x = np.ascontiguousarray(x)  # what was made of transposed scores lies as they do, and could not be seen in a row
    x.reshape(-1)[_places(x.shape, at)] -= strength
    return x


def _places(shape, at):
    """The flat positions of classes."""
    samples, classes, positions = shape
    return _starts(samples, classes, positions) + (at if positions == 1 else at * positions)


@lru_cache(8)
def _starts(samples: int, classes: int, positions: int):
    """The flat positions of the first class."""
    return (np.arange(samples) * (classes * positions)).reshape(-1, 1) + np.arange(positions)
