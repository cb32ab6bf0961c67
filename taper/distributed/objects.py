"""Collectives of Python objects. They travel as pickles: only among processes that trust each other."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from .captured import participants
from .collectives import root
from .groups import ProcessGroup
from .work import Work


def _dumped(value: Any) -> np.ndarray:
    return np.frombuffer(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), np.uint8).copy()


def _loaded(array: np.ndarray) -> Any:
    return pickle.loads(array.tobytes())


def _run(group: ProcessGroup, name: str, part: Any) -> None:
    Work(group, name, [part]).wait()


def _gathered(group: ProcessGroup, value: Any, name: str, to: int | None = None) -> list | None:
    """All processes' objects, padded to the longest pickle on the way; for one process, or for all."""
    mine = _dumped(value)
    sizes = np.empty(group.size(), np.int64)
    _run(group, name, group.transport.all_gather(sizes, np.array([mine.size])))
    padded = np.zeros(int(sizes.max()), np.uint8)
    padded[: mine.size] = mine
    receives = to is None or to == group.rank()
    out = np.empty((group.size(), padded.size), np.uint8) if receives else None
    if to is None:
        _run(group, name, group.transport.all_gather(out, padded))
    else:
        _run(group, name, group.transport.gather(out, padded, to))
    return None if out is None else [_loaded(row[:n]) for row, n in zip(out, sizes)]


def all_gather_object(object_list, obj, group=None) -> None:
    """All processes' objects, into a list that has a place for each."""
    members = participants(group)
    if members is not None:
        object_list[: members.size()] = _gathered(members, obj, "all_gather_object")


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None) -> None:
    """`all_gather_object` of which one process gets the result."""
    members = participants(group)
    if members is None:
        return
    to = root(members, dst, group_dst, "dst")
    if members.rank() == to and not object_gather_list:
        raise ValueError("Argument ``object_gather_list`` must be specified on destination rank.")
    if members.rank() != to and object_gather_list:
        raise ValueError("Argument ``object_gather_list`` must NOT be specified on non-destination ranks.")
    found = _gathered(members, obj, "gather_object", to)
    if found is not None:
        object_gather_list[: members.size()] = found


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None, use_batch=False) -> None:
    """One process's objects for all, in place; the lists have one length."""
    members = participants(group)
    if members is None:
        return
    source = root(members, src, group_src, "src")
    if members.size() == 1:
        return
    content = _dumped(list(object_list)) if members.rank() == source else np.empty(0, np.uint8)
    size = np.array([content.size])
    _run(members, "broadcast_object_list", members.transport.broadcast(size, source))
    if members.rank() != source:
        content = np.empty(int(size[0]), np.uint8)
    _run(members, "broadcast_object_list", members.transport.broadcast(content, source))
    if members.rank() != source:
        found = _loaded(content)
        if len(found) != len(object_list):
            raise RuntimeError(
                f"broadcast_object_list: the source's list has {len(found)} objects, this one has {len(object_list)}"
            )
        object_list[:] = found


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
) -> None:
    """An object for each process, from one process's list; it becomes the output list's first."""
    members = participants(group)
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    if members is None:
        return
    source = root(members, src, group_src, "src")
    mine = members.rank() == source
    if mine and not scatter_object_input_list:
        raise ValueError("scatter_object_input_list must be specified on source rank")
    if mine and len(scatter_object_input_list) != members.size():
        raise ValueError(f"scatter_object_input_list must have one object for each of {members.size()} processes")
    contents = [_dumped(value) for value in scatter_object_input_list] if mine else []
    sizes = np.array([c.size for c in contents]) if mine else np.empty(members.size(), np.int64)
    _run(members, "scatter_object_list", members.transport.broadcast(sizes, source))
    parts = None
    if mine:
        parts = np.zeros((members.size(), int(sizes.max())), np.uint8)
        for row, content in zip(parts, contents):
            row[: content.size] = content
    own = np.empty(int(sizes.max()), np.uint8)
    _run(members, "scatter_object_list", members.transport.scatter(own, parts, source))
    scatter_object_output_list[0] = _loaded(own[: int(sizes[members.rank()])])


def send_object_list(object_list, dst=None, group=None, device=None, group_dst=None, use_batch=False) -> None:
    """Send objects to another process, which calls `recv_object_list` with a list as long."""
    members = participants(group)
    if members is None:
        return
    to = root(members, dst, group_dst, "dst", None)
    content = _dumped(list(object_list))
    for array in (np.array([content.size]), content):
        part = members.transport.send(array, to, 0)
        Work(members, f"send_object_list to rank {members.ranks[to]}", [part], peer=members.ranks[to]).wait()


def recv_object_list(object_list, src=None, group=None, device=None, group_src=None, use_batch=False) -> int:
    """Receive objects from another process, by default from any, in place; returns which. -1 for no member."""
    members = participants(group)
    if members is None:
        return -1
    source = None if src is None and group_src is None else root(members, src, group_src, "src", None)
    size = np.empty(1, np.int64)
    peer = members.ranks[source if source is not None else members.rank() - 1]
    work = Work(members, "recv_object_list", [members.transport.receive(size, source, 0)], peer=peer)
    work.wait()
    sender = members.local(work.source_rank())
    content = np.empty(int(size[0]), np.uint8)
    Work(
        members, "recv_object_list", [members.transport.receive(content, sender, 0)], peer=members.ranks[sender]
    ).wait()
    found = _loaded(content)
    if len(found) != len(object_list):
        raise RuntimeError(f"recv_object_list: {len(found)} objects came, for a list of {len(object_list)}")
    object_list[:] = found
    return members.ranks[sender]
