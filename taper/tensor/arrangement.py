"""Arrangement: elements turned round, shifted, repeated, put on diagonals, combined into grids."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.inplace import assign
from ..autograd.naming import shown
from ..autograd.outputs import into
from ..autograd.places import beside
from ..autograd.tape import Variable
from ..autograd.viewing import viewed
from ..errors import dim_out_of_range, warn_once
from ..ops import indexing
from ..ops import movement as ops
from . import dims
from .factory import leaf, place
from .memory import clone
from .shape import check_tensor, expanded, reshaped, sizes_of, unsqueeze

__all__ = [
    "tile",
    "flip",
    "fliplr",
    "flipud",
    "roll",
    "rot90",
    "diagonal",
    "diag",
    "diag_embed",
    "diagflat",
    "tril",
    "triu",
    "tril_indices",
    "triu_indices",
    "meshgrid",
    "cartesian_prod",
    "combinations",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
]

_one = dims.one  # where `dims` is an argument's name


def repeat(self, *repeats, **named):
    """The tensor tiled: repeats[i] times along dimension i, new dimensions first. RuntimeError for too few repeats."""
    return _repeated(self, tuple(sizes_of(repeats, named, "repeats", "repeat")))


def _repeated(x, counts: tuple[int, ...]):
    if len(counts) < x._array.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(n < 0 for n in counts):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(counts)}: repeats {list(counts)}")
    return apply(ops.repeat, x, counts=counts)


def tile(input, *sizes, **named):
    """The tensor tiled as `repeat` does; too few sizes are filled up with ones in front."""
    counts = tuple(sizes_of(sizes, named, "dims", "tile"))
    return _repeated(input, (1,) * (input._array.ndim - len(counts)) + counts)


def flip(input, dims):
    """The order reversed along a list of dimensions. A copy."""
    check_tensor(input, "flip")
    if isinstance(dims, int):
        raise TypeError(f"flip(): argument 'dims' (position 2) must be tuple of ints, not int: flip(x, ({dims},)).")
    return flipped(input, dims)


def flipped(input, *dims_, **named):
    """The order reversed along dimensions, a list of them or one by one. A copy."""
    axes = dims.several(tuple(sizes_of(dims_, named, "dims", "flip")), input._array.ndim, "flip") or ()
    return apply(ops.flip, input, axes=axes)


def fliplr(input):
    """The order of columns reversed."""
    if input._array.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return apply(ops.flip, input, axes=(1,))


def flipud(input):
    """The order of rows reversed."""
    if input._array.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return apply(ops.flip, input, axes=(0,))


def roll(input, shifts, dims=None):
    """The elements shifted along dimensions, those that leave coming back at the other end."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    shape = input._array.shape
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        if len(shifts) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return reshaped(roll(reshaped(input, (input._array.size,)), shifts, 0), shape)
    axes = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(axes) != len(shifts):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(axes)}")
    if not shape:
        raise IndexError(f"Dimension specified as {axes[0]} but tensor has no dimensions")
    return apply(ops.roll, input, shifts=shifts, axes=tuple([_one(d, len(shape)) for d in axes]))


def rot90(input, k: int = 1, dims=(0, 1)):
    """Turned by k quarter turns in the plane of two dimensions."""
    ndim = input._array.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    a, b = dims
    if a == b or abs(a - b) == ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}")
    for d in (a, b):
        if not -ndim <= d < ndim:
            raise dim_out_of_range(d, ndim)
    return apply(ops.rot90, input, turns=k % 4, axes=(a % ndim, b % ndim))


def diagonal(input, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """A diagonal of two dimensions as a new last dimension. A view."""
    ndim = input._array.ndim
    a, b = dims.one(dim1, ndim), dims.one(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return viewed(ops.diagonal, input, offset=offset, axis1=a, axis2=b)


_diagonal = diagonal  # where `diagonal` is an argument's name


def diag_embed(input, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Matrices with the last dimension of `input` on a diagonal and zeros elsewhere."""
    array = input._array
    ndim = array.ndim + 1
    a, b = dims.one(dim1, ndim), dims.one(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = (array.shape[-1] if array.ndim else 1) + abs(offset)
    shape = list(array.shape[:-1])
    for axis in sorted((a, b)):
        shape.insert(axis, size)
    return apply(ops.put_diagonal, input, shape=tuple(shape), offset=offset, axis1=a, axis2=b)


def diag(input, diagonal: int = 0, *, out=None):
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal."""
    if input._array.ndim == 1:
        result = diag_embed(input, diagonal)
    elif input._array.ndim == 2:
        result = shown(clone(_diagonal(input, diagonal)), "DiagonalBackward0_copy")
    else:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._array.ndim}D")
    return result if out is None else into(out, result)


def diagflat(input, offset: int = 0):
    """The matrix with all elements on a diagonal."""
    return diag_embed(reshaped(input, (input._array.size,)), offset)


def _triangle(operator, input, diagonal, out):
    check_tensor(input, operator.name)
    if input._array.ndim < 2:
        raise RuntimeError(f"{operator.name}: input tensor must have at least 2 dimensions")
    result = apply(operator, input, k=diagonal)
    return result if out is None else into(out, result)


def tril(input, diagonal: int = 0, *, out=None):
    """The lower triangle, zeros above the diagonal."""
    return _triangle(ops.tril, input, diagonal, out)


def triu(input, diagonal: int = 0, *, out=None):
    """The upper triangle, zeros below the diagonal."""
    return _triangle(ops.triu, input, diagonal, out)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype=dtypes.int64, device=None, layout=None):
    """Rows and columns of the lower triangle's elements, a (2, n) tensor."""
    _check_lengths("tril_indices", row, col, dtype)
    return leaf(np.stack(np.tril_indices(row, offset, col)).astype(dtype.np), False, place(device))


def triu_indices(row: int, col: int, offset: int = 0, *, dtype=dtypes.int64, device=None, layout=None):
    """Rows and columns of the upper triangle's elements, a (2, n) tensor."""
    _check_lengths("triu_indices", row, col, dtype)
    return leaf(np.stack(np.triu_indices(row, offset, col)).astype(dtype.np), False, place(device))


def _check_lengths(function: str, row: int, col: int, dtype) -> None:
    if dtype not in (dtypes.int64, dtypes.int32):
        raise NotImplementedError(f'"{function}" not implemented for {dtype.name}: positions are int64 or int32')
    for name, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got {n}")


def meshgrid(*tensors, indexing: str | None = None):
    """Coordinates of a grid: each vector expanded over the others' dimensions. indexing: "ij" (rows first) or "xy"."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing is None:
        warn_once("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.")
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if not isinstance(x, Variable):
            raise TypeError(f"meshgrid(): expected Tensor as element {i} in argument 0, but got {x.__class__.__name__}")
        if x._array.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x._array.ndim}D")
    if any(x._array.dtype != tensors[0]._array.dtype for x in tensors):
        raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    sizes = [x._array.size for x in tensors]
    grids = [
        expanded(reshaped(x, tuple([n if i == j else 1 for j, n in enumerate(sizes)])), sizes)
        for i, x in enumerate(tensors)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors):
    """All tuples of one element of each vector, as rows; of one vector, the vector itself."""
    for x in tensors:
        if x._array.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x._array.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    columns = [reshaped(g, (g._array.size,)) for g in meshgrid(*tensors, indexing="ij")]
    return apply(ops.stack, *columns, axis=1)


def combinations(input, r: int = 2, with_replacement: bool = False):
    """All r-element combinations of a vector's elements, as rows."""
    if input._array.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._array.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return beside(input, np.empty(0, input._array.dtype))
    n = input._array.size
    count = math.comb(n + r - 1, r) if with_replacement and n else math.comb(n, r)
    # PyTorch chooses among all n**r lists of elements, whose number must fit.
    if n**r >= 2**63 or count * r > 2**40:
        raise RuntimeError(f"combinations: numel: integer multiplication overflow, {r} of {n} elements are too many")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input._array.size), r)), np.int64).reshape(-1, r)
    return apply(indexing.take_at, input, beside(input, rows), spec=(None,))


def _at_least(name: str, n: int, extended):
    """A function of one or more tensors that returns as many, extended."""

    def function(*tensors):
        several = len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
        made = tuple([extended(x) for x in (tensors[0] if several else tensors)])
        return made if several or len(made) != 1 else made[0]

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Tensors of {n} dimensions at least; dimensions of size 1 are added."
    return function


def _two(x):
    return x if x._array.ndim > 1 else unsqueeze(x, 0) if x._array.ndim else reshaped(x, (1, 1))


def _three(x):
    if x._array.ndim < 2:
        x = _two(x)
    return unsqueeze(x, -1) if x._array.ndim == 2 else x


atleast_1d = _at_least("atleast_1d", 1, lambda x: x if x._array.ndim else reshaped(x, (1,)))
atleast_2d = _at_least("atleast_2d", 2, _two)
atleast_3d = _at_least("atleast_3d", 3, _three)


class ArrangementMethods:
    """Arrangement as methods."""

    __slots__ = ()

    repeat = repeat
    tile = tile
    flip = flipped
    fliplr = fliplr
    flipud = flipud
    roll = roll
    rot90 = rot90
    diagonal = diagonal
    diag = diag
    diag_embed = diag_embed
    diagflat = diagflat
    tril = tril
    triu = triu

    def tril_(self, diagonal: int = 0):
        """`tril`, written into this tensor; returns it."""
        return assign(self, tril(self, diagonal))

    def triu_(self, diagonal: int = 0):
        """`triu`, written into this tensor; returns it."""
        return assign(self, triu(self, diagonal))
