"""`ZeroRedundancyOptimizer`: each process keeps the state of a share of the parameters (Rajbhandari et al. 2019, stage 1)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.modes import enable_grad
from ..autograd.tape import changed
from ..distributed import Work, gather_object
from ..distributed.captured import refuse
from ..distributed.groups import default_group, get_rank
from ..tensor.core import Tensor
from .optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """Optimizes parameters that all processes have, each process its share, and sends every share to all after a step.

    Every parameter belongs to one process; the largest are dealt out first, to whom has the least. optimizer_class and
    defaults make the optimizer of the share, `optim`. Gradients must be the same in all processes, as
    DistributedDataParallel leaves them. parameters_as_bucket_view has no effect. ValueError before
    `init_process_group`; NotImplementedError for overlap_with_ddp.
    """

    def __init__(
        self,
        params,
        optimizer_class: type[Optimizer],
        process_group: Any = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ):
        if overlap_with_ddp:
            raise NotImplementedError("ZeroRedundancyOptimizer: overlap_with_ddp is not supported. Leave it out.")
        self.process_group = default_group() if process_group is None else process_group
        self._optimizer_class = optimizer_class
        self._owner: dict[int, int] = {}
        self._load = [0] * self.process_group.size()
        self._consolidated: list | None = None
        self.optim: Optimizer | None = None
        super().__init__(params, defaults)
        rank = self.process_group.rank()
        shares = [{**group, "params": self._owned(group, rank)} for group in self.param_groups]
        # A share may be empty: with fewer parameters than processes.
        self.optim = optimizer_class(shares, **defaults)
        self.defaults = self.optim.defaults
        self._to_own_groups(self.optim.param_groups, self.param_groups)

    def owner(self, parameter: Tensor) -> int:
        """The number in the group of the process that keeps a parameter's state."""
        return self._owner[id(parameter)]

    def _owned(self, group: dict[str, Any], rank: int) -> list:
        return [p for p in group["params"] if self.owner(p) == rank]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize more parameters, with options of their own."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in sorted(group["params"], key=lambda p: -p.numel()):
            rank = self._load.index(min(self._load))
            self._owner[id(p)] = rank
            self._load[rank] += p.numel()
        if self.optim is not None:
            self.optim.add_param_group({**group, "params": self._owned(group, self.process_group.rank())})
            self._to_own_groups(self.optim.param_groups, self.param_groups)

    @staticmethod
    def _to_own_groups(source: list[dict], target: list[dict]) -> None:
        """Copy the options, which schedulers change, but not the parameters."""
        for given, taken in zip(source, target):
            taken.update({k: v for k, v in given.items() if k not in ("params", "param_names")})

    def step(self, closure: Callable | None = None, **kwargs: Any):
        """Update this process's share, and take the others'. Returns the closure's loss, or None."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._to_own_groups(self.param_groups, self.optim.param_groups)
        self.optim.step(**kwargs)
        self._to_own_groups(self.optim.param_groups, self.param_groups)
        self._share_parameters()
        return loss

    def _share_parameters(self) -> None:
        """Let the processes' shares travel to all, as one vector a dtype."""
        group = self.process_group
        if group.size() == 1:
            return
        refuse("ZeroRedundancyOptimizer: its step is not captured. Call it outside of the compiled function.")
        by_dtype: dict[Any, list[list[Tensor]]] = {}
        for held in self.param_groups:
            for p in held["params"]:
                shares = by_dtype.setdefault(p._array.dtype, [[] for _ in range(group.size())])
                shares[self.owner(p)].append(p)
        for dtype, shares in by_dtype.items():
            counts = [sum(p._array.size for p in share) for share in shares]
            mine = [p._array.reshape(-1) for p in shares[group.rank()]]
            own = np.concatenate(mine) if mine else np.empty(0, dtype)
            out = np.empty(sum(counts), dtype)
            Work(group, "ZeroRedundancyOptimizer.step", [group.transport.all_gather_varied(out, counts, own)]).wait()
            start = 0
            for rank, share in enumerate(shares):
                for p in share:
                    if rank != group.rank():
                        p._array[...] = out[start : start + p._array.size].reshape(p._array.shape)
                        changed(p)
                    start += p._array.size

    def _numbers(self) -> dict[int, int]:
        """The parameters' numbers in order of the groups, by their identity."""
        flat = [p for group in self.param_groups for p in group["params"]]
        return {id(p): number for number, p in enumerate(flat)}

    def own_state(self) -> dict[int, dict[str, Any]]:
        """The state of this process's share, by the parameters' numbers."""
        numbers = self._numbers()
        return {numbers[id(p)]: state for p, state in self.optim.state.items()}

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Collect the state of all shares in one process (by its number in the world), for `state_dict`. All call it."""
        size, rank = self.process_group.size(), get_rank()
        found: list | None = [None] * size if rank == to else None
        gather_object(self.own_state(), found, dst=to, group=self.process_group)
        self._consolidated = found

    def state_dict(self) -> dict[str, Any]:
        """The state of all shares, as the optimizer of one process would have it. RuntimeError where it was not
        consolidated."""
        if self._consolidated is None:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. Please call `consolidate_state_dict(to="
                f"{get_rank()})` on all ranks beforehand if you meant to save the global state."
            )
        found = super().state_dict()
        state = {number: value for share in self._consolidated for number, value in share.items()}
        self._consolidated = None
        return {**found, "state": dict(sorted(state.items()))}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from the state of all shares; each process keeps its own. ValueError if the groups differ."""
        super().load_state_dict(state_dict)
        mine = self.process_group.rank()
        flat = [p for group in self.param_groups for p in group["params"]]
        kept = {p: copy.copy(self.state[p]) for p in flat if p in self.state and self.owner(p) == mine}
        self.optim.state.clear()
        self.optim.state.update(kept)
        self.state.clear()
        self._to_own_groups(self.param_groups, self.optim.param_groups)
