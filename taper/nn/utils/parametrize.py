"""Parametrisations: a parameter or buffer computed from others by modules, each time it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ...autograd.modes import no_grad
from ...autograd.tape import Variable
from ..module import Module
from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter

_cached = 0
_values: dict[tuple[int, str], Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """A block in which each parametrised tensor is computed once."""
    global _cached
    _cached += 1
    try:
        yield
    finally:
        _cached -= 1
        if not _cached:
            _values.clear()


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, applied in order to `original` (or to original0, original1, ...)."""

    original: Parameter

    def __init__(self, modules: Sequence[Module], original, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        start = original
        new = original
        with no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):  # it has none for its settings, and starts from what is there
                        new = module.right_inverse(new)
        if not isinstance(new, (Variable, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Variable)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._keep_single(start, new)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Variable):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                        f"element {i} of the sequence with type {type(part).__name__}."
                    )
                if isinstance(start, Parameter) or isinstance(part, Parameter):
                    self.register_parameter(f"original{i}", Parameter(part.data, start.requires_grad))
                else:
                    self.register_buffer(f"original{i}", part)
        if not unsafe:
            self._check(start)

    def _keep_single(self, start, new) -> None:
        """The tensor itself stays what was there, so that an optimizer still holds it, with the inverse's values."""
        if start.dtype != new.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\noriginal.dtype: "
                f"{start.dtype}\nright_inverse(original).dtype: {new.dtype}"
            )
        with no_grad():
            if new is not start:
                start.data = new.data
        if isinstance(start, Parameter):
            self.original = start
        else:
            self.register_buffer("original", start)

    def _check(self, start) -> None:
        with no_grad():
            value = self()
        if not isinstance(value, Variable):
            raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
        for what in ("dtype", "shape"):
            if getattr(value, what) != getattr(start, what):
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {what}: {getattr(start, what)}\nparametrized {what}: "
                    f"{getattr(value, what)}"
                )

    def originals(self) -> list:
        """The tensors that the value is computed from."""
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value) -> None:
        """Choose the originals so that the value becomes this one. RuntimeError if a parametrisation has no inverse."""
        with no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            for held, new in zip(self.originals(), [value] if self.is_tensor else value, strict=True):
                held.data = new.data if new.shape != held.shape else held.data.copy_(new)

    def forward(self):
        modules = iter(self)
        value = next(modules)(*self.originals())
        for module in modules:
            value = module(value)
        return value


def _injected(module: Module) -> None:
    """Give a module a class of its own, in which the parametrised tensors are properties."""
    cls = type(module)

    def no_pickle(self):
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See: "
            "taper.save(module.state_dict(), path)"
        )

    def deepcopy(self, memo):
        import copy

        made = self.__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        made.__class__ = type(f"Parametrized{cls.__name__}", (cls,), dict(_members(type(self))))
        return made

    members = {"__getstate__": no_pickle, "__deepcopy__": deepcopy, "__module__": ParametrizationList.__module__}
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _members(cls: type) -> dict[str, Any]:
    return {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}


def _computed(name: str) -> property:
    """The property that stands in the place of a parametrised tensor."""

    def value(self):
        if not _cached:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _values:
            _values[key] = self.parametrizations[name]()
        return _values[key]

    def assign(self, new) -> None:
        self.parametrizations[name].right_inverse(new)

    return property(value, assign)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let `module.<tensor_name>` be `parametrization(original)`; the original moves to `module.parametrizations`.

    A parametrisation with `right_inverse` allows assigning to the tensor. unsafe: allow another shape or dtype.
    Returns the module. ValueError for a name that is no parameter or buffer.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _add(module, tensor_name, parametrization, unsafe)
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        held = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _injected(module)
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _computed(tensor_name))
        module.parametrizations[tensor_name] = held  # type: ignore[index]
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _add(module: Module, name: str, parametrization: Module, unsafe: bool) -> None:
    """One more parametrisation of a tensor that has some."""
    held = module.parametrizations[name]  # type: ignore[index]
    if not unsafe:
        before = getattr(module, name)
        with no_grad():
            value = parametrization(before)
        for what in ("dtype", "shape"):
            if getattr(value, what) != getattr(before, what):
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` "
                    "flag is "
                    f"enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                    f"parametrization(module.{name}).{what}: {getattr(value, what)}"
                )
        _check_inverse(parametrization, value, name)
    # What is there stays, as in PyTorch: the tensor's value changes by the new parametrisation.
    held.append(parametrization)
    held.unsafe = held.unsafe or unsafe


def _check_inverse(parametrization: Module, value, name: str) -> None:
    """ValueError for a right_inverse whose result could not be what the parametrisations before it have made."""
    if not hasattr(parametrization, "right_inverse"):
        return
    with no_grad(), suppress(NotImplementedError):
        back = parametrization.right_inverse(value)
        if not isinstance(back, Variable):
            raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
        for what in ("dtype", "shape"):
            if getattr(back, what) != getattr(value, what):
                raise ValueError(
                    f"The tensor returned by parametrization.right_inverse must have the same {what} as module.{name}, "
                    f"unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {getattr(value, what)}\n"
                    f"returned {what}: {getattr(back, what)}"
                )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrisations, or one of this tensor."""
    held = module._modules.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the tensor an ordinary one again: with its present value, or the original's if not leave_parametrized.

    Returns the module. ValueError if the tensor has none, or has several originals that it should return to.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held = module.parametrizations[tensor_name]  # type: ignore[index]
    if not held.is_tensor and not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence "
            "of tensors."
        )
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).data
    else:
        with no_grad():
            value = getattr(module, tensor_name)
        learned = any(p.requires_grad for p in held.originals())
        original = Parameter(value.data, learned) if learned else value
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]  # type: ignore[attr-defined]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type_before_parametrizations(module)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of a module without the parametrisations."""
    cls = type(module)
    return (
        cls.__bases__[0]
        if cls.__name__.startswith("Parametrized") and cls.__module__ == ParametrizationList.__module__
        else cls
    )
