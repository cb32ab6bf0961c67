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
from types import FunctionType, MemberDescriptorType, SimpleNamespace

from ..autograd.tape import Variable
from ..nn.module import Module
from ..nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter
from . import numpy_objects
from .damage import Damaged
from .names import loaded_object
from .plain import Plain, hashable, refusal

_OURS = __name__.partition(".")[0]
_LIBRARIES = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
_FACTORIES = {list, dict, set, int, float, str, tuple, OrderedDict, None}
_FUNCTIONS = (f"{_OURS}.nn.functional", f"{_OURS}.tensor.")
_NAMESPACES = (argparse.Namespace, SimpleNamespace)


def slice_of(*bounds) -> slice:
    """A slice of numbers."""
    if any(type(n) not in (int, float, type(None)) for n in bounds):
        raise Damaged("a slice has bounds that are no numbers")
    return slice(*bounds)


def range_of(*bounds) -> range:
    """A range of integers."""
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
    return pathlib.PurePath(*parts) if not parts else pathlib.Path(*parts)


def lazy_parameter(requires_grad=True, device=None, dtype=None):
    """A parameter without a shape yet."""
    return UninitializedParameter(bool(requires_grad), device, dtype)


def lazy_buffer(requires_grad=False, device=None, dtype=None):
    """A buffer without a shape yet."""
    return UninitializedBuffer(bool(requires_grad), device, dtype)


def simple_namespace() -> SimpleNamespace:
    """A namespace without attributes: they come with its state."""
    return SimpleNamespace()


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
        "builtins.tuple":                 (tuple, None),
        "builtins.int":                   (int, None),
        "builtins.float":                 (float, None),
        "builtins.str":                   (str, None),
        "builtins.bool":                  (bool, None),
        "builtins.bytes":                 (bytes, None),
        "builtins.object":                (object, None),
        "collections.defaultdict":        (defaultdict, defaultdict_of),
        "argparse.Namespace":             (argparse.Namespace, None),
        "types.SimpleNamespace":          (SimpleNamespace, simple_namespace),
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
        self.calls[tuple] = lambda items=(): tuple(items) if type(items) in (list, tuple) else None

    def other(self, module: str, name: str):
        if (module, name) == ("copyreg", "_reconstructor"):
            return reconstructed
        found = loaded_object(module, name)
        if found is None:
            found = _users_object(module, name)
        if isinstance(found, type) or _plain_function(found):
            return found
        raise _unreachable(module, name)

    def new(self, cls, args):
        if type(args) is not tuple or not isinstance(cls, type) or id(cls) in self.user_objects:
            return super().new(cls, args)
        if "__del__" in dir(cls):
            raise _needs_permission(cls, "has a __del__")
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            if len(args) != len(cls._fields):
                raise Damaged(f"a {cls.__qualname__} has {len(args)} fields")
            return tuple.__new__(cls, args)
        if args:
            raise _needs_permission(cls, "is made with arguments")
        for base in (OrderedDict, dict, list):
            if issubclass(cls, base):
                return base.__new__(cls)
        if issubclass(cls, Variable) or cls.__new__ is not object.__new__:
            raise _needs_permission(cls, "has its own __new__")
        return object.__new__(cls)

    def build(self, obj, state) -> None:
        cls = type(obj)
        if numpy_objects.is_unfinished(obj):
            obj.finish(state)
        elif id(cls) in self.user_objects or isinstance(obj, Variable) or cls is OrderedDict:
            super().build(obj, state)
        elif not _restores_itself(cls):
            _fill(obj, state)
        elif cls.__setstate__.__module__.partition(".")[0] == _OURS:
            obj.__setstate__(_attributes(state))
        else:
            raise _needs_permission(cls, "has its own __setstate__")

    def dictionary(self, obj):
        if isinstance(obj, OrderedDict):
            return OrderedDict.__setitem__
        return dict.__setitem__ if isinstance(obj, dict) else super().dictionary(obj)

    def sequence(self, obj):
        return list.extend if isinstance(obj, list) else super().sequence(obj)


def reconstructed(cls, base, state):
    """Stands for copyreg's function of protocols 0 and 1; `Whole` gives it a meaning."""
    raise Damaged("the pickle calls a function outside a vocabulary")


def _users_object(module: str, name: str):
    """A class or function of a module that the program has loaded: of the program itself, or a package's Module class."""
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
    return file.startswith(tuple(path for path in _LIBRARIES if path))


def _plain_function(found) -> bool:
    """Whether this is a function that a model may hold: one of the program's own, or one on tensors."""
    if not isinstance(found, FunctionType):
        return False
    module = found.__module__ or ""
    return module.partition(".")[0] != _OURS or module.startswith(_FUNCTIONS)


def _restores_itself(cls: type) -> bool:
    return hasattr(cls, "__setstate__")


def _attributes(state) -> dict:
    if type(state) is not dict or any(type(name) is not str for name in state):
        raise Damaged("the attributes of an object are no dictionary of names")
    return state


def _fill(obj, state) -> None:
    """Give an object its attributes, past all properties of its class."""
    slots = {}
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if state is not None:
        held = getattr(obj, "__dict__", None)
        if type(held) is not dict:
            raise Damaged(f"an object of {type(obj).__qualname__} has attributes, which its class does not")
        held.update(_attributes(state))
    for name, value in _attributes(slots or {}).items():
        slot = next((vars(cls)[name] for cls in type(obj).__mro__ if name in vars(cls)), None)
        if not isinstance(slot, MemberDescriptorType):
            raise Damaged(f"an object of {type(obj).__qualname__} has no slot '{name}'")
        slot.__set__(obj, value)


def _needs_permission(cls: type, why: str) -> pickle.UnpicklingError:
    path = f"{cls.__module__}.{cls.__qualname__}"
    return pickle.UnpicklingError(
        f"The file holds an object of {path}, which {why}: rebuilding it would run code. If you trust the file, allow the "
        f"class first: taper.serialization.add_safe_globals([{path}])"
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
    return pickle.UnpicklingError(f"Loading a file never runs code, also with weights_only=False. {refusal(module, name)}")
