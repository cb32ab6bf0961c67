"""Checkpointing: a part of the forward pass keeps nothing for the backward pass, which runs that part again.

What nodes would keep is counted instead of kept (hooks on saved tensors). When the first of them is needed, the part
runs once more, with the random state and autocast setting it had, and what its nodes would keep is found by number.
Source: arXiv 1604.06174.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

from ..amp import autocast
from ..amp.autocast_mode import get_autocast_dtype, is_autocast_cache_enabled, is_autocast_enabled
from ..autograd.modes import enable_grad, is_grad_enabled
from ..autograd.recording import node_of
from ..autograd.saved import saved_tensors_hooks
from ..autograd.tape import Variable, alias
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


class CheckpointError(RuntimeError):
    """The part did not do the same when it ran again."""


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


class _Stop(Exception):
    """Enough of the part has run again."""


class _Part:
    """One checkpointed call: how to run it again, and what its nodes were going to keep, by number."""

    def __init__(self, run: Callable[[], Any], check: bool, early_stop: bool):
        self.run, self.check, self.early_stop = run, check, early_stop
        self.facts: list[tuple] = []
        self.found: dict[int, Any] | None = None

    def pack(self, t: Variable) -> int:
        self.facts.append((t._array.shape, t.dtype))
        return len(self.facts) - 1

    def unpack(self, number: int) -> Variable:
        if self.found is None or number not in self.found:
            self.run_again()
        # Each is asked for once a backward pass; a graph that is kept runs the part again.
        return self.found.pop(number)

    def run_again(self) -> None:
        found: dict[int, Any] = {}
        count = [0]

        def collect(t: Variable):
            number, count[0] = count[0], count[0] + 1
            found[number] = alias(t, t._array)
            if self.early_stop and count[0] == len(self.facts):
                raise _Stop
            return found[number]

        with contextlib.suppress(_Stop), saved_tensors_hooks(collect, lambda t: t), enable_grad():
            self.run()
        if len(found) < len(self.facts) or (not self.early_stop and len(found) != len(self.facts)):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.facts)}\nNumber of tensors saved "
                f"during recomputation: {len(found)}"
            )
        if self.check:
            self._compare(found)
        self.found = found

    def _compare(self, found: dict[int, Any]) -> None:
        wrong = []
        for number, (shape, dtype) in enumerate(self.facts):
            t = found[number]
            if (t._array.shape, t.dtype) != (shape, dtype):
                wrong.append(
                    f"tensor at position {number}:\nsaved metadata: {{'shape': {tuple(shape)}, 'dtype': {dtype}}}\n"
                    f"recomputed metadata: {{'shape': {tuple(t._array.shape)}, 'dtype': {t.dtype}}}"
                )
        if wrong:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during the forward pass.\n" + "\n".join(wrong)
            )


def _settings():
    """A scope with the autocast setting of now."""
    enabled, dtype, cached = is_autocast_enabled("cpu"), get_autocast_dtype("cpu"), is_autocast_cache_enabled()
    return lambda: autocast("cpu", dtype=dtype, enabled=enabled, cache_enabled=cached)


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
            from ..autograd.modes import no_grad

            with no_grad():
                return function(*args)
    first, second = context_fn()
    if not is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    state = all_states() if preserve else []
    setting = _settings()

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

    part = _Part(again, determinism_check == "default", early_stop and _early_stop)
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
