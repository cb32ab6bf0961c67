"""Settings of how checkpoints are written and read."""

from __future__ import annotations

from . import config

__all__ = ["config"]
