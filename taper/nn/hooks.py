"""Hooks: functions that run before and after a module's forward and backward, of one module or of every module."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..autograd.hooks import Handle
from ..autograd.modes import is_grad_enabled
from ..autograd.tape import Variable
from .gradient_hooks import GradientHooks, legacy_backward_hooks


class HookHandle(Handle):
    """The handle of a hook that is also listed, by its number, in other dictionaries."""

    __slots__ = ("_also",)

    def __init__(self, hooks: dict, hook: Callable, also: tuple[dict, ...] = (), prepend: bool = False):
        super().__init__(hooks, hook)
        self._also = also
        for listed in also:
            listed[self.id] = True
        if prepend:
            hooks.move_to_end(self.id, last=False)  # type: ignore[attr-defined]

    def remove(self) -> None:
        super().remove()
        for listed in self._also:
            listed.pop(self.id, None)


class Everywhere:
    """The hooks of every module. `calls` numbers those that a call runs, so that a call looks at one dictionary."""

    def __init__(self):
        self.forward: OrderedDict = OrderedDict()
        self.forward_with_kwargs: OrderedDict = OrderedDict()
        self.forward_always: OrderedDict = OrderedDict()
        self.forward_pre: OrderedDict = OrderedDict()
        self.backward: OrderedDict = OrderedDict()
        self.backward_pre: OrderedDict = OrderedDict()
        self.backward_is_full: bool | None = None
        self.calls: dict[int, bool] = {}
        self.registration: dict[str, OrderedDict] = {
            "parameter": OrderedDict(),
            "buffer": OrderedDict(),
            "module": OrderedDict(),
        }

    def registered(self, kind: str, module, name: str, value):
        """What shall be registered for `value`, after the registration hooks have seen it."""
        for hook in self.registration[kind].values():
            replaced = hook(module, name, value)
            if replaced is not None:
                value = replaced
        return value


EVERYWHERE = Everywhere()


def register_module_forward_pre_hook(hook: Callable) -> Handle:
    """Call `hook(module, args)` before every module's forward; what it returns replaces the arguments."""
    return HookHandle(EVERYWHERE.forward_pre, hook, (EVERYWHERE.calls,))


def register_module_forward_hook(hook: Callable, *, with_kwargs: bool = False, always_call: bool = False) -> Handle:
    """Call `hook(module, args, output)` after every module's forward; what it returns replaces the output."""
    also: list[dict] = [EVERYWHERE.calls]
    if with_kwargs:
        also.append(EVERYWHERE.forward_with_kwargs)
    if always_call:
        also.append(EVERYWHERE.forward_always)
    return HookHandle(EVERYWHERE.forward, hook, tuple(also))


def register_module_full_backward_pre_hook(hook: Callable) -> Handle:
    """Call `hook(module, grad_output)` before every module's backward; what it returns replaces the gradients."""
    return HookHandle(EVERYWHERE.backward_pre, hook, (EVERYWHERE.calls,))


def register_module_full_backward_hook(hook: Callable) -> Handle:
    """Call `hook(module, grad_input, grad_output)` after every module's backward; it may return other gradients."""
    if EVERYWHERE.backward_is_full is False:
        raise RuntimeError(_MIXED_EVERYWHERE)
    EVERYWHERE.backward_is_full = True
    return HookHandle(EVERYWHERE.backward, hook, (EVERYWHERE.calls,))


def register_module_backward_hook(hook: Callable) -> Handle:
    """The older form of `register_module_full_backward_hook`, which sees the last operation of a module only."""
    if EVERYWHERE.backward_is_full is True:
        raise RuntimeError(_MIXED_EVERYWHERE)
    EVERYWHERE.backward_is_full = False
    return HookHandle(EVERYWHERE.backward, hook, (EVERYWHERE.calls,))


def register_module_parameter_registration_hook(hook: Callable) -> Handle:
    """Call `hook(module, name, parameter)` when a parameter is registered; what it returns is registered instead."""
    return HookHandle(EVERYWHERE.registration["parameter"], hook)


def register_module_buffer_registration_hook(hook: Callable) -> Handle:
    """Call `hook(module, name, buffer)` when a buffer is registered; what it returns is registered instead."""
    return HookHandle(EVERYWHERE.registration["buffer"], hook)


def register_module_module_registration_hook(hook: Callable) -> Handle:
    """Call `hook(module, name, child)` when a child module is registered; what it returns is registered instead."""
    return HookHandle(EVERYWHERE.registration["module"], hook)


_MIXED_EVERYWHERE = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of "
    "them."
)
_MIXED = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
)


class HookMethods:
    """Registering hooks on one module, and the call that runs them."""

    _forward_hooks: OrderedDict[int, Callable]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Callable]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _backward_hooks: OrderedDict[int, Callable]
    _backward_pre_hooks: OrderedDict[int, Callable]
    _is_full_backward_hook: bool | None
    forward: Callable[..., Any]

    def register_forward_pre_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> Handle:
        """Call `hook(module, args)` before forward; what it returns replaces the arguments.

        with_kwargs: `hook(module, args, kwargs)`, which returns None or (args, kwargs). prepend: before the others.
        """
        also = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
        return HookHandle(self._forward_pre_hooks, hook, also, prepend)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> Handle:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.

        with_kwargs: `hook(module, args, kwargs, output)`. always_call: also after an error. prepend: before others.
        """
        also = []
        if with_kwargs:
            also.append(self._forward_hooks_with_kwargs)
        if always_call:
            also.append(self._forward_hooks_always_called)
        return HookHandle(self._forward_hooks, hook, tuple(also), prepend)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_output)` when the outputs' gradients are known; it may return other gradients."""
        return HookHandle(self._backward_pre_hooks, hook, (), prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` when the inputs' gradients are known; it may return others."""
        if self._is_full_backward_hook is False:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = True
        return HookHandle(self._backward_hooks, hook, (), prepend)

    def register_backward_hook(self, hook: Callable) -> Handle:
        """The older form of `register_full_backward_hook`, which sees the last operation of the module only."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = False
        return HookHandle(self._backward_hooks, hook)

    def _call_with_hooks(self, args: tuple, kwargs: dict) -> Any:
        """Forward between its hooks."""
        called: set[int] = set()
        finished = False
        try:
            result = self._hooked(args, kwargs, called)
            finished = True
        finally:
            if not finished:
                self._call_remaining(args, kwargs, called)
        return result

    def _hooked(self, args: tuple, kwargs: dict, called: set[int]) -> Any:
        args, kwargs = self._before_forward(args, kwargs)
        full, pre, legacy = self._backward_hooks_now()
        gradients = GradientHooks(self, full, pre) if full or pre else None
        if gradients is not None:
            args = gradients.on_inputs(args)
        result = self.forward(*args, **kwargs)
        for number, hook, with_kwargs in self._forward_hooks_now():
            called.add(number)
            returned = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if returned is not None:
                result = returned
        if gradients is not None:
            if not isinstance(result, (Variable, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    "received "
                    f"{type(result)}",
                    stacklevel=3,
                )
            result = gradients.on_outputs(result)
        if legacy:
            legacy_backward_hooks(self, legacy, result)
        return result

    def _before_forward(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        for hook in list(EVERYWHERE.forward_pre.values()):
            returned = hook(self, args)
            if returned is not None:
                args = returned if isinstance(returned, tuple) else (returned,)
        for number, hook in list(self._forward_pre_hooks.items()):
            if number in self._forward_pre_hooks_with_kwargs:
                returned = hook(self, args, kwargs)
                if returned is None:
                    continue
                if not isinstance(returned, tuple) or len(returned) != 2:
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {returned}."
                    )
                args, kwargs = returned
            else:
                returned = hook(self, args)
                if returned is not None:
                    args = returned if isinstance(returned, tuple) else (returned,)
        return args, kwargs

    def _forward_hooks_now(self) -> list[tuple[int, Callable, bool]]:
        """(number, hook, does it take kwargs) of the hooks after forward, those of every module first."""
        return [
            *((n, hook, n in EVERYWHERE.forward_with_kwargs) for n, hook in EVERYWHERE.forward.items()),
            *((n, hook, n in self._forward_hooks_with_kwargs) for n, hook in self._forward_hooks.items()),
        ]

    def _backward_hooks_now(self) -> tuple[list, list, list]:
        """The full backward hooks, the backward pre-hooks, and the backward hooks of the older form."""
        if not is_grad_enabled():
            return [], [], []
        full, legacy = [], []
        (full if EVERYWHERE.backward_is_full else legacy).extend(EVERYWHERE.backward.values())
        (full if self._is_full_backward_hook else legacy).extend(self._backward_hooks.values())
        return full, [*EVERYWHERE.backward_pre.values(), *self._backward_pre_hooks.values()], legacy

    def _call_remaining(self, args: tuple, kwargs: dict, called: set[int]) -> None:
        """After an error: run the hooks that asked to be called always and were not."""
        for number, hook, with_kwargs in self._forward_hooks_now():
            always = number in EVERYWHERE.forward_always or number in self._forward_hooks_always_called
            if number in called or not always:
                continue
            try:
                hook(self, args, kwargs, None) if with_kwargs else hook(self, args, None)
            except Exception as error:  # whatever it is, it must not hide the error that forward raised
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    "error "
                    f"was raised in forward: {error}",
                    stacklevel=2,
                )
