"""Functions that PyTorch had before 1.9: calling one says what took its place."""

from __future__ import annotations

from collections.abc import Callable

_INSTEAD = {
    "eig": "Use torch.linalg.eig, whose results are complex, or torch.linalg.eigvals.",
    "lstsq": "Use torch.linalg.lstsq, whose arguments are reversed and whose residuals have a field of their own.",
    "matrix_rank": "Please use the `torch.linalg.matrix_rank` function instead; its `hermitian` is the old `symmetric`.",
    "solve": "Use torch.linalg.solve, whose arguments are reversed: torch.linalg.solve(A, B) for torch.solve(B, A).solution.",
    "symeig": "Use torch.linalg.eigh, or torch.linalg.eigvalsh, with UPLO='U' for upper=True, which was the default.",
}


def _gone(name: str) -> Callable:
    def removed(*args, **kwargs):
        raise RuntimeError(
            f"{name}: This function was deprecated since version 1.9 and is now removed. {_INSTEAD[name]}"
        )

    removed.__name__ = removed.__qualname__ = name
    removed.__doc__ = f"RuntimeError: removed from PyTorch. {_INSTEAD[name]}"
    return removed


eig, lstsq, matrix_rank, solve, symeig = (_gone(name) for name in ("eig", "lstsq", "matrix_rank", "solve", "symeig"))

__all__ = ["eig", "lstsq", "matrix_rank", "solve", "symeig"]


class RemovedMethods:
    """The removed functions as methods."""

    __slots__ = ()

    eig = eig
    lstsq = lstsq
    solve = solve
    symeig = symeig
