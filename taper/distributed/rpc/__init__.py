"""`torch.distributed.rpc`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Use send, recv and the object collectives of taper.distributed."

_ROOMS = (
    "api",
    "functions",
)
_find = room(
    __name__,
    _INSTEAD,
    (
        "RRef",
        "TensorPipeRpcBackendOptions",
        "get_worker_info",
        "init_rpc",
        "remote",
        "rpc_async",
        "rpc_sync",
        "shutdown",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)
