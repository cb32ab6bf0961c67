"""Random draws on the tape: the numbers do not depend on their parameters in a differentiable way."""

from __future__ import annotations

from .operator import op


def _drawn(name: str, grad_name: str):
    """Numbers already drawn for parameters a and b (tensors, or None), whose gradients are zero."""
    return op(
        name,
        lambda xp, a, b, *, values: values,
        broadcasts=True,
        half_native=True,
        grad_name=grad_name,
        a=lambda xp, g: xp.zeros_like(g),
        b=lambda xp, g: xp.zeros_like(g),
    )


bernoulli = _drawn("bernoulli", "BernoulliBackward0")
poisson = _drawn("poisson", "PoissonBackward0")
normal_by_mean = _drawn("normal_by_mean", "NormalBackward1")
normal_by_deviation = _drawn("normal_by_deviation", "NormalBackward2")
normal_by_both = _drawn("normal_by_both", "NormalBackward3")
