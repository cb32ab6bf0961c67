"""Devices: where a tensor's elements live."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from ..dtypes import Titled

KINDS = ("cpu", "cuda", "meta", "mps", "xpu")


class device(metaclass=Titled):
    """`device("cpu")`, `device("cuda:1")`, `device("cuda", 1)`. Naming a device does not need the device.

    `type` is the kind, `index` the number or None. RuntimeError for an unknown kind.
    """

    __slots__ = ("type", "index", "_before")
    _title = "torch.device"

    def __init__(self, type: str | int | device, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int):
            type, index = "cuda", type
        elif not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        kind, colon, number = type.partition(":")
        if not type:
            raise RuntimeError("Device string must not be empty")
        if not re.fullmatch("[a-zA-Z_]+", kind):
            raise RuntimeError(f"Invalid device string: '{type}'")
        if kind not in KINDS:
            raise RuntimeError(f"Expected one of {', '.join(KINDS)} device type at start of device string: {type}")
        if colon:
            if index is not None:
                raise RuntimeError(f"'type' must not include an index because index was passed explicitly: {type}")
            if not number.isdigit() or (len(number) > 1 and number[0] == "0"):
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        self.type = kind
        self.index = index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")

    def __eq__(self, other) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (str(self),)

    def __enter__(self) -> device:
        """The scope in which tensors are made on this device where no other is named."""
        before = getattr(self, "_before", ())
        self._before = (*before, Default.place)
        Default.place = Default.found(self)
        return self

    def __exit__(self, *error) -> None:
        *before, Default.place = self._before
        self._before = tuple(before)


CPU = device("cpu")


class _Default(threading.local):
    """place: where tensors are made if nothing else is said. found: what is meant by a device named by a program, lent
    by the layer that knows which there are."""

    place: device = CPU
    found: Callable[[device], device] = staticmethod(lambda where: where)


Default = _Default()
