"""Autocast's two rules: some functions compute in a lower precision, others in float32, while a scope is open.

Functions ask `casting.scopes` first, a plain number, so that they lose nothing while no scope is open anywhere:

    if casting.scopes:
        input, other = casting.lowered(input, other)

Which functions follow which rule is PyTorch's choice for the CPU. On GPUs further operators compute in float32
(`dispatch.FLOAT32_ON_GPUS`).
"""

from __future__ import annotations

import functools
import weakref
from contextlib import contextmanager
from contextvars import ContextVar

from .. import dtypes
from ..backends.transfer import place_of
from ..ops.movement import astype
from .dispatch import apply
from .leaves import AccumulateGrad
from .modes import gpu_autocast as gpu_enabled
from .recording import node_of
from .tape import Variable, version

scopes = 0
"""How many scopes are open, in all threads together."""

LOWER = frozenset((dtypes.bfloat16, dtypes.float16))

enabled: ContextVar[bool] = ContextVar("taper_autocast", default=False)
dtype: ContextVar[dtypes.dtype] = ContextVar("taper_autocast_dtype", default=dtypes.bfloat16)
gpu_dtype: ContextVar[dtypes.dtype] = ContextVar("taper_autocast_gpu_dtype", default=dtypes.float16)
caching: ContextVar[bool] = ContextVar("taper_autocast_cache", default=True)
_kept: ContextVar[dict | None] = ContextVar("taper_autocast_kept", default=None)


def active() -> bool:
    """Whether a scope is open here, for the CPU or for GPUs."""
    return enabled.get() or gpu_enabled.get()


def opened(delta: int) -> None:
    """Count a scope that begins or ends; the casts that were kept end with the outermost."""
    global scopes
    scopes += delta
    if delta > 0 and _kept.get() is None:
        _kept.set({})


@contextmanager
def kept_apart():
    """Within, casts are kept for themselves, and no longer."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def forget() -> None:
    """Drop the parameters' kept casts."""
    kept = _kept.get()
    if kept:
        kept.clear()


def lowered(*tensors) -> tuple:
    """Arguments as a function takes them that computes in the lower precision."""
    return tuple(_cast(t, True) for t in tensors) if active() else tensors


def widened(*tensors) -> tuple:
    """Arguments as a function takes them that computes in float32."""
    return tuple(_cast(t, False) for t in tensors) if active() else tensors


def _cast(t, lower: bool):
    """A floating tensor in the lower precision of its device's scope, or in float32; anything else, and float64, as it is."""
    if isinstance(t, (list, tuple)):
        return type(t)([_cast(x, lower) for x in t]) if type(t) in (list, tuple) else t
    if not isinstance(t, Variable):
        return t
    on_gpu = place_of(t._array).type == "cuda"
    if not (gpu_enabled if on_gpu else enabled).get():
        return t
    to = (gpu_dtype if on_gpu else dtype).get().np if lower else dtypes.float32.np
    have = t._array.dtype
    if have == to or dtypes.category(have) != dtypes.FLOATING or have == dtypes.float64.np:
        return t
    kept = _kept.get()
    if kept is None or not caching.get() or node_of(t).__class__ is not AccumulateGrad or have != dtypes.float32.np:
        return apply(astype, t, dtype=to)
    # A parameter is used again and again in one scope: PyTorch keeps its cast, too.
    found = kept.get((id(t), to))
    if found is None or found[0]() is not t or found[1] != version(t):
        found = kept[id(t), to] = (weakref.ref(t), version(t), apply(astype, t, dtype=to))
    return found[2]


def _following(rule):
    def decorate(function):
        @functools.wraps(function)
        def casting(*args, **kwargs):
            if scopes and active() and kwargs.get("out") is None:
                args = rule(*args)
                kwargs = dict(zip(kwargs, rule(*kwargs.values())))
            return function(*args, **kwargs)

        return casting

    return decorate


in_lower_precision = _following(lowered)
"""A decorator of functions that compute in autocast's precision."""

in_float32 = _following(widened)
"""A decorator of functions that compute in float32 under autocast."""
