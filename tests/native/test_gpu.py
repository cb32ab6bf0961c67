"""Kernels for a GPU: what threads share, compiled to PTX, and run thread by thread on this processor."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from taper.native import gpu, library, machine
from taper.native.text import Module, i64
from taper.native.vector_math import modulo

from . import simt

ARCHITECTURES = ("sm_70", "sm_80", "sm_90", "sm_100")
THREADS = 64

emulated = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")


def kernel(write, arrays: int = 2) -> str:
    """The text of a kernel `write(b, *arrays)` for a block of THREADS."""
    b = gpu.Kernel(Module(fused=True, modulo=False), "KERNEL")
    given = [b.argument() for _ in range(arrays)]
    write(b, *given)
    b.finish_kernel(THREADS, given[:-1])
    return str(b.module)


def run(text: str, *arrays: np.ndarray, backwards: bool = False) -> None:
    simt.launch(text, "KERNEL", 1, THREADS, [a.ctypes.data for a in arrays], backwards)


def reversed_and_exchanged(type: str):
    def write(b, x, out):
        t = gpu.thread(b)
        memory = gpu.shared(b, type, THREADS)
        b.store(b.load(type, b.offset(x, t, type)), b.offset(memory, t, type))
        gpu.barrier(b)
        mine = b.load(type, b.offset(memory, b.sub(i64(THREADS - 1), t), type))
        b.store(gpu.shuffled(b, mine, 5), b.offset(out, t, type))

    return write


TYPES = {"float": np.float32, "double": np.float64, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
         "half": np.float16}  # fmt: skip


@emulated
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("type", TYPES)
def test_threads_share_memory_and_exchange_values(type, backwards):
    x = np.random.default_rng(0).integers(-100, 100, THREADS).astype(TYPES[type])
    found = np.zeros_like(x)
    run(kernel(reversed_and_exchanged(type)), x, found, backwards=backwards)
    np.testing.assert_array_equal(found, x[::-1][np.arange(THREADS) ^ 5])


@emulated
def test_a_missing_barrier_is_seen():
    def write(b, x, out):
        t = gpu.thread(b)
        memory = gpu.shared(b, "float", THREADS)
        b.store(b.load("float", b.offset(x, t, "float")), b.offset(memory, t, "float"))
        mine = b.load("float", b.offset(memory, b.sub(i64(THREADS - 1), t), "float"))
        b.store(mine, b.offset(out, t, "float"))

    x = np.arange(1, THREADS + 1, dtype=np.float32)
    found = np.zeros_like(x)
    run(kernel(write), x, found)
    assert not np.array_equal(found, x[::-1])


@emulated
def test_threads_that_wait_in_vain_are_reported():
    def write(b, x, out):
        with b.when(b.compare("<", gpu.thread(b), i64(THREADS // 2))):
            gpu.barrier(b)

    with pytest.raises(AssertionError, match="wait for others that never come"):
        run(kernel(write), np.zeros(1, np.float32), np.zeros(1, np.float32))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_ptx(architecture):
    text = library.ptx(kernel(reversed_and_exchanged("float")), machine.gpu(architecture))
    assert f".target {architecture}" in text and ".visible .entry KERNEL(" in text and f".reqntid {THREADS}" in text
    assert "bar.sync" in text and "shfl.sync.bfly" in text and ".shared" in text
    assert "ld.global.nc" in text, "what nobody writes is read through the cache for such"
    assert ".extern" not in text and ".local" not in text


def test_capabilities_have_machines():
    assert machine.gpu_for(9, 0).cpu == "sm_90" and machine.gpu_for(8, 8).cpu == "sm_87"
    assert machine.gpu_for(12, 1).cpu == "sm_120" and machine.gpu_for(10, 0).features == "+ptx86"
    with pytest.raises(ValueError, match="too old"):
        machine.gpu_for(6, 1)
    with pytest.raises(ValueError, match="unknown GPU architecture 'sm_1'"):
        machine.gpu("sm_1")


@emulated
@pytest.mark.parametrize("type", ["float", "double"])
def test_the_remainder_is_exact(type):
    dtype = TYPES[type]
    rng = np.random.default_rng(1)
    huge = float(np.finfo(dtype).max)
    special = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        3.0,
        math.inf,
        -math.inf,
        math.nan,
        huge,
        -huge,
        huge / 3,
        5e-324 if type == "double" else 1e-45,
    ]
    pairs = [(x, y) for x in special for y in special]
    pairs += list(zip(rng.standard_normal(200) * 10.0 ** rng.integers(-20, 20, 200), rng.standard_normal(200)))
    pairs += list(zip(rng.integers(-(2**20), 2**20, 200) * 0.1, rng.integers(1, 99, 200) * 0.1))
    pairs += [(0.0, 1.0)] * (-len(pairs) % THREADS)
    x, y = (np.ascontiguousarray(a, dtype) for a in np.array(pairs, dtype).T)

    def write(b, x, y, out):
        t = gpu.thread(b)
        b.store(modulo(b, *(b.load(type, b.offset(p, t, type)) for p in (x, y))), b.offset(out, t, type))

    text, found = kernel(write, 3), np.zeros_like(x)
    for i in range(0, len(x), THREADS):
        part = slice(i, i + THREADS)
        run(text, x[part], y[part], found[part])
    with np.errstate(invalid="ignore"):
        expected = np.fmod(x, y)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[~np.isnan(found)]), np.signbit(expected[~np.isnan(expected)]))
