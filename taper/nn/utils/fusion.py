"""Batch normalisation in evaluation is a scale and a shift for each channel: the layer before it can take them over."""

from __future__ import annotations

import copy

from ...tensor import ones_like, rsqrt, zeros_like
from ..module import Module
from ..parameter import Parameter


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps: float, bn_w, bn_b, transpose: bool = False):
    """(weight, bias) of the convolution that does what a convolution and a batch norm of these numbers do.

    conv_w: (out, in, ...), or (in, out, ...) for transpose; conv_b, bn_w, bn_b: (out,) or None; bn_rm, bn_rv: (out,).
    """
    bias = zeros_like(bn_rm) if conv_b is None else conv_b
    gain = ones_like(bn_rm) if bn_w is None else bn_w
    shift = zeros_like(bn_rm) if bn_b is None else bn_b
    scale = gain * rsqrt(bn_rv + bn_eps)
    shape = [1] * conv_w.dim()
    shape[1 if transpose else 0] = -1
    weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
    made = ((bias - bn_rm) * scale + shift).to(bias.dtype)
    return Parameter(weight, conv_w.requires_grad), Parameter(made, bias.requires_grad)


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps: float, bn_w, bn_b):
    """(weight, bias) of the linear layer that does what a linear layer and a batch norm of these numbers do."""
    bias = zeros_like(bn_rm) if linear_b is None else linear_b
    scale = bn_w * rsqrt(bn_rv + bn_eps)
    weight = (linear_w * scale.unsqueeze(-1)).to(linear_w.dtype)
    made = ((bias - bn_rm) * scale + bn_b).to(bias.dtype)
    return Parameter(weight, linear_w.requires_grad), Parameter(made, bias.requires_grad)


def _copied(layer: Module, norm: Module) -> Module:
    if layer.training or norm.training:
        raise AssertionError("Fusion only for eval!")
    return copy.deepcopy(layer)


def fuse_conv_bn_eval(conv, bn, transpose: bool = False):
    """A copy of a convolution with the batch norm after it taken in. AssertionError if one of them is in training."""
    made = _copied(conv, bn)
    made.weight, made.bias = fuse_conv_bn_weights(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return made


def fuse_linear_bn_eval(linear, bn):
    """A copy of a linear layer with the batch norm after it taken in. AssertionError if one of them is in training.

    The batch norm must have as many features as the layer, or one.
    """
    made = _copied(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    made.weight, made.bias = fuse_linear_bn_weights(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return made
