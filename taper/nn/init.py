"""First values of parameters: each function fills a tensor in place, without recording, and returns it.

The random numbers are those that PyTorch's CPU generator gives for the same seed.
"""

from __future__ import annotations

import math
import warnings
from functools import wraps

import numpy as np

from ..autograd.modes import no_grad
from ..autograd.tape import changed, wrap
from ..backends import namespace_of
from ..tensor import empty_like
from ..tensor.random import randperm

_UNIT_GAIN = {
    *("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"),
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights should be larger before a nonlinearity, so that variances stay the same.

    param: the negative slope of "leaky_relu". ValueError for an unknown nonlinearity.
    """
    if nonlinearity in _UNIT_GAIN:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor, a: float = 0.0, b: float = 1.0, generator=None):
    """Uniform numbers in [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor, mean: float = 0.0, std: float = 1.0, generator=None):
    """Normal numbers."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator=None):
    """Normal numbers, restricted to [a, b]."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )
    share = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with no_grad():
        if share > 0.3:
            _normal_within(tensor, mean, std, a, b, generator)
        else:
            _uniform_accepted_as_normal(tensor, mean, std, a, b, generator)
    return tensor


def _normal_within(tensor, mean: float, std: float, a: float, b: float, generator) -> None:
    """Normal numbers; those outside [a, b] are drawn again until none is."""
    low, high = tensor.new_tensor([a, b]).tolist()
    values = tensor.normal_(mean, std, generator=generator)._array
    while (outside := (values < low) | (values > high)).any():
        np.copyto(values, empty_like(tensor).normal_(mean, std, generator=generator)._array, where=outside)


def _uniform_accepted_as_normal(tensor, mean: float, std: float, a: float, b: float, generator) -> None:
    """Uniform numbers in [a, b], each accepted with the normal density at it, relative to the highest there."""
    highest = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    values = tensor.uniform_(a, b, generator=generator)._array
    candidates, pending = values, np.ones_like(values, bool)
    while True:
        density = ((candidates - mean) / std) ** 2 * -0.5 - highest
        with np.errstate(divide="ignore"):
            pending &= np.log(empty_like(tensor).uniform_(generator=generator)._array) > density
        if not pending.any():
            return
        candidates = empty_like(tensor).uniform_(a, b, generator=generator)._array
        np.copyto(values, candidates, where=pending)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def constant_(tensor, val: float):
    """The same number everywhere."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor):
    """Ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """Zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor):
    """The identity matrix. ValueError unless there are two dimensions."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _fill(tensor, np.eye(*tensor.shape))


def dirac_(tensor, groups: int = 1):
    """A convolution's weight (3, 4 or 5 dimensions) that passes its input channels on, as many as there are."""
    ndim = tensor.ndim
    if ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(tensor.shape)
    per_group = out_channels // groups
    centre = tuple(n // 2 for n in kernel)
    for group in range(groups):
        for channel in range(min(per_group, in_channels)):
            values[(group * per_group + channel, channel, *centre)] = 1
    return _fill(tensor, values)


def _fill(tensor, values: np.ndarray):
    with no_grad():
        return tensor.copy_(wrap(values))


def _calculate_fan_in_and_fan_out(tensor) -> tuple[int, int]:
    """How many numbers go into one output, and how many outputs one number goes into. ValueError below 2 dimensions."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor, gain: float = 1.0, generator=None):
    """Uniform numbers whose variance is 2 / (fan_in + fan_out), times gain² (Glorot and Bengio, 2010)."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain: float = 1.0, generator=None):
    """Normal numbers whose variance is 2 / (fan_in + fan_out), times gain² (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor, gain: float) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def kaiming_uniform_(tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None):
    """Uniform numbers whose variance is gain² / fan (He and others, 2015). a: the slope of a leaky ReLU."""
    if 0 in tensor.shape:
        _warn_of_nothing()
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None):
    """Normal numbers whose variance is gain² / fan (He and others, 2015). a: the slope of a leaky ReLU."""
    if 0 in tensor.shape:
        _warn_of_nothing()
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _warn_of_nothing() -> None:
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)


def _calculate_correct_fan(tensor, mode: str) -> int:
    """fan_in or fan_out. ValueError for another mode."""
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def _kaiming_std(tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def uniform_within_(bias, weight) -> None:
    """Fill a bias (or None) with uniform numbers within 1 / sqrt(fan_in) of its weight."""
    if bias is not None:
        fan_in, _ = _calculate_fan_in_and_fan_out(weight)
        if fan_in > 0:
            bound = 1 / math.sqrt(fan_in)
            uniform_(bias, -bound, bound)


def orthogonal_(tensor, gain: float = 1, generator=None):
    """A (semi-)orthogonal matrix, the dimensions after the first taken together (Saxe and others, 2013)."""
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if 0 in tensor.shape:
        return tensor
    rows = tensor.shape[0]
    columns = tensor._array.size // rows
    drawn = tensor.new_empty(rows, columns).normal_(0, 1, generator=generator)._array
    q, r = namespace_of(drawn).linalg.qr(drawn.T if rows < columns else drawn)
    q = q * np.sign(np.diagonal(r))
    with no_grad():
        tensor.copy_(wrap((q.T if rows < columns else q).reshape(tensor.shape)))
        return tensor.mul_(gain)


def sparse_(tensor, sparsity: float, std: float = 0.01, generator=None):
    """Normal numbers in a matrix, of which in each column the share `sparsity` is set to zero (Martens, 2010)."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            chosen = randperm(rows, device=tensor.device)[:zeros]
            tensor[chosen, column] = 0
        changed(tensor)
    return tensor


def _deprecated(function):
    """The older name of a function, without the underscore: warns and calls it."""
    old, new = function.__name__[:-1], function.__name__

    @wraps(function)
    def call(*args, **kwargs):
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"The older name of `{new}`."
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
