"""`GradBucket`: gradients that travel between processes together, as hooks of DistributedDataParallel see them."""

from __future__ import annotations

from typing import Any


class GradBucket:
    """Some parameters' gradients, one after the other in one tensor."""

    def __init__(self, index: int, buffer: Any, gradients: list, parameters: list, is_last: bool):
        self._index, self._buffer, self._gradients = index, buffer, gradients
        self._parameters, self._is_last = parameters, is_last

    def index(self) -> int:
        """The number of the bucket, in the order in which they travel."""
        return self._index

    def buffer(self) -> Any:
        """All gradients as one vector, not yet divided by the number of processes."""
        return self._buffer

    def set_buffer(self, buffer: Any) -> None:
        """Let another vector of the same length travel."""
        self._buffer = buffer

    def gradients(self) -> list:
        """The gradients in their shapes: views of the vector."""
        return list(self._gradients)

    def parameters(self) -> list:
        """The parameters, in the order of their gradients."""
        return list(self._parameters)

    def is_last(self) -> bool:
        """Whether no bucket travels after this one in the same backward pass."""
        return self._is_last
