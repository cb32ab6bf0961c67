"""Random numbers by machine code: bit for bit what NumPy's way gives, and what PyTorch gives."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
from taper.backends import streams_native, streams_normal
from taper.backends.streams import MT19937Stream
from taper.native import library, streams
from taper.native.machine import LEVELS, host, level

SIZES = [1, 2, 3, 15, 16, 17, 31, 311, 312, 313, 623, 624, 625, 1247, 1248, 1249, 5000, 20_011]


def test_numpys_state_is_readable():
    assert streams.readable()


@pytest.mark.parametrize("kind", ["words", "longs", "floats", "doubles"])
def test_draws_are_numpys(kind):
    found, wanted = MT19937Stream(3), MT19937Stream(3)
    name = {"longs": "long_words"}.get(kind, kind)
    options = (1.0, 0.0) if kind == "floats" else ()
    for n in SIZES:
        drawn = streams.draw(kind, found._bits, n, *options)
        plain = getattr(wanted, name)(n)
        assert drawn.dtype == plain.dtype and drawn.tobytes() == plain.tobytes(), n
        assert found.get_state().tobytes() == wanted.get_state().tobytes()
        found.words(7), wanted.words(7)


def without_kernels(monkeypatch):
    monkeypatch.setattr(streams_native.Native, "load", None)
    monkeypatch.setattr(streams_native.Native, "kernels", None)


@pytest.mark.skipif(not host().fused, reason="machine without fused multiply-add: normal numbers stay NumPy's")
@pytest.mark.parametrize("mean, std", [(0.0, 1.0), (1.5, 0.3), (-3.0, 1e-3), (-0.0, 0.0), (7e9, 1e-30), (0.1, 1e38)])
def test_normals_are_numpys(mean, std, monkeypatch):
    without_kernels(monkeypatch)
    for seed, groups in enumerate([1, 2, 3, 1250, 4001]):
        uniform = MT19937Stream(seed).floats(16 * groups)
        uniform[:4], uniform[8:12] = [0, 2**-24, 0.5, 1 - 2**-24], [1 - 2**-24, 0, 0.125, 0.5]
        with np.errstate(over="ignore"):
            wanted = streams_normal.transform(uniform.copy(), mean, std)
        streams.normals(uniform, *np.array([mean, std], np.float32).tolist())
        np.testing.assert_array_equal(uniform.view(np.int32), wanted.view(np.int32))


@pytest.mark.parametrize("name", ["log", "log1p", "exp", "sin", "cos", "tan"])
def test_functions_of_the_c_library(name, monkeypatch):
    x = np.random.default_rng(0).uniform(0, 0.999, 4000).reshape(40, 100).T
    x[3, 2] = 0.0
    found = streams_normal.libm(name, x)
    assert streams.finds(name)
    without_kernels(monkeypatch)
    np.testing.assert_array_equal(found, streams_normal.libm(name, x))


# What a stream makes of draws, for any n.
DISTRIBUTIONS = {
    "uniform": lambda s, n: s.uniform(n),
    "uniform of bounds": lambda s, n: s.uniform(n, -0.3, 1.7),
    "uniform float64": lambda s, n: s.uniform(n, -1, 2, np.float64),
    "uniform float16": lambda s, n: s.uniform(n, dtype=np.float16),
    "normal": lambda s, n: s.normal(n),
    "normal of mean and std": lambda s, n: s.normal(n, -1.5, 0.02),
    "normal float16": lambda s, n: s.normal(n, 3, 2, np.float16),
    "normal float64": lambda s, n: s.normal(n, 3, 2, np.float64),
    "normal complex": lambda s, n: s.normal(n, dtype=np.complex64),
    "integers": lambda s, n: s.integers(n, -3, 250),
    "wide integers": lambda s, n: s.integers(n, -(2**40), 2**40),
    "integers of all bits": lambda s, n: s.integers_all(n, np.int32),
    "permutation": lambda s, n: s.permutation(n),
    "bernoulli": lambda s, n: s.bernoulli(n, 0.3),
    "bernoulli of each": lambda s, n: s.bernoulli_each(np.linspace(0, 1, n, dtype=np.float32)),
    "exponential": lambda s, n: s.exponential(n, 2.5),
    "geometric": lambda s, n: s.geometric(n, 0.2),
    "cauchy": lambda s, n: s.cauchy(n, 1.0, 2.0),
    "log normal": lambda s, n: s.log_normal(n),
    "multinomial": lambda s, n: s.multinomial(np.linspace(0.5, 1, n, dtype=np.float32), max(1, n // 10)),
}


def digest(draw, n: int) -> str:
    stream = MT19937Stream(n)
    drawn = draw(stream, n)
    return hashlib.sha256(drawn.tobytes() + stream.get_state().tobytes()).hexdigest()


@pytest.mark.parametrize("n", [600, 2000, 20_011])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_streams_give_the_same_numbers(name, n, monkeypatch):
    monkeypatch.setattr(streams_native, "MANY", 0)
    found = digest(DISTRIBUTIONS[name], n)
    assert streams_native.Native.kernels is streams
    without_kernels(monkeypatch)
    assert found == digest(DISTRIBUTIONS[name], n)


TORCHS = {
    "rand": lambda T, n: T.rand(n),
    "randn": lambda T, n: T.randn(n),
    "randn of float64": lambda T, n: T.randn(n, dtype=T.float64),
    "uniform_": lambda T, n: T.empty(n).uniform_(-0.7, 0.1),
    "normal_": lambda T, n: T.empty(n).normal_(0.3, 2.5),
    "randint": lambda T, n: T.randint(-7, 1000, (n,)),
    "randperm": lambda T, n: T.randperm(n),
    "dropout": lambda T, n: T.nn.functional.dropout(T.ones(n), 0.3),
    "bernoulli": lambda T, n: T.bernoulli(T.linspace(0, 1, n)),
    "exponential_": lambda T, n: T.empty(n).exponential_(1.5),
}


@pytest.mark.parametrize("n", [1 << 14, 50_007])
@pytest.mark.parametrize("name", TORCHS)
def test_numbers_are_pytorchs(name, n):
    torch = pytest.importorskip("torch")
    for seed in (0, 7):
        drawn = []
        for T in (taper, torch):
            T.manual_seed(seed)
            drawn.append((TORCHS[name](T, n).numpy(), T.rand(1).item()))
        (found, then), (wanted, torchs_then) = drawn
        if name == "exponential_":  # Intel's vector mathematics, where PyTorch is built with it
            np.testing.assert_allclose(found, wanted, rtol=3e-7)
        else:
            np.testing.assert_array_equal(found, wanted)
        assert then == torchs_then


@pytest.mark.parametrize("name", [*LEVELS, "neon"])
def test_kernels_for_every_machine(name):
    machine = level(name)
    code = library.assembly(streams.text(machine), machine)
    assert "taper_doubles" in code
    assert ("taper_normals" in code) == machine.fused
    assert "fmaf" not in code


@pytest.mark.parametrize("name", [n for n in LEVELS if LEVELS[n][0] <= host().vector_bits])
def test_lesser_machines_give_the_same_numbers(name):
    if host().triple.split("-")[0] != "x86_64":
        pytest.skip("levels of x86-64")
    program = "from tests.native.test_streams import *; print(*map(partial(digest, n=20_011), DISTRIBUTIONS.values()))"
    environment = dict(os.environ, TAPER_CPU=name)
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert told == [*map(partial(digest, n=20_011), DISTRIBUTIONS.values())]
