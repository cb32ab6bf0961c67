"""What the user calls the tensors that a step reaches: `net.0.weight`, `opt.state[net.0.weight]['momentum_buffer']`."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from ..autograd.tape import Variable
from .graph import Node
from .reach import LIMIT, Wrapper, called, names_in

_ROOMS = ("_parameters", "_buffers", "_modules")
"""Attributes of a module whose entries read as attributes of the module itself."""

_PLAIN = (
    str,
    bytes,
    bool,
    int,
    float,
    complex,
    type(None),
    type,
    np.ndarray,
    types.ModuleType,
    types.BuiltinFunctionType,
)


def names_of(function: Callable) -> dict[int, str]:
    """The names, by identity, of the tensors that a function reaches; the shortest way found first."""
    found: dict[int, str] = {}
    seen: dict[int, object] = {}
    queue = deque(_roots(function))
    # Dicts that have tensors for keys, as an optimizer's state: when those have their names.
    later: list[tuple[str, object]] = []
    while (queue or later) and len(seen) < LIMIT:
        name, item = queue.popleft() if queue else later.pop()
        if id(item) in seen or isinstance(item, _PLAIN):
            continue
        seen[id(item)] = item
        if isinstance(item, Variable):
            found[id(item)] = name
        elif queue and isinstance(item, dict) and any(isinstance(k, Variable) for k in item):
            del seen[id(item)]
            later.append((name, item))
        else:
            queue.extend(_inside(name, item, found))
    return found


def _roots(function: Callable) -> Iterator[tuple[str, object]]:
    """What a function names: variables around it, globals, the object whose method it is."""
    if isinstance(function, Wrapper):
        function = function.function
    if isinstance(function, types.MethodType):
        yield "self", function.__self__
    function = called(function)
    if not isinstance(function, types.FunctionType):
        yield "self", function
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in names_in(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _inside(name: str, item: object, found: dict[int, str]) -> Iterator[tuple[str, object]]:
    if isinstance(item, dict):
        for key, value in item.items():
            yield f"{name}[{found.get(id(key), '?') if isinstance(key, Variable) else repr(key)}]", value
    elif isinstance(item, (list, tuple)):
        for i, value in enumerate(item):
            yield f"{name}[{i}]", value
    elif isinstance(item, (types.FunctionType, types.MethodType, Wrapper)):
        for inner, value in _roots(item):
            yield inner if inner != "self" else name, value
    else:
        for key, value in getattr(item, "__dict__", {}).items():
            if key in _ROOMS and isinstance(value, dict):
                for inner, part in value.items():
                    yield f"{name}.{inner}", part
            else:
                yield f"{name}.{key}", value


def leaf_names(captured, function: Callable) -> dict[Node, str]:
    """For each leaf of a captured step what it is, in words."""
    tensors = names_of(function)
    made: dict[Node, str] = {}
    for node, source in captured.sources.items():
        if source.kind == "argument":
            made[node] = f"argument {source.place}"
        elif source.kind == "number":
            key = source.key if source.place < 0 else f"argument {source.place}"
            made[node] = f"{key or 'variable'}" + ("" if source.part is None else f"[{source.part}]")
        else:
            made[node] = tensors.get(id(source.tensor), "tensor") + (".grad" if source.kind == "grad" else "")
    for k, (draw, nodes) in enumerate(captured.draws):
        for node in nodes:
            made[node] = f"draw {k}: {draw.method}"
    return made
