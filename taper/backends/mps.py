"""`taper.backends.mps`: Apple's GPUs, which Taper does not use."""

from __future__ import annotations


def is_available() -> bool:
    """Whether tensors can be on an Apple GPU: False."""
    return False


def is_built() -> bool:
    """Whether Taper can use Apple GPUs: False."""
    return False
