"""What a thread of a GPU's kernel knows and shares: its number, its block's, memory of the block, values of its warp.

Threads come in blocks, and 32 neighbours of a block are a warp. A kernel's arrays lie in global memory, which is pointers of
type GLOBAL; a block's threads share memory of type SHARED, between barriers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .text import BITS, Builder, Module, Value, const, literal

GLOBAL, SHARED = "ptr addrspace(1)", "ptr addrspace(3)"
"""Pointers to memory that all threads see, and to memory that a block's threads see."""

WARP = 32
"""Threads whose values `shuffled` exchanges."""

LARGEST_BLOCK = 1024
"""Threads of a block at most."""

ALIGNED = 16
"""Bytes to which every array is aligned: as many as one instruction loads."""

_REGISTER = "llvm.nvvm.read.ptx.sreg"


class Kernel(Builder):
    """Writes a kernel, whose arguments are pointers to arrays that `argument` adds as they are needed."""

    def __init__(self, module: Module, name: str):
        super().__init__(module, name, [], linkage="ptx_kernel")
        self.unwritten: set[Value] = set()

    def argument(self) -> Value:
        """Another array: a pointer to its first element."""
        self.args.append(Value(f"%a{len(self.args)}", GLOBAL))
        return self.args[-1]

    def signature(self) -> str:
        facts = {a: " noalias readonly" if a in self.unwritten else "" for a in self.args}
        return ", ".join(f"{a.type}{facts[a]} align {ALIGNED} {a.text}" for a in self.args)

    def finish_kernel(self, threads: int, unwritten: Iterable[Value] = ()) -> None:
        """Add the kernel to the module, to be launched in blocks of so many threads.

        unwritten: arguments whose arrays nobody writes while it runs.
        """
        self.unwritten = set(unwritten)
        self.finish()
        self.module.declarations["!bounds"] = (
            f'!nvvm.annotations = !{{!0}}\n!0 = !{{ptr @{self.name}, !"reqntidx", i32 {threads}}}'
        )


def thread(b: Builder) -> Value:
    """The thread's number in its block, an i64."""
    return b.convert(b.call(f"{_REGISTER}.tid.x", "i32"), "i64", signed=False)


def block(b: Builder) -> Value:
    """The block's number, an i64."""
    return b.convert(b.call(f"{_REGISTER}.ctaid.x", "i32"), "i64", signed=False)


def barrier(b: Builder) -> None:
    """Wait until all threads of the block are here; what they have written to shared memory can be read then."""
    b.call("llvm.nvvm.barrier0", "void")


def shared(b: Builder, type: str, count: int) -> Value:
    """Memory for `count` values that all threads of a block see."""
    name = f"shared{len(b.module.declarations)}"
    size = max(1, BITS[type] // 8)
    b.module.declarations[f"@{name}"] = f"@{name} = internal addrspace(3) global [{count} x {type}] undef, align {size}"
    return Value(f"@{name}", SHARED)


def table(b: Builder, type: str, numbers: Sequence[float]) -> Value:
    """Numbers that are known when the kernel is written, as an array in global memory."""
    text = ", ".join(f"{type} {literal(x, type)}" for x in numbers)
    whole = f"internal addrspace(1) constant [{len(numbers)} x {type}] [{text}], align {max(1, BITS[type] // 8)}"
    for name, line in b.module.declarations.items():
        if line == f"{name} = {whole}":
            return Value(name, GLOBAL)
    name = f"@table{len(b.module.declarations)}"
    b.module.declarations[name] = f"{name} = {whole}"
    return Value(name, GLOBAL)


def shuffled(b: Builder, x: Value, distance: int) -> Value:
    """The value that x is in the thread whose number differs in the bits of `distance`, below WARP.

    All threads of the warp take part.
    """
    if x.type == "i1":
        return b.compare("!=", _exchanged(b, b.convert(x, "i32"), distance), const(0, "i32"))
    bits = BITS[x.type]
    word = b.bitcast(x, f"i{bits}")
    if bits <= 32:
        other = _exchanged(b, b.convert(word, "i32", signed=False), distance)
        return b.bitcast(b.convert(other, f"i{bits}"), x.type)
    half = const(32, "i64")
    low = _exchanged(b, b.convert(word, "i32"), distance)
    high = _exchanged(b, b.convert(b.logical("lshr", word, half), "i32"), distance)
    high = b.logical("shl", b.convert(high, "i64", signed=False), half)
    return b.bitcast(b.logical("or", high, b.convert(low, "i64", signed=False)), x.type)


def _exchanged(b: Builder, word: Value, distance: int) -> Value:
    """A 32-bit word of another thread of the warp."""
    everyone, last = Value("-1", "i32"), Value(str(WARP - 1), "i32")
    return b.call("llvm.nvvm.shfl.sync.bfly.i32", "i32", everyone, word, Value(str(distance), "i32"), last)
