"""Which nodes become kernels, and which kernels are one.

Every node that must lie in memory (a result, an operand of a product, something costly that several others use:
`choosing.py`) first gets a kernel of its own (`making.py`). Kernels are then merged (`merging.py`): elementwise consumers
into the products whose elements they use, maps and reductions over the same rows with each other. What no other kernel
reads any more is then not stored at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..graph import Node
from .choosing import Chosen
from .kernels import Kernel
from .making import Maker
from .merging import Merger
from .needs import Kernels, last


def schedule(results: list[Node], state: Mapping[Node, Node], library: bool = False) -> tuple[list[Kernel], set[Node]]:
    """The kernels that compute `results`, in an order of running.

    state: results that are written to the memory of an input (the input's node), in place of its old value. Also those of
    them that would be written before the old value has been read by all: they must be settled (copied) at the end instead.
    library: products are calls of a library, so that nothing else is computed with them.
    """
    chosen = Chosen(results, state, library)
    kernels = Kernels(chosen.nodes, state)
    Maker(chosen, kernels).make()
    merger = Merger(chosen, kernels)
    if not library:
        merger.join_epilogues()
    merger.join_producers()
    merger.join_siblings()
    _drop_unread(chosen, kernels.all)
    order = _ordered(kernels, state)
    return order, overwritten_too_soon(order, state)


def overwritten_too_soon(order: list[Kernel], state: Mapping[Node, Node]) -> set[Node]:
    """The results of `state` that are written while others read their input, or a check may still forbid it."""
    unsafe = set()
    checked = max((i for i, k in enumerate(order) if _checks(k)), default=-1)
    for i, kernel in enumerate(order):
        for root in kernel.roots:
            old = state.get(root.node)
            if old is None:
                continue
            if i <= checked or any(old in k.loads() for k in order[i + 1 :]) or old in kernel.operands:
                unsafe.add(root.node)
            stored = next(a for r, a in kernel.walk().roots if r is root)
            if any(n is old and a != stored for n, a in kernel.walk().loads):
                unsafe.add(root.node)
    return unsafe


def _drop_unread(chosen: Chosen, kernels: list[Kernel]) -> None:
    """Do not store what only its own kernel reads."""
    read: set[Node] = set(chosen.results)
    for k in kernels:
        read |= k.loads() - {n for n in k.own() if k.kind == "loop"}
    unread = {n for n in chosen.stored if n not in read}
    for k in kernels:
        k.silent = {r.node for r in k.roots if r.into is None and r.node in unread}
    chosen.stored -= unread


def _ordered(kernels: Kernels, state: Mapping[Node, Node]) -> list[Kernel]:
    """Kernels after what they need; those that overwrite an input after all that read it, and after all others."""
    for k in kernels.all:
        k.writes_state = any(n in state for n in k.results())
    kernels.changed()
    order = _placed(kernels, lambda k: (k.writes_state, last(k)))
    checked = max((i for i, k in enumerate(order) if _checks(k)), default=-1)
    if any(k.writes_state for k in order[:checked]):
        order = _placed(kernels, lambda k: (not _checks(k), k.writes_state, last(k)))
    return order


def _placed(kernels: Kernels, key: Callable) -> list[Kernel]:
    """The kernels by `key`, each after what it needs and what reads what it overwrites."""
    done: dict[Kernel, int] = {}
    order: list[Kernel] = []

    def place(kernel: Kernel) -> None:
        stack = [(kernel, iter(kernels.needs(kernel)))]
        done[kernel] = 0
        while stack:
            k, rest = stack[-1]
            for n in rest:
                if n not in done:
                    done[n] = 0
                    stack.append((n, iter(kernels.needs(n))))
                    break
            else:
                order.append(k)
                stack.pop()

    for k in sorted(kernels.all, key=key):
        if k not in done:
            place(k)
    return order


def _checks(kernel: Kernel) -> bool:
    """Whether a kernel says if the program may go on."""
    return any(r.node.op == "check" for r in kernel.roots)
