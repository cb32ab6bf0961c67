"""Neural networks: modules, parameters, layers, losses, first values, and the functions behind them."""

from __future__ import annotations

from . import attention, functional, grad, init, modules, parallel, parameter, utils
from .modules import *
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    *("attention", "functional", "grad", "init", "modules", "parallel", "parameter", "utils"),
    *("Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"),
    "DataParallel",
    *modules.__all__,
]
