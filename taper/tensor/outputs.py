"""`out=` of operators that demand more of it than that the result can be converted."""

from __future__ import annotations

import numpy as np

from ..autograd.outputs import EXPECTED, into
from ..autograd.tape import Variable
from .writing import check_overlap

__all__: list[str] = []


def placed(out, result, *inputs, exact: bool = True, single: bool = False):
    """Put a result into `out`, unless it is None; returns it.

    RuntimeError if `out` has another dtype (where `exact`) or shares memory with one of the inputs; and
    where its elements share memory, if it has the result's shape or, `single`, in any case.
    """
    if out is None:
        return result
    if not isinstance(out, Variable):
        return into(out, result)
    array = out._array
    if single:
        check_overlap(array)
    for x in inputs:
        if _share(array, x._array):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
                "memory location. Please clone() the tensor before performing the operation."
            )
    return into(out, result, EXPECTED if exact else "")


def _share(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays that fill their memory have elements in common."""
    return a.flags.forc and b.flags.forc and a.size > 0 and b.size > 0 and np.may_share_memory(a, b)
