"""Whole programs as users write them: compiled as in eager execution, and as in PyTorch, step by step from the same seed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper

from .written import PROGRAMS


def steps_of(name: str, lib, compiled) -> list[list[np.ndarray]]:
    lib.manual_seed(0)
    return [[t.detach().double().numpy().copy() for t in step] for step in PROGRAMS[name](lib, compiled)]


def same(found, expected, tolerance: float) -> None:
    assert len(found) == len(expected)
    for i, (now, then) in enumerate(zip(found, expected, strict=True)):
        for j, (a, b) in enumerate(zip(now, then, strict=True)):
            scale = np.abs(b).max(initial=1e-3)
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=f"step {i}, tensor {j}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_as_in_eager_execution_and_in_pytorch(name):
    expected = steps_of(name, taper, lambda f: f)
    functions = []

    def compiled(f):
        functions.append(taper.compile(f))
        return functions[-1]

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="taper.compile")
        found = steps_of(name, taper, compiled)
    same(found, expected, 1e-5)
    steps = len(found)
    assert all(0 < f.compilations < max(3, steps) for f in functions), [f.compilations for f in functions]
    torch = pytest.importorskip("torch")
    same(found, steps_of(name, torch, lambda f: f), 3e-5)
