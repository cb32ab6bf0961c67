"""Kernels over sequences: recurrent layers and attention, each a loop of small products that stay in the caches."""

from __future__ import annotations

from .attention import QUERIES, Attention, emit_attention, emit_attention_gradient
from .recurrence import Recurrence, emit_backward, emit_forward, emit_weights

__all__ = [
    "QUERIES",
    "Attention",
    "Recurrence",
    "emit_attention",
    "emit_attention_gradient",
    "emit_backward",
    "emit_forward",
    "emit_weights",
]
