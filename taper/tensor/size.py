"""`Size`: the shape of a tensor, a tuple of ints that prints as PyTorch's does."""

from __future__ import annotations

import math

from ..dtypes import Titled


class Size(tuple, metaclass=Titled):
    """The sizes of a tensor's dimensions. Slices and sums are Sizes too."""

    __slots__ = ()
    _title = "torch.Size"

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return Size(item) if isinstance(index, slice) else item

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, count):
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __reduce__(self):
        return Size, (tuple(self),)
