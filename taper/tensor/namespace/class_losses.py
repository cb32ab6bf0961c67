"""What the losses of class indices and CTC are made of."""

from __future__ import annotations

import math

import numpy as np

from ...autograd.dispatch import apply
from ...autograd.places import beside
from ...autograd.tape import wrap
from ...backends import namespace_of
from ...ops import ctc as _ctc
from .elementwise import kept
from .indexing import take_along
from .movement import reshape
from .reduction import max

__all__ = [
    "class_exponentials",
    "class_lowered",
    "class_picked",
    "class_scores",
    "class_scores_back",
    "class_targets",
    "ctc",
]


def class_targets(target, classes, ignore):
    """Target classes that are all valid, and which of them count; constants for derivatives."""
    safe, counted = namespace_of(target._array).class_targets(target._array, classes, ignore)
    return wrap(safe), None if counted is None else wrap(counted)


def class_scores(x):
    """Scores (N, C, ...) as (samples, classes, positions)."""
    return x.reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


class_scores_back = reshape


def class_exponentials(x, axis):
    """The largest score, exp of what the others are below it, and the sum of these."""
    top = max(x, (axis,), keepdims=True) if x.numel() else x
    e = (x - top).exp()
    return top, e, e.sum(axis, keepdim=True)


def class_picked(x, at):
    """The elements of x (samples, classes, positions) at the classes `at` (samples, positions)."""
    return take_along(x, at.unsqueeze(1), 1).squeeze(1)


def class_lowered(x, at, strength):
    """x with a number, or numbers (samples, positions), taken off at the classes `at`."""
    hit = at.unsqueeze(1) == beside(at, np.arange(x.shape[1]).reshape(1, -1, 1))
    return x - kept(strength.unsqueeze(1) if strength.ndim else strength, hit)


def ctc(x, labels, lengths, label_lengths, blank, zero_infinity):
    """The gradient of ctc_loss, which comes with its value."""
    return None, apply(_ctc.ctc_slope, x, labels, lengths, label_lengths, blank=blank, zero_infinity=zero_infinity)
