"""The tape on bare variables: gradients against the calculus, and what is kept and freed."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import taper
from taper.autograd import callables, dispatch, engine, tape
from taper.autograd.leaves import AccumulateGrad
from taper.ops import elementwise, reduction

try:
    import torch
except ImportError:
    torch = None

add, mul = callables.binary(elementwise.add), callables.binary(elementwise.mul)
exp = callables.unary(elementwise.exp)


def leaf(values):
    v = tape.wrap(np.asarray(values, np.float32))
    v._node = AccumulateGrad(v)
    return v


def total(x):
    return dispatch.apply(reduction.sum, x, axis=None, keepdims=False)


def backward(result, retain_graph=False):
    engine.run([result], [tape.wrap(np.ones((), np.float32))], retain_graph=retain_graph, create_graph=False)


def test_broadcast_gradients_are_summed_to_the_inputs():
    x, y = leaf([0.1, 0.2, 0.3]), leaf([[0.2], [0.3]])
    backward(total(exp(add(mul(x, y), x))))
    e = np.exp(x._array * y._array + x._array)
    np.testing.assert_allclose(x._grad._array, (e * (y._array + 1)).sum(0), rtol=1e-6)
    np.testing.assert_allclose(y._grad._array, (e * x._array).sum(1, keepdims=True), rtol=1e-6)


def test_second_run_needs_retain_graph():
    x = leaf([1.0, 2.0])
    y = total(mul(x, x))
    backward(y, retain_graph=True)
    backward(y)
    np.testing.assert_array_equal(x._grad._array, [4.0, 8.0])
    with pytest.raises(RuntimeError, match="second time"):
        backward(y)


def test_gradients_of_two_leaves_do_not_share_memory():
    x, y = leaf([1.0]), leaf([2.0])
    engine.run([add(x, y)], [tape.wrap(np.ones(1, np.float32))], retain_graph=False, create_graph=False)
    x._grad._array[0] = 7
    assert y._grad._array[0] == 1


def test_a_graph_is_freed_without_the_cycle_collector():
    gc.disable()
    try:
        x = leaf([1.0])
        y = exp(mul(x, x))
        node = weakref.ref(y._node)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_a_deep_graph_runs_without_recursion():
    x = leaf([1.0])
    y = x
    for _ in range(20_000):
        y = mul(y, 1.0)
    backward(total(y))
    assert x._grad._array[0] == 1


def _order(T):
    """The order in which leaves' hooks and the nodes between them run in backward."""
    seen = []
    a, b, c = (T.ones(3, requires_grad=True) for _ in range(3))
    for name, leaf in (("a", a), ("b", b), ("c", c)):
        leaf.register_post_accumulate_grad_hook(lambda p, name=name: seen.append((name, p.grad.tolist())))
    early = c * 5
    h = a * 2
    h.register_hook(lambda g: seen.append(("h", g.tolist())))
    k = h * b + b
    k.register_hook(lambda g: seen.append(("k", g.tolist())))
    (k * c + early).sum().backward()
    return seen


def test_leaves_that_are_waited_for_come_as_soon_as_they_can():
    """Also c, which is used early and late, comes once, with all of its gradient."""
    found = _order(taper)
    assert found == _order(pytest.importorskip("torch"))
    assert [name for name, _ in found] == ["k", "b", "h", "a", "c"]


def test_calls_at_the_end_of_backward():
    seen = []
    x = taper.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: engine.at_end(lambda: seen.append(x.grad.tolist())))
    y.sum().backward()
    assert seen == [[2, 2]]

    def nested(g):
        engine.at_end(lambda: seen.append("outer"))
        z = taper.ones(1, requires_grad=True)
        z.register_hook(lambda g: engine.at_end(lambda: seen.append("inner")))
        with taper.enable_grad():
            (z * 1).sum().backward()

    y = x * 2
    y.register_hook(nested)
    y.sum().backward()
    assert seen[1:] == ["outer", "inner"]
    with pytest.raises(RuntimeError, match="during backward"):
        engine.at_end(print)


def test_numpy_is_free_where_nothing_records():
    x = taper.ones(2, requires_grad=True)
    with taper.no_grad():
        assert x.numpy().tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="requires grad"):
        x.numpy()


@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.parametrize(
    "hook, error, words",
    [
        (lambda g: g[:1], RuntimeError, "has changed the size of value"),
        (lambda g: g.double(), RuntimeError, "has changed the type of value"),
        (lambda g: 3, TypeError, "expected Variable, but hook returned 'int'"),
    ],
)
def test_a_hook_returns_a_gradient_of_its_tensor(leaf, hook, error, words):
    for T in (taper, torch) if torch is not None else (taper,):
        x = T.ones(2, requires_grad=True)
        y = x * 1
        (x if leaf else y).register_hook(hook)
        with pytest.raises(error, match=words):
            y.sum().backward()
