"""Other spellings of the same functions: in place as functions of `taper`, lists of tensors at once, names of things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import dtypes
from ..autograd.modes import no_grad
from ..autograd.tape import Variable
from ..backends.cuda import driver
from ..backends.device import CPU
from ..backends.transfer import place_of
from . import settings
from .core import Tensor

_IN_PLACE = (
    *(
        "abs_",
        "acos_",
        "acosh_",
        "addmv_",
        "arccos_",
        "arccosh_",
        "arcsin_",
        "arcsinh_",
        "arctan_",
        "arctanh_",
        "asin_",
    ),
    *("asinh_", "atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "conj_physical_", "cos_"),
    *("cosh_", "deg2rad_"),
    *("detach_", "erf_", "erfc_", "exp_", "exp2_", "expm1_", "fill_", "fix_", "floor_", "frac_", "gcd_", "i0_"),
    *(
        "index_put_",
        "lcm_",
        "ldexp_",
        "log_",
        "log10_",
        "log1p_",
        "log2_",
        "logit_",
        "nan_to_num_",
        "neg_",
        "negative_",
    ),
    *("rad2deg_", "reciprocal_", "resize_as_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_"),
    *("square_", "tan_", "tanh_", "trunc_", "xlogy_", "zero_"),
)


def _as_function(name: str) -> Callable:
    def function(input, *args, **kwargs):
        return getattr(input, name)(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The method `{name}` of a tensor, which it changes and returns."
    return function


globals().update({name: _as_function(name) for name in _IN_PLACE if hasattr(Tensor, name)})

_FOREACH_UNARY = (
    *("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma"),
    *("log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt"),
    *("tan", "tanh", "trunc", "zero"),
)
_FOREACH_BINARY = ("add", "sub", "mul", "div", "pow", "clamp_min", "clamp_max", "maximum", "minimum", "copy")


def _rows(count: int, values: tuple) -> list[tuple]:
    """For each tensor its own of the lists of arguments, and all of the others."""
    return [tuple(v[i] if isinstance(v, (list, tuple)) else v for v in values) for i in range(count)]


def _foreach(name: str) -> Callable:
    def function(self: Sequence[Any], *args: Any, **kwargs: Any):
        made = [getattr(t, name)(*row, **kwargs) for t, row in zip(self, _rows(len(self), args))]
        return None if name.endswith("_") else tuple(made)

    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    function.__doc__ = f"`{name}` of each tensor of a list."
    return function


for _name in (*_FOREACH_UNARY, *_FOREACH_BINARY, "lerp", "addcmul", "addcdiv"):
    for _spelling in (_name, f"{_name}_"):
        if hasattr(Tensor, _spelling):
            globals()[f"_foreach_{_spelling}"] = _foreach(_spelling)


def _foreach_norm(self: Sequence[Any], ord: Any = 2, dtype: Any = None) -> tuple:
    """The norm of each tensor of a list."""
    return tuple(t.norm(ord) if dtype is None else t.to(dtype).norm(ord) for t in self)


def _assert(condition: Any, message: str) -> None:
    """AssertionError with this message unless the condition holds, a boolean or a tensor of one."""
    if not (condition.all() if isinstance(condition, Variable) else condition):
        raise AssertionError(message)


def typename(obj: Any, /) -> str:
    """The name of an object's type with its module, "torch.FloatTensor" for tensors."""
    if isinstance(obj, Variable):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    module = getattr(cls, "__module__", "")
    name = getattr(obj, "__qualname__", None) or cls.__qualname__
    return name if module in ("", "builtins", "__builtin__") else f"{module}.{name}"


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether operators that are not deterministic shall only warn: False, all of them are."""
    return False


def get_deterministic_debug_mode() -> int:
    """2 if `use_deterministic_algorithms` asked for them, else 0."""
    return 2 if settings.are_deterministic_algorithms_enabled() else 0


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """ "default" or 0, "warn" or 1, "error" or 2: kept, and without effect."""
    levels = {"default": 0, "warn": 1, "error": 2}
    level = levels.get(debug_mode, debug_mode) if isinstance(debug_mode, str) else debug_mode
    if level not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    settings.use_deterministic_algorithms(level != 0)


def set_flush_denormal(mode: bool) -> bool:
    """False: Taper leaves the processor's treatment of tiny numbers as it is."""
    return False


def is_conj(input) -> bool:
    """Whether a conjugation is still to be done: False."""
    return False


def is_neg(input) -> bool:
    """Whether a change of sign is still to be done: False."""
    return False


def is_inference(input) -> bool:
    """Whether this tensor was made in inference mode."""
    return input.is_inference()


def is_same_size(input, other) -> bool:
    """Whether two tensors have one shape."""
    return input._array.shape == other._array.shape


def set_warn_always(b: bool) -> None:
    """Kept nowhere: each warning is given by Python's own rules."""


def is_warn_always_enabled() -> bool:
    """Whether warnings are given each time: False."""
    return False


@no_grad()
def map_(self, tensor, callable):
    """Let callable(own element, other's element) replace each element; returns the tensor."""
    other = tensor.expand(self._array.shape)._array
    own = self._array
    for place in zip(*(axis.reshape(-1) for axis in _places(own.shape))):
        own[place] = callable(own[place].item(), other[place].item())
    return self


@no_grad()
def map2_(self, x, y, callable):
    """Let callable(own element, x's, y's) replace each element; returns the tensor."""
    own = self._array
    first, second = (t.expand(own.shape)._array for t in (x, y))
    for place in zip(*(axis.reshape(-1) for axis in _places(own.shape))):
        own[place] = callable(own[place].item(), first[place].item(), second[place].item())
    return self


@no_grad()
def apply_(self, callable):
    """Let callable(element) replace each element; returns the tensor."""
    own = self._array
    for place in zip(*(axis.reshape(-1) for axis in _places(own.shape))):
        own[place] = callable(own[place].item())
    return self


def _places(shape: tuple):
    import numpy as np

    return np.indices(shape)


def record_stream(self, stream) -> None:
    """Keep this tensor's memory until a stream has done what is in it now: it is used there, and was made elsewhere.

    Nothing to do for a tensor on the CPU.
    """
    if place_of(self._array) is not CPU:
        driver.keep_for(self._array, stream._stream)


def dequantize(self):
    """This tensor in float32: it is not quantised."""
    return self.to(dtypes.float32)


def to_padded_tensor(self, *args, **kwargs):
    """The parts of a nested tensor in one, filled up with `padding`. NotImplementedError for this one, which has no parts."""
    raise NotImplementedError(
        "to_padded_tensor: this tensor is not nested. Make one with taper.nested.nested_tensor([...])."
    )


def sparse_dim(self) -> int:
    """How many dimensions are places: none of a dense tensor."""
    return 0


def dense_dim(self) -> int:
    """How many dimensions an element has: all of a dense tensor."""
    return self.dim()


def resize_as(self, other):
    """This tensor in the shape of another one of as many elements. Deprecated for `reshape`."""
    return self.resize(tuple(other.shape))


def is_distributed(self) -> bool:
    """Whether this tensor is one of several processes': False."""
    return False


def _of_quantized(name: str) -> Callable:
    def asked(self):
        raise NotImplementedError(f"{name}: the tensor is not quantised, and Taper does not quantize: use its values.")

    asked.__name__ = asked.__qualname__ = name
    asked.__doc__ = f"NotImplementedError: no tensor is quantised, so that there is no {name}."
    return asked


for _name in (
    "int_repr",
    "q_scale",
    "q_zero_point",
    "q_per_channel_scales",
    "q_per_channel_zero_points",
    "q_per_channel_axis",
):
    setattr(Tensor, _name, _of_quantized(_name))
for _method in (
    dequantize,
    to_padded_tensor,
    sparse_dim,
    dense_dim,
    resize_as,
    is_distributed,
    map_,
    map2_,
    apply_,
    record_stream,
    is_same_size,
):
    setattr(Tensor, _method.__name__, _method)

__all__ = [
    "_assert",
    "_foreach_norm",
    *(name for name in _IN_PLACE if name in globals()),
    *(name for name in list(globals()) if name.startswith("_foreach_") and name not in ("_foreach_norm",)),
    "get_deterministic_debug_mode",
    "is_conj",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_inference",
    "is_neg",
    "is_same_size",
    "is_warn_always_enabled",
    "set_deterministic_debug_mode",
    "set_flush_denormal",
    "set_warn_always",
    "typename",
]
