"""Where an operation runs: the namespace of its arrays, bringing what comes from the CPU, and who owns memory."""

from __future__ import annotations

from numpy import generic, ndarray

from ..backends import NAMESPACES, cpu, namespace_of
from ..backends.making import making
from ..ops.operator import AS_IS, Operator
from .promotion import SCALARS
from .tape import Variable, address, wrap


class Parts(Exception):
    """What `apply` met in an array's place: several arrays, whose `each` runs an operator on every one of them."""

    def __init__(self, array):
        super().__init__(type(array).__name__)
        self.array = array


def common_namespace(operator: Operator, arrays: list):
    """The namespace of an operation's arrays; all must be of one kind, that is, on one device."""
    cls = None
    for a in arrays:
        if a is None or a.__class__ is cls or a.__class__ in SCALARS:
            continue
        if a.__class__ is ndarray and cls is None:
            cls = ndarray
            continue
        return _mixed_namespace(operator, arrays)
    return cpu


def _mixed_namespace(operator: Operator, arrays: list):
    """The namespace of arrays of several kinds. A captured step turns arrays that it meets into constants."""
    found = None
    for a in arrays:
        if a is None or a.__class__ in SCALARS:
            continue
        if hasattr(a, "each"):
            raise Parts(a)
        if hasattr(a, "node_as"):
            continue
        xp = namespace_of(a)
        if found is None or xp is found or found is cpu:
            found = xp
        elif xp is not cpu:
            raise RuntimeError(f"{operator.name}: expected all tensors to be on the same device")
    if found is not cpu:
        if hasattr(found, "brought"):
            _bring(operator, found, arrays)
        elif making.constant is not None:
            arrays[:] = [making.constant(a) if a.__class__ is ndarray else a for a in arrays]
    return found


def _bring(operator: Operator, xp, arrays: list) -> None:
    """Let the CPU's numbers, and its positions for indexing, come to where an operation's other arrays are."""
    at = next(a for a in arrays if a.__class__ in NAMESPACES and NAMESPACES[a.__class__] is xp)
    first = _POSITIONS.get(operator.name, len(arrays))
    for i, a in enumerate(arrays):
        if isinstance(a, (ndarray, generic)):
            if a.ndim and i < first:
                there = xp.device_of(at)
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but found at least two devices, {there} and cpu! "
                    f"({operator.name}: argument {i} has shape {tuple(a.shape)} and is on the CPU: move it with "
                    f".to('{there}').)"
                )
            plain = not a.ndim and a.dtype.kind != "V" and operator.promote is not AS_IS
            arrays[i] = a[()] if plain else xp.brought(a, at)


_POSITIONS = {"index": 1, "add_at": 1, "index_put": 2}
"""From which input on an operator's arrays are positions, which may be the CPU's."""


def beside(t: Variable, array) -> Variable:
    """A tensor over an array of the CPU's, brought to where `t` is."""
    return wrap(brought(t._array, array))


def brought(there, array):
    """An array of the CPU's, brought to where another array is."""
    if there.__class__ is ndarray:
        return array
    bring = getattr(namespace_of(there), "brought", None)
    return array if bring is None else bring(array, there)


def memory_owner(array):
    """The array that owns the memory which `array` looks at; on a GPU, the block of memory."""
    if array.__class__ is not ndarray and hasattr(namespace_of(array), "owner"):
        return namespace_of(array).owner(array)
    while array.base is not None and isinstance(array.base, (ndarray, array.__class__)):
        array = array.base
    return array


def memory_of(array):
    """An array that covers the memory of which `array` is a view, and where in it that starts, in bytes."""
    if array.__class__ is not ndarray and hasattr(namespace_of(array), "whole"):
        whole = namespace_of(array).whole(array)
    else:
        whole = memory_owner(array)
        if hasattr(whole, "check_whole"):
            whole.check_whole()
    return whole, address(array) - address(whole) if array.size and whole is not array else 0
