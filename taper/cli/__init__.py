"""The command line: `taper run | check | train | predict | eval | info`."""

from .app import main

__all__ = ["main"]
