"""Convolution kernels: micro-kernels over panels of the input that are packed as they are needed."""

from .forward import ConvOperands, emit_convolution
from .geometry import Convolution
from .plan import ConvPlan, plan_convolution

__all__ = ["ConvOperands", "ConvPlan", "Convolution", "emit_convolution", "plan_convolution"]
