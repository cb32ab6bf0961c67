"""Neural networks: modules, parameters, layers, losses, first values, and the functions behind them."""

from __future__ import annotations

from . import functional, init, modules, parameter, utils
from .modules import *
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    *("functional", "init", "modules", "parameter", "utils"),
    *("Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"),
    *modules.__all__,
]
