"""From LLVM IR to callable machine code: optimisation, object code, loading. The one place that meets llvmlite."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Iterable
from functools import lru_cache

import llvmlite.binding as llvm

from . import cache
from .machine import Machine, host

_lock = threading.RLock()


class Unresolved(RuntimeError):
    """Code lacks a function that it shall have, or calls one that is nowhere in this process."""


LIGHT = ("tile_", "dot_")
"""Micro-kernels, by how their names begin: they are written as they shall run, and LLVM's passes only take time."""


@lru_cache(None)
def _initialised() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


@lru_cache(None)
def target_machine(machine: Machine, level: int = 3) -> llvm.TargetMachine:
    """LLVM's code generator for a machine."""
    with _lock:
        _initialised()
        target = llvm.Target.from_triple(machine.triple)
        return target.create_target_machine(
            cpu=machine.cpu, features=machine.features, opt=level, reloc="pic", codemodel="small"
        )


def parsed(text: str, machine: Machine) -> llvm.ModuleRef:
    """IR as LLVM's module, verified. RuntimeError with LLVM's words if it is wrong."""
    with _lock:
        tm = target_machine(machine)
        module = llvm.parse_assembly(text)
        module.triple = machine.triple
        module.data_layout = str(tm.target_data)
        module.verify()
        return module


def optimised(module: llvm.ModuleRef, machine: Machine) -> llvm.ModuleRef:
    """The module after LLVM's scalar passes; loops are vectorised and unrolled by our own emitters already."""
    with _lock:
        light = sum(1 for _ in module.functions) > 1 and any(f.name.startswith(LIGHT) for f in module.functions)
        options = llvm.create_pipeline_tuning_options(speed_level=1 if light else 2)
        options.loop_unrolling = False
        options.loop_interleaving = False
        options.loop_vectorization = False
        options.slp_vectorization = False
        builder = llvm.create_pass_builder(target_machine(machine), options)
        if not light:
            builder.getModulePassManager().run(module, builder)
            return module
        passes = llvm.create_new_function_pass_manager()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        for function in module.functions:
            if not function.is_declaration:
                passes.run(function, builder)
        return module


def object_code(text: str, machine: Machine | None = None) -> bytes:
    """The object file of a module, from the cache where it is there already."""
    machine = machine or host()
    key = cache.key(text, machine)
    found = cache.get(key)
    if found is None:
        with _lock:
            found = target_machine(machine).emit_object(optimised(parsed(text, machine), machine))
        cache.put(key, found)
    return found


def assembly(text: str, machine: Machine | None = None) -> str:
    """The assembly of a module, to read."""
    machine = machine or host()
    with _lock:
        return target_machine(machine).emit_assembly(optimised(parsed(text, machine), machine))


def ptx(text: str, machine: Machine) -> str:
    """The PTX of a module for a GPU, from the cache where it is there already."""
    key = cache.key(text, machine)
    found = cache.get(key)
    if found is None:
        found = assembly(text, machine).encode()
        cache.put(key, found)
    return found.decode()


class Code:
    """Machine code in this process: `address` is where its function is, for as long as this object lives."""

    __slots__ = ("address", "_tracker", "__weakref__")

    def __init__(self, address: int, tracker: llvm.ResourceTracker):
        self.address, self._tracker = address, tracker


@lru_cache(None)
def _linker() -> llvm.LLJIT:
    """LLVM's just-in-time linker. It places all sections of an object together: code must find its constants within 2 GB,
    which its older loader (MCJIT) does not see to, and then aborts the process."""
    _initialised()
    linker = llvm.create_lljit_compiler(target_machine(host()), use_jit_link=True, suppress_errors=True)
    # Never disposed of: threads of a team may be in its code when the interpreter ends.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(linker))
    return linker


_count = itertools.count()


def _linked(objects: Iterable[bytes], names: Iterable[str], others: dict[str, int]) -> llvm.ResourceTracker:
    builder = llvm.JITLibraryBuilder().add_current_process()
    for name, address in others.items():
        builder.import_symbol(name, address)
    for code in objects:
        builder.add_object_img(code)
    for name in names:
        builder.export_symbol(name)
    with _lock:
        try:
            return builder.link(_linker(), f"taper{next(_count)}")
        except RuntimeError as error:
            raise Unresolved(f"the code for {host().cpu} does not link: {error}") from error


def loaded(objects: dict[str, bytes]) -> dict[str, Code]:
    """Object files in this process, each with the one function that is its name. Unresolved if one lacks it,
    or calls what is nowhere in the process."""
    if not objects:
        return {}
    tracker = _linked(objects.values(), objects, {})
    return {name: Code(tracker[name], tracker) for name in objects}


def load(code: bytes, names: list[str], others: dict[str, int] | None = None) -> list[int]:
    """The addresses of the named functions of an object file, loaded as long as the process lives.

    others: addresses of functions that it calls, besides those of the libraries in the process.
    """
    tracker = _linked([code], names, others or {})
    addresses = [tracker[name] for name in names]
    tracker.detach()
    return addresses


def compiled(text: str, names: list[str]) -> list[int]:
    """The addresses of the named functions of a module's text."""
    return load(object_code(text), names)
