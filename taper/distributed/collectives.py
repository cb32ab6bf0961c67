"""Collectives over one process: each checks its arguments and leaves what a sum, a copy or a list of one leaves."""

from __future__ import annotations

from typing import Any

from ..autograd.modes import no_grad
from ..autograd.tape import Variable
from .groups import GroupMember, ReduceOp, default_group


class Work:
    """A collective that was started, and is done."""

    def __init__(self, result: Any = None):
        self._result = result

    def wait(self, timeout: Any = None) -> bool:
        """Wait until it is done: it is."""
        return True

    def is_completed(self) -> bool:
        """Whether it is done: True."""
        return True

    def is_success(self) -> bool:
        """Whether it went well: True."""
        return True

    def result(self) -> Any:
        """The tensors it made."""
        return self._result

    def get_future(self):
        """A future that has the result."""
        from ..futures import Future

        made = Future()
        made.set_result(self._result)
        return made


def _outside(group: Any) -> bool:
    default_group()
    return group == GroupMember.NON_GROUP_MEMBER


def _single(value: Any, name: str) -> None:
    if not isinstance(value, Variable):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor but got {type(value)} instead."
        )


def _several(value: Any, name: str, count: int | None = 1) -> None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(t, Variable) for t in value):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor] but got {type(value)} "
            "instead."
        )
    if count is not None and len(value) != count:
        raise ValueError(f"`{name}` must have one tensor for each of the group's processes ({count}), not {len(value)}")


def _root(rank: Any, what: str) -> None:
    if rank not in (None, 0):
        raise ValueError(f"{what} {rank} is not part of a group of one process")


def _done(async_op: bool, result: Any = None) -> Work | None:
    return Work(result) if async_op else None


def _copy(to: Variable, source: Variable) -> None:
    with no_grad():
        to.copy_(source.reshape(to.shape))


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """The sum (or another reduction) of all processes' tensors, in place."""
    _single(tensor, "tensor")
    return None if _outside(group) else _done(async_op, [tensor])


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """`all_reduce` of several tensors."""
    _several(tensors, "tensors", None)
    return None if _outside(group) else _done(async_op, tensors)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op: bool = False, group_dst=None):
    """`all_reduce` of which one process gets the result."""
    _single(tensor, "tensor")
    _root(dst, "dst")
    return None if _outside(group) else _done(async_op, [tensor])


def broadcast(tensor, src=None, group=None, async_op: bool = False, group_src=None):
    """One process's tensor for all, in place."""
    _single(tensor, "tensor")
    _root(src, "src")
    return None if _outside(group) else _done(async_op, [tensor])


def all_gather(tensor_list, tensor, group=None, async_op: bool = False):
    """All processes' tensors, into a list of tensors."""
    _single(tensor, "tensor")
    _several(tensor_list, "tensor_list")
    if _outside(group):
        return None
    _copy(tensor_list[0], tensor)
    return _done(async_op, tensor_list)


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op: bool = False):
    """`all_gather` of several tensors."""
    for tensor_list, tensor in zip(output_tensor_lists, input_tensor_list):
        all_gather(tensor_list, tensor, group)
    return _done(async_op)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op: bool = False):
    """All processes' tensors, one after the other in one tensor."""
    _single(output_tensor, "output_tensor")
    _single(input_tensor, "input_tensor")
    if _outside(group):
        return None
    _copy(output_tensor, input_tensor)
    return _done(async_op, output_tensor)


def gather(tensor, gather_list=None, dst=None, group=None, async_op: bool = False, group_dst=None):
    """`all_gather` of which one process gets the result."""
    _single(tensor, "tensor")
    _root(dst, "dst")
    if _outside(group):
        return None
    if not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    _several(gather_list, "gather_list")
    _copy(gather_list[0], tensor)
    return _done(async_op, gather_list)


def scatter(tensor, scatter_list=None, src=None, group=None, async_op: bool = False, group_src=None):
    """A tensor for each process, from one process's list."""
    _single(tensor, "tensor")
    _root(src, "src")
    if _outside(group):
        return None
    if not scatter_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    _several(scatter_list, "scatter_list")
    _copy(tensor, scatter_list[0])
    return _done(async_op, [tensor])


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """The sums of all processes' lists, one of them for each process."""
    _single(output, "output")
    _several(input_list, "input_list")
    if _outside(group):
        return None
    _copy(output, input_list[0])
    return _done(async_op, [output])


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """The sum of all processes' tensors, a part of it for each process."""
    _single(output, "output")
    _single(input, "input")
    if _outside(group):
        return None
    _copy(output, input)
    return _done(async_op, [output])


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op: bool = False):
    """A tensor from each process for each process."""
    _several(output_tensor_list, "output_tensor_list")
    _several(input_tensor_list, "input_tensor_list")
    if _outside(group):
        return None
    _copy(output_tensor_list[0], input_tensor_list[0])
    return _done(async_op, output_tensor_list)


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op: bool = False
):
    """`all_to_all` of the parts of one tensor."""
    _single(output, "output")
    _single(input, "input")
    if _outside(group):
        return None
    _copy(output, input)
    return _done(async_op, output)


def barrier(group=None, async_op: bool = False, device_ids=None):
    """Wait until all processes are here: they are."""
    return None if _outside(group) else _done(async_op)


def monitored_barrier(group=None, timeout=None, wait_all_ranks: bool = False) -> None:
    """`barrier`"""
    default_group()


def all_gather_object(object_list, obj, group=None) -> None:
    """All processes' objects, into a list."""
    if not _outside(group):
        object_list[0] = obj


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None) -> None:
    """`all_gather_object` of which one process gets the result."""
    _root(dst, "dst")
    if not _outside(group):
        if not object_gather_list:
            raise ValueError("Argument ``object_gather_list`` must be specified on destination rank.")
        object_gather_list[0] = obj


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None, use_batch=False) -> None:
    """One process's objects for all, in place."""
    _root(src, "src")
    _outside(group)


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
) -> None:
    """An object for each process, from one process's list."""
    _root(src, "src")
    if not _outside(group):
        if not scatter_object_input_list:
            raise ValueError("scatter_object_input_list must be specified on source rank")
        scatter_object_output_list[0] = scatter_object_input_list[0]


def _no_other(what: str) -> ValueError:
    return ValueError(f"{what}: there is no other process in a group of one")


def send(tensor, dst=None, group=None, tag: int = 0, group_dst=None) -> None:
    """Send to another process. ValueError: there is none."""
    default_group()
    raise _no_other("send")


def isend(tensor, dst=None, group=None, tag: int = 0, group_dst=None) -> None:
    """Send to another process. ValueError: there is none."""
    default_group()
    raise _no_other("isend")


def recv(tensor, src=None, group=None, tag: int = 0, group_src=None) -> int:
    """Receive from another process. ValueError: there is none."""
    default_group()
    raise _no_other("recv")


def irecv(tensor, src=None, group=None, tag: int = 0, group_src=None) -> None:
    """Receive from another process. ValueError: there is none."""
    default_group()
    raise _no_other("irecv")


def batch_isend_irecv(p2p_op_list) -> list:
    """Send to and receive from other processes. ValueError: there are none."""
    default_group()
    raise _no_other("batch_isend_irecv")
