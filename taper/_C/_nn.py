"""What `Module.to` makes of its arguments."""

from __future__ import annotations

from typing import Any

from ..autograd.tape import Variable
from ..backends.device import device as Device
from ..dtypes import dtype as Dtype


def _parse_to(*args: Any, **kwargs: Any) -> tuple:
    """(device, dtype, non_blocking, memory_format) of what `to` was given; None for what was not said."""
    found: dict[str, Any] = {"device": None, "dtype": None, "non_blocking": False, "memory_format": None}
    rest = list(args)
    if rest and isinstance(rest[0], Variable):
        other = rest.pop(0)
        found["device"], found["dtype"] = other.device, other.dtype
    elif rest and isinstance(rest[0], Dtype):
        found["dtype"] = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        found["device"] = None if device is None else Device(device)
        if rest and (rest[0] is None or isinstance(rest[0], Dtype)):
            found["dtype"] = rest.pop(0)
    if rest:
        found["non_blocking"] = rest.pop(0)
    for name, value in kwargs.items():
        if name == "device":
            value = None if value is None else Device(value)
        if name not in (*found, "copy"):
            raise TypeError(f"to() received an invalid combination of arguments: '{name}' is no argument of it")
        found[name] = value
    return found["device"], found["dtype"], found["non_blocking"], found["memory_format"]
