"""Routines: nodes whose kernels are those of native/sequence."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from ...native import team
from ...native.machine import Machine
from ...native.sequence import (
    QUERIES,
    Attention,
    Recurrence,
    emit_attention,
    emit_attention_gradient,
    emit_backward,
    emit_forward,
    emit_weights,
)
from ...native.text import Builder, Value, i64
from ...ops.recurrence import CELLS
from ..graph import Node
from ..placing import Scratch
from ..routines import Attending, Recurrent
from .emitter import Pointer
from .instructions import LLVM
from .kernels import Kernel
from .products import Piece

Operand = Callable[[Builder, str], "Value | None"]


def routine_pieces(kernel: Kernel, pointer: Pointer, machine: Machine) -> list[Piece]:
    """The kernels of a routine node."""
    assert kernel.node is not None
    routine = kernel.node.attrs[0]
    return (_attention if isinstance(routine, Attending) else _recurrent)(kernel, routine, pointer, machine)


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
    chunks = plan.chunks(batch, panels, max(team.threads(), team.available()))
    numbers = {"steps": len(routine.sizes), "batch": batch, "total": total, "parts": chunks}

    def operand(b: Builder, name: str) -> Value | None:
        if name in numbers:
            return i64(numbers[name])
        return pointer(b, places[name]) if name in places else None

    pack = partial(emit_weights, plan=plan, operand=operand, backward=routine.backward)
    emit = partial(emit_backward if routine.backward else emit_forward, plan=plan, operand=operand)
    area = frozenset([scratch["panels"]])
    written = frozenset([*wanted.values(), *(s for n, s in scratch.items() if n != "panels")])
    return [
        Piece(pack, panels.count, frozenset([w]), area),
        Piece(emit, chunks, frozenset([*kernel.operands, *area]), written, plan.flops(total)),
    ]


def _attention(kernel: Kernel, routine: Attending, pointer: Pointer, machine: Machine) -> list[Piece]:
    assert kernel.node is not None
    given, wanted = dict(zip(routine.names, kernel.operands)), results_of(kernel)
    dtype = given["q"].dtype
    mask = given.get("mask")
    kind = "" if mask is None else "i1" if mask.dtype.kind == "b" else LLVM[dtype.name]
    plan = Attention(LLVM[dtype.name], routine.features, routine.values, kind, "drop" in given, routine.causal, machine)
    blocks = plan.blocks(routine.length)
    scratch = {n: Scratch(math.prod(routine.shape_of(n)) * dtype.itemsize) for n in routine.results if n not in wanted}
    if routine.backward:
        scratch["work"] = Scratch(routine.batch * blocks * QUERIES * plan.work * dtype.itemsize)
    places = {**scratch, **given, **wanted, "scale": given["scale_at"]}
    numbers = {"length": routine.length, "keys": routine.keys}

    def operand(b: Builder, name: str) -> Value:
        if name in numbers:
            return i64(numbers[name])
        if name.endswith("_step"):
            return i64(routine.layout(name[:-5])[1])
        return pointer(b, places[name])

    emit = partial(emit_attention_gradient if routine.backward else emit_attention, plan=plan, operand=operand)
    chunks = routine.batch * (1 if routine.backward else blocks)
    flops = plan.flops(routine.batch, routine.length, routine.keys, routine.backward)
    written = frozenset([*wanted.values(), *scratch.values()])
    return [Piece(emit, chunks, frozenset(kernel.operands), written, flops)]
