"""`DistributedDataParallel`: a module whose gradients are averaged over the processes while backward goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...autograd.modes import is_grad_enabled, no_grad
from ...distributed import all_gather_object, broadcast
from ...distributed.groups import ProcessGroup, default_group
from ..compiled import OptimizedModule
from ..module import Module
from ..parameter import is_lazy
from .reducer import Reducer

__all__ = ["DistributedDataParallel"]

_REFUSED = ("delay_all_reduce_named_params", "mixed_precision", "device_mesh", "bucket_cap_mb_list")


class DistributedDataParallel(Module):
    """Holds a module as `.module`, the same in every process; after backward, gradients are the processes' mean.

    Parameters and buffers begin as rank 0's; with broadcast_buffers each forward that is trained begins with rank 0's
    buffers. Gradients travel in buckets of bucket_cap_mb megabytes (25; the first has 1), as soon as all of a bucket are
    there. With gradient_as_bucket_view `.grad` are views of the buckets, which saves their memory once.
    find_unused_parameters: each forward looks which parameters its output depends on; without, a parameter that gets no
    gradient is an error of the next forward. static_graph does the same.

    ValueError before `distributed.init_process_group`. RuntimeError for a module without parameters that require grad,
    and where the processes' modules differ.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        skip_all_reduce_unused_params: bool = False,
        **options: Any,
    ):
        super().__init__()
        self.process_group: ProcessGroup = default_group() if process_group is None else process_group
        for name, value in options.items():
            if name not in _REFUSED:
                raise TypeError(f"DistributedDataParallel.__init__() got an unexpected keyword argument '{name}'")
            if value is not None and value != []:
                raise NotImplementedError(f"DistributedDataParallel: {name} is not supported. Leave it out.")
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient."
            )
        if device_ids is not None and any(device_ids):
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with single-device/multiple-device "
                f"GPU modules or CPU modules, but got device_ids {device_ids}, output_device {output_device}."
            )
        if any(is_lazy(p) for p in module.parameters()):
            raise RuntimeError(
                "Modules with uninitialized parameters can't be used with `DistributedDataParallel`. Run a dummy forward "
                "pass to correctly initialize the modules"
            )
        self.module = module
        self.device_ids, self.output_device, self.dim = None, None, dim
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters
        self.gradient_as_bucket_view, self.static_graph = gradient_as_bucket_view, static_graph
        self.bucket_bytes_cap = int((25 if bucket_cap_mb is None else bucket_cap_mb) * 1024 * 1024)
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        if init_sync:
            self._check_alike()
            self._send([p for n, p in module.named_parameters() if n not in self.parameters_to_ignore])
            self._send(self._buffers_to_send())
        self._watch()

    def _watch(self) -> None:
        named = [
            (name, p)
            for name, p in self.module.named_parameters()
            if p.requires_grad and name not in self.parameters_to_ignore
        ]
        finds = self.find_unused_parameters or self.static_graph
        self.__dict__["reducer"] = Reducer(
            named, self.process_group, self.bucket_bytes_cap, self.gradient_as_bucket_view, finds
        )

    def _check_alike(self) -> None:
        """RuntimeError where the processes' parameters differ in name, shape or dtype."""
        mine = [(n, tuple(p.shape), str(p.dtype), p.requires_grad) for n, p in self.module.named_parameters()]
        found: list = [None] * self.process_group.size()
        all_gather_object(found, mine, self.process_group)
        for rank, theirs in enumerate(found):
            if len(theirs) != len(mine):
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but Rank {self.process_group.rank()} has {len(mine)} params, "
                    f"while rank {rank} has inconsistent {len(theirs)} params."
                )
            for a, b in zip(mine, theirs):
                if a != b:
                    raise RuntimeError(
                        f"DDP expects same model across all ranks: parameter {a[0]} has shape {a[1]}, dtype {a[2]}, "
                        f"requires_grad {a[3]}, but on rank {rank} {b[0]} has shape {b[1]}, dtype {b[2]}, requires_grad "
                        f"{b[3]}."
                    )

    def _buffers_to_send(self) -> list:
        return [b for name, b in self.module.named_buffers() if name not in self.parameters_to_ignore]

    def _send(self, tensors: list) -> None:
        """Rank 0's values for all."""
        if self.process_group.size() == 1:
            return
        with no_grad():
            works = [broadcast(t, group=self.process_group, group_src=0, async_op=True) for t in tensors]
            for work in works:
                work.wait()

    def forward(self, *inputs, **kwargs):
        reduces = is_grad_enabled() and self.require_backward_grad_sync
        if reduces:
            self.reducer.check_finished()
        if self.require_forward_param_sync and self.broadcast_buffers:
            self._send(self._buffers_to_send())
        output = self.module(*inputs, **kwargs)
        self.require_forward_param_sync = reduces
        if reduces:
            self.reducer.prepare(output)
        else:
            self.reducer.expects = False
        return output

    def _as_compiled(self, compiled: Callable[[Callable], Callable]) -> Module:
        """The module that is held is compiled; what goes on between processes is not part of its program."""
        self.module.__dict__["_compiled_call"] = compiled(self.module.forward)
        return OptimizedModule(self, lambda call: call)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A scope whose forward and backward passes average no gradients: they add up in each process, until the first
        forward and backward outside of it."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextmanager
    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Iterator[None]:
        """A scope for processes with different numbers of batches. NotImplementedError for several processes."""
        if enable and self.process_group.size() > 1:
            raise NotImplementedError(
                "DistributedDataParallel.join: give every process as many batches, as DistributedSampler does."
            )
        yield

    def register_comm_hook(self, state: object, hook: Callable) -> None:
        """Let `hook(state, bucket)` say how a bucket of gradients travels: it returns a future of the mean as one tensor.

        TypeError for no callable; RuntimeError for a second hook.
        """
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self.reducer.hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self.reducer.hook, self.reducer.hook_state = hook, state

    @staticmethod
    def _set_params_and_buffers_to_ignore_for_model(module: Module, params_and_buffers_to_ignore) -> None:
        """Name parameters and buffers of a module that are neither sent nor averaged, before it is wrapped."""
        module._ddp_params_and_buffers_to_ignore = params_and_buffers_to_ignore

    def __getstate__(self) -> dict:
        # Neither processes nor hooks can be kept: both are made again.
        return {k: v for k, v in self.__dict__.items() if k not in ("process_group", "reducer")}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.__dict__["process_group"] = default_group()
        self._watch()
