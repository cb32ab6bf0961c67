"""Convolutions with what is computed from their elements: the kernels of native/conv for a node of the graph."""

from __future__ import annotations

from functools import partial as partial_of

from ...native.conv import (
    Convolution,
    ConvOperands,
    PixelOperands,
    PixelPlan,
    WinogradOperands,
    WinogradPlan,
    cycles,
    emit_convolution,
    emit_pixel_pack,
    emit_pixels,
    emit_weight_gradient,
    emit_weight_transform,
    emit_winograd,
    plan_convolution,
    plan_pixels,
    plan_weight_gradient,
    plan_winograd,
)
from ...native.machine import Machine
from ...native.text import Builder, Module, Value, i64, vector
from ..graph import Node
from ..placing import Scratch
from .emitter import Pointer
from .geometry import geometry
from .instructions import LLVM
from .kernels import Kernel
from .products import Epilogue, Piece, operand


def convolution_pieces(kernel: Kernel, pointer: Pointer, machine: Machine) -> list[Piece]:
    """The kernels of a convolution or of one of its gradients."""
    finish = Epilogue(kernel, pointer, machine)
    x, y = (operand(pointer, x, base) for x, base in zip(kernel.node.inputs, kernel.operands))
    if kernel.node.op == "conv_weight":
        return _weight_pieces(kernel, pointer, machine, x, y, finish)
    convolution = geometry(kernel.node, kernel.operands)
    if kernel.node.attrs[-1]:
        return _pixel_pieces(kernel, pointer, plan_of_pixels(convolution, machine), x, y, finish)
    plan = plan_convolution(convolution, machine)
    fewer = plan_winograd(convolution, machine) if kernel.node.attrs[5] else None
    if fewer is not None and fewer.cost < cycles(plan):
        return _winograd_pieces(kernel, pointer, fewer, x, y, finish)
    emit = partial_of(emit_convolution, plan=plan, operands=ConvOperands(x, y), finish=finish)
    return [Piece(emit, plan.chunks, frozenset(), frozenset(), plan.flops, finishes=True)]


def plan_of_pixels(convolution: Convolution, machine: Machine) -> PixelPlan:
    plan = plan_pixels(convolution, machine)
    assert plan is not None, f"no kernel of pixels for {convolution}"
    return plan


def _pixel_pieces(kernel: Kernel, pointer: Pointer, plan: PixelPlan, x, w, finish) -> list[Piece]:
    """Packing the weights, if that is done, and the convolution of images with channels last."""
    size = kernel.node.dtype.itemsize
    packed, partial = Scratch(plan.packed * size), Scratch(kernel.node.size * size)
    operands = PixelOperands(x, w, lambda b: pointer(b, packed), lambda b: pointer(b, partial))
    convolve = partial_of(emit_pixels, plan=plan, operands=operands, finish=finish)
    unfinished = plan.product is not None and plan.product.needs_partial
    reads, writes = frozenset([packed] if plan.packed else []), frozenset([partial] if unfinished else [])
    pieces = [Piece(convolve, plan.chunks, reads, writes, plan.flops, finishes=True)]
    if plan.packed:
        pack = partial_of(emit_pixel_pack, plan=plan, operands=operands)
        pieces.insert(0, Piece(pack, plan.pack_chunks, frozenset([kernel.operands[1]]), reads, 4 * plan.packed))
    return pieces


def _winograd_pieces(kernel: Kernel, pointer: Pointer, plan: WinogradPlan, x, w, finish) -> list[Piece]:
    """The transform of the weights, unless it is part of it, and the convolution by Winograd's algorithm."""
    if plan.within:
        convolve = partial_of(emit_winograd, plan=plan, operands=WinogradOperands(x, w), finish=finish)
        return [Piece(convolve, plan.chunks, frozenset(), frozenset(), plan.flops // 2, finishes=True)]
    transformed = Scratch(plan.packed * kernel.node.dtype.itemsize)

    def packed(b: Builder) -> Value:
        return pointer(b, transformed)

    transform = partial_of(emit_weight_transform, plan=plan, w_pointer=w, packed_pointer=packed)
    convolve = partial_of(emit_winograd, plan=plan, operands=WinogradOperands(x, packed), finish=finish)
    reads, area = frozenset([kernel.operands[1]]), frozenset([transformed])
    return [
        Piece(transform, plan.pack_chunks, reads, area, 4 * plan.packed),
        Piece(convolve, plan.chunks, area, frozenset(), plan.flops // 2, finishes=True),
    ]


def _weight_pieces(kernel: Kernel, pointer: Pointer, machine: Machine, g, x, finish) -> list[Piece]:
    """Partial sums of the weights' gradient, and their sum."""
    node = kernel.node
    plan = plan_weight_gradient(geometry(node, kernel.operands), machine)
    parts = Scratch(plan.parts * node.bytes)

    def emit(module: Module, name: str) -> None:
        emit_weight_gradient(module, name, plan, x, g, lambda b: pointer(b, parts))

    def add_up(module: Module, name: str) -> None:
        emit_sum(module, name, lambda b: pointer(b, parts), plan.parts, node, machine, finish)

    return [
        Piece(emit, plan.chunks, frozenset(kernel.operands), frozenset([parts]), plan.flops),
        Piece(add_up, node.shape[0], frozenset([parts]), frozenset(), plan.parts * node.size, finishes=True),
    ]


def emit_sum(module: Module, name: str, pointer, parts: int, node: Node, machine: Machine, finish) -> None:
    """Write the kernel that adds up `parts` results (rows, columns), one after the other; a chunk is a row."""
    b = Builder(module, name, ["ptr", "i64", "i64"])
    kind = LLVM[node.dtype.name]
    rows, columns = node.shape
    lanes = machine.lanes(kind)
    source = pointer(b)
    finish.begin(b)
    with b.loop(b.args[1], b.args[2]) as row:
        line = b.offset(source, b.mul(row.index, i64(columns)), kind)
        whole = columns // lanes * lanes
        for width, first, last in ((lanes, 0, whole), (1, whole, columns)):
            if first < last:
                with b.loop(i64(first), i64(last), i64(width)) as column:
                    total = None
                    for part in range(parts):
                        where = b.offset(line, b.add(column.index, i64(part * rows * columns)), kind)
                        value = b.load(vector(kind, width), where)
                        total = value if total is None else b.add(total, value)
                    finish(b, total, i64(0), row.index, column.index, None)
    b.finish()
