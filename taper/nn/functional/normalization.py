"""Normalisation by batch (Ioffe and Szegedy 2015), layer (Ba et al. 2016), instance (Ulyanov et al. 2016), group (Wu
and He 2018) and root mean square (Zhang and Sennrich 2019).
"""

from __future__ import annotations

import math

import numpy as np

from ... import dtypes
from ...autograd.dispatch import apply
from ...autograd.naming import shown
from ...autograd.outputs import into
from ...autograd.tape import changed
from ...backends import namespace_of
from ...backends.cpu.layouts import is_channels_last
from ...ops import normalization as ops
from ...tensor.formats import channels_last, channels_last_3d
from .floating import fits, needs_floating
from .padding import pad
from .pooling import avg_pool2d, avg_pool3d


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Each channel (dimension 1) normalised: in training by the batch's mean and variance, else by the running ones.

    In training running_mean and running_var, if given, move towards the batch's by `momentum`. ValueError for a single
    value a channel in training.
    """
    x = input._array
    if eps < 0 or (training and eps == 0):
        wanted = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {wanted}, but got {eps}")
    if training:
        count = x.size // x.shape[1] if x.ndim > 1 and x.shape[1] else 0
        if count == 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size torch.Size({list(x.shape)})"
            )
    if x.ndim == 1 and not x.size:
        return input.clone()
    if x.ndim < 2:
        raise RuntimeError(f"batch_norm: expected an input of 2 dimensions at least, got {x.ndim}")
    channels = (x.shape[1],)
    for name, t in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if t is not None and t._array.shape != channels:
            raise RuntimeError(f"{name} should contain {x.shape[1]} elements not {t._array.size}")
    needs_floating("batch_norm", input)
    fits(input, weight, bias, running_mean, running_var)
    _both_statistics(running_mean, running_var, training)
    if training or running_mean is None:
        out, mean, variance = apply(ops.batch_norm, input, weight, bias, eps=eps)
        if training and running_mean is not None and x.size:
            n = x.size // x.shape[1]
            _follow(running_mean, mean._array, momentum)
            _follow(running_var, variance._array * (n / max(n - 1, 1)), momentum)
        return out
    return apply(ops.batch_norm_by, input, running_mean, running_var, weight, bias, eps=eps)


def _both_statistics(running_mean, running_var, training: bool) -> None:
    """ValueError in training, RuntimeError in evaluation, if one of the running statistics is given without the other."""
    if (running_mean is None) != (running_var is None):
        if training:
            raise ValueError("running_mean and running_var must either both be None or neither be None")
        raise RuntimeError(f"running_{'mean' if running_mean is None else 'var'} must be defined in evaluation mode")


def count_batch(tracked) -> None:
    """tracked <- tracked + 1, without the dispatch of an operator."""
    array = tracked._array
    array += 1
    changed(tracked)


def counted(tracked) -> float:
    """How many batches were counted; in a captured step a number that the program computes."""
    return namespace_of(tracked._array).number(tracked._array)


def _follow(running, value: np.ndarray, momentum: float) -> None:
    """running <- (1 - momentum) running + momentum value"""
    array = running._array
    kept = 1 - momentum
    array *= kept if hasattr(kept, "node_as") else array.dtype.type(kept)
    array += (value * momentum).astype(array.dtype, copy=False)
    changed(running)


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Each channel of each sample normalised over its spatial dimensions."""
    x = input._array
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size torch.Size({list(x.shape)})"
        )
    n, c = x.shape[:2]
    _both_statistics(running_mean, running_var, True)
    _instances_fit(n, c, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    needs_floating("batch_norm", input)
    fits(input, weight, bias)
    out, mean, variance = apply(ops.batch_norm, input.reshape(1, n * c, *x.shape[2:]), None, None, eps=eps)
    if running_mean is not None:
        count = math.prod(x.shape[2:])
        _follow(running_mean, mean._array.reshape(n, c).mean(0), momentum)
        _follow(running_var, variance._array.reshape(n, c).mean(0) * (count / max(count - 1, 1)), momentum)
    return _affine(out.reshape(x.shape), weight, bias)


def _instances_fit(n: int, c: int, **parameters) -> None:
    for name, t in parameters.items():
        if t is not None and t._array.shape != (c,):
            raise RuntimeError(
                f"{name} should contain {n * c} elements not {n * t._array.size}: instance_norm got {c} channels and "
                f"{t._array.size} elements, for each of {n} samples"
            )


def _affine(out, weight, bias):
    """A weight and a bias a channel; the dtype stays."""
    dtype = out._array.dtype
    shape = (1, -1, *(1,) * (out._array.ndim - 2))
    if weight is not None:
        out = out * weight.reshape(shape)
    if bias is not None:
        out = out + bias.reshape(shape)
    return out if out._array.dtype == dtype else out.to(dtypes.from_numpy(dtype))


def group_norm(input, num_groups: int, weight=None, bias=None, eps: float = 1e-5):
    """Groups of channels of each sample normalised. RuntimeError unless num_groups divides the channels."""
    x = input._array
    if x.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if x.shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(x.shape)} and num_groups={num_groups}"
        )
    if x.shape[0] * x.shape[1] // num_groups * math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(x.shape)} (group_norm)"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._array.shape != (x.shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(t._array.shape)} and input of shape {list(x.shape)}"
            )
    fits(input, weight, bias)
    needs_floating("GroupNormKernelImpl", input)
    groups = input.reshape(x.shape[0], num_groups, math.prod(x.shape[1:]) // num_groups)
    out = apply(ops.layer_norm, groups, None, None, axes=(2,), eps=eps)
    out = out.reshape(x.shape)
    if is_channels_last(x):
        out = out.contiguous(memory_format=channels_last if x.ndim == 4 else channels_last_3d)
    return shown(_affine(out, weight, bias), "NativeGroupNormBackward0")


def _last(input, normalized_shape, name: str) -> tuple[int, ...]:
    """The axes of `normalized_shape`, which must be the last sizes of the input."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    x = input._array
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = [] ({name})"
        )
    if x.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but "
            f"got input of size{list(x.shape)} ({name})"
        )
    return tuple(range(x.ndim - len(shape), x.ndim))


def _like(normalized_shape, name: str, t) -> None:
    if t is not None and t._array.shape != normalized_shape:
        raise RuntimeError(
            f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(t._array.shape)} "
            f"and normalized_shape = {list(normalized_shape)}"
        )


def layer_norm(input, normalized_shape, weight=None, bias=None, eps: float = 1e-5):
    """Normalised over the last dimensions, whose sizes are normalized_shape (RuntimeError if not)."""
    axes = _last(input, normalized_shape, "layer_norm")
    shape = input._array.shape[axes[0] :]
    _like(shape, "weight", weight)
    _like(shape, "bias", bias)
    if weight is not None or bias is not None:
        fits(input, weight, bias)
    needs_floating("LayerNormKernelImpl", input)
    return apply(ops.layer_norm, input, weight, bias, axes=axes, eps=eps)


def rms_norm(input, normalized_shape, weight=None, eps: float | None = None):
    """Divided by the root mean square over the last dimensions. eps defaults to the dtype's."""
    complex_ = input._array.dtype.kind == "c"
    if not complex_:
        needs_floating("rms_norm", input)
    axes = _last(input, normalized_shape, "rms_norm")
    _like(input._array.shape[axes[0] :], "weight", weight)
    if eps is None:
        eps = dtypes.finfo(input.dtype).eps
    if complex_:
        # The mean of the squares themselves, as PyTorch has it, not of their absolute values.
        out = input * ((input * input).mean(axes, True) + eps).rsqrt()
        return out if weight is None else out * weight
    return shown(apply(ops.rms_norm, input, weight, axes=axes, eps=eps), "MulBackward0")


def local_response_norm(input, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
    """Divided by (k + alpha * mean square over `size` neighbouring channels) ** beta (Krizhevsky et al. 2012)."""
    x = input._array
    if x.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {x.ndim} dimensions)"
        )
    if x.size == 0:
        return input
    square = (input * input).unsqueeze(1)
    if x.ndim == 3:
        mean = avg_pool2d(pad(square, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1).squeeze(1)
    else:
        flat = square.reshape(x.shape[0], 1, x.shape[1], x.shape[2], -1)
        mean = (
            avg_pool3d(pad(flat, (0, 0, 0, 0, size // 2, (size - 1) // 2)), (size, 1, 1), 1).squeeze(1).reshape(x.shape)
        )
    return input / (mean * alpha + k).pow(beta)


def normalize(input, p: float = 2.0, dim=1, eps: float = 1e-12, out=None):
    """Divided by its p-norm along a dimension, at least eps."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps)
    result = input / norm.expand_as(input)
    return result if out is None else into(out, result)
