"""The wording of errors: the operator, the shapes, the fix.

Taper raises the builtin classes that PyTorch raises (RuntimeError, IndexError, TypeError, ValueError), so that callers'
`except` clauses keep working; what is Taper's own derives from the builtin that fits:

    RuntimeError
      CheckpointError      a checkpoint file is damaged, or is not one
      CaptureError         a function cannot be captured as one program
      LinAlgError          a matrix is singular, not positive-definite, or an iteration does not converge
      OutOfMemoryError     an accelerator has no memory left; programs catch it
"""

from __future__ import annotations

import sys
import warnings


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read: the file is damaged, truncated, or of another kind."""


class CaptureError(RuntimeError):
    """A function cannot be captured: it needs a value that exists only when the program runs."""


class _LinAlgError(RuntimeError):
    """A matrix has no inverse or factorisation of the kind asked for. `taper.linalg.LinAlgError` is this class."""


LinAlgError = _LinAlgError  # PyTorch's class is named `_LinAlgError` too: tracebacks and pickles show it.


class OutOfMemoryError(RuntimeError):
    """An accelerator has no memory left. `taper.OutOfMemoryError` and `taper.cuda.OutOfMemoryError` are this class."""


def warn(words: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the line that called into Taper, however deep inside the reason is found."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("taper."):
        level, frame = level + 1, frame.f_back
    warnings.warn(words, category, stacklevel=level)


_said: set[str] = set()


def warn_once(words: str, category: type[Warning] = UserWarning) -> None:
    """`warn`, the first time that a process says this."""
    if words not in _said:
        _said.add(words)
        warn(words, category)


def mismatch(operator: str, problem: str, fix: str = "", **tensors) -> RuntimeError:
    """The error for inputs that do not fit together: `matmul: problem; a is (8, 3), b is (8, 3). Fix.`"""
    shapes = ", ".join(f"{name} is {_shape(value)}" for name, value in tensors.items())
    return RuntimeError(f"{operator}: {problem}" + (f"; {shapes}." if shapes else "") + (f" {fix}" if fix else ""))


def _shape(value) -> str:
    return str(tuple(getattr(value, "shape", value)))


def dim_out_of_range(dim: int, ndim: int) -> IndexError:
    """The error for a dimension that the tensor does not have."""
    low, high = (-ndim, ndim - 1) if ndim else (-1, 0)
    return IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})")
