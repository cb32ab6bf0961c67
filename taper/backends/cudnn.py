"""`taper.backends.cudnn`: settings that programs make. They have no effect without a GPU."""

from __future__ import annotations

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether cuDNN can be used: False."""
    return False


def version() -> None:
    """cuDNN's version: None."""
