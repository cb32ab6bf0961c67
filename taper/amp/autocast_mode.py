"""`autocast`: a scope in which matrix products and convolutions of float32 compute in bfloat16 or float16.

On the CPU and on GPUs it does what PyTorch's does. For a device that is not there it warns and has no effect, so that programs
written for a GPU run.
"""

from __future__ import annotations

import functools
import warnings

from .. import dtypes
from ..autograd import casting
from ..autograd.tape import Variable
from ..backends.cuda import driver
from ..backends.device import KINDS

__all__ = [
    "autocast",
    "autocast_decorator",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
]

_DEVICES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS", "xpu": "XPU"}
# What kinds of devices were told on which nothing computes.
_elsewhere: dict[str, dict] = {
    kind: {"enabled": False, "dtype": dtypes.float16 if kind != "xpu" else dtypes.bfloat16}
    for kind in _DEVICES
    if kind not in ("cpu", "cuda")
}
# The settings of the kinds that compute: whether a scope is open, and its precision.
_HERE = {"cpu": (casting.enabled, casting.dtype), "cuda": (casting.gpu_enabled, casting.gpu_dtype)}


def _known(device_type: str) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _DEVICES:
        if device_type in KINDS:
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        raise RuntimeError(
            f"Expected one of {', '.join(_DEVICES)} device type at start of device string: {device_type}"
        )
    return device_type


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` knows this kind of device."""
    if device_type not in KINDS:
        raise RuntimeError(f"Expected one of {', '.join(KINDS)} device type at start of device string: {device_type}")
    return device_type in _DEVICES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether a scope is open for a kind of device (without argument: cuda)."""
    here = _HERE.get(_known(device_type))
    return _elsewhere[device_type]["enabled"] if here is None else here[0].get()


def set_autocast_enabled(device_type, enabled: bool | None = None) -> None:
    """Switch autocast for a kind of device: what `autocast` does when a scope begins and ends."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    here = _HERE.get(_known(device_type))
    if here is None:
        _elsewhere[device_type]["enabled"] = bool(enabled)
        return
    if bool(enabled) != here[0].get():
        casting.opened(1 if enabled else -1)
    here[0].set(bool(enabled))


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """The lower precision of a kind of device."""
    here = _HERE.get(_known(device_type))
    return _elsewhere[device_type]["dtype"] if here is None else here[1].get()


def set_autocast_dtype(device_type: str, dtype: dtypes.dtype) -> None:
    """Choose the lower precision of a kind of device."""
    here = _HERE.get(_known(device_type))
    if here is None:
        _elsewhere[device_type]["dtype"] = dtype
    else:
        here[1].set(dtype)


def is_autocast_cpu_enabled() -> bool:
    """Whether a scope is open for the CPU. Deprecated: is_autocast_enabled("cpu")."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Deprecated: set_autocast_enabled("cpu", enabled)."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtypes.dtype:
    """Deprecated: get_autocast_dtype("cpu")."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: dtypes.dtype) -> None:
    """Deprecated: set_autocast_dtype("cpu", dtype)."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> dtypes.dtype:
    """Deprecated: get_autocast_dtype("cuda")."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: dtypes.dtype) -> None:
    """Deprecated: set_autocast_dtype("cuda", dtype)."""
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether a scope keeps the casts of parameters."""
    return casting.caching.get()


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Let scopes keep the casts of parameters, or not."""
    casting.caching.set(bool(enabled))


def clear_autocast_cache() -> None:
    """Forget the casts of parameters that the scope has kept."""
    casting.forget()


class autocast:
    """A scope, or a decorator, in which products and convolutions compute in a lower precision.

    device_type: "cpu", or another kind, which warns and has no effect where there is no such device. dtype: bfloat16
    (the CPU's default) or float16; another one warns and disables the scope. cache_enabled: cast each parameter once a
    scope. RuntimeError for an unknown kind of device.
    """

    def __init__(self, device_type: str, dtype=None, enabled: bool = True, cache_enabled: bool | None = None):
        self.device = _known(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if device_type == "cuda" and not driver.count():
            if enabled:
                warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif self.fast_dtype not in casting.LOWER:
            words = "torch.bfloat16, torch.float16 currently."
            name = _DEVICES[device_type]
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of {words}",
                stacklevel=2,
            )
            enabled = False
        self._enabled = bool(enabled)
        self._before: list[tuple] = []

    def __enter__(self) -> autocast:
        kind = self.device
        self._before.append((is_autocast_enabled(kind), get_autocast_dtype(kind), is_autocast_cache_enabled()))
        set_autocast_enabled(kind, self._enabled)
        set_autocast_dtype(kind, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, *error) -> bool:
        enabled, dtype, caching = self._before.pop()
        if not enabled:
            clear_autocast_cache()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        set_autocast_cache_enabled(caching)
        return False

    def __call__(self, function):
        return autocast_decorator(self, function)


def autocast_decorator(autocast_instance: autocast, func):
    """The function that runs `func` inside the scope."""

    @functools.wraps(func)
    def inside(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return inside


def _each(value, change):
    """A nested argument with its tensors changed."""
    if isinstance(value, Variable):
        return change(value)
    if isinstance(value, dict):
        return {_each(k, change): _each(v, change) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_each(v, change) for v in value)
    return value


def custom_fwd(fwd=None, *, device_type: str, cast_inputs: dtypes.dtype | None = None):
    """A decorator of `Function.forward`: the backward shall run under the same autocast setting.

    cast_inputs: under autocast, floating tensors of the device come in this dtype and the body runs without autocast.
    """
    _known(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def wrapped(*args, **kwargs):
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        inside = is_autocast_enabled(device_type)
        if cast_inputs is None or not inside:
            ctx._fwd_used_autocast = inside
            return fwd(*args, **kwargs)
        ctx._fwd_used_autocast = False

        def cast(t):
            wide = t.is_floating_point() and t.dtype != dtypes.float64 and t.device.type == device_type
            return t.to(cast_inputs) if wide else t

        with autocast(device_type, enabled=False):
            return fwd(*_each(args, cast), **_each(kwargs, cast))

    return wrapped


def custom_bwd(bwd=None, *, device_type: str):
    """A decorator of `Function.backward`: it runs under the setting under which the forward did."""
    _known(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def wrapped(*args, **kwargs):
        ctx = args[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scope = autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast)
        with scope:
            return bwd(*args, **kwargs)

    return wrapped


def autocast_setting():
    """What opens a scope with the CPU's autocast setting of now: for a part of a program that runs again later."""
    on, dtype, cached = is_autocast_enabled("cpu"), get_autocast_dtype("cpu"), is_autocast_cache_enabled()
    return lambda: autocast("cpu", dtype=dtype, enabled=on, cache_enabled=cached)
