"""What cannot be captured, and why."""

from __future__ import annotations


class CaptureError(RuntimeError):
    """A step that cannot become a program: it looks at values, or does what a graph cannot say."""


class Uninitialised(CaptureError):
    """The step filled Python containers, as optimizers do in their first step: run it eagerly once, then capture."""


class Unstepped(Uninitialised):
    """`optimizers` have not made their state yet."""

    def __init__(self, optimizers: list):
        super().__init__("an optimizer has not made its state yet")
        self.optimizers = optimizers
