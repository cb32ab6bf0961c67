"""Programs remembered on disk: a graph that was compiled before is not scheduled and written again.

What is kept is data (JSON): for each entry the name of its code, its chunks, and which nodes it reads and writes, by
their places in the graph. The key is the graph itself, the machine, and the compiler's own source files.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..native import cache
from ..native.machine import Machine
from .graph import LEAVES, Node, value_of

UNIQUE = ("positive", "settle", "check")
"""Nodes whose attribute only tells them from one another."""


@lru_cache(None)
def _sources() -> str:
    """A digest of the files that make code: a changed compiler remembers nothing."""
    root = Path(__file__).parent
    facts = []
    for folder in (root, root.parent / "native"):
        for where, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if name.endswith((".py", ".ll")):
                    state = os.stat(os.path.join(where, name))
                    facts.append((name, state.st_size, state.st_mtime_ns))
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def key_of(order: list[Node], results: list[Node], state: dict[Node, Node], machine: Machine) -> str | None:
    """The name under which a graph's program is kept; None if it calls the interpreter, which nothing can name."""
    places = {n: i for i, n in enumerate(order)}
    lines = []
    for node in order:
        if node.op == "host":
            return None
        if node.op == "constant":
            array = value_of(node)
            attrs = hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()
        elif node.op in LEAVES or node.op in UNIQUE:
            attrs = ""
        else:
            attrs = repr(node.attrs)
        lines.append(f"{node.op} {[places[n] for n in node.inputs]} {attrs} {node.shape} {_named(node.dtype)}")
    lines.append(repr([places[n] for n in results]))
    lines.append(repr(sorted((places[n], places[old]) for n, old in state.items())))
    text = "\n".join([*lines, _sources()])
    return "program-" + cache.key(text, machine)


@lru_cache(64)
def _named(dtype: np.dtype) -> str:
    """A dtype's name, which NumPy takes ten microseconds to make."""
    return str(dtype)


def keep(name: str, content: dict) -> None:
    """Remember a program."""
    cache.put(name, json.dumps(content).encode())


def recalled(name: str) -> dict | None:
    """What was kept under a name, or None."""
    found = cache.get(name)
    return None if found is None else json.loads(found)
