"""Every row of the operator tables as programs for a GPU, run thread by thread on this processor."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from ..native import simt
from ..ops.case import FLOATS, HALVES, INTEGERS
from ..ops.test_cases import CASES
from .emulated import home
from .test_cases import code_in_memory, compare, complex_seen  # noqa: F401  (fixtures)

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch):
    here = home()
    monkeypatch.setattr("taper.compiler.capture.home_of", lambda array: here)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_row_with_its_gradients(case, complex_seen):  # noqa: F811
    compare(case, next((d for d in FLOATS if d in case.dtypes), case.dtypes[0]), case.grad, complex_seen)


@pytest.mark.parametrize("case", [c for c in CASES if set(c.dtypes) & {*HALVES, *INTEGERS}][::3], ids=lambda c: c.name)
def test_row_in_other_dtypes(case, complex_seen):  # noqa: F811
    for dtype in case.dtypes:
        if dtype in HALVES or dtype in INTEGERS:
            compare(case, dtype, False, complex_seen)
