"""Sparse tensors in files: their indices, elements and sizes, as PyTorch writes them. Nothing that is read is trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tape import Variable
from ..tensor import formats
from ..tensor.core import Tensor
from ..tensor.size import Size
from ..tensor.sparse_compressed import CompressedTensor, sparse_compressed_tensor
from ..tensor.sparse_coordinates import SparseTensor, sparse_coo_tensor
from .damage import Damaged


def parts_of(t: Any) -> tuple:
    """A sparse tensor's layout, and what it is made of."""
    if isinstance(t, CompressedTensor):
        return t.layout, (t._compressed, t._plain, t._elements.detach(), Size(t.shape))
    return t.layout, (t._places, t._elements.detach(), Size(t.shape), t._is_coalesced)


def sparse_tensor(layout, parts):
    """The sparse tensor of a layout and its parts. Damaged if they do not fit together."""
    if type(layout) is not formats.layout or type(parts) is not tuple:
        raise Damaged("a sparse tensor has no layout, or no parts")
    tensors, rest = (parts[:2], parts[2:]) if layout is formats.sparse_coo else (parts[:3], parts[3:])
    if not rest or any(not issubclass(type(t), Tensor) or isinstance(t, SparseTensor) for t in tensors):
        raise Damaged("a sparse tensor's indices or elements are no tensors")
    size = rest[0]
    if not issubclass(type(size), tuple) or any(type(n) is not int or n < 0 for n in size):
        raise Damaged("a sparse tensor's sizes are no integers")
    try:
        if layout is formats.sparse_coo:
            made = sparse_coo_tensor(*tensors, size)
            made._is_coalesced = len(rest) > 1 and rest[1] is True and _in_order(made)
            return made
        return sparse_compressed_tensor(*tensors, size, layout=layout)
    except NotImplementedError as error:
        raise Damaged(str(error), "Save it as a dense tensor") from None
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise Damaged(f"a sparse tensor's parts do not fit together: {error}") from None


def _in_order(t: SparseTensor) -> bool:
    """Whether places are sorted and none comes twice, which a file may only claim."""
    places = t._flat()
    return bool((np.diff(places) > 0).all())


def is_sparse(t: Variable) -> bool:
    """Whether a tensor is saved by its parts."""
    return isinstance(t, SparseTensor)
