"""What distributions share: broadcasting of parameters, probabilities and logits, values computed when first asked for."""

from __future__ import annotations

from functools import update_wrapper
from numbers import Number
from typing import Any

import numpy as np

import taper as T

from ..autograd.modes import enable_grad
from ..autograd.tape import Variable
from ..dtypes import finfo, get_default_dtype

euler_constant = 0.57721566490153286060

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "euler_constant",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]


def standard_normal(shape, dtype, device=None):
    """Standard normal numbers of a shape."""
    return T.normal(T.zeros(shape, dtype=dtype), T.ones(shape, dtype=dtype))


def is_number(value) -> bool:
    """Whether a parameter is a plain number."""
    return isinstance(value, Number)


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape; numbers take the tensors' dtype, or the default one.

    ValueError for anything else.
    """
    if not all(isinstance(v, (Variable, Number, np.generic)) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    if not all(isinstance(v, Variable) for v in values):
        dtype = next((v.dtype for v in values if isinstance(v, Variable)), get_default_dtype())
        values = [v if isinstance(v, Variable) else T.tensor(v, dtype=dtype) for v in values]
    return T.broadcast_tensors(*values)


def sum_rightmost(value, dims: int):
    """The sum over the last dimensions."""
    return value if dims == 0 else value.reshape(tuple(value.shape[: value.dim() - dims]) + (-1,)).sum(-1)


def logits_to_probs(logits, is_binary: bool = False):
    """Probabilities of logits: their sigmoid if each stands for itself, else their softmax over the last dimension."""
    return T.sigmoid(logits) if is_binary else T.softmax(logits, dim=-1)


def clamp_probs(probs):
    """Probabilities moved off 0 and 1 by the dtype's precision."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary: bool = False):
    """Logits of probabilities: log(p / (1 - p)) if each stands for itself, else log(p)."""
    clamped = clamp_probs(probs)
    return T.log(clamped) - T.log1p(-clamped) if is_binary else T.log(clamped)


class lazy_property:
    """A property that is computed when first asked for, and then kept."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)

    def __get__(self, instance, obj_type: Any = None):
        if instance is None:
            return _OfClass(self.wrapped)
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _OfClass(lazy_property, property):
    """What a lazy property is on the class itself: a property, for documentation."""

    def __init__(self, wrapped):
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat, diag: int = 0):
    """The elements on and below a diagonal of matrices, row by row."""
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = np.tril_indices(n, diag)
    return mat[..., T.from_numpy(rows), T.from_numpy(columns)]


def vec_to_tril_matrix(vec, diag: int = 0):
    """Matrices with these elements on and below a diagonal, zero above."""
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) != n:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as the lower triangular part of a "
            "square D x D matrix."
        )
    n = int(n)
    rows, columns = np.tril_indices(n, diag)
    places = np.full((n, n), vec.shape[-1])
    places[rows, columns] = np.arange(len(rows))
    padded = T.cat([vec, T.zeros((*vec.shape[:-1], 1), dtype=vec.dtype)], -1)
    return padded[..., T.from_numpy(places)]


def check_one_of(probs, logits) -> None:
    """ValueError unless exactly one of probs and logits is given."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


def batch_of(*values) -> Any:
    """The batch shape of parameters that were broadcast: empty if all were plain numbers."""
    from ..tensor.size import Size

    *given, made = values
    return Size() if all(is_number(v) for v in given) else made.size()
