"""What a compiled function is given and gives back: containers, gradients of arguments, and what it may not change."""

from __future__ import annotations

import contextvars
import dataclasses
import threading
import weakref
from collections import OrderedDict, deque, namedtuple

import numpy as np
import pytest

import taper
from taper.compiler import CaptureError

no_warning = pytest.mark.filterwarnings("error")


def exactly(found, expected) -> None:
    np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())


@dataclasses.dataclass
class Batch:
    x: object
    y: object
    rate: float = 1.0
    name: str = "a"


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: object


@dataclasses.dataclass
class Slotted:
    __slots__ = ("x", "y")
    x: object
    y: object


Point = namedtuple("Point", "x y")


# Containers.


@no_warning
@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: Batch(x, y),
        lambda x, y: Slotted(x, y),
        lambda x, y: Batch(Frozen(x).x, Point(x, y).y),
        lambda x, y: Point(x, y),
    ],
    ids=["dataclass", "with slots", "of parts", "named tuple"],
)
def test_objects_with_tensors_are_taken_apart_and_made_again(make):
    def f(given):
        return make(given.x + given.y, given.x * 2)

    compiled = taper.compile(f, fullgraph=True)
    for n in (1.0, 2.0, 3.0):
        found = compiled(make(taper.full((3,), n), taper.ones(3)))
        expected = f(make(taper.full((3,), n), taper.ones(3)))
        assert type(found) is type(expected)
        exactly(found.x, expected.x)
        exactly(found.y, expected.y)
    assert compiled.compilations == 1


@no_warning
def test_plain_fields_of_a_dataclass_are_guarded_and_floats_are_read():
    compiled = taper.compile(lambda b: b.x * b.rate + (1 if b.name == "a" else 0), fullgraph=True)
    for rate, name in ((0.5, "a"), (0.7, "a"), (0.5, "b")):
        exactly(compiled(Batch(taper.ones(2), None, rate, name)), taper.full((2,), rate + (name == "a")))
    assert compiled.compilations == 2


@no_warning
def test_a_dataclass_that_refers_to_itself():
    b = Batch(taper.ones(2), None)
    b.y = b
    exactly(taper.compile(lambda b: b.x * 2 if b.y is not None else b.x)(b), taper.full((2,), 2.0))


@no_warning
def test_ordered_dicts():
    f = taper.compile(lambda d: OrderedDict(b=d["a"] * 2, a=d["b"]), fullgraph=True)
    for n in (1.0, 2.0):
        found = f(OrderedDict(a=taper.full((2,), n), b=taper.ones(2)))
        assert type(found) is OrderedDict and list(found) == ["b", "a"]
        exactly(found["b"], taper.full((2,), 2 * n))


def test_another_object_with_computed_tensors_is_refused():
    class Holder:
        def __init__(self, x):
            self.x = x

    with pytest.raises(CaptureError, match="returns an object of class Holder.*dataclass"):
        taper.compile(lambda x: Holder(x * 2), fullgraph=True)(taper.ones(2))
    f = taper.compile(lambda x: Holder(x * 2))
    with pytest.warns(UserWarning, match="returns an object of class Holder"):
        exactly(f(taper.ones(2)).x, taper.full((2,), 2.0))
    exactly(f(taper.zeros(2)).x, taper.zeros(2))


def _set_item(d, x):
    d["new"] = x * 2


CHANGES = {
    "dict": (lambda: {"old": 1}, _set_item),
    "list": (lambda: [1], lambda given, x: given.append(x * 2)),
    "dataclass": (lambda: Batch(1, 2), lambda given, x: setattr(given, "y", x * 2)),
    "inner list": (lambda: ([1], 2), lambda given, x: given[0].append(x * 2)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_argument_that_the_function_changes(name):
    make, change = CHANGES[name]

    def f(given, x):
        change(given, x)
        return x + 1

    with pytest.raises(CaptureError, match="changes a list, dict or object that it is given"):
        taper.compile(f, fullgraph=True)(make(), taper.ones(2))
    compiled = taper.compile(f)
    with pytest.warns(UserWarning, match="changes a list, dict or object that it is given"):
        compiled(made := make(), taper.ones(2))
    expected = make()
    f(expected, taper.ones(2))
    assert str(made) == str(expected)


# Gradients of arguments.


def eager_and_compiled(function, **options):
    return function, taper.compile(function, fullgraph=True, **options)


@no_warning
def test_gradients_of_an_argument_belong_to_the_argument_of_the_call():
    def results(of):
        w = taper.ones(3, requires_grad=True)
        step = of(lambda x: (w * x).square().sum().backward())
        xs = [taper.full((3,), float(n), requires_grad=True) for n in (1, 2, 3)]
        for i in (0, 0, 1, 2, 1, 0):
            step(xs[i])
        w.grad = xs[1].grad = None
        step(xs[1])
        return [w.grad, *[x.grad for x in xs]]

    for a, b in zip(results(lambda f: taper.compile(f, fullgraph=True)), results(lambda f: f)):
        exactly(a, b)


@no_warning
def test_gradients_of_an_argument_add_up():
    def results(of):
        step = of(lambda x: x.square().sum().backward())
        x = taper.ones(3, requires_grad=True)
        for _ in range(3):
            step(x)
        found = [x.grad.clone()]
        step = of(lambda x: (x.square().sum().backward(), x.grad.zero_(), None)[2])
        step(x)
        step(x)
        return [*found, x.grad]

    for a, b in zip(results(lambda f: taper.compile(f, fullgraph=True)), results(lambda f: f)):
        exactly(a, b)


@no_warning
def test_requires_grad_inside():
    def f(x):
        x.requires_grad_(True)
        y = (x * x).sum()
        (slope,) = taper.autograd.grad(y, x, create_graph=True)
        slope.sum().backward()
        return slope

    compiled = taper.compile(f, fullgraph=True)
    for n in (1.0, 2.0):
        x, z = taper.full((3,), n), taper.full((3,), n)
        exactly(compiled(x), f(z))
        assert x.requires_grad and x.is_leaf
        exactly(x.grad, z.grad)
    assert compiled.compilations == 1


@no_warning
def test_requires_grad_of_a_parameter_inside():
    def results(of):
        w = taper.ones(3, requires_grad=True)

        def step(x, needed):
            w.requires_grad_(needed)
            y = (w * x).sum()
            if needed:
                y.backward()
            return y.detach()

        step = of(step)
        found = []
        for needed in (True, False, False, True, True):
            found.append(step(taper.full((3,), 2.0), needed))
            assert w.requires_grad is needed
        return [*found, w.grad]

    for a, b in zip(results(lambda f: taper.compile(f, fullgraph=True)), results(lambda f: f)):
        exactly(a, b)


# Objects of Python's and NumPy's that are read.

HELD = {
    "array value": (lambda: np.ones(3), lambda x, s: x * float(s[0]), lambda s: s.__setitem__(0, s[0] + 1)),
    "array factor": (lambda: np.ones(2, np.float32), lambda x, s: x * s, lambda s: s.__setitem__(0, s[0] + 1)),
    "array index": (lambda: np.zeros(2, np.int64), lambda x, s: x[s], lambda s: s.__setitem__(0, 1 - s[0])),
    "deque": (lambda: deque([1]), lambda x, s: x * len(s), lambda s: s.append(1)),
    "deque of tensors": (
        lambda: deque([taper.ones(1)], maxlen=2), lambda x, s: x * sum(s), lambda s: s.append(s[-1] + 2),
    ),
    "set": (lambda: {1}, lambda x, s: x * len(s), lambda s: s.add(len(s) + 1)),
    "bytes": (lambda: bytearray(2), lambda x, s: x * s[0], lambda s: s.__setitem__(0, s[0] + 1)),
}  # fmt: skip


@no_warning
@pytest.mark.parametrize("name", HELD)
def test_what_a_step_reads_of_an_object_that_changes_between_calls(name):
    make, read, change = HELD[name]
    found = []
    for of in (lambda f: f, lambda f: taper.compile(f, fullgraph=True)):
        held = make()
        f = of(lambda x, held=held: read(x, held))
        results = []
        for _ in range(3):
            results += [f(taper.tensor([1.0, 2.0])), f(taper.tensor([1.0, 2.0]))]
            change(held)
        found.append(results)
    for a, b in zip(*found):
        exactly(a, b)
    assert f.compilations == (2 if name == "array index" else 3)


@pytest.mark.parametrize("name", [n for n in HELD if n != "array index"])
def test_an_object_that_a_step_changes(name):
    make, read, change = HELD[name]
    held, twin = make(), make()

    def f(x, held):
        made = read(x, held)
        change(held)
        return made

    compiled = taper.compile(lambda x: f(x, held))
    x = taper.tensor([1.0, 2.0])
    with pytest.warns(UserWarning, match="changes what a "):
        for _ in range(3):
            exactly(compiled(x), f(x, twin))
    exactly(compiled(x), f(x, twin))
    assert str(held) == str(twin)


# Long chains.


@no_warning
def test_long_chains():
    def f(x):
        for i in range(400):
            x = taper.sin(x) if i % 20 == 0 else x * 1.01 + 0.1
        return x

    x = taper.linspace(-1, 1, 7)
    compiled = taper.compile(f, fullgraph=True)
    taper.testing.assert_close(compiled(x), f(x))


# Tensors that no attribute or variable shows.

CONTEXT = contextvars.ContextVar("CONTEXT")
LOCAL = threading.local()


def _by_reference(w):
    found = weakref.ref(w)
    return lambda x: x * found()


def _by_weak_dict(w):
    found = weakref.WeakValueDictionary(w=w)
    return lambda x: x * found["w"]


def _by_context(w):
    CONTEXT.set(w)
    return lambda x: x * CONTEXT.get()


def _by_thread(w):
    LOCAL.w = w
    return lambda x: x * LOCAL.w


def _by_name(w):
    globals()["hidden_w"] = w
    return lambda x: x * globals()["hidden" + "_w"]


@no_warning
@pytest.mark.parametrize("hidden", [_by_reference, _by_weak_dict, _by_context, _by_thread, _by_name])
def test_hidden_tensors_are_read_at_each_call_and_get_gradients(hidden):
    w = taper.ones(2, requires_grad=True)
    f = hidden(w)
    forward = taper.compile(lambda x: f(x), fullgraph=True)
    train = taper.compile(lambda x: f(x).sum().backward(), fullgraph=True)
    for n in (1.0, 2.0, 3.0):
        exactly(forward(taper.ones(2)), taper.full((2,), n))
        w.grad = None
        train(taper.full((2,), n))
        exactly(w.grad, taper.full((2,), n))
        with taper.no_grad():
            w.add_(1)


@no_warning
def test_another_tensor_in_the_context():
    f = taper.compile(_by_context(taper.ones(2)), fullgraph=True)
    for n in (1.0, 2.0):
        CONTEXT.set(taper.full((2,), n))
        exactly(f(taper.ones(2)), taper.full((2,), n))
