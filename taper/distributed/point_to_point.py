"""Tensors from one process to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.tape import changed
from .captured import participants
from .collectives import root, single
from .groups import ProcessGroup, default_group
from .nccl import library_of
from .work import Work


def _alone(group: ProcessGroup, what: str) -> None:
    if group.size() == 1:
        raise ValueError(f"{what}: there is no other process in a group of one")


def _sent(tensor: Any, dst: int | None, group: Any, tag: int, group_dst: int | None, what: str) -> Work | None:
    single(tensor, "tensor")
    members = participants(group)
    if members is None:
        return None
    _alone(members, what)
    to = root(members, dst, group_dst, "dst", None)
    if to == members.rank():
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of the current process."
        )
    array = library_of(tensor._array).ascontiguousarray(tensor._array)
    part = members.carrier(array).send(array, to, tag)
    return Work(members, f"{what} to rank {members.ranks[to]}", [part], [tensor], peer=members.ranks[to])


def _received(tensor: Any, src: int | None, group: Any, tag: int, group_src: int | None, what: str) -> Work | None:
    single(tensor, "tensor")
    members = participants(group)
    if members is None:
        return None
    _alone(members, what)
    source = None if src is None and group_src is None else root(members, src, group_src, "src", None)
    if source == members.rank():
        raise ValueError("Invalid source rank: source rank should not be the same as the rank of the current process.")
    array = library_of(tensor._array).ascontiguousarray(tensor._array)

    def finish() -> None:
        if array is not tensor._array:
            tensor._array[...] = array
        changed(tensor)

    part = members.carrier(array).receive(array, source, tag)
    whom = "any rank" if source is None else f"rank {members.ranks[source]}"
    peer = members.ranks[source if source is not None else members.rank() - 1]
    return Work(members, f"{what} from {whom}", [part], [tensor], finish, peer)


def send(tensor, dst=None, group=None, tag: int = 0, group_dst=None) -> None:
    """Send a tensor to another process, and wait until it may be changed again. ValueError for oneself."""
    work = _sent(tensor, dst, group, tag, group_dst, "send")
    if work is not None:
        work.wait()


def isend(tensor, dst=None, group=None, tag: int = 0, group_dst=None) -> Work | None:
    """Begin to send a tensor to another process. Do not change it before the work is done."""
    work = _sent(tensor, dst, group, tag, group_dst, "isend")
    return None if work is None else work.in_background()


def recv(tensor, src=None, group=None, tag: int = 0, group_src=None) -> int:
    """Receive a tensor from another process, by default from any; returns which. -1 for no member of the group."""
    work = _received(tensor, src, group, tag, group_src, "recv")
    if work is None:
        return -1
    work.wait()
    return work.source_rank()


def irecv(tensor, src=None, group=None, tag: int = 0, group_src=None) -> Work | None:
    """Begin to receive a tensor from another process, by default from any."""
    work = _received(tensor, src, group, tag, group_src, "irecv")
    return None if work is None else work.in_background()


class P2POp:
    """An `isend` or `irecv` that `batch_isend_irecv` will start."""

    def __init__(self, op: Callable, tensor, peer: int | None = None, group=None, tag: int = 0, group_peer=None):
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        single(tensor, "tensor")
        self.op, self.tensor, self.peer, self.group, self.tag, self.group_peer = (
            op,
            tensor,
            peer,
            group,
            tag,
            group_peer,
        )


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Start several sends and receives; returns their works."""
    _alone(default_group(), "batch_isend_irecv")
    if not p2p_op_list or not all(isinstance(op, P2POp) for op in p2p_op_list):
        raise ValueError("Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``.")
    works = [o.op(o.tensor, o.peer, o.group, o.tag, o.group_peer) for o in p2p_op_list]
    return [w for w in works if w is not None]
