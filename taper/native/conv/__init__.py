"""Convolution kernels: micro-kernels over panels of the input that are packed as they are needed."""

from .forward import ConvOperands, emit_convolution
from .geometry import Convolution
from .pixels import PixelOperands, emit_pixel_pack, emit_pixels
from .pixels_plan import PixelPlan, pixel_cycles, plan_pixels
from .plan import ConvPlan, cycles, plan_convolution
from .weight_gradient import emit_weight_gradient
from .weight_gradient_plan import WeightGradientPlan, plan_weight_gradient
from .winograd import WinogradOperands, emit_winograd
from .winograd_plan import WinogradPlan, plan_winograd
from .winograd_weights import emit_weight_transform

__all__ = [
    "ConvOperands",
    "ConvPlan",
    "Convolution",
    "PixelOperands",
    "PixelPlan",
    "WeightGradientPlan",
    "WinogradOperands",
    "WinogradPlan",
    "cycles",
    "emit_convolution",
    "emit_pixel_pack",
    "emit_pixels",
    "emit_weight_gradient",
    "emit_weight_transform",
    "emit_winograd",
    "pixel_cycles",
    "plan_convolution",
    "plan_pixels",
    "plan_weight_gradient",
    "plan_winograd",
]
