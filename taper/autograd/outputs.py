"""`out=`: a result put where its caller wants it."""

from __future__ import annotations

from .. import dtypes
from ..backends import namespace_of
from ..backends.quiet import QUIET, enter, leave
from ..errors import warn
from .inplace import cannot_cast, check_inference, check_single, legacy_name
from .modes import is_grad_enabled
from .recording import node_of
from .tape import Variable, changed

FOUND = "Found dtype {1} but expected {0}"
EXPECTED = "Expected out tensor to have dtype {2}, but got {3} instead"
MATCHING = "dtype {0} does not match dtype of out parameter ({1})"
"""What operators say that take an `out` of their result's dtype only: {0} and {2}, for another one, {1} and {3}."""


def into(out: Variable, result: Variable, exact: str = "", warns: bool = True) -> Variable:
    """Put a result where `out=` says: `out` is resized to the result's shape, with a warning, and keeps its dtype.

    exact: the words with which an `out` of another dtype is refused, `FOUND` for example. warns: False for functions
    that resize without a word. An `out` that requires grad takes truth values only, which have no gradient.
    """
    if not isinstance(out, Variable):
        raise TypeError(f"argument 'out' must be Tensor, not {out.__class__.__name__}.")
    if (
        result._array.dtype.kind != "b"
        and is_grad_enabled()
        and (node_of(out) is not None or node_of(result) is not None)
    ):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if exact and result._array.dtype != out._array.dtype:
        words = [legacy_name(t._array.dtype) for t in (result, out)]
        raise RuntimeError(exact.format(*words, *[word.lower() for word in words]))
    if dtypes.category(result._array.dtype) > dtypes.category(out._array.dtype):
        raise cannot_cast(result._array.dtype, out._array.dtype)
    if out._array.shape != result._array.shape:
        if warns and out._array.size:
            warn(
                f"An output with one or more elements was resized since it had shape {list(out._array.shape)}, which does "
                f"not match the required output shape {list(result._array.shape)}. Give an `out` of that shape, or of no "
                "elements: out.resize_(0)."
            )
        token = enter(QUIET)
        try:
            out._array = namespace_of(result._array).astype(result._array, out._array.dtype, copy=True)
        finally:
            leave(token)
    else:
        check_single(out._array)
        check_inference(out)
        token = enter(QUIET)
        try:
            out._array[...] = result._array
        finally:
            leave(token)
    changed(out)
    return out
