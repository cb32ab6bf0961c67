"""The code of a kernel as entries of a program. Imported when there is something to write: programs that were kept on disk
are recalled without all that writes code."""

from __future__ import annotations

from ..native.machine import Machine
from ..native.text import Builder, Module, Value, i64
from .lower.convolutions import convolution_pieces
from .lower.kernels import Kernel
from .lower.loops import emit_loop
from .lower.products import emit_scatter, product_pieces
from .lower.resampling import resampling_pieces
from .lower.routines import routine_pieces
from .lower.windows import window_pieces
from .placing import Scratch
from .program import Entry, bytes_of
from .windows import WINDOWS

PIECES = {
    "matmul": product_pieces,
    **dict.fromkeys(("conv", "conv_input", "conv_weight"), convolution_pieces),
    **dict.fromkeys(WINDOWS, window_pieces),
    "resample": resampling_pieces,
    "routine": routine_pieces,
}
"""What writes the kernels that are computed by native routines, by node."""


def emitted(kernel: Kernel, machine: Machine) -> list[Entry]:
    """A kernel's code, and that of what must run before it."""
    table: list[object] = []

    def slot(b: Builder, item) -> Value:
        if item not in table:
            table.append(item)
        cell = b.load("ptr", b.offset(b.args[0], i64(table.index(item)), "ptr"))
        return b.load("ptr", cell)

    if kernel.kind in ("product", "routine"):
        made: list[Entry] = []
        for piece in PIECES[kernel.node.op](kernel, slot, machine):
            table.clear()
            module = Module.of(machine)
            piece.emit(module, "KERNEL")
            reads, writes = set(piece.reads), set(piece.writes)
            if piece.finishes:
                reads |= kernel.loads() - kernel.given()
                writes |= _written(kernel)
            made.append(_entry(kernel, module, table, piece.chunks, reads, writes, piece.flops))
        return made
    module = Module.of(machine)
    b = Builder(module, "KERNEL", ["ptr", "i64", "i64"])
    if kernel.kind == "scatter":
        chunks = emit_scatter(b, kernel, slot, machine)
        reads, writes = set(kernel.operands), {kernel.node}
    else:
        chunks = emit_loop(b, kernel, slot, machine)
        reads, writes = kernel.loads(), _written(kernel)
    b.finish()
    flops = sum(r.node.size for r in kernel.roots) * 8
    return [_entry(kernel, module, table, chunks, reads, writes, max(flops, kernel.space.size * 4))]


def _written(kernel: Kernel) -> set:
    return {r.target for r in kernel.roots if r.into is not None or r.node not in kernel.silent}


def _entry(kernel, module, table, chunks, reads, writes, flops) -> Entry:
    reads = {n for n in reads if n in table or isinstance(n, Scratch)}
    size = sum(bytes_of(x) for x in (*reads, *writes))
    return Entry(kernel, str(module), list(table), chunks, reads, writes, flops, size)
