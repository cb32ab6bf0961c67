"""Kernels for a GPU run on this processor: the same LLVM IR, with threads that take turns.

The text of a kernel is compiled for the host after its address spaces and its calling convention are taken away; the
instructions that only a GPU has become calls of functions defined here. Each thread of a block is a fiber with a stack of
its own, which runs until it waits at a barrier or exchanges a value with its warp: where a barrier is missing, the first
thread runs far ahead of the last, and results are wrong. Blocks run one after the other.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import re
from functools import lru_cache

import llvmlite.binding as llvm
import numpy as np

from taper.native import library
from taper.native.machine import host

STACK, MOST = 64 << 10, 1024

supported = platform.machine().lower() in ("x86_64", "amd64") and platform.system() != "Windows"
"""Whether fibers can be switched here."""

_RUNTIME = f"""
module asm ".text"
module asm ".globl simt_switch"
module asm "simt_switch:"
module asm "  pushq %rbp"
module asm "  pushq %rbx"
module asm "  pushq %r12"
module asm "  pushq %r13"
module asm "  pushq %r14"
module asm "  pushq %r15"
module asm "  movq %rsp, (%rdi)"
module asm "  movq (%rsi), %rsp"
module asm "  popq %r15"
module asm "  popq %r14"
module asm "  popq %r13"
module asm "  popq %r12"
module asm "  popq %rbx"
module asm "  popq %rbp"
module asm "  ret"

declare void @simt_switch(ptr, ptr)

@thread = internal global i64 0
@block = internal global i64 0
@size = internal global i64 0
@kernel = internal global ptr null
@arguments = internal global ptr null
@scheduler = internal global ptr null
@stacks = internal global [{MOST} x ptr] zeroinitializer
@done = internal global [{MOST} x i64] zeroinitializer
@phases = internal global [{MOST} x i64] zeroinitializer
@warp_phases = internal global [{MOST} x i64] zeroinitializer
@arrived = internal global i64 0
@warp_arrived = internal global [{MOST // 32} x i64] zeroinitializer
@words = internal global [{MOST} x i32] zeroinitializer
@stuck = internal global i64 0

define i32 @emulated.nvvm.read.ptx.sreg.tid.x() noinline {{
  %t = load volatile i64, ptr @thread
  %r = trunc i64 %t to i32
  ret i32 %r
}}

define i32 @emulated.nvvm.read.ptx.sreg.ctaid.x() noinline {{
  %t = load volatile i64, ptr @block
  %r = trunc i64 %t to i32
  ret i32 %r
}}

define internal void @yield() noinline {{
  %t = load volatile i64, ptr @thread
  %mine = getelementptr ptr, ptr @stacks, i64 %t
  call void @simt_switch(ptr %mine, ptr @scheduler)
  ret void
}}

define internal void @wait(ptr %phases, ptr %arrived, i64 %members) noinline {{
entry:
  %t = load volatile i64, ptr @thread
  %p = getelementptr i64, ptr %phases, i64 %t
  %old = load volatile i64, ptr %p
  %phase = add i64 %old, 1
  store volatile i64 %phase, ptr %p
  %before = load volatile i64, ptr %arrived
  %after = add i64 %before, 1
  store volatile i64 %after, ptr %arrived
  %target = mul i64 %phase, %members
  br label %look
look:
  %tries = phi i64 [ 0, %entry ], [ %more, %again ]
  %now = load volatile i64, ptr %arrived
  %there = icmp sge i64 %now, %target
  %more = add i64 %tries, 1
  %long = icmp sgt i64 %tries, 10000
  br i1 %there, label %leave, label %check
check:
  br i1 %long, label %lost, label %again
again:
  call void @yield()
  br label %look
lost:
  store volatile i64 1, ptr @stuck
  br label %leave
leave:
  ret void
}}

define void @emulated.nvvm.barrier0() noinline {{
  %members = load volatile i64, ptr @size
  call void @wait(ptr @phases, ptr @arrived, i64 %members)
  ret void
}}

define i32 @emulated.nvvm.shfl.sync.bfly.i32(i32 %mask, i32 %value, i32 %distance, i32 %last) noinline {{
  %t = load volatile i64, ptr @thread
  %warp = lshr i64 %t, 5
  %first = shl i64 %warp, 5
  %size = load volatile i64, ptr @size
  %left = sub i64 %size, %first
  %few = icmp slt i64 %left, 32
  %members = select i1 %few, i64 %left, i64 32
  %mine = getelementptr i32, ptr @words, i64 %t
  store volatile i32 %value, ptr %mine
  %counter = getelementptr i64, ptr @warp_arrived, i64 %warp
  call void @wait(ptr @warp_phases, ptr %counter, i64 %members)
  %d = zext i32 %distance to i64
  %other = xor i64 %t, %d
  %theirs = getelementptr i32, ptr @words, i64 %other
  %found = load volatile i32, ptr %theirs
  call void @wait(ptr @warp_phases, ptr %counter, i64 %members)
  ret i32 %found
}}

define internal void @start() noinline {{
  %run = load ptr, ptr @kernel
  %given = load ptr, ptr @arguments
  call void %run(ptr %given)
  %t = load volatile i64, ptr @thread
  %d = getelementptr i64, ptr @done, i64 %t
  store volatile i64 1, ptr %d
  call void @yield()
  unreachable
}}

define i64 @simt_block(ptr %run, ptr %given, i64 %number, i64 %threads, ptr %memory, i64 %backwards) noinline {{
entry:
  store volatile i64 %number, ptr @block
  store volatile i64 %threads, ptr @size
  store ptr %run, ptr @kernel
  store ptr %given, ptr @arguments
  store volatile i64 0, ptr @arrived
  store volatile i64 0, ptr @stuck
  br label %prepare
prepare:
  %t = phi i64 [ 0, %entry ], [ %t1, %prepare ]
  %t1 = add i64 %t, 1
  %place = mul i64 %t1, {STACK}
  %end = sub i64 %place, 64
  %sp = getelementptr i8, ptr %memory, i64 %end
  %ret = getelementptr i8, ptr %sp, i64 48
  store ptr @start, ptr %ret
  %cell = getelementptr ptr, ptr @stacks, i64 %t
  store ptr %sp, ptr %cell
  %d = getelementptr i64, ptr @done, i64 %t
  store volatile i64 0, ptr %d
  %p = getelementptr i64, ptr @phases, i64 %t
  store volatile i64 0, ptr %p
  %q = getelementptr i64, ptr @warp_phases, i64 %t
  store volatile i64 0, ptr %q
  %w = lshr i64 %t, 5
  %v = getelementptr i64, ptr @warp_arrived, i64 %w
  store volatile i64 0, ptr %v
  %more = icmp slt i64 %t1, %threads
  br i1 %more, label %prepare, label %round
round:
  br label %turn
turn:
  %i = phi i64 [ 0, %round ], [ %i1, %next ]
  %alive = phi i64 [ 0, %round ], [ %alive1, %next ]
  %last = sub i64 %threads, 1
  %mirror = sub i64 %last, %i
  %back = icmp ne i64 %backwards, 0
  %who = select i1 %back, i64 %mirror, i64 %i
  %fd = getelementptr i64, ptr @done, i64 %who
  %finished = load volatile i64, ptr %fd
  %over = icmp ne i64 %finished, 0
  br i1 %over, label %skip, label %go
go:
  store volatile i64 %who, ptr @thread
  %mine = getelementptr ptr, ptr @stacks, i64 %who
  call void @simt_switch(ptr @scheduler, ptr %mine)
  br label %next
skip:
  br label %next
next:
  %one = phi i64 [ 1, %go ], [ 0, %skip ]
  %alive1 = add i64 %alive, %one
  %i1 = add i64 %i, 1
  %others = icmp slt i64 %i1, %threads
  br i1 %others, label %turn, label %all
all:
  %some = icmp sgt i64 %alive1, 0
  br i1 %some, label %round, label %leave
leave:
  %result = load volatile i64, ptr @stuck
  ret i64 %result
}}
"""


def for_host(text: str) -> str:
    """A kernel's text as a function for this processor."""
    for space in (1, 3, 4):
        text = text.replace(f" addrspace({space})", "")
    text = text.replace("define ptx_kernel ", "define ").replace("@llvm.nvvm.", "@emulated.nvvm.")
    return text.replace("!nvvm.annotations", "!unused.annotations")


_EMULATED = re.findall(r"^define \S+ @(emulated\.[\w.]+)", _RUNTIME, re.MULTILINE)


@lru_cache(None)
def _runtime():
    library._initialised()
    llvm.initialize_native_asmparser()
    code = library.target_machine(host()).emit_object(library.parsed(_RUNTIME, host()))
    address, *others = library.load(code, ["simt_block", *_EMULATED])
    memory = np.zeros(STACK * MOST + 64, np.uint8)
    start = memory.ctypes.data + -memory.ctypes.data % 64
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 6)(address), start, memory, dict(zip(_EMULATED, others))


_loaded: dict[str, int] = {}


def address_of(text: str, name: str, arguments: int) -> int:
    """The address of a function that runs one thread of the kernel `name` with an array of pointers."""
    *_, emulated = _runtime()
    text = for_host(text)
    key = "simt" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    if key not in _loaded:
        lines = [f"define void @{key}(ptr %given) {{"]
        for i in range(arguments):
            lines += [f"  %p{i} = getelementptr ptr, ptr %given, i64 {i}", f"  %x{i} = load ptr, ptr %p{i}"]
        passed = ", ".join(f"ptr %x{i}" for i in range(arguments))
        lines += [f"  call void @{name}({passed})", "  ret void", "}"]
        text = text.replace(f"@{name}", f"@{key}_body") + "\n" + "\n".join(lines).replace(f"@{name}", f"@{key}_body")
        _loaded[key] = library.load(library.object_code(text), [key], emulated)[0]
    return _loaded[key]


def launch(text: str, name: str, blocks: int, threads: int, pointers: list[int], backwards: bool = False) -> None:
    """Run a kernel. AssertionError if its threads wait for one another in vain."""
    assert 0 < threads <= MOST and 0 < blocks < 2**31
    run, stacks, *_ = _runtime()
    entry = address_of(text, name, len(pointers))
    given = np.array(pointers or [0], np.int64)
    order = range(blocks)[::-1] if backwards else range(blocks)
    for number in order:
        stuck = run(entry, given.ctypes.data, number, threads, stacks, int(backwards))
        assert not stuck, f"{name}: threads of block {number} wait for others that never come"
