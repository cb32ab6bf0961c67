"""Padding layers: constants, zeros, reflections, repetitions, and the other side."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from .utils import _each


class _Padding(Module):
    """padding: one number for all sides, or (before, after) of the last dimension, then of the one before it, ..."""

    _dims: int
    _mode: str
    padding: tuple[int, ...]

    def __init__(self, padding) -> None:
        super().__init__()
        self.padding = _each(padding, 2 * self._dims)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_Padding):
    """Pads with what comes from the other side."""

    _mode = "circular"

    def forward(self, input):
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Pads (N, C, L) or (C, L) with what comes from the other side."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """Pads (N, C, H, W) or (C, H, W) with what comes from the other side."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with what comes from the other side."""

    _dims = 3


class _ConstantPadNd(Module):
    """Pads with one number."""

    _dims: int

    def __init__(self, padding, value: float) -> None:
        super().__init__()
        self.padding = _each(padding, 2 * self._dims)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pads the last dimension with one number."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Pads the last two dimensions with one number."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Pads the last three dimensions with one number."""

    _dims = 3


class ZeroPad1d(ConstantPad1d):
    """Pads the last dimension with zeros."""

    def __init__(self, padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads the last two dimensions with zeros."""

    def __init__(self, padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads the last three dimensions with zeros."""

    def __init__(self, padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_Padding):
    """Pads with the mirror image, the edge not repeated."""

    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pads (N, C, L) or (C, L) with the mirror image."""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pads (N, C, H, W) or (C, H, W) with the mirror image."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with the mirror image."""

    _dims = 3


class _ReplicationPadNd(_Padding):
    """Pads with the value at the edge."""

    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pads (N, C, L) or (C, L) with the value at the edge."""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pads (N, C, H, W) or (C, H, W) with the value at the edge."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with the value at the edge."""

    _dims = 3
