"""Operators with random arguments, right ones and wrong ones: the same results and classes of errors as PyTorch's."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import reject

import taper

from .calls import Call, calls
from .outcomes import attempt, compare, flat

torch = pytest.importorskip("torch")


UNSTEADY = ("quantile", "median", "linalg.det")
"""Functions whose gradient goes to one of several equal elements, or is a matter of rounding."""

TIED = ("topk", "kthvalue", "median", "mode")
"""Functions whose second result is the place of one of several equal elements."""

SCALED = ("add", "sub", "rsub")
"""Functions that multiply an operand by `alpha`."""


def gradients(T, call: Call):
    """Results, and where leaves are among the arguments, their gradients of the results' weighted sum."""
    found, leaves = call.on(T)
    if call.path in UNSTEADY or len(call.dtypes()) > 1:
        return found, []
    live = [r for r in flat(found) if hasattr(r, "requires_grad") and r.requires_grad]
    if not leaves or not live:
        return found, []
    total = sum((r * T.arange(1.0, r.numel() + 1).reshape(r.shape).to(r.dtype)).sum().real for r in live)
    slopes = T.autograd.grad(total, leaves, allow_unused=True)
    return found, [T.zeros_like(t) if g is None else g for g, t in zip(slopes, leaves)]


def agrees(call: Call) -> None:
    """Failed if Taper's outcome is not PyTorch's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = attempt(gradients, torch, call), attempt(gradients, taper, call)
    if not isinstance(ours, Exception) and "view size is not compatible" in str(theirs):
        # PyTorch reshapes by a view, here and there.
        reject()
    if not isinstance(theirs, Exception) and "not implemented for" in str(ours):
        # Taper has no kernel for the dtype, and says so.
        reject()
    if "out of" in str(ours) and not isinstance(theirs, Exception) and not any(t.numel() for t in flat(theirs)):
        # PyTorch does not look at positions where nothing is picked.
        reject()
    refused = isinstance(ours, Exception) and isinstance(theirs, Exception)
    if isinstance(theirs, NotImplementedError) and not isinstance(ours, Exception):
        # PyTorch has no kernel for the dtype; Taper may have.
        reject()
    if refused and (isinstance(theirs, NotImplementedError) or isinstance(ours, NotImplementedError)):
        # A dtype without a kernel, and something else that is wrong: which is seen first does not matter.
        return
    if refused and all("out of range" in str(e) or "out of DATA bounds" in str(e) for e in (ours, theirs)):
        # PyTorch's class depends on which of its loops meets the position.
        return
    if call.path in SCALED and "complex64" in call.dtypes() and not call.finite():
        # PyTorch multiplies the second operand by a complex `alpha` of 1, which makes NaN of infinite parts.
        reject()
    if call.path in TIED and not isinstance(theirs, Exception) and not isinstance(ours, Exception):
        ours, theirs = flat(ours)[0], flat(theirs)[0]
    compare(ours, theirs, repr(call), call.coarsest())


def test_operators(fuzz):
    fuzz(agrees, calls(), examples=1000)
