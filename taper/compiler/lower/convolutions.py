"""Convolutions with what is computed from their elements: the kernels of native/conv for a node of the graph."""

from __future__ import annotations

from functools import partial

from ...native.conv import (
    Convolution,
    ConvOperands,
    WinogradOperands,
    WinogradPlan,
    cycles,
    emit_convolution,
    emit_weight_gradient,
    emit_weight_transform,
    emit_winograd,
    plan_convolution,
    plan_weight_gradient,
    plan_winograd,
)
from ...native.machine import Machine
from ...native.text import Builder, Module, Value, i64, vector
from ..graph import Node
from ..placing import Scratch
from .emitter import Pointer
from .instructions import LLVM
from .kernels import Kernel
from .operands import operand_strides
from .products import Epilogue, Piece, operand


def convolution_pieces(kernel: Kernel, pointer: Pointer, machine: Machine) -> list[Piece]:
    """The kernels of a convolution or of one of its gradients."""
    finish = Epilogue(kernel, pointer, machine)
    x, y = (operand(pointer, x, base) for x, base in zip(kernel.node.inputs, kernel.operands))
    if kernel.node.op == "conv_weight":
        return _weight_pieces(kernel, pointer, machine, x, y, finish)
    convolution = geometry(kernel.node, kernel.operands)
    plan = plan_convolution(convolution, machine)
    fewer = plan_winograd(convolution, machine) if kernel.node.attrs[-1] else None
    if fewer is not None and fewer.cost < cycles(plan):
        return _winograd_pieces(kernel, pointer, fewer, x, y, finish)
    emit = partial(emit_convolution, plan=plan, operands=ConvOperands(x, y), finish=finish)
    return [Piece(emit, plan.chunks, frozenset(), frozenset(), plan.flops, finishes=True)]


def _winograd_pieces(kernel: Kernel, pointer: Pointer, plan: WinogradPlan, x, w, finish) -> list[Piece]:
    """The transform of the weights, unless it is part of it, and the convolution by Winograd's algorithm."""
    if plan.within:
        convolve = partial(emit_winograd, plan=plan, operands=WinogradOperands(x, w), finish=finish)
        return [Piece(convolve, plan.chunks, frozenset(), frozenset(), plan.flops // 2, finishes=True)]
    transformed = Scratch(plan.packed * kernel.node.dtype.itemsize)

    def packed(b: Builder) -> Value:
        return pointer(b, transformed)

    transform = partial(emit_weight_transform, plan=plan, w_pointer=w, packed_pointer=packed)
    convolve = partial(emit_winograd, plan=plan, operands=WinogradOperands(x, packed), finish=finish)
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


def geometry(node: Node, bases: tuple[Node, ...]) -> Convolution:
    """What the kernel of a node computes; bases: what its operands are strided views of."""
    op, (x, y) = node.op, node.inputs
    shape, stride, padding, dilation, groups, _ = node.attrs
    strides = [operand_strides(n, base).strides for n, base in zip((x, y), bases)]
    if op == "conv":
        weights, output = y.shape, shape[2:]
    elif op == "conv_input":
        weights, output = y.shape, shape[2:]
    else:
        weights, output = shape, x.shape[2:]
        x, strides = y, [strides[1], (0, 0)]
    kernel, outputs, inputs = weights[2:], weights[0] // groups, weights[1]
    out_step, in_step = strides[1][:2]
    turned, spread = op == "conv_input", (1,) * len(kernel)
    group_step = outputs * out_step
    if turned:
        padding = tuple(d * (k - 1) - p for k, d, p in zip(kernel, dilation, padding))
        stride, spread = spread, stride
        outputs, inputs, out_step, in_step = inputs, outputs, in_step, out_step
    return Convolution(
        type=LLVM[node.dtype.name],
        images=x.shape[0],
        groups=groups,
        inputs=inputs,
        outputs=outputs,
        spatial=_three(x.shape[2:], 1),
        output=_three(output, 1),
        kernel=_three(kernel, 1),
        stride=_three(stride, 1),
        padding=_three(padding, 0),
        dilation=_three(dilation, 1),
        spread=_three(spread, 1),
        x=(*strides[0][:2], *_three(strides[0][2:], 0)),
        w=(group_step, out_step, in_step),
        turned=turned,
    )


def _three(sizes, missing: int) -> tuple[int, int, int]:
    """Sizes along (depth, row, column), where there may be fewer dimensions."""
    return (*(missing,) * (3 - len(sizes)), *sizes)
