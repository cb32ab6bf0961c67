"""What cannot be captured, and why."""

from __future__ import annotations


class CaptureError(RuntimeError):
    """A step that cannot become a program: it looks at values, or does what a graph cannot say."""


class Uninitialised(CaptureError):
    """The step filled Python containers, as optimizers do in their first step: run it eagerly once, then capture."""
