"""Routines: nodes whose kernels are those of native/sequence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ...native.machine import Machine
from ...native.sequence import Recurrence, emit_backward, emit_forward, emit_weights
from ...native.text import Builder, Value, i64
from ...ops.recurrence import CELLS
from ..graph import Node
from ..placing import Scratch
from ..routines import Recurrent
from .emitter import Pointer
from .instructions import LLVM
from .kernels import Kernel
from .products import Piece

Operand = Callable[[Builder, str], "Value | None"]


def routine_pieces(kernel: Kernel, pointer: Pointer, machine: Machine) -> list[Piece]:
    """The kernels of a routine node."""
    assert kernel.node is not None
    routine = kernel.node.attrs[0]
    return _recurrent(kernel, routine, pointer, machine)


def results_of(kernel: Kernel) -> dict[str, Node]:
    """A routine's results that somebody reads, by name."""
    assert kernel.node is not None
    return {kernel.node.attrs[0].results[p.attrs[0]]: p for p in kernel.parts}


def _recurrent(kernel: Kernel, routine: Recurrent, pointer: Pointer, machine: Machine) -> list[Piece]:
    given = dict(zip(routine.names, kernel.operands))
    wanted = results_of(kernel)
    w, cell, dtype = given["w"], CELLS[routine.cell], kernel.operands[0].dtype
    hidden, batch, total = kernel.node.inputs[routine.names.index("w")].shape[1], routine.sizes[0], sum(routine.sizes)
    plan = Recurrence(cell, LLVM[dtype.name], hidden, routine.reverse, routine.bias, machine)
    panels = plan.back if routine.backward else plan.gates
    scratch: dict[str, Scratch] = {"panels": Scratch(panels.size * dtype.itemsize)}
    if routine.backward:
        scratch["work"] = Scratch(batch * plan.work * dtype.itemsize)
    # What a kernel keeps its states in, and reads again, has a place even if nobody else reads it.
    for name, shape in zip(routine.results, routine.shapes(hidden)):
        if name not in wanted and name not in ("before_h", "before_c", "saved"):
            scratch[name] = Scratch(shape[0] * shape[1] * dtype.itemsize)
    places = {**scratch, **given, **wanted}
    if routine.backward and not cell.splits:
        places["dr"] = places["dx"]
    numbers = {"steps": len(routine.sizes), "batch": batch, "total": total}

    def operand(b: Builder, name: str) -> Value | None:
        if name in numbers:
            return i64(numbers[name])
        return pointer(b, places[name]) if name in places else None

    pack = partial(emit_weights, plan=plan, operand=operand, backward=routine.backward)
    emit = partial(emit_backward if routine.backward else emit_forward, plan=plan, operand=operand)
    area = frozenset([scratch["panels"]])
    written = frozenset([*wanted.values(), *(s for n, s in scratch.items() if n != "panels")])
    chunks = plan.chunks(batch, panels)
    return [
        Piece(pack, panels.count, frozenset([w]), area),
        Piece(emit, chunks, frozenset([*kernel.operands, *area]), written, plan.flops(total)),
    ]
