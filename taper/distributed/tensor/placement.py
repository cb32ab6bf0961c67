"""How a tensor of several processes lies in them, along one dimension of their mesh."""

from __future__ import annotations

from dataclasses import dataclass


class Placement:
    """How a tensor lies in the processes along one dimension of a mesh."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether each process holds a part."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Whether each process holds all of it."""
        return isinstance(self, Replicate)

    def is_partial(self) -> bool:
        """Whether the processes hold addends of it: False, as no tensors of Taper do."""
        return False


@dataclass(frozen=True)
class Shard(Placement):
    """Each process holds some of the rows of dimension `dim`: as many as fit, the last processes fewer or none."""

    dim: int


@dataclass(frozen=True)
class Replicate(Placement):
    """Each process holds all."""


def rows(length: int, processes: int, rank: int) -> range:
    """The rows of `length` that a process holds."""
    most = -(-length // processes)
    return range(min(rank * most, length), min((rank + 1) * most, length))
