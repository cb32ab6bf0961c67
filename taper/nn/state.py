"""A module's state: `state_dict` and `load_state_dict`, their hooks, and the report of what did not fit."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from ..autograd.hooks import Handle
from ..autograd.modes import no_grad
from ..autograd.tape import Variable
from .parameter import Parameter, is_lazy

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` found in only one of the two: keys that are missing, and keys that it did not expect."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateMethods:
    """State as a dictionary from paths to tensors."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: dict[int, Callable]
    _state_dict_pre_hooks: dict[int, Callable]
    _load_state_dict_pre_hooks: dict[int, Callable]
    _load_state_dict_post_hooks: dict[int, Callable]

    def state_dict(self, *args, destination=None, prefix: str = "", keep_vars: bool = False):
        """All parameters and persistent buffers by path, sharing memory with the module.

        keep_vars: the tensors themselves, with their history. The result has an attribute `_metadata`.
        """
        if args:
            destination, prefix, keep_vars = (*args, *(destination, prefix, keep_vars)[len(args) :])
        if destination is None:
            destination = OrderedDict()
            vars(destination)["_metadata"] = OrderedDict()
        metadata = {"version": getattr(self, "_version", 1)}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            returned = hook(self, destination, prefix, metadata)
            if getattr(hook, "_from_public_api", False):
                if returned is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif returned is not None:
                destination = returned
        return destination

    def _save_to_state_dict(self, destination, prefix: str, keep_vars: bool) -> None:
        """Put the parameters, buffers and extra state of this module alone into `destination`."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                destination[prefix + name] = parameter if keep_vars or is_lazy(parameter) else parameter.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buffer if keep_vars or is_lazy(buffer) else buffer.detach()
        if self._has_extra_state("get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _has_extra_state(self, method: str) -> bool:
        from .module import Module

        return getattr(type(self), method) is not getattr(Module, method)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False):
        """Copy a state into this module and those below.

        strict: every key must be in both. assign: take the tensors of `state_dict` themselves instead of copying.
        Returns (missing_keys, unexpected_keys). RuntimeError listing all that does not fit; TypeError for no mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        given = OrderedDict(state_dict)
        if metadata is not None:
            vars(given)["_metadata"] = metadata
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        _load(self, given, "", assign, missing, unexpected, errors)
        if strict:
            if unexpected:
                errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
            if missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        if errors:
            report = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{report}")
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self, state_dict, prefix: str, local_metadata, strict: bool, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        """Copy the state of this module alone; what does not fit is added to the three lists."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = dict(self._parameters)
        own.update((k, b) for k, b in self._buffers.items() if k not in self._non_persistent_buffers_set)
        for name, target in own.items():
            if target is None:
                continue
            key = prefix + name
            if key in state_dict:
                self._load_one(name, target, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra = prefix + EXTRA_STATE
        if self._has_extra_state("set_extra_state"):
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    head, *rest = key[len(prefix) :].split(".", 1)
                    if head not in self._modules if rest else head not in own:
                        unexpected_keys.append(key)

    def _load_one(self, name: str, target, key: str, source, assign: bool, errors: list[str]) -> None:
        """Copy one tensor, or put it in the place of the one there."""
        if not isinstance(source, Variable):
            errors.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                "checkpoint "
                f"but received {type(source)}"
            )
            return
        if is_lazy(target):
            if is_lazy(source):
                return
            target.materialize(source.shape)
        if target.ndim == 0 and source.ndim == 1 and source.shape[0] == 1:
            source = source[0]
        if source.shape != target.shape:
            errors.append(
                f"size mismatch for {key}: copying a param with shape {source.shape} from checkpoint, the shape in "
                "current "
                f"model is {target.shape}."
            )
            return
        if assign:
            if isinstance(target, Parameter):
                if not isinstance(source, Parameter):
                    source = Parameter(source, requires_grad=target.requires_grad)
                else:
                    source.requires_grad_(target.requires_grad)
            setattr(self, name, source)
            return
        try:
            with no_grad():
                target.copy_(source)
        except (RuntimeError, TypeError, ValueError) as error:
            errors.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are {target.shape} and '
                "whose "
                f"dimensions in the checkpoint are {source.shape}, an exception occurred : {error.args}."
            )

    def register_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` collects."""
        return Handle(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict`; it changes the dict."""
        hook._from_public_api = True
        return Handle(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable) -> Handle:
        """As `register_state_dict_post_hook`, for a hook that may return another dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return Handle(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        return Handle(self._load_state_dict_pre_hooks, _WithModule(hook, self))

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> Handle:
        """As `register_load_state_dict_pre_hook`; the hook gets the module only with `with_module`."""
        return Handle(self._load_state_dict_pre_hooks, _WithModule(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the two lists of keys."""
        return Handle(self._load_state_dict_post_hooks, hook)


class _WithModule:
    """A hook with the module as its first argument."""

    def __init__(self, hook: Callable, module):
        self.hook, self.module = hook, module

    def __call__(self, *args):
        return self.hook(self.module, *args)


def _load(module, state, prefix: str, assign: bool, missing: list, unexpected: list, errors: list) -> None:
    """Load a module and, each with its part of the state, those below it."""
    metadata = getattr(state, "_metadata", None)
    local = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local["assign_to_params_buffers"] = True
    module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            path = f"{prefix}{name}."
            part = OrderedDict((k, v) for k, v in state.items() if k.startswith(path))
            if metadata is not None:
                vars(part)["_metadata"] = metadata
            _load(child, part, path, assign, missing, unexpected, errors)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, _IncompatibleKeys(missing, unexpected)) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, "
                "if "
                "incompatible_keys need to be modified, it should be done inplace."
            )


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
