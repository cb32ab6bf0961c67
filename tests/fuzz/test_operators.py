"""Operators with random arguments, right ones and wrong ones: the same results and classes of errors as PyTorch's."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, reject

import taper

from .calls import Call, calls
from .outcomes import attempt, compare, flat
from .tensors import FLOATING

torch = pytest.importorskip("torch")


def gradients(T, call: Call):
    """Results, and where leaves are among the arguments, their gradients of the results' weighted sum."""
    found, leaves = call.on(T)
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
    if isinstance(theirs, NotImplementedError) and not isinstance(ours, Exception):
        # PyTorch has no kernel for the dtype; Taper may have.
        reject()
    wide = 1 if set(FLOATING) & {"bfloat16"} else 1
    compare(ours, theirs, repr(call), wide)


def test_operators(fuzz):
    fuzz(given(calls())(agrees), examples=1500)
