"""Checkpointing: a part of the forward pass keeps nothing for the backward pass, which runs that part again.

What nodes would keep is counted instead of kept (hooks on saved tensors). When the first of them is needed, the part
runs once more, with the random state and autocast setting it had, and what its nodes would keep is found by number.
Source: arXiv 1604.06174.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable

from ..amp.autocast_mode import autocast_setting
from ..autograd.modes import is_grad_enabled, no_grad
from ..autograd.recomputation import CheckpointError, Part
from ..autograd.recording import node_of
from ..autograd.saved import saved_tensors_hooks
from ..autograd.tape import Variable
from ..tensor.random import all_states, restore

__all__ = [
    "CheckpointError",
    "DefaultDeviceType",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]


class DefaultDeviceType:
    """The device type whose random state checkpoints keep: the CPU's, whatever is set here."""

    _kind = "cuda"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Choose the device type."""
        DefaultDeviceType._kind = device

    @staticmethod
    def get_device_type() -> str:
        """The device type that was chosen."""
        return DefaultDeviceType._kind


def noop_context_fn():
    """Two scopes that do nothing: for the first run, and for the second."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs: tuple) -> tuple:
    """The tensors of a tuple detached, those that required grad requiring it again."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: ", type(inputs).__name__)
    made = []
    for t in inputs:
        if isinstance(t, Variable):
            x = t.detach()
            t = x.requires_grad_() if node_of(t) is not None else x
        made.append(t)
    return tuple(made)


def check_backward_validity(inputs) -> None:
    """Warn if no input requires grad."""
    if not any(isinstance(t, Variable) and node_of(t) is not None for t in inputs):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


_early_stop = True
_debug: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool):
    """A scope whose checkpoints run again only as far as needed, or wholly."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None):
    """A scope in which checkpoints' `debug` is this; None leaves it to each."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


def checkpoint(
    function,
    *args,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs,
):
    """function(*args, **kwargs), which keeps nothing for the backward pass and runs again there.

    use_reentrant: False is recommended; True (what None means, with a warning) gives gradients only if a tensor among
    the arguments requires grad, and takes no keyword arguments. preserve_rng_state (True): random numbers are the same
    in both runs. context_fn: makes two scopes, for the first run and for the second. determinism_check: "default"
    compares shapes and dtypes of both runs, "none" does not.
    Raises CheckpointError, in the backward pass, if the second run differs.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
            "recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs and use_reentrant:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    if use_reentrant:
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        check_backward_validity(args)
        if not any(isinstance(t, Variable) and node_of(t) is not None for t in args):
            with no_grad():
                return function(*args)
    first, second = context_fn()
    if not is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    state = all_states() if preserve else []
    setting = autocast_setting()

    def again():
        now = all_states() if preserve else []
        if preserve:
            restore(state)
        try:
            with setting(), second:
                function(*args, **kwargs)
        finally:
            if preserve:
                restore(now)

    part = Part(again, determinism_check == "default", early_stop and _early_stop)
    with saved_tensors_hooks(part.pack, part.unpack), first:
        return function(*args, **kwargs)


def checkpoint_sequential(functions, segments: int, input, use_reentrant: bool | None = None, **kwargs):
    """`input` through functions (or an nn.Sequential) one after the other, in `segments` parts that are checkpointed.

    The last part is not: its backward pass comes first anyway.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def through(part):
        def run(x):
            for step in part:
                x = step(x)
            return x

        return run

    size = len(steps) // segments
    start = 0
    for _ in range(segments - 1):
        part = through(steps[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
        start += size
    return through(steps[start:])(input)
