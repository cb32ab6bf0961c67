"""What functions of matrices ask of their arguments, and the reports of matrices that failed."""

from __future__ import annotations

import numpy as np

from ..autograd.inplace import legacy_name
from ..autograd.outputs import into
from ..autograd.tape import Variable
from ..backends import namespace_of
from ..dtypes import HALF
from ..errors import LinAlgError


def check_tensor(function: str, argument: str, value, position: int = 1) -> None:
    """TypeError unless the argument is a tensor."""
    if not isinstance(value, Variable):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        )


def check_matrices(name: str, t, argument: str = "A", function: str | None = None) -> None:
    """Refuse what is no stack of matrices of a floating or complex type that LAPACK knows."""
    check_tensor(function or name.replace(".", "_"), argument, t)
    check_floating(name, t)
    check_two_dims(name, t)


def check_two_dims(name: str, t, argument: str = "A") -> None:
    """RuntimeError for tensors with fewer than two dimensions."""
    if t._array.ndim < 2:
        shape = tuple(t._array.shape)
        raise RuntimeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions. Its shape is {shape}."
        )


# Functions whose types PyTorch only refuses where it would run them, by the names it gives these places.
_PLACES = {
    **{"linalg.det": "lu_cpu", "linalg.cholesky": "cholesky_cpu", "cholesky": "cholesky_cpu", "linalg.qr": "geqrf_cpu"},
    **{name: f"{name}_cpu" for name in ("geqrf", "cholesky_inverse", "cholesky_solve", "linalg.lu_solve")},
    **{"torch.linalg.ldl_factor_ex": "ldl_factor_kernel_cpu"},
    **{"linalg.svd": "linalg_svd_cpu", "linalg.solve_triangular": "triangular_solve_cpu"},
}
_INTEGERS_TOO = ("linalg.solve_triangular", "cholesky", "cholesky_inverse", "cholesky_solve", "geqrf")


def check_floating(name: str, t) -> None:
    """RuntimeError for types in which there is no factorisation."""
    dtype = t._array.dtype
    place = _PLACES.get(name)
    if place and (dtype in HALF or (dtype.kind in "biu" and name in _INTEGERS_TOO)):
        raise not_implemented(place, t)
    if dtype.kind in "biu":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {legacy_name(dtype)}. Convert first: "
            "x.float()."
        )
    if dtype in HALF:
        raise RuntimeError(
            f"{name}: Low precision dtypes not supported. Got {legacy_name(dtype)}. Convert first: x.float()."
        )


def not_implemented(place: str, t) -> NotImplementedError:
    return NotImplementedError(
        f"\"{place}\" not implemented for '{legacy_name(t._array.dtype)}'. Convert first: x.float()."
    )


def check_square(name: str, t, argument: str = "A", function: str | None = None) -> None:
    """Refuse what is no stack of square matrices of a floating or complex type."""
    check_matrices(name, t, argument, function)
    check_sides(name, t)


def check_sides(name: str, t) -> None:
    """RuntimeError unless the last two dimensions have one size."""
    n, m = t._array.shape[-2:]
    if n != m:
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {n} by {m} matrices")


def check_one_dtype(name: str, a, b) -> None:
    """RuntimeError for operands of different types."""
    if a._array.dtype != b._array.dtype:
        first, second = legacy_name(a._array.dtype), legacy_name(b._array.dtype)
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {first} and B of type {second} "
            "instead. Convert one: x.to(y.dtype)."
        )


def check_info(name: str, info, words: str, error: type[RuntimeError] = LinAlgError) -> None:
    """An error if one of the matrices failed; `words` may mention the {number} that its info is."""
    if namespace_of(info._array).found(info._array != 0):
        where = tuple(np.argwhere(info._array)[0])
        element = ""
        if where:
            element = f"(Batch element {np.ravel_multi_index(where, info._array.shape)}): "
        raise error(f"{name}: {element}{words.format(number=info._array[where])}")


SINGULAR = (
    "The diagonal element {number} is zero, the inversion could not be completed because the input matrix is singular."
)
UNSOLVABLE = "The solver failed because the input matrix is singular."
NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{number} is not positive-definite)."
)


def outs(out, results) -> tuple:
    """The results, put into the tensors of `out` if there are any."""
    return tuple(results) if out is None else tuple(into(o, r) for o, r in zip(out, results))


def leading_shapes(name: str, a, b) -> tuple:
    """What the leading dimensions of two stacks broadcast to."""
    try:
        return np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        size = min(len(a), len(b)) - 2
        i = next(i for i in range(1, size + 1) if a[-2 - i] != b[-2 - i] and 1 not in (a[-2 - i], b[-2 - i]))
        raise RuntimeError(
            f"The size of tensor a ({b[-2 - i]}) must match the size of tensor b ({a[-2 - i]}) at non-singleton "
            f"dimension {max(len(a), len(b)) - 2 - i}; {name} got {tuple(a)} and {tuple(b)}"
        ) from None
