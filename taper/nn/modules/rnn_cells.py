"""One step of a recurrent network: the arithmetic of each kind, and the cells as layers."""

from __future__ import annotations

import math
from typing import Any

from ...tensor import empty, zeros
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter


def step_tanh(gates_in, hidden: tuple, w_hh, b_hh) -> tuple:
    """h' = tanh(gates_in + W h + b), gates_in being the input's share."""
    return ((gates_in + F.linear(hidden[0], w_hh, b_hh)).tanh(),)


def step_relu(gates_in, hidden: tuple, w_hh, b_hh) -> tuple:
    """h' = relu(gates_in + W h + b), gates_in being the input's share."""
    return (F.relu(gates_in + F.linear(hidden[0], w_hh, b_hh)),)


def step_gru(gates_in, hidden: tuple, w_hh, b_hh) -> tuple:
    """h' = n + z (h - n) with gates r, z and the candidate n, whose recurrent share is gated by r."""
    h = hidden[0]
    r_in, z_in, n_in = gates_in.chunk(3, -1)
    r_h, z_h, n_h = F.linear(h, w_hh, b_hh).chunk(3, -1)
    r = (r_in + r_h).sigmoid()
    z = (z_in + z_h).sigmoid()
    n = (n_in + r * n_h).tanh()
    return (n + z * (h - n),)


def step_lstm(gates_in, hidden: tuple, w_hh, b_hh, w_hr=None) -> tuple:
    """c' = f c + i g, h' = o tanh(c') with gates i, f, o and the candidate g; w_hr projects h'."""
    h, c = hidden
    i, f, g, o = (gates_in + F.linear(h, w_hh, b_hh)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if w_hr is None else F.linear(h, w_hr)), c


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
        if input.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for h, name in zip(hidden or (), names):
            if h.dim() not in (1, 2):
                raise ValueError(f"{kind}: Expected {name} to be 1D or 2D, got {h.dim()}D instead")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hidden is None:
            start = zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)
            hidden = (start,) * len(names)
        elif not batched:
            hidden = tuple(h.unsqueeze(0) if h.dim() == 1 else h for h in hidden)
        self._check(input, hidden)
        return input, hidden, batched

    def _check(self, input, hidden: tuple) -> None:
        if input.size(1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.size(1)} expected {self.input_size}")
        for h in hidden:
            if h.size(1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden0 has inconsistent hidden_size: got {h.size(1)}, expected {self.hidden_size}"
                )
            if h.size(0) != input.size(0):
                raise RuntimeError(f"Input batch size {input.size(0)} doesn't match hidden0 batch size {h.size(0)}")

    def _step(self, step, input, hidden: tuple) -> tuple:
        return step(F.linear(input, self.weight_ih, self.bias_ih), hidden, self.weight_hh, self.bias_hh)


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
        (h,) = self._step(step_tanh if self.nonlinearity == "tanh" else step_relu, input, hidden)
        return h if batched else h.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of a long short-term memory: x, (h, c) -> (h', c')."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        input, hidden, batched = self._batch(input, hx, ("hx[0]", "hx[1]"))
        h, c = self._step(step_lstm, input, hidden)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit: x, h -> h'."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        input, hidden, batched = self._batch(input, None if hx is None else (hx,), ("hidden",))
        (h,) = self._step(step_gru, input, hidden)
        return h if batched else h.squeeze(0)
