"""The parameters that are gathered and shared out together: those of one sharded module.

Between uses each process holds its rows of every parameter (a DTensor, which is what optimizers see). For forward and
backward the processes' rows are gathered in one message, into memory that stays at one address and whose pages are given
back in between; gradients become the processes' mean in one message that leaves each process its rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....autograd.modes import no_grad
from ....autograd.tape import changed, counter_of, version, wrap
from ....distributed import ReduceOp, Work
from ....distributed.device_mesh import DeviceMesh
from ....distributed.tensor import DTensor, Replicate, Shard
from ....distributed.tensor.dtensor import cut
from ....distributed.work import facts_of
from ...module import Module
from ...parameter import Parameter, leaf_of
from .pages import Pages
from .policies import MixedPrecisionPolicy

_ALIGNED = 64
"""Parameters begin at multiples of as many bytes, which are a cache line."""


class Held:
    """One parameter: the rows of this process (`shard`), the whole while it is gathered (`full`), and where modules have it."""

    def __init__(self, name: str, parameter: Any, places: list[tuple[Module, str]], mesh: DeviceMesh):
        if not parameter.ndim:
            raise ValueError(
                f"fully_shard doesn't support scalar parameters: {name} has no dimensions. Change it to a tensor of one "
                "element, or give it as one of ignored_params."
            )
        self.name, self.places = name, places
        layout = (Replicate(),) * (mesh.ndim - 1) + (Shard(0),)
        self.shard: DTensor = cut(parameter.detach(), mesh, layout)
        self.shard.requires_grad_(parameter.requires_grad)
        self.shard.__dict__.update({k: v for k, v in parameter.__dict__.items() if k != "_grad"}, _is_param=True)
        self.full: Any = None
        self.room = np.empty(0)
        self.processes = mesh.size(mesh.ndim - 1)
        rows, width = parameter.shape[0], parameter.numel() // max(parameter.shape[0], 1)
        self.padded = -(-rows // self.processes) * width
        self.seen = -1

    @property
    def local(self) -> np.ndarray:
        return self.shard._local_tensor._array

    def place(self, parameter: Any) -> None:
        """Let the modules have the shard, or the whole."""
        for module, name in self.places:
            module._parameters[name] = parameter

    def spread(self, gradient: np.ndarray, out: np.ndarray) -> None:
        """A whole gradient as a row of `out` for each process."""
        flat = gradient.reshape(-1)
        rows, rest = divmod(flat.size, self.padded) if self.padded else (0, 0)
        out[:rows] = flat[: rows * self.padded].reshape(rows, -1)
        out[rows:] = 0
        if rest:
            out[rows, :rest] = flat[rows * self.padded :]


class Unit:
    """The parameters of one sharded module, or of several that compute one after the other."""

    def __init__(self, name: str, held: list[Held], mesh: DeviceMesh, policy: MixedPrecisionPolicy):
        self.name, self.held, self.mesh, self.policy = name, held, mesh, policy
        self.group = mesh.get_group(mesh.ndim - 1)
        self.replicas = mesh.get_group(0) if mesh.ndim > 1 else None
        self.whole = False
        self.syncs = self.reshards = True
        self.factor: float | None = None
        self.arrived: set[int] = set()
        self._gathering: list[tuple[Work | None, np.ndarray, list[Held]]] | None = None
        self._sent: list[int] = []
        self.on_gradient = lambda unit, number: None
        for one in self.held:
            one.place(one.shard)
        self._lay_out()

    def _lay_out(self) -> None:
        """Make room for the whole parameters, each of which is a leaf over its part of it."""
        starts, end = [], 0
        for one in self.held:
            starts.append(end)
            nbytes = one.processes * one.padded * self._computed(one).itemsize
            end += -(-nbytes // _ALIGNED) * _ALIGNED
        pages = Pages(end)
        for one, start in zip(self.held, starts):
            one.room = pages.array(start, one.processes * one.padded, self._computed(one))
            array = one.room[: one.shard.numel()].reshape(one.shard.shape)
            one.full = leaf_of(Parameter, array, one.shard.requires_grad)
            one.full.__dict__.update({k: v for k, v in one.shard.__dict__.items() if k not in _OF_SHARDS})
            counter_of(one.full)
        self._pages = pages
        self.trained = {n for n, one in enumerate(self.held) if one.shard.requires_grad}
        for number in self.trained:
            leaf = self.held[number].full
            leaf.register_post_accumulate_grad_hook(lambda _, number=number: self.on_gradient(self, number))

    def _adopt(self) -> None:
        """Take over the shards that modules were given since, as by `load_state_dict(..., assign=True)`, and new dtypes.

        RuntimeError for a parameter that does not lie as the one before.
        """
        for one in self.held:
            for module, name in one.places:
                present = module._parameters.get(name)
                if present is one.shard:
                    continue
                layout = getattr(present, "shape", None), getattr(present, "placements", None)
                if layout != (one.shard.shape, one.shard.placements):
                    raise RuntimeError(
                        f"{one.name} was sharded as {tuple(one.shard.shape)}, {one.shard.placements}, and then replaced by "
                        "what lies otherwise. Replace it by distribute_tensor(tensor, p.device_mesh, p.placements)."
                    )
                one.shard, one.seen = present, -1
                one.place(present)
        if any(
            one.full._array.dtype != self._computed(one) or one.full.requires_grad != one.shard.requires_grad
            for one in self.held
        ):
            self._lay_out()

    def _computed(self, one: Held) -> np.dtype:
        """The dtype that forward and backward see."""
        own, cast = one.local.dtype, self.policy.param_dtype
        return own if cast is None or own.kind != "f" and own.kind != "V" else cast.np

    def gather(self) -> None:
        """Begin to gather the whole parameters."""
        if self._gathering is not None or (self.whole and not self._stale()):
            return
        if not self.whole:
            self._adopt()
        self._gathering, self._sent = [], [version(one.shard) for one in self.held]
        for dtype, lot in _by_dtype(self.held, self._computed):
            own = np.zeros(sum(one.padded for one in lot), dtype)
            start = 0
            for one in lot:
                own[start : start + one.local.size] = one.local.reshape(-1)
                start += one.padded
            size = self.group.size()
            if size == 1:
                self._gathering.append((None, own.reshape(1, -1), lot))
                continue
            out = np.empty((size, own.size), dtype)
            part = self.group.transport.all_gather(out, own)
            work = Work(self.group, f"all-gather of the parameters of {self.name}", [part], facts=facts_of(own))
            work.in_background()
            self._gathering.append((work, out, lot))

    def unshard(self) -> None:
        """Let the modules have the whole parameters."""
        self.gather()
        if self._gathering is None:
            return
        if self._sent != [version(one.shard) for one in self.held]:
            # Gathered ahead for a pass that never came, before the last step of the optimizer.
            self._received()
            self.gather()
        for out, lot in self._received():
            start = 0
            for one in lot:
                one.room.reshape(out.shape[0], one.padded)[...] = out[:, start : start + one.padded]
                start += one.padded
        for one in self.held:
            one.place(one.full)
            now = version(one.shard)
            one.full._counter[0] = 2 * now
            one.seen = now
        self.whole = True

    def _received(self) -> list[tuple[np.ndarray, list[Held]]]:
        """What was gathered, when all of it is there."""
        gathering, self._gathering = self._gathering or [], None
        for work, _, _ in gathering:
            if work is not None:
                work.wait()
        return [(out, lot) for _, out, lot in gathering]

    def _stale(self) -> bool:
        return any(one.seen != version(one.shard) for one in self.held)

    def reshard(self) -> None:
        """Let the modules have their shards, and give the memory of the whole back."""
        if not self.whole:
            return
        for one in self.held:
            one.place(one.shard)
            # Whoever uses what the tape kept of it before it is gathered again is told, and computes with nothing else.
            one.full._counter[0] = 2 * one.seen + 1
        self._pages.release()
        self.whole = False

    def reduce(self) -> list[Any]:
        """Begin to reduce the gradients that there are; returns what is to be called to finish that."""
        ready = [one for one in self.held if one.full._grad is not None]
        finishing = []
        for dtype, lot in _by_dtype(ready, self._reduced):
            size = self.group.size()
            total = sum(one.padded for one in lot)
            send = np.empty((size, total), dtype)
            start = 0
            for one in lot:
                one.spread(one.full._grad._array, send[:, start : start + one.padded])
                one.full._grad = None
                start += one.padded
            finishing.append(self._started(send, np.empty(total, dtype), lot))
        return finishing

    def _started(self, send: np.ndarray, out: np.ndarray, lot: list[Held]) -> Any:
        group, name = self.group, f"reduce-scatter of the gradients of {self.name}"
        factor = self.factor or group.size() * (1 if self.replicas is None else self.replicas.size())
        work = None
        if group.size() == 1:
            out = send[0]
        else:
            part = group.transport.reduce_scatter(out, send, ReduceOp.SUM)
            work = Work(group, name, [part], facts=facts_of(out)).in_background()

        def finish() -> None:
            if work is not None:
                work.wait()
            if self.replicas is not None and self.replicas.size() > 1:
                part = self.replicas.transport.all_reduce(out, ReduceOp.SUM)
                Work(self.replicas, f"all-reduce of the gradients of {self.name}", [part]).wait()
            self._give(out, lot, factor)

        return finish

    def _reduced(self, one: Held) -> np.dtype:
        """The dtype in which gradients are summed."""
        cast = self.policy.reduce_dtype
        return self._computed(one) if cast is None else cast.np

    @no_grad()
    def _give(self, out: np.ndarray, lot: list[Held], factor: float) -> None:
        """The reduced gradients to the shards."""
        start = 0
        for one in lot:
            local = one.local
            mean = out[start : start + local.size].reshape(local.shape).astype(local.dtype)
            if factor != 1:
                mean *= local.dtype.type(1 / factor)
            start += one.padded
            have = one.shard._grad
            if have is None:
                one.shard._grad = one.shard.like(wrap(mean))
            else:
                have._local_tensor._array[...] += mean
                changed(have)


_OF_SHARDS = ("_local_tensor", "device_mesh", "placements", "_is_param", "_grad")


def _by_dtype(held: list[Held], dtype_of: Any) -> list[tuple[np.dtype, list[Held]]]:
    found: dict[np.dtype, list[Held]] = {}
    for one in held:
        found.setdefault(dtype_of(one), []).append(one)
    return list(found.items())
