"""Random programs: eager against PyTorch, compiled against eager, from the same inputs and from others."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import reject

import taper

from .outcomes import attempt, compare
from .programs import Program, programs


def carried_out(T, program: Program):
    """What a program comes to: results, gradients, and what its arguments hold afterwards."""
    parameters, arguments = program.tensors(T)
    return program.step(T, parameters)(*arguments), arguments


def as_pytorch(program: Program) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = attempt(carried_out, taper, program), attempt(carried_out, torch, program)
    if "modified by an inplace operation" in str(theirs) and not isinstance(ours, Exception):
        # Taper saves less than PyTorch for some derivatives, so less can be spoilt.
        reject()
    compare(ours, theirs, repr(program))


def as_eager(program: Program) -> None:
    """The program compiled, called twice: the second time with arguments and parameters as the first call left them."""
    parameters, arguments = program.tensors(taper)
    others, copies = program.tensors(taper)
    eager, compiled = program.step(taper, parameters), taper.compile(program.step(taper, others))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in ("first", "second"):
            expected = attempt(eager, *arguments)
            found = attempt(compiled, *copies)
            compare(found, expected, f"{call} call of {program!r}")
            if isinstance(expected, Exception):
                return
            compare([copies, others], [arguments, parameters], f"what the {call} call leaves of {program!r}")


def test_programs_are_pytorchs(fuzz):
    pytest.importorskip("torch")
    fuzz(as_pytorch, programs(), examples=500)


def test_compiled_programs_are_the_eager_ones(fuzz, monkeypatch):
    from taper.compiler.engine import native_available

    if native_available():
        monkeypatch.setattr("taper.native.cache.folder", lambda: None)
    fuzz(as_eager, programs(), examples=80)
