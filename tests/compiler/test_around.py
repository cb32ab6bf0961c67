"""What a compiled function shares with the rest of a program: memory, hooks, attributes, output, the clock, random numbers."""

from __future__ import annotations

import logging
import time
import warnings

import numpy as np
import pytest

import taper

ROWS = {}


def row(function):
    ROWS[function.__name__] = function
    return function


@row
def views_of_an_argument(T, compiled):
    f = compiled(lambda x: (x, x.view(-1), x[0], x.t(), x + 0))
    for i in range(2):
        x = T.ones(2, 3) * i
        same, flat, first, turned, new = f(x)
        x.add_(5)
        first.mul_(2)
        yield same, flat, first, turned, new, same is x


@row
def views_that_are_differentiated(T, compiled):
    f = compiled(lambda x: x.view(-1)[1:3])
    for _ in range(2):
        x = T.ones(2, 2, requires_grad=True)
        y = f(x)
        (y * 2).sum().backward()
        z = x * 2
        part = f(z)
        part.mul_(3)
        z.sum().backward()
        yield y, part, z, x.grad


@row
def results_that_share_memory(T, compiled):
    w = T.nn.Parameter(T.ones(3, 3))

    @compiled
    def f(x):
        y = x @ w
        return y, y[0], y.T, y.detach(), y

    for _ in range(2):
        y, first, turned, plain, again = f(T.ones(2, 3))
        (y.sum() + first.sin().sum() + turned.sin().sum()).backward()
        yield y, first, turned, plain, w.grad, y is again
        plain.zero_()
        yield y, first, turned


@row
def parameters_views(T, compiled):
    m = T.nn.Linear(2, 3)
    f = compiled(lambda x: (m.weight.t(), m.weight.detach(), m(x)))
    for _ in range(2):
        turned, plain, y = f(T.ones(1, 2))
        (turned.sum() + y.sum()).backward()
        with T.no_grad():
            m.weight.add_(1)
        yield turned, plain, y, m.weight.grad


@row
def gradient_returned(T, compiled):
    w = T.nn.Parameter(T.ones(2))

    @compiled
    def f(x):
        w.grad = None
        (w * x).sum().backward()
        return w.grad

    for i in range(2):
        g = f(T.ones(2) * i)
        g.add_(1)
        yield g, w.grad, g is w.grad


@row
def hooks_of_leaves(T, compiled):
    m = T.nn.Linear(2, 2)
    f = compiled(lambda x: m(x).sum())
    for i in range(3):
        handle = m.weight.register_hook(lambda g: g + 1) if i == 1 else None
        m.zero_grad()
        f(T.ones(2, 2)).backward()
        yield m.weight.grad, m.bias.grad
        if handle is not None:
            handle.remove()


@row
def grad_modes_inside(T, compiled):
    w = T.nn.Parameter(T.ones(2))

    @compiled
    def f(x):
        with T.no_grad():
            a = w * 2
        with T.enable_grad():
            b = w * 3
        return a, b, (a + b).sum()

    for _ in range(2):
        yield f(T.ones(2))
        with T.no_grad():
            yield f(T.ones(2))


@row
def objects_with_slots(T, compiled):
    class Scaled:
        __slots__ = ("__power", "scale", "w")

        def __init__(self):
            self.w, self.scale, self.__power = T.ones(2), 2.0, 1

        def turn(self, i):
            self.scale, self.w, self.__power = 2.0 + i, self.w * 2, i

        def __call__(self, x):
            return x * self.w**self.__power * self.scale

    held = Scaled()
    f = compiled(held)
    for i in range(3):
        yield [f(T.ones(2))]
        held.turn(i)


@row
def new_containers(T, compiled):
    f = compiled(lambda x: (x * 2, {1, 2}, np.ones(2)))
    for _ in range(2):
        y, numbers, array = f(T.ones(2))
        yield y, sorted(numbers), array.tolist()
        numbers.add(7)
        array[0] = 9


@row
def samples_of_a_batch(T, compiled):
    m = T.nn.Linear(3, 1)
    p = dict(m.named_parameters())
    f = compiled(
        lambda x, y: T.func.vmap(
            T.func.grad(lambda p, x, y: (T.func.functional_call(m, p, (x,)) - y).square().mean()), (None, 0, 0)
        )(p, x, y)
    )
    for _ in range(2):
        yield [*f(T.randn(4, 3), T.randn(4, 1)).values()]


@row
def averages_of_all_batches(T, compiled):
    norm = T.nn.BatchNorm1d(3, momentum=None)
    f = compiled(lambda x: norm(x).sum(1))
    for _ in range(3):
        yield f(T.randn(4, 3)), *norm.buffers()


@row
def scaled_losses(T, compiled):
    m = T.nn.Linear(3, 2)
    optimizer, scaler = T.optim.SGD(m.parameters(), 0.1), T.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    f = compiled(lambda x: scaler.scale(m(x).square().mean()).backward())
    for _ in range(5):
        optimizer.zero_grad()
        f(T.randn(2, 3))
        scaler.step(optimizer)
        scaler.update()
        yield scaler.get_scale(), m.weight, m.bias


def told(value):
    """A tensor as what can be compared: its numbers, whether it needs a gradient, whether it is a leaf."""
    if hasattr(value, "requires_grad"):
        return value.detach().numpy().copy(), value.requires_grad, value.is_leaf
    return value


def run(name: str, lib, compiled) -> list[list]:
    lib.manual_seed(0)
    return [[told(v) for v in step] for step in ROWS[name](lib, compiled)]


def same(found: list[list], expected: list[list]) -> None:
    for i, (now, then) in enumerate(zip(found, expected, strict=True)):
        for j, (a, b) in enumerate(zip(now, then, strict=True)):
            if isinstance(b, tuple):
                assert a[1:] == b[1:], (i, j)
                np.testing.assert_allclose(a[0], b[0], rtol=1e-5, atol=1e-6, err_msg=f"step {i}, result {j}")
            else:
                assert a == b, (i, j)


@pytest.mark.parametrize("name", ROWS)
def test_as_in_eager_execution_and_in_pytorch(name):
    functions = []

    def compiled(f):
        functions.append(taper.compile(f, fullgraph=True))
        return functions[-1]

    expected, found = run(name, taper, lambda f: f), run(name, taper, compiled)
    same(found, expected)
    assert all(f.compilations for f in functions)
    torch = pytest.importorskip("torch")
    same(expected, run(name, torch, lambda f: f))


def speaks(x):
    print("here")
    return x + 1


def logs(x):
    logging.getLogger(__name__).warning("here")
    return x + 1


def times(x):
    return x + time.perf_counter()


def yields(x):
    yield x + 1


async def waits(x):
    return x + 1


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (speaks, "prints"),
        (logs, "logs"),
        (times, "the clock"),
        (yields, "returns a generator"),
        (waits, "returns a coroutine"),
    ],
)
def test_what_a_program_would_do_once_is_refused(function, reason):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(taper.CaptureError, match=reason):
            taper.compile(function, fullgraph=True)(taper.ones(2))


def test_what_is_printed_is_printed_at_each_call(capsys):
    compiled = taper.compile(speaks)
    with pytest.warns(UserWarning, match="prints"):
        compiled(taper.ones(2))
    compiled(taper.ones(2))
    assert capsys.readouterr().out == "here\nhere\n"
