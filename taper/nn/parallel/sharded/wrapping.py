"""Which modules in a model become sharded modules of their own: the policies of `FullyShardedDataParallel`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ...module import Module
from ...modules import ModuleDict, ModuleList, MultiheadAttention

__all__ = [
    "CustomPolicy",
    "ModuleWrapPolicy",
    "always_wrap_policy",
    "enable_wrap",
    "lambda_auto_wrap_policy",
    "size_based_auto_wrap_policy",
    "transformer_auto_wrap_policy",
    "wrap",
]


def always_wrap_policy(*args: Any, **kwargs: Any) -> bool:
    """Every module."""
    return True


def lambda_auto_wrap_policy(
    module: Module, recurse: bool, nonwrapped_numel: int, lambda_fn: Callable[[Module], bool]
) -> bool:
    """The modules for which `lambda_fn(module)` holds."""
    return True if recurse else bool(lambda_fn(module))


def transformer_auto_wrap_policy(
    module: Module, recurse: bool, nonwrapped_numel: int, transformer_layer_cls: set[type[Module]]
) -> bool:
    """The modules of these classes."""
    return True if recurse else isinstance(module, tuple(transformer_layer_cls))


def size_based_auto_wrap_policy(
    module: Module,
    recurse: bool,
    nonwrapped_numel: int,
    min_num_params: int = int(1e8),
    force_leaf_modules: set[type[Module]] | None = None,
    exclude_wrap_modules: set[type[Module]] | None = None,
) -> bool:
    """The modules with so many parameters that are nobody else's."""
    leaves = tuple(force_leaf_modules or (MultiheadAttention,))
    excluded = tuple(exclude_wrap_modules or (ModuleList, ModuleDict))
    if recurse:
        return nonwrapped_numel >= min_num_params and not isinstance(module, leaves)
    return nonwrapped_numel >= min_num_params and not isinstance(module, excluded)


class ModuleWrapPolicy:
    """The modules of some classes."""

    def __init__(self, module_classes: Iterable[type[Module]]):
        self._module_classes = tuple(module_classes)

    def __call__(self, module: Module, recurse: bool, *args: Any, **kwargs: Any) -> bool:
        return True if recurse else isinstance(module, self._module_classes)

    def __repr__(self) -> str:
        return f"ModuleWrapPolicy({set(self._module_classes)})"


class CustomPolicy:
    """The modules for which `lambda_fn(module)` is true; a dict that it returns has the module's own options."""

    def __init__(self, lambda_fn: Callable[[Module], bool | dict[str, Any]]):
        self.lambda_fn = lambda_fn

    def __call__(self, module: Module, recurse: bool, *args: Any, **kwargs: Any) -> Any:
        return True if recurse else self.lambda_fn(module)


def wrap_below(
    module: Module, policy: Callable, wrapper: Callable[..., Module], ignored: set[Module], options: dict[str, Any]
) -> int:
    """Put the modules below that a policy chooses into wrappers; how many parameters are in wrappers now."""
    wrapped = 0
    for name, child in list(module.named_children()):
        if child in ignored:
            continue
        numel = sum(p.numel() for p in child.parameters())
        if not policy(module=child, recurse=True, nonwrapped_numel=numel):
            continue
        inside = wrap_below(child, policy, wrapper, ignored, options)
        chosen = policy(module=child, recurse=False, nonwrapped_numel=numel - inside)
        if chosen:
            own = chosen if isinstance(chosen, dict) else {}
            module._modules[name] = wrapper(child, **{**options, **own})
            inside = numel
        wrapped += inside
    return wrapped


class _Enabled:
    """The wrapper and its options in the scope of `enable_wrap`."""

    wrapper: Callable[..., Module] | None = None
    options: dict[str, Any] = {}


@contextmanager
def enable_wrap(*, wrapper_cls: Callable[..., Module], **wrapper_kwargs: Any) -> Iterator[None]:
    """A scope in which `wrap(module)` is `wrapper_cls(module, **wrapper_kwargs)`."""
    before = _Enabled.wrapper, _Enabled.options
    _Enabled.wrapper, _Enabled.options = wrapper_cls, wrapper_kwargs
    try:
        yield
    finally:
        _Enabled.wrapper, _Enabled.options = before


def wrap(module: Module, **wrap_overrides: Any) -> Module:
    """The module in the wrapper of the scope of `enable_wrap`; the module itself outside of one."""
    if _Enabled.wrapper is None:
        return module
    return _Enabled.wrapper(module, **{**_Enabled.options, **wrap_overrides})
