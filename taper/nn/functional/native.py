"""Functions of `torch` itself that compute what the modules' functions do, with other arguments or further results."""

from __future__ import annotations

import math

import numpy as np

from ...autograd.outputs import into
from ...autograd.places import beside
from ...autograd.tape import wrap
from ...tensor.arguments import check_functions
from .dropout import alpha_dropout as _alpha_dropout
from .dropout import dropout as _dropout
from .dropout import feature_alpha_dropout as _feature_alpha_dropout
from .embedding import embedding as _embedding
from .normalization import batch_norm as _batch_norm
from .normalization import group_norm, layer_norm
from .normalization import instance_norm as _instance_norm
from .sampling import grid_sample

_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """`nn.functional.batch_norm`; cudnn_enabled has no effect."""
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
    """`nn.functional.instance_norm`; cudnn_enabled has no effect."""
    return _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def dropout(input, p: float, train: bool):
    """`nn.functional.dropout`."""
    return _dropout(input, p, train)


def alpha_dropout(input, p: float, train: bool):
    """`nn.functional.alpha_dropout`."""
    return _alpha_dropout(input, p, train)


def feature_alpha_dropout(input, p: float, train: bool):
    """`nn.functional.feature_alpha_dropout`."""
    return _feature_alpha_dropout(input, p, train)


def native_dropout(input, p: float, train: bool | None = True):
    """(result, mask): dropout with probability p, and True where an element was kept. train=None means True."""
    if train is False:
        return input, beside(input, np.ones(input._array.shape, bool))
    ones = _dropout(input.new_ones(input._array.shape), p)
    return input * ones, wrap(ones._array != 0)


def embedding(weight, indices, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False):
    """`nn.functional.embedding` with its first two arguments exchanged; padding_idx -1 means none."""
    return _embedding(
        indices, weight, None if padding_idx == -1 else padding_idx, None, 2.0, scale_grad_by_freq, sparse
    )


def grid_sampler(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """`nn.functional.grid_sample`, its modes by number: bilinear, nearest, bicubic; zeros, border, reflection."""
    return grid_sample(input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners)


def grid_sampler_2d(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """`grid_sampler` of images."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """`grid_sampler` of volumes."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def _statistics(x, axes: tuple[int, ...], eps: float):
    """The mean and the reciprocal of the deviation over some axes, which are kept."""
    mean = x.mean(axes, True)
    centred = x - mean
    return mean, ((centred * centred).mean(axes, True) + eps).rsqrt()


def native_layer_norm(input, normalized_shape, weight, bias, eps: float):
    """(result, mean, rstd): `nn.functional.layer_norm`, and what it takes from the input and multiplies it by."""
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    ndim = input._array.ndim
    mean, rstd = _statistics(input.detach(), tuple(range(ndim - len(shape), ndim)), eps)
    return out, mean, rstd


def native_group_norm(input, weight, bias, N: int, C: int, HxW: int, group: int, eps: float):
    """(result, mean, rstd): `nn.functional.group_norm` of `group` groups, and the groups' statistics (N, group).

    RuntimeError unless the input has N * C * HxW elements.
    """
    if min(N, C, HxW) < 0 or math.prod(input._array.shape) != N * C * HxW:
        raise RuntimeError(
            f"native_group_norm: Expected X.numel() == N * C * HxW to be true, but got false: {tuple(input.shape)} for "
            f"{N} * {C} * {HxW}"
        )
    out = group_norm(input, group, weight, bias, eps)
    mean, rstd = _statistics(input.reshape(N, group, math.prod(input._array.shape[1:]) // max(group, 1)), (2,), eps)
    return out, mean.squeeze(2), rstd.squeeze(2)


def native_batch_norm(
    input, weight, bias, running_mean, running_var, training: bool, momentum: float, eps: float, *, out=None
):
    """(result, mean, rstd): `nn.functional.batch_norm`, and the batch's statistics; in evaluation these are empty."""
    result = _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        mean, rstd = _statistics(input.detach(), (0, *range(2, input._array.ndim)), eps)
        results = result, mean.reshape(-1), rstd.reshape(-1)
    else:
        results = result, input.new_empty(0), input.new_empty(0)
    return results if out is None else tuple([into(o, r) for o, r in zip(out, results)])


check_functions(globals(), [name for name, value in globals().items() if getattr(value, "__module__", "") == __name__])
