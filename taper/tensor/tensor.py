"""The user's tensor: attributes, Python's protocol, autograd's entry points. The operators' methods are mixed in by family."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd import backward as autograd_backward
from ..autograd.tape import AccumulateGrad, Handle, Node, OutputOf, Variable, alias, changed, extras_of, node_of, version, wrap
from ..backends import device
from . import printing
from .size import Size


class Tensor(Variable):
    """An n-dimensional array of one dtype, on one device, that can record how it was computed.

    Tensors are views of memory: slices, reshapes and transposes share it, in-place operations (`add_`) write through.
    Make one with `taper.tensor(data)`; `Tensor(2, 3)` is the legacy constructor (uninitialised, default dtype).
    """

    __slots__ = ()
    __array_priority__ = 1000
    _retains = False

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions, a tuple."""
        return Size(self._array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.from_numpy(self._array.dtype)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def device(self) -> device.device:
        """Where the elements live."""
        return device.CPU

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded. Only a leaf's can be set."""
        return node_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True):
        """Record, or stop recording, operations on this leaf; returns it. RuntimeError for a non-leaf or an integer type."""
        node = node_of(self)
        if isinstance(node, (Node, OutputOf)):
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
        elif not requires_grad:
            self._node = None
        elif node is None:
            if self._array.dtype.kind in "biu":
                raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
            self._node = AccumulateGrad(self)
        return self

    @property
    def is_leaf(self) -> bool:
        """True for a tensor that the user made, or that needs no gradient."""
        return not isinstance(node_of(self), (Node, OutputOf))

    @property
    def grad_fn(self):
        """The node of the operation that made this tensor; None for a leaf."""
        node = node_of(self)
        if node.__class__ is OutputOf:
            return node.node
        return node if isinstance(node, Node) else None
