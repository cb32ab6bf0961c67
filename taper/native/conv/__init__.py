"""Convolution kernels: micro-kernels over panels of the input that are packed as they are needed."""

from .forward import ConvOperands, emit_convolution
from .geometry import Convolution
from .plan import ConvPlan, plan_convolution
from .weight_gradient import emit_weight_gradient
from .weight_gradient_plan import WeightGradientPlan, plan_weight_gradient

__all__ = [
    "ConvOperands",
    "ConvPlan",
    "Convolution",
    "WeightGradientPlan",
    "emit_convolution",
    "emit_weight_gradient",
    "plan_convolution",
    "plan_weight_gradient",
]
