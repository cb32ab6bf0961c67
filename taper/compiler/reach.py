"""What a function can reach: the tensors, modules, optimizers and containers behind its closure, globals and arguments.

Capture gives these tensors symbols and afterwards compares the containers with what they were (`holdings.py`), so that no
change that a step makes to Python's state gets lost silently.
"""

from __future__ import annotations

import functools
import gc
import types
import weakref
from collections.abc import Callable, Collection, Iterable
from contextvars import ContextVar
from io import IOBase

import numpy as np

from ..autograd.naming import PACKAGES
from ..autograd.nodes import Node as TapeNode
from ..autograd.tape import Variable
from ..dtypes import dtype as Dtype
from ..tensor.random import Generator
from .contents import Contents
from .errors import CaptureError
from .holdings import Held, Reach
from .surroundings import clock_of, is_consumed, is_library, is_random

LIMIT = 200_000
"""Objects looked at before giving up."""

_PLAIN = (
    str, bytes, bytearray, bool, int, float, complex, type(None), type, np.ndarray, np.generic, np.dtype, Dtype, range,
    slice, types.ModuleType, types.BuiltinFunctionType, TapeNode, memoryview, types.CodeType,
)  # fmt: skip

_CHANGED = (np.ndarray, bytearray)
"""Such of them as code may change in place."""

_LOOKED_UP = frozenset(("globals", "vars", "eval", "exec"))
"""By these code reads variables that it does not name."""

_LIBRARY = ("builtins", "collections", "functools", "itertools", "operator")
"""Modules of Python's own whose objects may hold tensors where no attribute shows them."""


class Wrapper:
    """Stands for `function` and keeps what belongs to programs: of such an object capture sees the function alone."""

    function: Callable


def reach(roots: Iterable) -> Reach:
    """Everything behind `roots`. CaptureError if that is too much to look through."""
    found = Reach()
    seen: dict[int, object] = {}
    stack = list(roots)[::-1]

    def walk() -> None:
        while stack:
            item = stack.pop()
            if (isinstance(item, _PLAIN) and not _users_own(item) and not isinstance(item, _CHANGED)) or id(
                item
            ) in seen:
                continue
            seen[id(item)] = item
            if len(seen) > LIMIT:
                raise CaptureError(
                    f"the step reaches more than {LIMIT} Python objects; keep datasets out of the compiled function's closure"
                )
            _look(item, found, stack)

    walk()
    while _follow(found, stack):
        walk()
    found.settle()
    at = 0
    while at < len(found.named):
        owner, state, _ = found.named[at]
        at += 1
        if not isinstance(owner, (type, types.ModuleType)):
            stack.extend(state.values())
            walk()
    return found


def _called_unnamed(name: str, value) -> bool:
    """Whether a class's function is called though no code says its name."""
    return isinstance(value, types.FunctionType) and (name.startswith("__") or name == "forward")


def _follow_classes(item, state: dict, followed: set[str], found: Reach) -> None:
    """Note the values that an object has from its class, where code names them."""
    for cls in type(item).__mro__:
        if _users_own(cls):
            for name in (found.names & vars(cls).keys()) - followed - state.keys():
                followed.add(name)
                value = vars(cls)[name]
                # What has __get__ computes a value from the object; it is looked at where its class is.
                if not hasattr(type(value), "__get__"):
                    found.attributes.append((item, name, value))


def _users_own(item) -> bool:
    """Whether a class or a module is the user's: neither Taper's nor a library's that steps do not change."""
    if isinstance(item, types.ModuleType):
        name = item.__name__
    elif isinstance(item, type):
        name = item.__module__
    else:
        return False
    return not _ours(name) and not is_library(name)


def _follow(found: Reach, stack: list) -> bool:
    """Put on the stack what code reads by name, as far as that is not done; False if there is nothing."""
    more = False
    for owner, state, followed in list(found.named):
        if not isinstance(owner, (type, types.ModuleType)):
            _follow_classes(owner, state, followed, found)
        special = {k for k, v in state.items() if _called_unnamed(k, v)} if isinstance(owner, type) else set()
        for name in ((found.names | special) & state.keys()) - followed:
            followed.add(name)
            more = True
            value = state[name]
            if isinstance(owner, type):
                if isinstance(value, property):
                    stack += [f for f in (value.fget, value.fset) if f is not None]
                    continue
                if isinstance(value, functools.cached_property):
                    stack.append(value.func)
                    continue
                if isinstance(value, types.GetSetDescriptorType):
                    continue
                elif isinstance(value, classmethod):
                    value = value.__func__
                elif isinstance(value, (types.FunctionType, staticmethod)) or name in found.names:
                    found.attributes.append((owner, name, value))
                    value = value.__func__ if isinstance(value, staticmethod) else value
            elif isinstance(owner, types.ModuleType):
                found.globals.append((state, name, value))
            stack.append(value)
    return more


def _look(item, found: Reach, stack: list) -> None:
    """Note one object and put what it holds on the stack."""
    contents = Contents.of(item)
    if contents is not None:
        found.contents.append(contents)
        if isinstance(item, _CHANGED):
            return
    if isinstance(item, Variable):
        found.tensors.append(item)
        stack.extend(v for k, v in item.__dict__.items() if k != "_grad")
    elif isinstance(item, dict):
        found.states.append((item, dict(item)))
        if id(item) in found.inner:
            found.inner.update((id(v), False) for v in item.values() if isinstance(v, (dict, list)))
        stack.extend(item.values())
        stack.extend(k for k in item if not isinstance(k, _PLAIN))
    elif isinstance(item, list):
        if len(item) <= 10_000 or not isinstance(item[0], _PLAIN):
            found.states.append((item, list(item)))
            if id(item) in found.inner:
                found.inner.update((id(v), False) for v in item if isinstance(v, (dict, list)))
            stack.extend(reversed(item))
    elif isinstance(item, (tuple, set, frozenset)):
        stack.extend(item)
    elif isinstance(item, types.FunctionType):
        if not _ours(item.__module__):
            _look_at_function(item, found, stack, is_library(item.__module__))
        elif item.__closure__:
            stack.extend(c.cell_contents for c in item.__closure__ if _filled(c))
    elif is_random(item):
        found.randoms.append(item)
    elif is_consumed(item):
        raise CaptureError(
            f"the function takes from an iterator ({type(item).__name__}), which a program cannot do. "
            "Take the next element outside and pass it as an argument"
        )
    elif isinstance(item, IOBase) and found.watched is None:
        raise CaptureError("the function uses a file, which a program cannot do. Read and write outside of it")
    elif isinstance(item, types.MethodType):
        stack += [item.__func__, item.__self__]
    elif isinstance(item, (type, types.ModuleType)):
        found.named.append((item, vars(item), set()))
    elif isinstance(item, Wrapper):
        stack.append(item.function)
    elif isinstance(item, weakref.ReferenceType):
        stack.append(item())
    elif isinstance(item, ContextVar):
        stack.append(item.get(None))
    elif isinstance(item, functools.partial):
        stack += [item.func, *item.args, *item.keywords.values()]
    elif isinstance(item, Generator):
        found.generators.append(item)
    else:
        if hasattr(type(item), "changing_numbers"):
            found.numbers.extend(item.changing_numbers())
            if item.awaits_state():
                found.unstepped.append(item)
        state = getattr(item, "__dict__", None)
        if type(state) is dict:
            found.states.append((state, dict(state)))
            beside = getattr(type(item), "beside_steps", False)
            found.objects.append((state, _ours(type(item).__module__) and not beside))
            if _ours(type(item).__module__):
                whole = not hasattr(type(item), "changing_numbers")
                found.inner.update((id(v), whole) for v in state.values() if isinstance(v, (dict, list)))
            if _ours(type(item).__module__):
                stack.extend(reversed(list(state.values())))
            elif is_library(type(item).__module__) and hasattr(type(item), "__getattr__"):
                # The words of such an object are no attributes of it: settings of a program, for instance.
                stack.extend(state.values())
            else:
                found.named.append((item, state, set()))
        for cls in type(item).__mro__:
            if cls in found.classes:
                continue
            found.classes.add(cls)
            if _users_own(cls):
                # What made the object is no part of using it.
                found.named.append((cls, vars(cls), {"__init__", "__new__", "__post_init__"}))
            elif is_library(cls.__module__):
                read = {
                    name: v for name, v in vars(cls).items() if isinstance(v, (property, functools.cached_property))
                }
                found.named.append((cls, read, set()))
        for cls in type(item).__mro__:
            for name in _slots(cls):
                value = getattr(item, name, Held)
                if _users_own(cls):
                    found.slots.append((item, name, value))
                if value is not Held and not isinstance(value, _PLAIN):
                    stack.append(value)
        if state is None and type(item).__module__ in _LIBRARY:
            # A container that is written in C, such as a deque or what functools.lru_cache makes.
            stack.extend(gc.get_referents(item))


def _slots(cls) -> tuple:
    slots = cls.__dict__.get("__slots__", ())
    slots = (slots,) if isinstance(slots, str) else slots
    private = cls.__name__.lstrip("_")
    names = (f"_{private}{s}" if s.startswith("__") and not s.endswith("__") else s for s in slots)
    return tuple(s for s in names if s not in ("__dict__", "__weakref__"))


def _ours(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in PACKAGES


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _look_at_function(function: types.FunctionType, found: Reach, stack: list, library: bool) -> None:
    """The closure, the defaults and, unless it is a library's, the named globals of a function."""
    mentioned = names_in(function.__code__)
    for cell in function.__closure__ or ():
        if _filled(cell):
            if not library:
                _refuse_clocks(cell.cell_contents, mentioned)
            found.cells.append((cell, cell.cell_contents))
            stack.append(cell.cell_contents)
    stack.extend(function.__defaults__ or ())
    stack.extend((function.__kwdefaults__ or {}).values())
    names = function.__globals__
    if not library and not _LOOKED_UP.isdisjoint(mentioned):
        stack.extend(v for v in names.values() if isinstance(v, (Variable, list, dict)) or _ours(type(v).__module__))
    found.names.update(mentioned, words_in(function.__code__))
    for name in () if library else mentioned:
        if name in names:
            value = names[name]
            _refuse_clocks(value, mentioned)
            if not isinstance(value, types.ModuleType):
                found.globals.append((names, name, value))
            stack.append(value)


def _refuse_clocks(value, mentioned: Collection[str]) -> None:
    clock = clock_of(value, mentioned)
    if clock is not None:
        raise CaptureError(f"the function reads the clock ({clock}), which a program cannot do. Read it outside")


def names_in(code: types.CodeType) -> list[str]:
    """The global names that code and the functions inside it may mention."""
    found = list(code.co_names)
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            found += names_in(value)
    return found


def words_in(code: types.CodeType) -> list[str]:
    """The strings in code that may be names of attributes, as in `getattr(x, "name")`."""
    found = [c for c in code.co_consts if isinstance(c, str) and c.isidentifier()]
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            found += words_in(value)
    return found


def called(function: Callable) -> Callable:
    """The Python function behind a callable, for its name and place."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__func__", function)
