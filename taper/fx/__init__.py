"""`torch.fx`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Programs are captured by taper.compile; hooks on modules see what flows through them."

_ROOMS = (
    "_symbolic_trace",
    "experimental",
    "graph",
    "graph_module",
    "node",
    "proxy",
)
_find = room(
    __name__,
    _INSTEAD,
    (
        "Graph",
        "GraphModule",
        "Interpreter",
        "Node",
        "Proxy",
        "Tracer",
        "Transformer",
        "map_arg",
        "replace_pattern",
        "symbolic_trace",
        "wrap",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)
