"""taper.compiler's switches: is_compiling, disable, reset, and nested compiled functions."""

import pytest

import taper
from taper import compiler


def test_is_compiling_inside_only():

    plain = taper.compile(lambda x: x * (2 if compiler.is_compiling() else 3), fullgraph=True)
    assert not compiler.is_compiling()
    assert plain(taper.ones(2)).tolist() == [2, 2]


def test_disable_keeps_a_function_out():
    @compiler.disable
    def outside(x):
        return x + 1

    @taper.compile
    def f(x):
        return outside(x) * 2

    with pytest.warns(UserWarning, match="outside is disabled"):
        assert f(taper.ones(2)).tolist() == [4, 4]
    with pytest.raises(taper.CaptureError, match="disabled"):
        taper.compile(lambda x: outside(x), fullgraph=True)(taper.ones(2))


def test_reset_forgets_programs():
    f = taper.compile(lambda x: x + 1, fullgraph=True)
    f(taper.ones(3))
    assert len(f.steps) == 1
    compiler.reset()
    assert not f.steps and f(taper.ones(3)).tolist() == [2, 2, 2]


def test_a_compiled_function_inside_another_is_part_of_it():
    inner = taper.compile(lambda x: x.sin(), fullgraph=True)
    outer = taper.compile(lambda x: inner(x) + 1, fullgraph=True)
    x = taper.linspace(0, 1, 5)
    assert (outer(x) - (x.sin() + 1)).abs().max() < 1e-6
    assert not inner.steps and outer.compilations == 1
