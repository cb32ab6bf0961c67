"""Modules whose parameters get their shape from the first input."""

from __future__ import annotations

import itertools
from typing import Any

from ..module import Module
from ..parameter import is_lazy


class LazyModule(Module):
    """Mixed into a module before its ordinary class: waits for the first input, then becomes the ordinary class.

    A subclass writes `initialize_parameters(input)` and names the class in `cls_to_become`.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = self.register_forward_pre_hook(_first_call, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes, from the input."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(t) for t in itertools.chain(self._parameters.values(), self._buffers.values()))

    def _become_ordinary(self) -> None:
        self._waiting.remove()
        del self._waiting
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become

    def __deepcopy__(self, memo):
        return _copied(self, memo)


LazyModuleMixin = LazyModule


def _copied(module: LazyModule, memo: dict):
    """A copy that waits for its own first call."""
    import copy

    made = module.__class__.__new__(module.__class__)
    memo[id(module)] = made
    state = {k: v for k, v in module.__dict__.items() if k != "_waiting"}
    made.__dict__.update(copy.deepcopy(state, memo))
    made._forward_pre_hooks = type(module._forward_pre_hooks)(
        (k, v) for k, v in made._forward_pre_hooks.items() if v is not _first_call
    )
    made._waiting = made.register_forward_pre_hook(_first_call, with_kwargs=True)
    return made


def _first_call(module: LazyModule, args: tuple, kwargs: dict) -> None:
    """Before the first forward: give the parameters their shapes, and become the ordinary class."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
    module._become_ordinary()
