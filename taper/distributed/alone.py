"""Collectives of a group of one process: copies."""

from __future__ import annotations

from typing import Any


class Done:
    """What has nothing to wait for."""

    def poll(self) -> bool:
        """Whether it is done: True."""
        return True


DONE = Done()


class Alone:
    """The transport of a group of one process. Arrays are contiguous; see `mpi.Transport` for what each method does."""

    rank, size = 0, 1

    def all_reduce(self, array: Any, op: Any) -> Done:
        return DONE

    def reduce(self, array: Any, op: Any, root: int) -> Done:
        return DONE

    def broadcast(self, array: Any, root: int) -> Done:
        return DONE

    def all_gather(self, out: Any, array: Any) -> Done:
        out.reshape(-1)[...] = array.reshape(-1)
        return DONE

    def gather(self, out: Any, array: Any, root: int) -> Done:
        return self.all_gather(out, array)

    def scatter(self, array: Any, parts: Any, root: int) -> Done:
        return self.all_gather(array, parts)

    def reduce_scatter(self, out: Any, array: Any, op: Any) -> Done:
        return self.all_gather(out, array)

    def all_to_all(self, out: Any, out_counts: list[int], array: Any, counts: list[int]) -> Done:
        return self.all_gather(out, array)

    def barrier(self) -> Done:
        return DONE

    def send(self, array: Any, to: int, tag: int) -> Done:
        raise self._nobody("send")

    def receive(self, array: Any, source: int | None, tag: int) -> Done:
        raise self._nobody("recv")

    def _nobody(self, what: str) -> ValueError:
        return ValueError(f"{what}: there is no other process in a group of one")

    def subset(self, ranks: list[int]) -> Alone:
        return Alone()

    def free(self) -> None:
        """Nothing is held."""
