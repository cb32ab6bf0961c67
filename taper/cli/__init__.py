"""The command line: `taper train | predict | eval | info`."""

from .app import main

__all__ = ["main"]
