"""How processes' tensors become one, and the names of what carries them."""

from __future__ import annotations

from enum import IntEnum


class ReduceOp(IntEnum):
    """How the processes' tensors become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    @staticmethod
    def RedOpType(value) -> ReduceOp:
        """The operation of a number."""
        return ReduceOp(value)


class Backend(str):
    """The name of a library of collectives, in lower case."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI]
    default_device_backend_map = {"cpu": MPI}

    def __new__(cls, name: str):
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish but got {type(name)}")
        return super().__new__(cls, name.lower())


def get_default_backend_for_device(device) -> str:
    """The name of the library that carries the tensors of a device: "mpi" for the CPU. ValueError for another device."""
    kind = str(device).partition(":")[0]
    if kind not in Backend.default_device_backend_map:
        raise ValueError(f"Default backend not registered for device : {kind}")
    return Backend.default_device_backend_map[kind]
