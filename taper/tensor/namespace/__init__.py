"""Tensors as arrays: the array-namespace functions, on tensors, in which derivative rules run once more.

`grad(create_graph=True)` runs a rule with this module as its `xp`, so that what the rule computes is itself recorded.
Names and keywords are those of the array API standard, as in `backends/`; each function is one recorded operation or a
composition of such. The rooms hold them by family; here stand those whose rules take the namespace itself.
"""

from __future__ import annotations

import sys

import numpy as np

from ...ops import attention as _attention
from ...ops.movement import split_back
from ..arithmetic import abs, square
from ..comparison import isfinite, isnan
from ..complex_numbers import complex as make_complex
from ..complex_numbers import conj, real
from ..creation import full_like, ones_like, zeros_like
from ..elementwise import cos, cosh, exp, exp2, floor, log1p, sigmoid, sign, sin, sinh, sqrt, tanh, trunc, xlogy
from ..products import matmul
from ..special import digamma, erfcx, i0, i0e, i1, i1e, lgamma, ndtr, polygamma, zeta
from .class_losses import *
from .creation import *
from .elementwise import *
from .indexing import *
from .matrices import *
from .movement import *
from .normalization import *
from .reduction import *
from .windows import *

float32 = np.dtype(np.float32)

_xp = sys.modules[__name__]


def attention(q, k, v, mask, drop, scale, causal):
    """What attention keeps for its gradient: the weights."""
    return None, _attention.weights_of(_xp, q, k, mask, scale, causal)


def attention_grad(g, q, k, v, mask, drop, out, weights, scale, causal, needs):
    """The gradients of q, k, v and mask."""
    return _attention.slopes(_xp, g, q, k, v, drop, weights, scale, needs)


def rejoined(parts):
    """Arrays (N, H, L, D) beside each other, as (N, L, 3 H D)."""
    return _attention.beside(_xp, parts)


def recurrence(cell, x, h, c, w, b, project, sizes, reverse):
    """A recurrent layer's results and what it keeps for its gradient."""
    return cell.unrolled(_xp, x, h, c, w, b, project, sizes, reverse)


def recurrence_grad(cell, gradients, before_h, before_c, saved, w, project, sizes, reverse):
    """The gradients of the gates' shares, of the first states, and of each h as it was projected."""
    return cell.unrolled_grad(_xp, gradients, before_h, before_c, saved, w, project, sizes, reverse)
