"""Gradients of several processes become their mean, bucket by bucket, while backward goes on.

Parameters are put into buckets in the reverse of the order in which the module names them, which is about the order in
which their gradients come. The order never changes: so do not the bits of a run that is continued from a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...autograd.leaves import AccumulateGrad
from ...autograd.modes import no_grad
from ...autograd.nodes import OutputOf
from ...autograd.recording import node_of
from ...autograd.tape import Variable, changed, wrap
from ...backends import namespace_of
from ...distributed import ReduceOp, all_reduce
from ...distributed.bucket import GradBucket
from ...distributed.captured import capturing, notes, refuse
from ...distributed.groups import ProcessGroup
from ...tensor import cat

FIRST = 1024 * 1024
"""Bytes of the first bucket, which is small so that it travels early."""


class Bucket:
    """The parameters (by number) of one bucket, its memory, and views of that in the parameters' shapes."""

    def __init__(self, numbers: list[int], parameters: list):
        self.numbers = numbers
        arrays = [parameters[i]._array for i in numbers]
        xp = namespace_of(arrays[0])
        self.flat = wrap(xp.zeros((sum(a.size for a in arrays),), dtype=arrays[0].dtype))
        self.views, start = [], 0
        for array in arrays:
            self.views.append(wrap(self.flat._array[start : start + array.size].reshape(array.shape)))
            start += array.size
        self.missing = len(numbers)
        self.travels: Any = None


def assigned(parameters: list, capacity: int) -> list[list[int]]:
    """The numbers of the parameters in each bucket: last parameters first, one dtype a bucket."""
    buckets: list[list[int]] = []
    open_buckets: dict[Any, tuple[list[int], int]] = {}
    for number in reversed(range(len(parameters))):
        array = parameters[number]._array
        found, size = open_buckets.get(array.dtype, (None, 0))
        limit = FIRST if not buckets or found is buckets[0] else capacity
        if found is None or (found and size + array.nbytes > min(limit, capacity)):
            found, size = [], 0
            buckets.append(found)
        found.append(number)
        open_buckets[array.dtype] = (found, size + array.nbytes)
    return buckets


class _CapturedPass:
    """What has arrived in the backward pass of a step that is being captured."""

    def __init__(self):
        self.ready: set[int] = set()
        self.next = 0
        self.travels: list[tuple[Any, Any]] = []


class Reducer:
    """Watches the gradients of one module's parameters. `prepare` is called after each forward that is to be reduced."""

    def __init__(
        self, named: list[tuple[str, Any]], group: ProcessGroup, capacity: int, views: bool, finds_unused: bool
    ):
        self.names, self.parameters = [n for n, _ in named], [p for _, p in named]
        self.group, self.views, self.finds_unused = group, views, finds_unused
        self.buckets = [Bucket(numbers, self.parameters) for numbers in assigned(self.parameters, capacity)]
        self.place = {n: (b, k) for b in self.buckets for k, n in enumerate(b.numbers)}
        self.hook: Callable | None = None
        self.hook_state: Any = None
        self.expects = self.begun = False
        self.ready: set[int] = set()
        self.unused: set[int] = set()
        self.used: Any = None
        self.next = 0
        self._handles = [
            p.register_post_accumulate_grad_hook(lambda _, number=number: self._arrived(number))
            for number, p in enumerate(self.parameters)
        ]

    def close(self) -> None:
        """Watch no longer."""
        for handle in self._handles:
            handle.remove()

    def check_finished(self) -> None:
        """RuntimeError if the last backward pass left parameters without a gradient."""
        if not self.begun or len(self.ready) == len(self.parameters):
            return
        names = [name for number, name in enumerate(self.names) if number not in self.ready]
        raise RuntimeError(
            "Expected to have finished reduction in the prior iteration before starting a new one. This error indicates "
            "that your module has parameters that were not used in producing loss: "
            f"{', '.join(names)} on rank {self.group.rank()}. Pass find_unused_parameters=True to "
            "DistributedDataParallel, or make sure that all `forward` function outputs participate in the loss."
        )

    def prepare(self, output: Any) -> None:
        """Expect a backward pass from a forward's output."""
        if capturing():
            if self.hook is not None or self.finds_unused:
                refuse("DistributedDataParallel: communication hooks and find_unused_parameters are not captured")
            # If backward is not part of the function this stays, which capture takes for what it is: a change that is lost.
            self.expects = True
            notes()[self] = _CapturedPass()
            return
        self.expects, self.begun, self.next = True, False, 0
        self.ready = set()
        for bucket in self.buckets:
            bucket.missing, bucket.travels = len(bucket.numbers), None
        self.unused = set()
        if self.finds_unused:
            reached = _leaves(tensors_in(output))
            self.unused = {n for n, p in enumerate(self.parameters) if node_of(p) not in reached}

    def _arrived(self, number: int) -> None:
        if not self.expects:
            return
        if capturing():
            self._arrived_captured(notes()[self], number)
            return
        if not self.begun:
            self.begun = True
            self._begin()
        if number in self.ready:
            raise RuntimeError(
                f"Expected to mark a variable ready only once: parameter {self.names[number]} got a gradient twice after "
                "one forward pass. Call forward again before each backward, or sum the losses first."
            )
        self._fill(number)
        if len(self.ready) == len(self.parameters):
            self._end()

    def _arrived_captured(self, running: _CapturedPass, number: int) -> None:
        """In a compiled step: let each bucket travel as a node of the program, in their order, and wait at the end."""
        running.ready.add(number)
        while running.next < len(self.buckets) and running.ready.issuperset(self.buckets[running.next].numbers):
            bucket = self.buckets[running.next]
            running.next += 1
            with no_grad():
                flat = cat([self.parameters[n]._grad.reshape(-1) for n in bucket.numbers]) / self.group.size()
                running.travels.append((flat, all_reduce(flat, ReduceOp.SUM, self.group, async_op=True)))
        if running.next < len(self.buckets):
            return
        self.expects = False
        for bucket, (flat, work) in zip(self.buckets, running.travels):
            work.wait()
            start = 0
            for n in bucket.numbers:
                p = self.parameters[n]
                with no_grad():
                    p._grad = flat[start : start + p.numel()].reshape(p.shape)
                start += p.numel()

    def _begin(self) -> None:
        if not self.finds_unused:
            return
        xp = namespace_of(self.parameters[0]._array)
        flags = [0 if n in self.unused else 1 for n in range(len(self.parameters))]
        self.used = wrap(xp.asarray(flags, dtype=xp.int32))
        all_reduce(self.used, ReduceOp.MAX, self.group)
        for number in sorted(self.unused, reverse=True):
            self._fill(number)

    def _fill(self, number: int) -> None:
        """Put a gradient into its bucket, and let the buckets that are full travel, in their order."""
        bucket, at = self.place[number]
        view, grad = bucket.views[at], self.parameters[number]._grad
        scale = 1 if self.hook is not None else 1 / self.group.size()
        if number in self.unused or grad is None:
            view._array[...] = 0
        elif grad._array is not view._array:
            namespace_of(view._array).multiply(grad._array, view._array.dtype.type(scale), out=view._array)
        elif scale != 1:
            view._array *= view._array.dtype.type(scale)
        self.ready.add(number)
        bucket.missing -= 1
        while self.next < len(self.buckets) and self.buckets[self.next].missing == 0:
            self._send(self.next)
            self.next += 1

    def _send(self, index: int) -> None:
        bucket = self.buckets[index]
        if self.hook is None:
            bucket.travels = all_reduce(bucket.flat, ReduceOp.SUM, self.group, async_op=True)
            return
        parameters = [self.parameters[n] for n in bucket.numbers]
        last = index == len(self.buckets) - 1
        made = GradBucket(index, bucket.flat, bucket.views, parameters, last)
        with no_grad():
            bucket.travels = self.hook(self.hook_state, made)

    def _end(self) -> None:
        """Wait for all buckets, and give the parameters their gradients."""
        self.expects = False
        for bucket in self.buckets:
            result = bucket.travels.wait()
            bucket.travels = None
            if self.hook is not None and result is not bucket.flat:
                found = result[0] if isinstance(result, (list, tuple)) else result
                bucket.flat._array[...] = found._array.reshape(-1)
            for number, view in zip(bucket.numbers, bucket.views):
                if number in self.unused and not int(self.used._array[number]):
                    continue
                self._give(self.parameters[number], view)

    def _give(self, parameter: Any, view: Variable) -> None:
        grad = parameter._grad
        if self.views:
            if grad is None or grad._array is not view._array:
                parameter._grad = wrap(view._array)
            else:
                changed(grad)
        elif grad is None:
            parameter._grad = wrap(view._array.copy())
        else:
            grad._array[...] = view._array
            changed(grad)


def tensors_in(value: Any) -> Iterable[Variable]:
    """The tensors in nested containers, and in the attributes of dataclasses."""
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif hasattr(value, "__dataclass_fields__"):
        yield from tensors_in([getattr(value, name) for name in value.__dataclass_fields__])


def _leaves(tensors: Iterable[Variable]) -> set:
    """The ends of the tape that a backward pass from these tensors reaches."""
    stack = [node_of(t) for t in tensors]
    seen: set = set()
    while stack:
        edge = stack.pop()
        node = edge.node if edge.__class__ is OutputOf else edge
        if node is None or node in seen:
            continue
        seen.add(node)
        stack.extend(node.edges)
    return {node for node in seen if node.__class__ is AccumulateGrad}
