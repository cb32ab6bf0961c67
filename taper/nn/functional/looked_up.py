"""The rows of a table that were looked up, with a sparse gradient: the places of the rows and a gradient for each."""

from __future__ import annotations

import numpy as np

from ...autograd.leaves import AccumulateGrad
from ...autograd.modes import is_grad_enabled
from ...autograd.nodes import Node
from ...autograd.recording import node_of
from ...autograd.tape import Variable, wrap
from ...tensor.sparse_coordinates import SparseTensor


def gets_sparse_gradient(weight) -> bool:
    """Whether a table is one whose gradient can be sparse: a leaf in NumPy's memory, while operations are recorded."""
    if weight._array.__class__ is not np.ndarray or not is_grad_enabled():
        return False
    return isinstance(node_of(weight), AccumulateGrad)


class RowsOfTable(Node):
    """The node of rows that were looked up: the gradient of the table has one element for each, in their order."""

    __slots__ = ("places", "kept", "shape", "shared")

    def __init__(self, weight, index: np.ndarray, padding_idx: int | None, shared: bool):
        super().__init__(None, (node_of(weight),), (), (), None, None)
        places = index.reshape(-1)
        self.kept = None if padding_idx is None else np.flatnonzero(places != padding_idx)
        self.places = (places if self.kept is None else places[self.kept]).astype(np.int64)
        self.shape, self.shared = weight._array.shape, shared

    def run(self, g, differentiable: bool) -> tuple:
        if self.saved is None:
            return super().run(g, differentiable)  # which says that the graph was freed
        if self.shared:
            raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        rows = (g if isinstance(g, Variable) else wrap(g)).reshape(-1, self.shape[1])
        if self.kept is not None:
            rows = rows[wrap(self.kept)]
        return (SparseTensor.made(wrap(self.places[None]), rows, self.shape),)

    def name(self) -> str:
        return "EmbeddingBackward0"
