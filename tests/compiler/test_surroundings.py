"""What a step meets besides tensors: random numbers, iterators, class attributes, libraries. Never silently another result."""

from __future__ import annotations

import functools
import itertools
import random
import sys
import types
import warnings

import numpy as np
import pytest

import taper
from taper import CaptureError
from taper.compiler import surroundings

X = taper.tensor([1.0, 2.0])
own, generator, legacy = random.Random(3), np.random.default_rng(3), np.random.RandomState(3)


def seed() -> None:
    """Set all generators of random numbers that the functions below use."""
    random.seed(7), np.random.seed(7), own.seed(3)
    generator.bit_generator.state = np.random.default_rng(3).bit_generator.state
    legacy.seed(3)


def teacher_forcing(x):
    return x * 2 if random.random() < 0.5 else -x


DRAWING = {
    "random.random": lambda x: x * random.random(),
    "a branch": teacher_forcing,
    "random.choice": lambda x: x * random.choice([1, 2, 3, 4]),
    "random.Random": lambda x: x * own.random(),
    "np.random": lambda x: x * np.random.rand(),
    "np.random arrays": lambda x: x + taper.from_numpy(np.random.rand(2)),
    "Generator": lambda x: x * generator.random(),
    "RandomState": lambda x: x * legacy.rand(),
}


@pytest.mark.parametrize("function", DRAWING.values(), ids=DRAWING)
def test_random_numbers_of_python_and_numpy_are_drawn_at_each_call(function):
    seed()
    expected = [function(X) for _ in range(5)]
    seed()
    with pytest.raises(CaptureError, match="random numbers"):
        taper.compile(function, fullgraph=True)(X)
    compiled = taper.compile(function)
    with pytest.warns(UserWarning, match="random numbers"):
        found = [compiled(X)]
    found += [compiled(X) for _ in range(4)]
    assert [f.tolist() for f in found] == [e.tolist() for e in expected]


def test_a_failed_capture_gives_drawn_numbers_back():
    def f(x):
        return x * random.random() * x.sum().item()

    random.seed(1)
    expected = f(X)
    random.seed(1)
    with pytest.warns(UserWarning, match="item"):
        assert taper.compile(f)(X).tolist() == expected.tolist()


def counting():
    k = 0
    while True:
        k += 1
        yield float(k)


ITERATORS = {
    "iter of a list": lambda: iter([2.0, 3.0, 4.0]),
    "generator": counting,
    "count": lambda: itertools.count(1),
    "cycle": lambda: itertools.cycle([1.0, 5.0]),
    "enumerate": lambda: enumerate([1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize("make", ITERATORS.values(), ids=ITERATORS)
def test_an_iterator_moves_on_at_each_call(make):
    def of(iterator):
        def f(x):
            element = next(iterator)
            return x * (element[1] if isinstance(element, tuple) else element)

        return f

    expected, compiled = of(make()), taper.compile(of(make()))
    with pytest.warns(UserWarning, match="iterator"):
        found = [compiled(X).tolist()]
    found += [compiled(X).tolist() for _ in range(2)]
    assert found == [expected(X).tolist() for _ in range(3)]


class Counted:
    calls = 0

    def __call__(self, x):
        Counted.calls += 1
        return x * Counted.calls


def test_a_class_attribute_changes_once_a_call():
    compiled = taper.compile(Counted())
    with pytest.warns(UserWarning, match="Counted.calls"):
        found = [compiled(X).tolist() for _ in range(3)]
    assert found == [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]] and Counted.calls == 3


class Half:
    def __get__(self, instance, owner):
        return 0.5


class Described:
    scale = 2.0
    half = Half()

    def __init__(self):
        self.bias = 3.0

    @functools.cached_property
    def table(self):
        return taper.ones(2) * self.scale

    @property
    def shift(self):
        return self._shift()

    def _shift(self):
        return self.__dict__["bias"]

    def __call__(self, x):
        return x * self.half + self.table + self.shift


def test_descriptors_properties_and_dicts_of_objects():
    described = Described()
    compiled = taper.compile(described, fullgraph=True)
    assert compiled(X).tolist() == [5.5, 6.0]
    described.bias = 4.0
    assert compiled(X).tolist() == [6.5, 7.0]


@pytest.fixture
def installed(monkeypatch):
    """Makes a module as if it were installed as a package of that name."""

    def make(name: str, code: str) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__file__ = f"/somewhere/site-packages/{name}/__init__.py"
        exec(code, module.__dict__)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    yield make
    surroundings._libraries.clear()


BUSY = """
ticks = []
scale = 2.0
def log(x):
    ticks.append(1)
def scaled(x):
    return x * scale
class Console:
    width = 80
    def __init__(self):
        self.lines = []
    def print(self, *words):
        self.lines.append(words)
"""


def test_a_library_that_knows_nothing_of_taper_is_not_looked_through(installed):
    library = installed("busy_library", BUSY)
    console = library.Console()

    def f(x):
        if x.ndim > 3:
            console.print(library.ticks)
            library.log(x)
        return x * 2

    compiled = taper.compile(f, fullgraph=True)
    compiled(X)
    library.ticks.append(1), console.lines.append("other"), setattr(library.Console, "width", 100)
    assert compiled(X).tolist() == [2.0, 4.0] and compiled.compilations == 1


def test_a_package_that_uses_taper_is_the_users(installed):
    library = installed("models_of_somebody", "import taper\n" + BUSY)
    compiled = taper.compile(lambda x: library.scaled(x), fullgraph=True)
    assert compiled(X).tolist() == [2.0, 4.0]
    library.scale = 3.0
    assert compiled(X).tolist() == [3.0, 6.0]


def test_settings_behind_words_are_looked_at(installed):
    code = """
class Settings:
    def __init__(self, **entries):
        self.__dict__["_entries"] = entries
    def __getattr__(self, name):
        return self._entries[name]
"""
    settings = installed("settings_library", code).Settings(depth=2)
    compiled = taper.compile(lambda x: x * settings.depth, fullgraph=True)
    assert compiled(X).tolist() == [2.0, 4.0]
    settings._entries["depth"] = 3
    assert compiled(X).tolist() == [3.0, 6.0]


PLAIN_ONLY = {
    "quantile": lambda x, q: taper.quantile(x, q),
    "arange": lambda x, q: x.sum() + taper.arange(0.0, q * 10, 1.0).sum(),
    "full": lambda x, q: x + taper.full((2,), q),
}


@pytest.mark.parametrize("function", PLAIN_ONLY.values(), ids=PLAIN_ONLY)
def test_floats_where_plain_numbers_must_stand(function):
    compiled = taper.compile(function, fullgraph=True)
    for q in (0.25, 0.5, 0.25):
        assert compiled(X, q).tolist() == function(X, q).tolist()


def test_where_a_view_lies_in_its_memory_is_not_known():
    base = taper.arange(20.0)

    def f(x):
        return x.as_strided((2, 2), (1, 2), 6)

    with pytest.raises(CaptureError, match="storage offset"):
        taper.compile(f, fullgraph=True)(base[5:15])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert taper.compile(f)(base[5:15]).tolist() == [[6.0, 8.0], [7.0, 9.0]]
    assert taper.compile(f, fullgraph=True)(base).tolist() == [[6.0, 8.0], [7.0, 9.0]]
