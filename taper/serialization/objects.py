"""Whole objects: what `weights_only=False` may build beyond tensors and plain containers, still without running code.

An object is an empty instance of a class that the program has loaded already, given its attributes one by one. No
`__init__`, `__new__`, `__reduce__`, `__setstate__` or property of a class outside Taper is called, and no class with a
`__del__` is built, since that would run later. Classes of the standard library and functions of installed packages are
not reachable: code that finds them among a model's attributes might call them.
"""

from __future__ import annotations

import argparse
import pathlib
import pickle
import sys
import sysconfig
from collections import OrderedDict, defaultdict
from enum import Enum
from functools import partial
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, SimpleNamespace
from typing import Any

from ..backends.device import device
from ..dtypes import dtype as Dtype
from ..nn.module import Module
from ..nn.parameter import UninitializedBuffer, UninitializedParameter
from . import numpy_objects
from .damage import Damaged
from .names import is_tensor_function, loaded_object, tensor
from .plain import Plain, hashable, refusal

_OURS = __name__.partition(".")[0]
_FACTORIES = {list, dict, set, int, float, str, tuple, OrderedDict, None}
_NATIVE = (GetSetDescriptorType, MemberDescriptorType)
_HOOKS = f"{_OURS}.nn.modules."  # modules without shapes hold a hook of their own
_BASES = (OrderedDict, dict, list, SimpleNamespace)


def slice_of(*bounds) -> slice:
    """A slice of numbers."""
    if any(type(n) not in (int, float, type(None)) for n in bounds):
        raise Damaged("a slice has bounds that are no numbers")
    return slice(*bounds)


def range_of(*bounds) -> range:
    """A range of integers."""
    if any(type(n) is not int for n in bounds):
        raise Damaged("a range has bounds that are no integers")
    return range(*bounds)


def frozenset_of(items=()) -> frozenset:
    """A frozenset of the items of a list."""
    return frozenset(map(hashable, items if type(items) in (list, tuple) else ()))


def defaultdict_of(factory=None, *items) -> defaultdict:
    """A defaultdict of a plain type, without items: they are set one by one."""
    if items or not any(factory is known for known in _FACTORIES):
        raise Damaged("a defaultdict has a factory that is no plain type", "Save it as a dict")
    return defaultdict(factory)


def path_of(*parts):
    """A path of its parts, of this system's kind."""
    if any(type(part) is not str for part in parts):
        raise Damaged("a path has parts that are no text")
    return pathlib.Path(*parts)


def lazy_parameter(requires_grad=True, place=None, dtype=None):
    """A parameter without a shape yet."""
    return UninitializedParameter(*_of_lazy(requires_grad, place, dtype))


def lazy_buffer(requires_grad=False, place=None, dtype=None):
    """A buffer without a shape yet."""
    return UninitializedBuffer(*_of_lazy(requires_grad, place, dtype))


def _of_lazy(requires_grad, place, dtype) -> tuple:
    if (
        type(requires_grad) is not bool
        or type(place) not in (type(None), device)
        or type(dtype) not in (type(None), Dtype)
    ):
        raise Damaged("a parameter without a shape has an unknown description")
    return requires_grad, place, dtype


def partial_of(function) -> partial:
    """A partial of a class or function that the file may name; its arguments come with its state."""
    if not issubclass(type(function), (type, FunctionType)):
        raise Damaged("a functools.partial has no function")
    return partial(function)


def tuple_of(items=()) -> tuple:
    """A tuple of the items of another."""
    if type(items) not in (list, tuple):
        raise Damaged("a tuple has no items")
    return tuple(items)


class Whole(Plain):
    """The vocabulary of files that the user trusts to hold whole modules and objects."""

    rebuilders = {**Plain.rebuilders, **numpy_objects.REBUILDERS}
    # fmt: off
    types = {
        **Plain.types,
        **numpy_objects.TYPES,
        "builtins.slice":                 (slice, slice_of),
        "builtins.range":                 (range, range_of),
        "builtins.frozenset":             (frozenset, frozenset_of),
        "builtins.list":                  (list, None),
        "builtins.dict":                  (dict, None),
        "builtins.tuple":                 (tuple, tuple_of),
        "builtins.int":                   (int, None),
        "builtins.float":                 (float, None),
        "builtins.str":                   (str, None),
        "builtins.bool":                  (bool, None),
        "builtins.object":                (object, None),
        "collections.defaultdict":        (defaultdict, defaultdict_of),
        "functools.partial":              (partial, partial_of),
        "argparse.Namespace":             (argparse.Namespace, None),
        "types.SimpleNamespace":          (SimpleNamespace, None),
        "pathlib.PosixPath":              (pathlib.PosixPath, path_of),
        "pathlib.WindowsPath":            (pathlib.WindowsPath, path_of),
        "pathlib._local.PosixPath":       (pathlib.PosixPath, path_of),
        "pathlib._local.WindowsPath":     (pathlib.WindowsPath, path_of),
        "torch.nn.parameter.UninitializedParameter": (UninitializedParameter, lazy_parameter),
        "torch.nn.parameter.UninitializedBuffer":    (UninitializedBuffer, lazy_buffer),
    }
    # fmt: on

    def __init__(self) -> None:
        super().__init__()
        self.calls[reconstructed] = lambda cls, base, state: self.new(cls, ())
        self.calls[attribute] = self._attribute
        self._made: dict[int, object] = {}

    def other(self, module: str, name: str) -> Any:
        if (module, name) in _TOKENS:
            return _TOKENS[module, name]
        found = loaded_object(module, name)
        if found is None:
            found = _users_object(module, name)
        if isinstance(found, type) or _plain_function(found):
            return found
        raise _unreachable(module, name)

    def call(self, function, args):
        known = id(function) in self.user_objects or type(args) is not tuple or not issubclass(type(function), type)
        if not known and function not in self.calls:
            if issubclass(function, Enum) and len(args) == 1:
                return _member(function, hashable(args[0]))
            if issubclass(function, (OrderedDict, SimpleNamespace)) and not args:
                return self.new(function, ())
        return super().call(function, args)

    def new(self, cls: Any, args) -> Any:
        if type(args) is not tuple or not issubclass(type(cls), type) or id(cls) in self.user_objects:
            return super().new(cls, args)
        if _defined(cls, "__del__") is not None:
            raise _needs_permission(cls, "has a __del__")
        if issubclass(cls, tuple) and (fields := _defined(cls, "_fields")) is not None:
            if len(args) != len(fields):
                raise Damaged(f"a {cls.__qualname__} has {len(args)} fields")
            return tuple.__new__(cls, args)
        if args:
            raise _needs_permission(cls, "is made with arguments")
        base: Any = next((base for base in _BASES if issubclass(cls, base)), object)
        if _defined(cls, "__new__") is not _defined(base, "__new__"):
            raise _needs_permission(cls, "has its own __new__")
        made = base.__new__(cls)
        self._made[id(made)] = made
        return made

    def build(self, obj, state) -> None:
        cls = type(obj)
        if numpy_objects.takes_state(obj):
            numpy_objects.finish(obj, state)
        elif cls is partial:
            _set_partial(obj, state)
        elif id(obj) not in self._made:
            super().build(obj, state)
        elif (restore := _defined(cls, "__setstate__")) is None:
            _fill(obj, state)
        elif isinstance(restore, FunctionType) and restore.__module__.partition(".")[0] == _OURS:
            restore(obj, _attributes(state))
        else:
            raise _needs_permission(cls, "has its own __setstate__")

    def _attribute(self, owner, name):
        """What pickles ask getattr for: a function like `torch.tanh`, or a method bound to an object of the file."""
        found = None
        if type(name) is str and owner is TorchFunctions:
            found = vars(tensor).get(name)
        elif type(name) is str and id(owner) in self._made:
            found = _defined(type(owner), name)
            if isinstance(found, FunctionType):
                return MethodType(found, owner)
        if not is_tensor_function(found):
            raise Damaged(
                "the pickle asks for an attribute that Taper's objects do not have", "Save state_dict() instead"
            )
        return found

    def dictionary(self, obj):
        if issubclass(type(obj), OrderedDict):
            return OrderedDict.__setitem__
        return dict.__setitem__ if issubclass(type(obj), dict) else super().dictionary(obj)

    def sequence(self, obj):
        return list.extend if issubclass(type(obj), list) else super().sequence(obj)


def reconstructed(cls, base, state):
    """Stands for copyreg's function of protocols 0 and 1; `Whole` gives it a meaning."""
    raise Damaged("the pickle calls a function outside a vocabulary")


class TorchFunctions:
    """Stands for the class of PyTorch's that has `torch.tanh` and its like as attributes."""


def attribute(owner, name):
    """Stands for getattr, to which `Whole` gives a narrow meaning."""
    raise Damaged("the pickle calls a function outside a vocabulary")


_TOKENS = {
    ("copyreg", "_reconstructor"): reconstructed,
    ("builtins", "getattr"): attribute,
    ("torch._C", "_VariableFunctionsClass"): TorchFunctions,
}


def _defined(cls: type, name: str):
    """What a class or its bases define under a name, without asking its metaclass."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _member(cls: type[Enum], value) -> Enum:
    found = cls._value2member_map_.get(value)
    if found is None:
        raise Damaged(f"{cls.__qualname__} has no member of the value in the file")
    return found


def _set_partial(obj: Any, state) -> None:
    if type(state) is not tuple or len(state) != 4 or type(state[1]) is not tuple or state[3] is not None:
        raise Damaged("a functools.partial has an unknown state")
    if not issubclass(type(state[0]), (type, FunctionType)):
        raise Damaged("a functools.partial has no function")
    obj.__setstate__((state[0], state[1], _attributes(state[2]), None))


def _users_object(module: str, name: str):
    """A class or function of a loaded module: any of the program itself, of packages only subclasses of Module."""
    found = sys.modules.get(module)
    for part in name.split("."):
        found = None if found is None else vars(found).get(part)
        if found is not None and not isinstance(found, (type, FunctionType)):
            return None
    if isinstance(found, type) and issubclass(found, Module):
        return found
    file = getattr(sys.modules.get(module), "__file__", None)
    installed = module.partition(".")[0] in sys.stdlib_module_names and module != "__main__"
    if installed or found is None or (file is not None and _of_library(file)) or found.__module__ != module:
        return None
    return found


def _of_library(file: str) -> bool:
    return file.startswith(tuple(map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib"))))


def _plain_function(found) -> bool:
    """Whether this is a function that a model may hold: one of the program's own, or one on tensors."""
    if not isinstance(found, FunctionType):
        return False
    module = found.__module__ or ""
    if module.partition(".")[0] == _OURS:
        return is_tensor_function(found) or module.startswith(_HOOKS)
    return True


def _attributes(state) -> dict:
    if type(state) is not dict or any(type(name) is not str for name in state):
        raise Damaged("the attributes of an object are no dictionary of names")
    return state


def _fill(obj, state) -> None:
    """Give an object its attributes, past all properties of its class."""
    slots: Any = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if state is not None:
        held = obj.__dict__ if isinstance(_defined(type(obj), "__dict__"), _NATIVE) else None
        if type(held) is not dict:
            raise Damaged(f"an object of {type(obj).__qualname__} has attributes, which its class does not")
        held.update(_attributes(state))
    for name, value in _attributes({} if slots is None else slots).items():
        slot = _defined(type(obj), name)
        if not isinstance(slot, MemberDescriptorType):
            raise Damaged(f"an object of {type(obj).__qualname__} has no slot '{name}'")
        slot.__set__(obj, value)


def _needs_permission(cls: type, why: str) -> pickle.UnpicklingError:
    path = f"{cls.__module__}.{cls.__qualname__}"
    return pickle.UnpicklingError(
        f"The file holds an object of {path}, which {why}: rebuilding it would run code. If you trust the file, allow "
        f"the class first with `torch.serialization.add_safe_globals([{path}])`."
    )


def _unreachable(module: str, name: str) -> pickle.UnpicklingError:
    path = f"{module}.{name}"
    if module.partition(".")[0] not in sys.modules:
        return pickle.UnpicklingError(
            f"The file names {path}, and loading a file never imports anything: import {module} before loading it"
        )
    if module in sys.modules and not hasattr(sys.modules[module], name.partition(".")[0]):
        return pickle.UnpicklingError(
            f"The file names {path}, but {module} has no '{name}': define or import the class under this name before "
            "loading the file"
        )
    return pickle.UnpicklingError(
        f"Loading a file never runs code, also with weights_only=False. {refusal(module, name)}"
    )
