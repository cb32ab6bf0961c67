"""Recurrent cells: one layer in one direction over the steps of sequences, and single steps as layers."""

from __future__ import annotations

import math
from typing import Any

from ...autograd import casting
from ...autograd.dispatch import apply
from ...autograd.inplace import legacy_name
from ...autograd.naming import shown
from ...ops.recurrence import CELLS, recurrence
from ...tensor import empty, zeros
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter


def sequence(cell: str, input, hidden: tuple, weights: dict, sizes: tuple[int, ...], reverse: bool = False) -> tuple:
    """A cell over the steps of sequences: its outputs (rows, features), and the final states.

    input: the rows of all steps (`sizes` of them in each), features. weights: weight_ih, weight_hh and, where there are
    such, bias_ih, bias_hh, weight_hr.
    """
    b_in, b_hidden = weights.get("bias_ih"), weights.get("bias_hh")
    if b_in is not None and not CELLS[cell].splits:
        # What is only added together is added once, and where the sums are at hand.
        b_in, b_hidden = None, b_in + b_hidden
    gates = F.linear(input, weights["weight_ih"], b_in)
    h, c = hidden if CELLS[cell].states == 2 else (hidden[0], None)
    given = gates, h, c, weights["weight_hh"], b_hidden, weights.get("weight_hr")
    if casting.scopes:
        # Under autocast PyTorch's GRU keeps its state in float32, the others theirs in the lower precision.
        given = (gates.to(h.dtype), *given[1:]) if cell == "GRU" else casting.lowered(*given)
    for state in (given[1], given[2]):
        if state is not None and state._array.dtype != given[0]._array.dtype:
            raise RuntimeError(
                f"mat1 and mat2 must have the same dtype, but got {legacy_name(state._array.dtype)} for a hidden state "
                f"and {legacy_name(given[0]._array.dtype)} for the gates of {cell}. Convert it: state.to({gates.dtype})"
            )
    return apply(recurrence, *given, cell=cell, sizes=sizes, reverse=reverse)


class RNNCellBase(Module):
    """weight_ih: (gates hidden_size, input_size), weight_hh: (gates hidden_size, hidden_size), bias_ih, bias_hh.

    All first uniform within 1 / sqrt(hidden_size).
    """

    nonlinearity: str

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device=None, dtype=None) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((gates, input_size), **where))
        self.weight_hh = Parameter(empty((gates, hidden_size), **where))
        self.register_parameter("bias_ih", Parameter(empty(gates, **where)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(gates, **where)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and biases."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _batch(self, input, hidden: tuple | None, names: tuple[str, ...]) -> tuple:
        """The input and the hidden states, zeros if there are none, with a batch dimension; whether they had one."""
        kind = self._get_name()
        dims = input._array.ndim
        if dims not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {dims}D instead")
        for h, name in zip(hidden or (), names):
            if h._array.ndim not in (1, 2):
                raise ValueError(f"{kind}: Expected {name} to be 1D or 2D, got {h._array.ndim}D instead")
        batched = dims == 2
        if not batched:
            input = input.unsqueeze(0)
        if hidden is None:
            start = zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)
            hidden = (start,) * len(names)
        elif not batched:
            hidden = tuple(h.unsqueeze(0) if h._array.ndim == 1 else h for h in hidden)
        self._check(input, hidden)
        return input, hidden, batched

    def _check(self, input, hidden: tuple) -> None:
        rows, width = input._array.shape
        if width != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {width} expected {self.input_size}")
        for h in hidden:
            shape = h._array.shape
            if shape[0] != rows:
                raise RuntimeError(f"Input batch size {rows} doesn't match hidden0 batch size {shape[0]}")
            size = shape[1] if len(shape) == 2 else h.size(1)
            if size != self.hidden_size:
                raise RuntimeError(f"hidden0 has inconsistent hidden_size: got {size}, expected {self.hidden_size}")

    def _step(self, cell: str, input, hidden: tuple) -> tuple:
        """The states after one step."""
        weights = {name: parameter for name, parameter in self._parameters.items() if parameter is not None}
        return sequence(cell, input, hidden, weights, (input._array.shape[0],))[1:]


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu: (N, input_size), (N, hidden_size) -> (N, hidden_size)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device=None, dtype=None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        input, hidden, batched = self._batch(input, None if hx is None else (hx,), ("hidden",))
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        (h,) = self._step("RNN_TANH" if self.nonlinearity == "tanh" else "RNN_RELU", input, hidden)
        shown(h, f"{self.nonlinearity.capitalize()}Backward0")
        return h if batched else h.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of a long short-term memory: x, (h, c) -> (h', c')."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        input, hidden, batched = self._batch(input, hx, ("hx[0]", "hx[1]"))
        h, c = self._step("LSTM", input, hidden)
        shown(h, "MulBackward0")
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit: x, h -> h'."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        input, hidden, batched = self._batch(input, None if hx is None else (hx,), ("hidden",))
        (h,) = self._step("GRU", input, hidden)
        shown(h, "AddBackward0")
        return h if batched else h.squeeze(0)
