"""The CPU's kernels over another library: NumPy stands in for it here, under another name."""

from __future__ import annotations

import importlib
import types

import numpy as np
import pytest

from taper.backends import cpu
from taper.backends.cpu import large
from taper.backends.portable import Portable


@pytest.fixture
def library():
    """NumPy as another module, which notes what is asked of it."""
    asked = []

    class Library(types.ModuleType):
        def __getattr__(self, name):
            asked.append(name)
            return getattr(np, name)

    made = Library("library")
    made.asked = asked
    return made


def test_a_kernel_computes_with_the_library(library):
    room = Portable(library, {"large": large}, {})["softmax"]
    x = np.random.default_rng(0).standard_normal((3, 5))
    np.testing.assert_array_equal(room.softmax(x, 1), cpu.softmax(x, 1))
    assert {"exp", "maximum"} <= set(library.asked)
    ordinary = importlib.import_module("taper.backends.cpu.softmax")
    assert room is not ordinary and ordinary.np is np


def test_siblings_are_loaded_over_the_library_too_and_once(library):
    portable = Portable(library, {"large": large}, {})
    normalization, linear = portable["normalization"], portable["linear"]
    assert normalization.column_sums is linear.column_sums and portable["linear"] is linear
    assert linear.np is library


def test_better_functions_are_used_inside_the_module_too(library):
    calls = []

    def sums(x):
        calls.append(x.shape)
        return x.sum(axis=-1)

    room = Portable(library, {"large": large}, {"normalization": {"_row_sums": sums}})["normalization"]
    x = np.random.default_rng(1).standard_normal((4, 6))
    found = room.layer_norm(x, None, None, (1,), 1e-5)
    for a, b in zip(found, cpu.layer_norm(x, None, None, (1,), 1e-5)):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert calls == [(4, 6)]


def test_what_it_imports_of_other_rooms_is_the_ordinary_thing(library):
    from taper.errors import LinAlgError

    assert Portable(library, {"large": large}, {})["matrices"].LinAlgError is LinAlgError
