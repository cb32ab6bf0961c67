"""Recurrent networks over sequences: layers, directions, and batches of sequences of different lengths."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ...autograd import casting
from ...autograd.naming import shown
from ...ops.recurrence import CELLS
from ...tensor import cat, empty, stack, zeros
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .rnn_cells import sequence


class RNNBase(Module):
    """Layers of cells over a sequence (L, N, input_size), (N, L, input_size) if batch_first, or (L, input_size).

    Parameters of layer k: weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k}, bias_hh_l{k} (and weight_hr_l{k} with
    proj_size), for the backward direction with the suffix _reverse; all first uniform within 1 / sqrt(hidden_size).
    dropout: applied to the outputs of all layers but the last, in training.
    """

    mode: str

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        if mode not in CELLS:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_options(dropout)
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        directions = 2 if bidirectional else 1
        output = proj_size if proj_size > 0 else hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else output * directions
            for direction in range(directions):
                self._make_layer(f"_l{layer}" + ("_reverse" if direction else ""), inputs, output, device, dtype)
        self.reset_parameters()

    def _check_options(self, dropout) -> None:
        for name in ("input_size", "hidden_size", "num_layers"):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
            if value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        for name in ("bias", "batch_first", "bidirectional"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
        if not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                "num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    def _make_layer(self, suffix: str, inputs: int, output: int, device, dtype) -> None:
        gates = CELLS[self.mode].gates * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "weight_hh": (gates, output)}
        if self.bias:
            shapes.update(bias_ih=(gates,), bias_hh=(gates,))
        if self.proj_size > 0:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = [name + suffix for name in shapes]
        for name, shape in zip(names, shapes.values()):
            setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
        self._flat_weights_names.extend(names)
        self._all_weights.append(names)

    @property
    def _flat_weights(self) -> list:
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing: only cuDNN wants the weights in one piece of memory."""

    def reset_parameters(self) -> None:
        """Draw new weights and biases."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text

    def _sizes(self) -> tuple[int, ...]:
        """The sizes of the hidden states: of h, and of c where there is one."""
        h = self.proj_size if self.proj_size > 0 else self.hidden_size
        return (h, self.hidden_size) if self.mode == "LSTM" else (h,)

    def _forward(self, input, hidden: tuple | None):
        """The output and the final hidden states (a tuple), for a tensor or a PackedSequence."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hidden)
        if input.dim() not in (2, 3):
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead")
        batched = input.dim() == 3
        self._check_hidden_dims(hidden, batched)
        if not batched:
            input = input.unsqueeze(1)
            hidden = None if hidden is None else tuple(h.unsqueeze(1) for h in hidden)
        elif self.batch_first:
            input = input.transpose(0, 1)
        self._check_input(input)
        if input.size(0) == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        hidden = self._start(input, input.size(1), hidden)
        length, batch = input.size(0), input.size(1)
        output, final = self._layers(input.reshape(length * batch, input.size(2)), (batch,) * length, hidden)
        output = output.reshape(length, batch, output.size(1))
        if not batched:
            return output.squeeze(1), tuple(h.squeeze(1) for h in final)
        if self.batch_first:
            output = output.transpose(0, 1)
        return shown(output, self._name(output._array.dtype)), final

    def _name(self, dtype) -> str:
        """What PyTorch calls the node of an output: that of the last thing that it does to it."""
        if self.batch_first:
            return "TransposeBackward0" if self.mode == "LSTM" else "TransposeBackward1"
        if self.bidirectional:
            return "CatBackward0"
        whole = self.mode == "LSTM" and dtype == np.float32 and not self.proj_size
        return "MkldnnRnnLayerBackward0" if whole else "StackBackward0"

    def _forward_packed(self, packed: PackedSequence, hidden: tuple | None):
        data, batch_sizes, order, back = packed
        sizes = tuple(batch_sizes.tolist())
        self._check_input(data)
        if hidden is not None and order is not None:
            hidden = tuple(h.index_select(1, order) for h in hidden)
        hidden = self._start(data, sizes[0], hidden)
        output, final = self._layers(data, sizes, hidden)
        if back is not None:
            final = tuple(h.index_select(1, back) for h in final)
        return PackedSequence(output, batch_sizes, order, back), final

    def _check_hidden_dims(self, hidden: tuple | None, batched: bool) -> None:
        wanted = 3 if batched else 2
        if hidden is None or all(h.dim() == wanted for h in hidden):
            return
        kind = f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, "
        dims = [f"{h.dim()}-D" for h in hidden]
        if len(hidden) == 2:
            raise RuntimeError(f"{kind}hx and cx should also be {wanted}-D but got ({dims[0]}, {dims[1]}) tensors")
        raise RuntimeError(f"{kind}hx should also be {wanted}-D but got {dims[0]} tensor")

    def _check_input(self, input) -> None:
        weight = getattr(self, self._flat_weights_names[0])
        if input.dtype != weight.dtype and not casting.active():
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _start(self, input, batch: int, hidden: tuple | None) -> tuple:
        """The hidden states to begin with: those given, after a check of their sizes, or zeros."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        wanted = [(count, batch, size) for size in self._sizes()]
        if hidden is None:
            return tuple(zeros(shape, dtype=input.dtype, device=input.device) for shape in wanted)
        for i, (h, shape) in enumerate(zip(hidden, wanted, strict=True)):
            if tuple(h.shape) != shape:
                name = "hidden size" if len(wanted) == 1 else f"hidden[{i}] size"
                raise RuntimeError(f"Expected {name} {shape}, got {list(h.shape)}")
        return hidden

    def _layers(self, input, sizes: tuple[int, ...], hidden: tuple):
        """All layers and directions. input: all steps' rows, features; sizes: the rows of each step."""
        directions = 2 if self.bidirectional else 1
        finals = []
        for layer in range(self.num_layers):
            outputs = []
            for i in range(layer * directions, layer * directions + directions):
                weights = {name.partition("_l")[0]: getattr(self, name) for name in self._all_weights[i]}
                start = tuple(h[i] for h in hidden)
                output, *final = sequence(self.mode, input, start, weights, sizes, i % directions == 1)
                outputs.append(output)
                finals.append(final)
            input = outputs[0] if directions == 1 else cat(outputs, -1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                input = F.dropout(input, self.dropout, True)
        return input, tuple(stack(h, 0) for h in zip(*finals))


class RNN(RNNBase):
    """A recurrent network of tanh or relu cells: input, h0 -> (output, final h). nonlinearity: "tanh" or "relu"."""

    def __init__(self, *args, **kwargs) -> None:
        _no_projection(kwargs)
        if len(args) > 3:
            nonlinearity = args[3]
            args = (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)

    def forward(self, input, hx=None):
        output, final = self._forward(input, None if hx is None else (hx,))
        return output, final[0]


class GRU(RNNBase):
    """A gated recurrent unit: input, h0 -> (output, final h)."""

    def __init__(self, *args, **kwargs) -> None:
        _no_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input, hx=None):
        output, final = self._forward(input, None if hx is None else (hx,))
        return output, final[0]


class LSTM(RNNBase):
    """A long short-term memory: input, (h0, c0) -> (output, (final h, final c)). proj_size: h is projected to it."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input, hx=None):
        return self._forward(input, hx)


def _no_projection(options: dict) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
