"""`taper.nn.grad`: what a convolution's gradient is for its input and for its weight."""

from __future__ import annotations

from ..autograd.backward import grad
from ..autograd.modes import enable_grad, is_grad_enabled
from . import functional as F

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv1d` with respect to an input of the size input_size, for that of its result."""
    return _slope(F.conv1d, input_size, weight, 0, grad_output, stride, padding, dilation, groups)


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv1d` with respect to a weight of the size weight_size, for that of its result."""
    return _slope(F.conv1d, weight_size, input, 1, grad_output, stride, padding, dilation, groups)


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv2d` with respect to an input of the size input_size, for that of its result."""
    return _slope(F.conv2d, input_size, weight, 0, grad_output, stride, padding, dilation, groups)


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv2d` with respect to a weight of the size weight_size, for that of its result."""
    return _slope(F.conv2d, weight_size, input, 1, grad_output, stride, padding, dilation, groups)


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv3d` with respect to an input of the size input_size, for that of its result."""
    return _slope(F.conv3d, input_size, weight, 0, grad_output, stride, padding, dilation, groups)


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv3d` with respect to a weight of the size weight_size, for that of its result."""
    return _slope(F.conv3d, weight_size, input, 1, grad_output, stride, padding, dilation, groups)


def _slope(convolution, size, other, place: int, grad_output, *options):
    """The gradient of one of the two operands; it does not depend on that operand's numbers."""
    with enable_grad():
        operand = other.new_zeros(tuple(size)).requires_grad_()
        out = convolution(*((other, operand) if place else (operand, other)), None, *options)
    (found,) = grad(out, operand, grad_output, create_graph=is_grad_enabled())
    return found
