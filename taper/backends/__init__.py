"""Array namespaces: the functions in which operators are written, one module a kind of array.

A namespace follows the names of the Python array API standard and adds what the standard lacks. The class of a tensor's
array decides which namespace computes, so nothing above this folder asks for a device.
"""

from __future__ import annotations

from types import ModuleType

from numpy import generic, ndarray

from . import cpu, cuda, cudnn, mps
from .switches import mkl, mkldnn, nnpack, openmp, opt_einsum, quantized

# `generic`: arithmetic on arrays without dimensions gives NumPy's scalars.
NAMESPACES: dict[type, ModuleType] = {ndarray: cpu, generic: cpu}

ON_GPUS: dict[type, ModuleType] = {}
"""Of these, those of GPUs' arrays; their `are_here` says whether arrays are on the current one."""


def namespace_of(array) -> ModuleType:
    """The namespace whose functions take this array. TypeError for an object that is no array."""
    found = NAMESPACES.get(array.__class__)
    if found is None:
        for cls, namespace in list(NAMESPACES.items()):
            if isinstance(array, cls):
                NAMESPACES[array.__class__] = namespace
                return namespace
        raise TypeError(f"no array namespace for {array.__class__.__name__}")
    return found
