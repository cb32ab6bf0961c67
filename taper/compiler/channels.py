"""Convolutions of half precision whose arrays have their channels side by side: what tensor cores read as it lies."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from ..backends import cpu
from .routines import Routine


def last_axes(ndim: int) -> tuple[int, ...]:
    """The order in which dimension 1 is the last."""
    return (0, *range(2, ndim), 1)


def first_axes(ndim: int) -> tuple[int, ...]:
    """The order in which the last dimension is dimension 1."""
    return (0, ndim - 1, *range(1, ndim - 1))


@dataclass(frozen=True)
class Convolving(Routine):
    """`op` of the graph (conv, conv_input, conv_weight) of two arrays whose channels, dimension 1, lie last.

    first, second, shape: sizes as if channels were dimension 1. Operands and result are of `dtype`.
    """

    op: str
    first: tuple[int, ...]
    second: tuple[int, ...]
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    dtype: str

    library = True
    names, results = ("first", "second"), ("out",)

    @property
    def title(self) -> str:
        return f"{self.op} {'x'.join(map(str, self.first))} channels-last"

    def evaluate(self, *arrays) -> list[np.ndarray]:
        x, y = (np.transpose(a.astype(np.float32), first_axes(a.ndim)) for a in arrays)
        options = self.stride, self.padding, self.dilation, self.groups
        if self.op == "conv":
            made = inspect.unwrap(cpu.conv)(x, y, *options)
        else:
            gradient = cpu.conv_input_grad if self.op == "conv_input" else cpu.conv_weight_grad
            made = inspect.unwrap(gradient)(x, y, self.shape, *options)
        kind = np.dtype(ml_dtypes.bfloat16 if self.dtype == "bfloat16" else self.dtype)
        return [np.ascontiguousarray(np.transpose(made.reshape(self.shape), last_axes(made.ndim))).astype(kind)]

    def flops(self, node) -> int:
        outer, weights = {
            "conv": (self.shape, self.second),
            "conv_input": (self.first, self.second),
            "conv_weight": (self.first, self.shape),
        }[self.op]
        return 2 * outer[0] * math.prod(outer[2:]) * math.prod(weights)
