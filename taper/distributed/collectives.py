"""Collectives of tensors: all processes of a group call the same ones in the same order.

`src` and `dst` are numbers in the world, `group_src` and `group_dst` numbers in the group. With `async_op` a collective
returns a `Work` at once and goes on while the program computes; without, it returns None when it is done. A process
that is no member of the group does nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from ..autograd.tape import Variable, changed
from .captured import captured_all_reduce, captured_broadcast, capturing, participants
from .errors import DistBackendError
from .groups import ProcessGroup, chosen
from .nccl import library_of
from .reduction import ReduceOp
from .watch import current
from .work import Work, facts_of


def single(value: Any, name: str) -> None:
    """TypeError for what is no tensor, NotImplementedError for one that has no memory of its own to exchange."""
    if not isinstance(value, Variable):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor but got {type(value)} instead."
        )
    if not isinstance(value._array, np.ndarray) and not hasattr(value._array, "__cuda_array_interface__"):
        raise NotImplementedError(
            f"`{name}` is no tensor of a running program ({type(value._array).__name__}): collectives run outside of "
            "compiled functions, on dense tensors of the CPU or a GPU."
        )


def _several(value: Any, name: str, count: int | None = None) -> None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(t, Variable) for t in value):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor] but got {type(value)} "
            "instead."
        )
    for t in value:
        single(t, name)
    if count is not None and len(value) != count:
        raise ValueError(f"`{name}` must have one tensor for each of the group's processes ({count}), not {len(value)}")


def _alike(tensors: list, like: Variable, what: str) -> None:
    for t in tensors:
        if t._array.dtype != like._array.dtype:
            raise RuntimeError(
                f"{what}: tensors must have one dtype, not {like._array.dtype} and {t._array.dtype}. Cast them first."
            )
        if t._array.size != like._array.size:
            raise ValueError(
                f"{what}: tensors must have one size, not {tuple(like._array.shape)} and {tuple(t._array.shape)}."
            )


def root(group: ProcessGroup, rank: int | None, group_rank: int | None, what: str, default: int | None = 0) -> int:
    """The number in the group of the process that a collective starts from or ends at."""
    if rank is not None and group_rank is not None:
        raise ValueError(f"Can't specify both {what} and group_{what}")
    if group_rank is not None:
        if not 0 <= group_rank < group.size():
            raise ValueError(f"group_{what} {group_rank} is not part of a group of {group.size()} processes")
        return group_rank
    if rank is None:
        if default is None:
            raise ValueError(f"Must specify {what} or group_{what}")
        rank = group.ranks[default]
    if rank not in group.ranks:
        word = "one process" if group.size() == 1 else f"{group.size()} processes ({group.ranks})"
        raise ValueError(f"{what} {rank} is not part of a group of {word}")
    return group.local(rank)


def _memory(t: Variable) -> np.ndarray:
    """The tensor's own array where it is contiguous, else a copy of it."""
    return library_of(t._array).ascontiguousarray(t._array)


def _written(t: Variable, array: np.ndarray) -> None:
    """Note, or make, the change of a tensor whose `_memory` has new values."""
    if array is not t._array:
        t._array[...] = array.reshape(t._array.shape)
    changed(t)


def _spread(tensors: list, rows: np.ndarray) -> None:
    for t, row in zip(tensors, rows):
        t._array[...] = row.reshape(t._array.shape)
        changed(t)


def _ended(work: Work, async_op: bool) -> Work | None:
    if async_op:
        return work.in_background()
    work.wait()
    return None


def _rows(tensors: list) -> np.ndarray:
    return library_of(tensors[0]._array).stack([t._array.reshape(-1) for t in tensors])


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """The sum (or another reduction) of all processes' tensors, in place. In compiled functions it is part of the program."""
    if capturing() and isinstance(tensor, Variable):
        return captured_all_reduce(tensor, op, group, async_op)
    single(tensor, "tensor")
    members = participants(group)
    if members is None:
        return None
    array = _memory(tensor)
    part = members.carrier(array).all_reduce(array, op)
    return _ended(
        Work(members, "all_reduce", [part], [tensor], lambda: _written(tensor, array), facts=facts_of(array, op)),
        async_op,
    )


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """`all_reduce` of several tensors."""
    _several(tensors, "tensors")
    members = participants(group)
    if members is None:
        return None
    arrays = [_memory(t) for t in tensors]
    parts = [members.carrier(a).all_reduce(a, op) for a in arrays]

    def finish() -> None:
        for t, a in zip(tensors, arrays):
            _written(t, a)

    return _ended(
        Work(members, "all_reduce_coalesced", parts, tensors, finish, facts=facts_of(*arrays[:1], op=op)), async_op
    )


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op: bool = False, group_dst=None):
    """`all_reduce` of which one process gets the result; the others' tensors are left as they were."""
    single(tensor, "tensor")
    members = participants(group)
    if members is None:
        return None
    to = root(members, dst, group_dst, "dst", 0 if members.size() == 1 else None)
    array = _memory(tensor)
    part = members.carrier(array).reduce(array, op, to)
    finish = (lambda: _written(tensor, array)) if members.rank() == to else None
    return _ended(Work(members, "reduce", [part], [tensor], finish, facts=facts_of(array, op, to)), async_op)


def broadcast(tensor, src=None, group=None, async_op: bool = False, group_src=None):
    """One process's tensor for all, in place. In compiled functions it is part of the program."""
    captured = capturing() and isinstance(tensor, Variable)
    if not captured:
        single(tensor, "tensor")
    members = chosen(group)
    if members is None:
        return None
    source = root(members, src, group_src, "src", 0 if members.size() == 1 else None)
    if captured:
        return captured_broadcast(tensor, source, members, async_op)
    array = _memory(tensor)
    part = members.carrier(array).broadcast(array, source)
    finish = None if members.rank() == source else lambda: _written(tensor, array)
    return _ended(Work(members, "broadcast", [part], [tensor], finish, facts=facts_of(array, root=source)), async_op)


def all_gather(tensor_list, tensor, group=None, async_op: bool = False):
    """All processes' tensors, into a list of tensors."""
    single(tensor, "tensor")
    members = participants(group)
    _several(tensor_list, "tensor_list", None if members is None else members.size())
    if members is None:
        return None
    _alike(tensor_list, tensor, "all_gather")
    array = _memory(tensor)
    out = library_of(array).empty((members.size(), array.size), array.dtype)
    part = members.carrier(out).all_gather(out, array)
    return _ended(
        Work(members, "all_gather", [part], tensor_list, lambda: _spread(tensor_list, out), facts=facts_of(array)),
        async_op,
    )


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op: bool = False):
    """`all_gather` of several tensors; output_tensor_lists[i][j] is process i's j-th."""
    for number, tensor in enumerate(input_tensor_list):
        all_gather([row[number] for row in output_tensor_lists], tensor, group)
    members = participants(group)
    return Work(members, "all_gather_coalesced", []).in_background() if async_op and members is not None else None


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op: bool = False):
    """All processes' tensors, one after the other in one tensor."""
    single(output_tensor, "output_tensor")
    single(input_tensor, "input_tensor")
    members = participants(group)
    if members is None:
        return None
    _check_sizes("all_gather_into_tensor", output_tensor, input_tensor, members.size())
    out, array = _memory(output_tensor), _memory(input_tensor)
    part = members.carrier(out).all_gather(out, array)
    work = Work(
        members,
        "all_gather_into_tensor",
        [part],
        output_tensor,
        lambda: _written(output_tensor, out),
        facts=facts_of(array),
    )
    return _ended(work, async_op)


def _check_sizes(what: str, large: Variable, small: Variable, times: int) -> None:
    if large._array.dtype != small._array.dtype:
        raise RuntimeError(f"{what}: input and output must have one dtype. Cast one of them first.")
    if large._array.size != small._array.size * times:
        raise ValueError(
            f"{what}: the larger tensor must have {times} times the elements of the other; shapes are "
            f"{tuple(large._array.shape)} and {tuple(small._array.shape)}."
        )


def gather(tensor, gather_list=None, dst=None, group=None, async_op: bool = False, group_dst=None):
    """`all_gather` of which one process gets the result."""
    single(tensor, "tensor")
    members = participants(group)
    if members is None:
        return None
    to = root(members, dst, group_dst, "dst")
    out, array = None, _memory(tensor)
    if members.rank() == to:
        if not gather_list:
            raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
        _several(gather_list, "gather_list", members.size())
        _alike(gather_list, tensor, "gather")
        out = library_of(array).empty((members.size(), array.size), array.dtype)
    elif gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    part = members.carrier(array).gather(out, array, to)
    finish = None if out is None else lambda: _spread(gather_list, out)
    return _ended(Work(members, "gather", [part], gather_list, finish, facts=facts_of(array, root=to)), async_op)


def scatter(tensor, scatter_list=None, src=None, group=None, async_op: bool = False, group_src=None):
    """A tensor for each process, from one process's list."""
    single(tensor, "tensor")
    members = participants(group)
    if members is None:
        return None
    source = root(members, src, group_src, "src")
    parts = None
    if members.rank() == source:
        if not scatter_list:
            raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
        _several(scatter_list, "scatter_list", members.size())
        _alike(scatter_list, tensor, "scatter")
        parts = _rows(scatter_list)
    elif scatter_list:
        raise ValueError("Argument ``scatter_list`` must NOT be specified on non-source ranks.")
    array = _memory(tensor)
    part = members.carrier(array).scatter(array, parts, source)
    facts = facts_of(array, root=source)
    return _ended(Work(members, "scatter", [part], [tensor], lambda: _written(tensor, array), facts=facts), async_op)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """The reductions of all processes' lists, one of them for each process."""
    single(output, "output")
    members = participants(group)
    _several(input_list, "input_list", None if members is None else members.size())
    if members is None:
        return None
    _alike(input_list, output, "reduce_scatter")
    out = _memory(output)
    part = members.carrier(out).reduce_scatter(out, _rows(input_list), op)
    facts = facts_of(out, op)
    return _ended(
        Work(members, "reduce_scatter", [part], [output], lambda: _written(output, out), facts=facts), async_op
    )


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """The reduction of all processes' tensors, a part of it for each process."""
    single(output, "output")
    single(input, "input")
    members = participants(group)
    if members is None:
        return None
    _check_sizes("reduce_scatter_tensor", input, output, members.size())
    out = _memory(output)
    part = members.carrier(out).reduce_scatter(out, _memory(input), op)
    work = Work(
        members, "reduce_scatter_tensor", [part], [output], lambda: _written(output, out), facts=facts_of(out, op)
    )
    return _ended(work, async_op)


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op: bool = False):
    """A tensor from each process for each process; sizes may differ."""
    members = participants(group)
    count = None if members is None else members.size()
    _several(output_tensor_list, "output_tensor_list", count)
    _several(input_tensor_list, "input_tensor_list", count)
    if members is None:
        return None
    array = library_of(output_tensor_list[0]._array).concatenate([t._array.reshape(-1) for t in input_tensor_list])
    out_counts = [t._array.size for t in output_tensor_list]
    out = library_of(array).empty(sum(out_counts), output_tensor_list[0]._array.dtype)
    _same_dtype("all_to_all", out, array)
    part = members.carrier(out).all_to_all(out, out_counts, array, [t._array.size for t in input_tensor_list])

    def finish() -> None:
        start = 0
        for t in output_tensor_list:
            _spread([t], [out[start : start + t._array.size]])
            start += t._array.size

    return _ended(Work(members, "all_to_all", [part], output_tensor_list, finish), async_op)


def _same_dtype(what: str, a: np.ndarray, b: np.ndarray) -> None:
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{what}: input and output must have one dtype, not {b.dtype} and {a.dtype}. Cast one first."
        )


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op: bool = False
):
    """`all_to_all` of the parts of one tensor; split sizes are rows, by default as many for each process."""
    single(output, "output")
    single(input, "input")
    members = participants(group)
    if members is None:
        return None
    _same_dtype("all_to_all_single", output._array, input._array)
    out = _memory(output)
    out_counts = _counts(output, output_split_sizes, members.size())
    counts = _counts(input, input_split_sizes, members.size())
    part = members.carrier(out).all_to_all(out, out_counts, _memory(input), counts)
    return _ended(Work(members, "all_to_all_single", [part], output, lambda: _written(output, out)), async_op)


def _counts(t: Variable, sizes: Any, processes: int) -> list[int]:
    rows = t._array.shape[0] if t._array.ndim else 1
    if not sizes:
        if rows % processes:
            raise RuntimeError(
                f"all_to_all_single: {rows} rows do not divide among {processes} processes. Give splits."
            )
        sizes = [rows // processes] * processes
    if len(sizes) != processes or sum(sizes) != rows:
        raise RuntimeError(
            f"all_to_all_single: split sizes {list(sizes)} must be one for each of {processes} processes, and sum to {rows}"
        )
    width = t._array.size // rows if rows else 0
    return [int(s) * width for s in sizes]


def barrier(group=None, async_op: bool = False, device_ids=None):
    """Wait until all processes are here."""
    members = participants(group)
    return None if members is None else _ended(Work(members, "barrier", [members.transport.barrier()]), async_op)


def monitored_barrier(group=None, timeout: timedelta | None = None, wait_all_ranks: bool = False) -> None:
    """`barrier` that says, after the timeout, which processes did not come and where they are: RuntimeError.

    All that are missing are named, whatever `wait_all_ranks` is.
    """
    members = participants(group)
    if members is None:
        return
    work = Work(members, "monitored_barrier", [members.transport.barrier()])
    watch = current()
    limit = (timeout or members.timeout).total_seconds()
    if watch is not None and not work.reached(limit):
        found = watch.missing(members.title, members.ranks)
        raise DistBackendError(
            f"[Rank {watch.rank}] failed to pass monitoredBarrier in {round(limit * 1000)} ms. {found}"
        )
