"""`taper.backends.mps`: Apple's GPUs, which Taper does not use."""

from __future__ import annotations


def is_available() -> bool:
    """Whether tensors can be on an Apple GPU: False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether this is macOS of at least a version that could use an Apple GPU: False."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Whether this is macOS 13 or newer with an Apple GPU: False."""
    return False


def is_built() -> bool:
    """Whether Taper can use Apple GPUs: False."""
    return False
