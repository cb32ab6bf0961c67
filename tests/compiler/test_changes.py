"""What a user does between two calls of a compiled step is seen by the next call, which is the eager one's."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
import warnings

import numpy as np
import pytest

import taper
import taper.nn.functional as F
from taper import nn

X, Y = taper.randn(16, 4), taper.randint(0, 3, (16,))


def trainer(compiled: bool, optimizer=lambda p: taper.optim.SGD(p, lr=0.1, momentum=0.9)):
    """A network, its optimizer and a training step."""
    taper.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    chosen = optimizer(model.parameters())

    def step(x, y):
        chosen.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        chosen.step()
        return loss

    return model, chosen, taper.compile(step, fullgraph=True) if compiled else step


def values(model) -> list[np.ndarray]:
    return [t.detach().numpy().copy() for t in model.state_dict().values()]


def halved(model, optimizer):
    model.load_state_dict({k: v * 0.5 if v.is_floating_point() else v for k, v in model.state_dict().items()})


def assigned(model, optimizer):
    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()}, assign=True)
    optimizer.param_groups[0]["params"][:] = list(model.parameters())
    optimizer.state.clear()


def another_group(model, optimizer):
    moved = optimizer.param_groups[0]["params"].pop()
    optimizer.add_param_group({"params": [moved], "lr": 0.001})


def another_layer(model, optimizer):
    taper.manual_seed(5)
    model[4] = nn.Linear(8, 3)
    optimizer.param_groups[0]["params"][-2:] = list(model[4].parameters())


def scaled_in_place(model, optimizer):
    with taper.no_grad():
        model[0].weight.mul_(0.5)


def new_data(model, optimizer):
    model[0].weight.data = model[0].weight.data * 0.5


def without_gradients(model, optimizer):
    for p in model.parameters():
        p.grad = None


CHANGES = {
    "eval": lambda m, o: m.eval(),
    "a checkpoint": halved,
    "an assigned checkpoint": assigned,
    "the optimizer's checkpoint": lambda m, o: o.load_state_dict(copy.deepcopy(o.state_dict())),
    "lr and momentum": lambda m, o: o.param_groups[0].update(lr=0.01, momentum=0.5),
    "weight decay": lambda m, o: o.param_groups[0].update(weight_decay=0.1),
    "nesterov": lambda m, o: o.param_groups[0].update(nesterov=True),
    "another group": another_group,
    "a frozen parameter": lambda m, o: m[0].weight.requires_grad_(False),
    "another layer": another_layer,
    "a parameter in place": scaled_in_place,
    "a parameter's data": new_data,
    "dropout": lambda m, o: setattr(m[3], "p", 0.5),
    "batch norm": lambda m, o: (setattr(m[1], "momentum", 0.3), setattr(m[1], "eps", 1e-2)),
    "a forward hook": lambda m, o: m[0].register_forward_hook(lambda module, given, out: out * 2),
    "a gradient's hook": lambda m, o: m[0].weight.register_hook(lambda g: g * 0.5),
    "a hook after accumulation": lambda m, o: m[0].weight.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(3)),
    "no gradients": without_gradients,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_between_steps(change):
    models = []
    for compiled in (False, True):
        model, optimizer, step = trainer(compiled)
        taper.manual_seed(1)
        for _ in range(2):
            step(X, Y)
        change(model, optimizer)
        for _ in range(3):
            step(X, Y)
        models.append(model)
    for found, expected in zip(values(models[1]), values(models[0]), strict=True):
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


def test_a_hook_that_is_taken_out_again():
    w = taper.ones(2, requires_grad=True)

    def step(x):
        w.grad = None
        (w * x).sum().backward()
        return w.grad

    compiled, x = taper.compile(step, fullgraph=True), taper.ones(2)
    assert compiled(x).tolist() == [1.0, 1.0]
    handle = w.register_hook(lambda g: g * 5)
    assert compiled(x).tolist() == [5.0, 5.0]
    handle.remove()
    assert compiled(x).tolist() == [1.0, 1.0] and compiled.compilations <= 3


def test_autocast_around_a_compiled_module():
    model = trainer(False)[0].eval()
    compiled = taper.compile(model)
    for dtype in (taper.float32, taper.bfloat16, taper.float32):
        with taper.autocast("cpu", dtype=taper.bfloat16, enabled=dtype is taper.bfloat16):
            found = compiled(X)
            assert found.dtype is dtype is model(X).dtype
        np.testing.assert_allclose(found.detach().float().numpy(), model(X).detach().numpy(), atol=0.05)


def test_accumulated_gradients():
    grads = []
    for compiled in (False, True):
        model = trainer(False)[0].eval()

        def part(x, y, model=model):
            loss = F.cross_entropy(model(x), y) / 4
            loss.backward()
            return loss

        run = taper.compile(part, fullgraph=True) if compiled else part
        for i in range(4):
            run(X * (i + 1), Y)
        grads.append([p.grad.numpy() for p in model.parameters()])
    for a, b in zip(*grads):
        np.testing.assert_allclose(b, a, 1e-5, 1e-6)


def test_a_graph_that_is_retained_and_one_that_is_differentiated_twice():
    w, x = taper.tensor([1.0, 2.0], requires_grad=True), taper.tensor([1.0, 2.0])
    compiled = taper.compile(lambda x: ((w * x) ** 3).sum(), fullgraph=True)
    loss = compiled(x)
    loss.backward(retain_graph=True)
    loss.backward()
    np.testing.assert_allclose(w.grad.numpy(), [6.0, 192.0])
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    (slope,) = taper.autograd.grad(compiled(x), w, create_graph=True)
    np.testing.assert_allclose(slope.detach().numpy(), [3.0, 96.0])
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        slope.sum().backward()


def test_several_threads_at_once():
    model = trainer(False)[0].eval()
    compiled = taper.compile(model)
    expected, wrong = {n: model(X[:n]).detach().numpy() for n in (3, 8, 16)}, []

    def ask(n):
        for _ in range(30):
            with taper.no_grad():
                if not np.allclose(compiled(X[:n]).numpy(), expected[n], 1e-4, 1e-5):
                    wrong.append(n)

    _, _, step = trained = trainer(True)
    step(X, Y)

    def train(_):
        for _ in range(30):
            step(X, Y)

    for job in (ask, train):
        threads = [threading.Thread(target=job, args=(n,)) for n in (3, 8, 16, 3, 8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        assert not any(t.is_alive() for t in threads)
    assert not wrong and trained[0][1].num_batches_tracked.item() == 151
    assert all(np.isfinite(v).all() for v in values(trained[0]))


def test_recursion():
    def power(x, n):
        return x if n == 0 else power(x * 1.5 + n, n - 1)

    assert taper.compile(power, fullgraph=True)(X, 4).tolist() == power(X, 4).tolist()
    holder: dict = {}

    def doubled(x, n):
        return x if n == 0 else holder["compiled"](x * 2, n - 1)

    holder["compiled"] = taper.compile(doubled)
    assert holder["compiled"](taper.ones(2), 3).tolist() == [8.0, 8.0]

    def endless(x):
        return endless(x + 1)

    with pytest.raises(RecursionError):
        taper.compile(endless)(X)


def test_compiled_twice():
    once = taper.compile(lambda x: x * 2, fullgraph=True)
    assert taper.compile(once, fullgraph=True)(taper.ones(2)).tolist() == [2.0, 2.0]
    model = trainer(False)[0].eval()
    np.testing.assert_allclose(
        taper.compile(taper.compile(model))(X).detach().numpy(), model(X).detach().numpy(), 1e-4, 1e-5
    )


def by_name(x):
    return x * 2


@taper.compile
def decorated(x):
    return x * 3


def test_copies_and_pickles():
    factor = 3.0
    closed = taper.compile(lambda x: x * factor)
    for function, by in ((closed, 3), (taper.compile(by_name), 2), (decorated, 3)):
        function(X)
        assert copy.deepcopy(function)(X).tolist() == copy.copy(function)(X).tolist() == (X * by).tolist()
    assert pickle.loads(pickle.dumps(taper.compile(by_name)))(X).tolist() == (X * 2).tolist()
    assert pickle.loads(pickle.dumps(decorated)) is decorated is sys.modules[__name__].decorated
    model = trainer(False)[0].eval()
    compiled = taper.compile(model)
    expected = compiled(X).detach().numpy()
    twin, again = copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))
    with taper.no_grad():
        twin._orig_mod[0].weight.zero_()
    np.testing.assert_allclose(compiled(X).detach().numpy(), expected)
    np.testing.assert_allclose(again(X).detach().numpy(), expected, 1e-4, 1e-5)
    assert not np.allclose(twin(X).detach().numpy(), expected)


WRONG = {
    "features": lambda: (taper.randn(16, 5), Y),
    "targets": lambda: (X, Y[:3]),
    "classes": lambda: (X, Y + 100),
    "nothing": lambda: (None, Y),
    "too few": lambda: (X,),
    "integers": lambda: (X.long(), Y),
    "words": lambda: ("a", Y),
    "floating classes": lambda: (X, Y.float()),
    "one row": lambda: (X[:1], Y[:1]),
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_wrong_arguments_after_right_ones(arguments):
    """The eager step's class of error, nothing changed, and the program goes on."""
    _, _, eager = trainer(False)
    model, _, step = trainer(True)
    step = taper.compile(step.function)
    step(X, Y)
    before = values(model)
    with pytest.raises(Exception) as expected:
        eager(*arguments())
    with pytest.raises(expected.type):
        step(*arguments())
    assert all(np.array_equal(a, b) for a, b in zip(before, values(model)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(X, Y)
    assert step.eager_reason is None


def test_the_users_own_exception_and_default_dtype():
    stop = [False]

    def f(x):
        if stop[0]:
            raise KeyError("mine")
        return x + taper.ones(2)

    compiled = taper.compile(f)
    assert compiled(taper.ones(2)).dtype is taper.float32
    stop[0] = True
    with pytest.raises(KeyError, match="mine"):
        compiled(taper.ones(2))
    stop[0] = False
    taper.set_default_dtype(taper.float64)
    try:
        assert compiled(taper.ones(2, dtype=taper.float32)).dtype is taper.float64
    finally:
        taper.set_default_dtype(taper.float32)
