"""Rows of the operator tables as programs for a GPU, run thread by thread on this processor; the PTX of their kernels."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from taper.native import library

from ..native import simt
from ..ops.case import FLOATS, HALVES, INTEGERS
from ..ops.test_cases import CASES
from .emulated import home
from .test_cases import code_in_memory, compare, complex_seen  # noqa: F401  (fixtures)

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")

EVERY = 6
"""Which rows are looked at here, to keep the time short: with 1 it is all of them, which takes two minutes."""


@pytest.fixture
def drivers(monkeypatch):
    made = []
    here = home(made)
    monkeypatch.setattr("taper.compiler.capture.home_of", lambda array: here)
    return made


ROWS = [c for i, c in enumerate(CASES) if i % EVERY == 0 or c.name.startswith("recurrence")]


@pytest.mark.parametrize("case", ROWS, ids=lambda c: c.name)
def test_row_with_its_gradients(case, complex_seen, drivers):  # noqa: F811
    compare(case, next((d for d in FLOATS if d in case.dtypes), case.dtypes[0]), case.grad, complex_seen)
    for driver in drivers:
        for text in driver.loaded:
            ptx = library.assembly(text, driver.machine)
            assert ".visible .entry KERNEL(" in ptx
            assert ".extern" not in ptx, "a call of a function that is not there"
            assert ".local" not in ptx, "values in memory instead of registers"


OTHERS = [c for c in CASES if set(c.dtypes) & {*HALVES, *INTEGERS}][::EVERY]


@pytest.mark.parametrize("case", OTHERS, ids=lambda c: c.name)
def test_row_in_other_dtypes(case, complex_seen, drivers):  # noqa: F811
    for dtype in case.dtypes:
        if dtype in HALVES or dtype in INTEGERS:
            compare(case, dtype, False, complex_seen)
