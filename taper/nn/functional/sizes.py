"""Numbers that stand for one number a spatial dimension."""

from __future__ import annotations


def per_dim(value, n: int, name: str, operator: str) -> tuple[int, ...]:
    """A number for each of n dimensions: given as one for all, or as a sequence. RuntimeError for a wrong length."""
    if isinstance(value, (tuple, list)):
        found = tuple(int(v) for v in value)
        if len(found) == 1:
            return found * n
        if len(found) != n:
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of {n} values to match the convolution "
                f"dimensions, but got {name}={list(found)} ({operator})"
            )
        return found
    return (int(value),) * n
