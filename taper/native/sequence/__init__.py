"""Kernels over sequences: recurrent layers and attention, each a loop of small products that stay in the caches."""

from __future__ import annotations

from .recurrence import Recurrence, emit_backward, emit_forward, emit_weights

__all__ = ["Recurrence", "emit_backward", "emit_forward", "emit_weights"]
