"""Compiled steps: when they apply, when they are compiled again, and that they leave what the eager step leaves."""

from __future__ import annotations

import copy
import pickle
import types
import warnings

import numpy as np
import pytest

import taper
from taper import nn
from taper.compiler import api
from taper.nn import functional as F

rate = 0.5


def same(a, b, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


def exactly(a, b) -> None:
    np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def twins(make):
    """Two models, or whatever `make` makes, from the same random numbers."""
    taper.manual_seed(0)
    first = make()
    taper.manual_seed(0)
    return first, make()


# When a program applies.


def test_a_new_shape_compiles_a_second_program_and_the_first_one_stays():
    f = taper.compile(lambda x: (x * 2).sum(0))
    for n in (3, 5, 3, 5, 3):
        same(f(taper.ones(n, 4)), taper.full((4,), 2.0 * n))
    assert f.compilations == 2


@pytest.mark.parametrize("dtype", ["float64", "int64", "int32", "bool"])
def test_dtypes_are_guarded(dtype):
    f = taper.compile(lambda x: x + x)
    x = taper.tensor([0, 1, 1])
    for t in (taper.float32, getattr(taper, dtype), taper.float32):
        result = f(x.to(t))
        assert result.dtype == t
        exactly(result, x.to(t) + x.to(t))
    assert f.compilations == 2


def test_training_and_evaluation_are_two_programs():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    f = taper.compile(lambda x: model(x))
    x = taper.randn(8, 4)
    for training in (True, False, True, False):
        model.train(training)
        taper.manual_seed(1)
        found, before = f(x), model[2].running_mean.clone()
        assert f.compilations == (1 if training and f.compilations < 2 else 2)
        model.eval()
        if not training:
            same(found, model(x))
        exactly(model[2].running_mean, before)


def test_grad_mode_is_guarded():
    w = taper.ones(3, requires_grad=True)
    f = taper.compile(lambda x: (x * w).sum())
    assert f(taper.ones(3)).requires_grad
    with taper.no_grad():
        assert not f(taper.ones(3)).requires_grad
    with taper.inference_mode():
        assert not f(taper.ones(3)).requires_grad
    assert f(taper.ones(3)).requires_grad


def test_requires_grad_of_arguments_and_of_tensors_behind_is_guarded():
    w = taper.ones(3)
    f = taper.compile(lambda x: (x * w).sum())
    assert not f(taper.ones(3)).requires_grad
    x = taper.ones(3, requires_grad=True)
    f(x).backward()
    exactly(x.grad, w)
    w.requires_grad_()
    f(taper.ones(3)).backward()
    exactly(w.grad, taper.ones(3))
    w.requires_grad_(False)
    assert not f(taper.ones(3)).requires_grad
    assert f.compilations == 3


def test_the_default_dtype_is_guarded():
    f = taper.compile(lambda x: x * taper.ones(3) + taper.tensor(0.5))
    assert f(taper.ones(3, dtype=taper.int64)).dtype == taper.float32
    taper.set_default_dtype(taper.float64)
    try:
        assert f(taper.ones(3, dtype=taper.int64)).dtype == taper.float64
    finally:
        taper.set_default_dtype(taper.float32)
    assert f(taper.ones(3, dtype=taper.int64)).dtype == taper.float32


def test_plain_arguments_are_guarded():
    f = taper.compile(lambda x, n, how: x.sum(n) if how == "sum" else x.mean(n))
    x = taper.randn(3, 4)
    for n, how in ((0, "sum"), (1, "sum"), (1, "mean"), (0, "sum")):
        same(f(x, n, how), getattr(x, how)(n))
        same(f(x, how=how, n=n), getattr(x, how)(n))
    assert f.compilations == 6


def test_containers_of_tensors_are_arguments_and_results():
    def f(pair, named, *, scale):
        return {"sum": pair[0] + pair[1], "both": (pair[0] * scale, [named["x"]])}, None, 3

    x, y = taper.randn(3), taper.randn(3)
    found, none, three = taper.compile(f)((x, y), {"x": y}, scale=2.0)
    same(found["sum"], x + y)
    same(found["both"][0], x * 2)
    exactly(found["both"][1][0], y)
    assert none is None and three == 3 and isinstance(found["both"], tuple) and isinstance(found["both"][1], list)


def test_many_shapes_replace_one_another_with_a_warning():
    f = taper.compile(lambda x: x + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, api.LIMIT + 1):
            f(taper.ones(n))
    with pytest.warns(UserWarning, match=rf"compiled {api.LIMIT + 1} times.*replace one another"):
        f(taper.ones(100))
    assert len(f.steps) == api.LIMIT
    with pytest.warns(UserWarning, match="replace one another"):
        exactly(f(taper.ones(1)), taper.full((1,), 2.0))


# What changes from call to call without another compilation.


def test_a_scheduler_over_a_thousand_steps_compiles_once():
    def make():
        w = taper.ones(3, requires_grad=True)
        optimizer = taper.optim.AdamW([w], lr=0.1)
        scheduler = taper.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=700)

        def step(x):
            optimizer.zero_grad()
            loss = ((w - x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        return w, step, scheduler

    (w, step, scheduler), (v, other, second) = make(), make()
    compiled = taper.compile(step)
    x = taper.tensor([0.3, -0.2, 5.0])
    for i in range(1000):
        compiled(x)
        scheduler.step()
        if i < 100:
            other(x)
            second.step()
        if i == 99:
            same(w, v, 1e-5)
    assert compiled.compilations == 1 and compiled.eager_reason is None


def test_floats_never_recompile():
    """As arguments, globals, attributes and in closures."""
    global rate

    class Options:
        scale = 1.0

    options = Options()
    options.scale = 2.0
    shift = 0.25

    def f(x, factor):
        return x * factor + rate * options.scale - shift

    compiled = taper.compile(f)
    x = taper.randn(5, dtype=taper.float64)
    for i in range(8):
        rate, options.scale, shift = 0.5 * i, 2.0 + i, i / 8
        same(compiled(x, 1.5 - i), f(x, 1.5 - i), 1e-12)
    assert compiled.compilations == 1


def test_questions_about_floats_become_guards():
    def f(x, p):
        return x * p if p > 0.5 else x - p

    compiled = taper.compile(f)
    x = taper.randn(4)
    for p in (0.1, 0.7, 0.2, 0.9, 0.5):
        same(compiled(x, p), f(x, p))
    assert compiled.compilations == 2


def test_floats_whose_value_is_needed_are_guarded():
    import math

    def f(x, p):
        return x * math.sqrt(p)

    compiled = taper.compile(f)
    x = taper.randn(4)
    for p in (4.0, 9.0, 4.0):
        same(compiled(x, p), f(x, p))
    assert compiled.compilations == 2


def test_integers_and_switches_behind_the_function_are_guarded():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.depth, self.negate = 1, False
            self.w = nn.Parameter(taper.full((3,), 2.0))

        def forward(self, x):
            for _ in range(self.depth):
                x = x * self.w
            return -x if self.negate else x

    model = Model()
    f = taper.compile(lambda x: model(x))
    for depth, negate in ((1, False), (3, False), (3, True), (1, False)):
        model.depth, model.negate = depth, negate
        exactly(f(taper.ones(3)), taper.full((3,), 2.0**depth * (-1 if negate else 1)))
    assert f.compilations == 3


def test_a_global_that_is_another_tensor_now():
    box = {"w": taper.ones(3)}
    f = taper.compile(lambda x: x * box["w"])
    exactly(f(taper.ones(3)), taper.ones(3))
    box["w"] = taper.full((3,), 7.0)
    exactly(f(taper.ones(3)), taper.full((3,), 7.0))


def test_a_module_in_a_closure_that_is_replaced():
    model = nn.Linear(2, 2)
    f = taper.compile(lambda x: model(x))
    x = taper.randn(3, 2)
    same(f(x), model(x))
    model = nn.Linear(2, 2)
    same(f(x), model(x))


def test_a_parameter_that_is_replaced_or_loaded():
    model = nn.Linear(2, 2)
    f = taper.compile(lambda x: model(x))
    x = taper.randn(3, 2)
    same(f(x), model(x))
    model.load_state_dict(nn.Linear(2, 2).state_dict())
    same(f(x), model(x))
    model.weight.data = taper.randn(2, 2)
    same(f(x), model(x))
    model.weight = nn.Parameter(taper.randn(2, 2))
    same(f(x), model(x))


def test_dicts_and_lists_behind_the_function():
    config = {"scale": 2.0, "flip": False, "extra": {"shift": 1}}
    parts = [taper.ones(3)]

    def f(x):
        for part in parts:
            x = x + part
        x = x * config["scale"] + config["extra"]["shift"]
        return x.flip(0) if config["flip"] else x

    compiled = taper.compile(f)
    x = taper.arange(3.0)

    def check():
        exactly(compiled(x), f(x))
        exactly(compiled(x), f(x))

    check()
    config["scale"] = 3.0
    check()
    config["flip"] = True
    check()
    config["extra"]["shift"] = 7
    check()
    config["extra"] = {"shift": 1}
    check()
    parts.append(taper.full((3,), 0.5))
    check()
    parts[0] = taper.zeros(3)
    check()
    parts.clear()
    check()


def test_numpy_arrays_behind_the_function_are_read_at_each_call():
    array = np.ones(3, np.float32)

    def f(x):
        return x * taper.from_numpy(array) + taper.tensor(array) * 2 + taper.as_tensor(array, dtype=taper.float64)

    compiled = taper.compile(f)
    for value in (1, 5, 7):
        array[:] = value
        exactly(compiled(taper.ones(3)), f(taper.ones(3)))
    assert compiled.compilations == 1


def test_hooks_and_layers_added_later():
    model = nn.Sequential(nn.Linear(3, 3))
    f = taper.compile(lambda x: model(x))
    x = taper.randn(2, 3)
    same(f(x), model(x))
    hook = model[0].register_forward_hook(lambda module, inputs, output: output * 2)
    same(f(x), model(x))
    hook.remove()
    same(f(x), model(x))
    model.append(nn.Tanh())
    same(f(x), model(x))
    model[0] = nn.Linear(3, 3)
    same(f(x), model(x))


def test_a_helper_that_is_replaced():
    def helper(x):
        return x + 1

    f = taper.compile(lambda x: helper(x))
    assert f(taper.zeros(1)).item() == 1

    def helper(x):  # noqa: F811
        return x + 2

    assert f(taper.zeros(1)).item() == 2


def test_optimizer_state_that_is_loaded_and_parameters_that_are_added():
    def make():
        w, v = taper.ones(3, requires_grad=True), taper.ones(3, requires_grad=True)
        optimizer = taper.optim.SGD([w], lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            loss = ((w * v - x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        return w, v, optimizer, step

    sides = [make(), make()]
    compiled = taper.compile(sides[0][3])
    x = taper.tensor([1.0, 2.0, 3.0])

    def check(times=4):
        for _ in range(times):
            same(compiled(x), sides[1][3](x), 1e-5)
            for a, b in zip(sides[0][:2], sides[1][:2]):
                same(a, b, 1e-5)

    check()
    for _, _, optimizer, _ in sides:
        kept = optimizer.state_dict()
    kept["state"][0]["momentum_buffer"] = taper.full((3,), 5.0)
    for _, _, optimizer, _ in sides:
        optimizer.load_state_dict(copy.deepcopy(kept))
    check()
    for _, v, optimizer, _ in sides:
        optimizer.add_param_group({"params": [v], "lr": 0.01})
    check()
    for _, _, optimizer, _ in sides:
        optimizer.param_groups[1]["weight_decay"] = 0.5
        optimizer.param_groups[0]["nesterov"] = True
    check()
    assert compiled.eager_reason is None


def test_class_attributes_inherited_methods_and_properties():
    offset = taper.ones(3)

    class Base:
        scale, flip = 2.0, False

        def shifted(self, x):
            return x + offset

        @property
        def factor(self):
            return self.scale * 2

    class Model(Base):
        @staticmethod
        def twice(x):
            return x * 2

        def __call__(self, x):
            x = self.twice(self.shifted(x)) * self.factor
            return x.flip(0) if self.flip else x

    model = Model()
    f = taper.compile(lambda x: model(x))
    x = taper.arange(3.0)

    def check():
        exactly(f(x), model(x))
        exactly(f(x), model(x))

    check()
    Base.flip = True
    check()
    Model.scale = 3.0
    check()
    model.scale = 5.0
    check()
    offset += 1
    check()
    Model.twice = staticmethod(lambda x: x * 3)
    check()


def test_another_module_of_the_users():
    other = types.ModuleType("users_other_module")
    exec(
        "import taper\nscale = 2.0\nsteps = 1\nmask = taper.ones(3)\ndef act(x):\n    return x * mask * scale * steps",
        vars(other),
    )
    f = taper.compile(lambda x: other.act(x) + other.steps)
    x = taper.arange(3.0)

    def check():
        exactly(f(x), other.act(x) + other.steps)
        exactly(f(x), other.act(x) + other.steps)

    check()
    other.scale = 3.0
    check()
    assert f.compilations == 1
    other.steps = 4
    check()
    other.mask *= 2
    check()
    other.mask = taper.zeros(3)
    check()
    other.act = lambda x: x - 1
    check()


def test_a_trainer_that_keeps_a_scheduler():
    class Trainer:
        def __init__(self):
            self.w = taper.ones(3, requires_grad=True)
            self.optimizer = taper.optim.SGD([self.w], lr=0.1)
            self.scheduler = taper.optim.lr_scheduler.StepLR(self.optimizer, 3)
            self.history, self.epoch = [], 0

        def step(self, x):
            self.optimizer.zero_grad()
            loss = ((self.w - x) ** 2).sum()
            loss.backward()
            self.optimizer.step()
            return loss

        def run(self, step):
            for self.epoch in range(12):
                self.history.append(step(taper.zeros(3)).item())
                self.scheduler.step()
            return self.history

    trainer, other = Trainer(), Trainer()
    step = taper.compile(trainer.step)
    np.testing.assert_allclose(trainer.run(step), other.run(other.step), rtol=1e-5)
    assert step.compilations == 1 and step.eager_reason is None


# What a step leaves behind.


def test_results_belong_to_the_caller():
    f = taper.compile(lambda x: (x * 2, x.sum()))
    first, total = f(taper.ones(3))
    second, _ = f(taper.full((3,), 5.0))
    exactly(first, taper.full((3,), 2.0))
    assert total.item() == 3
    first += 1
    exactly(second, taper.full((3,), 10.0))


def test_a_result_that_is_an_argument_or_a_view_of_one():
    f = taper.compile(lambda x: (x, x[0]))
    x = taper.randn(3, 2)
    whole, row = f(x)
    assert whole is x
    exactly(row, x[0])


def test_inputs_are_not_modified():
    w = taper.randn(4, requires_grad=True)
    kept = w.detach().clone()
    x, y = taper.randn(3, 4), taper.randn(3)
    before = x.clone(), y.clone()
    f = taper.compile(lambda x, y: F.mse_loss((x * w).sum(1).relu(), y))
    for _ in range(3):
        f(x, y).backward()
    exactly(x, before[0])
    exactly(y, before[1])
    exactly(w, kept)


def test_arguments_changed_in_place():
    def f(x, y):
        x += y
        x[1:].mul_(2)
        y.zero_()
        return x.sum()

    compiled = taper.compile(f)
    for i in range(3):
        x, y = taper.arange(4.0) + i, taper.ones(4) * i
        a, b = x.clone(), y.clone()
        version = x._version
        same(compiled(x, y), f(a, b))
        exactly(x, a)
        exactly(y, b)
        assert x._version > version


def test_arguments_that_are_not_contiguous_or_share_memory():
    def f(x, y):
        x += y
        return (x * y).sum(0)

    compiled = taper.compile(f)
    base, twin = taper.arange(12.0).reshape(3, 4), taper.arange(12.0).reshape(3, 4)
    for view in (lambda t: t.t(), lambda t: t[:, ::2], lambda t: t[1:], lambda t: t):
        y = taper.ones(view(base).shape)
        same(compiled(view(base), y), f(view(twin), y))
        exactly(base, twin)
    same(compiled(base, base), f(twin, twin))
    exactly(base, twin)
    same(compiled(base, taper.ones(3, 4)), f(twin, taper.ones(3, 4)))
    exactly(base, twin)
    with pytest.raises(RuntimeError, match="single memory location"), pytest.warns(UserWarning, match="share memory"):
        compiled(base[:2], base[1:])

    def g(x, y):
        x *= 2
        return (x * y).sum(0)

    with pytest.warns(UserWarning, match="share memory"):
        same(taper.compile(g)(base[:2], base[1:]), g(twin[:2], twin[1:]))
    exactly(base, twin)


def test_one_tensor_in_two_places_and_two_tensors_later():
    f = taper.compile(lambda x, y: (x * 2 + y).sum())
    x, y = taper.ones(3, requires_grad=True), taper.full((3,), 5.0, requires_grad=True)
    assert f(x, x).item() == 9
    assert f(x, y).item() == 21
    assert f(y, x).item() == 33
    f(x, x).backward()
    exactly(x.grad, taper.full((3,), 3.0))


def test_a_tensor_that_is_an_argument_and_in_the_closure():
    w = taper.ones(3, requires_grad=True)
    f = taper.compile(lambda x: (x * 2 + w).sum())
    assert f(w).item() == 9
    assert f(taper.full((3,), 5.0)).item() == 33
    f(w).backward()
    exactly(w.grad, taper.full((3,), 3.0))


def test_an_argument_that_is_part_of_a_parameter_that_the_step_changes():
    def make():
        w = taper.arange(6.0).reshape(2, 3).requires_grad_()

        def step(x):
            loss = (w * x).sum()
            loss.backward()
            with taper.no_grad():
                w.sub_(0.1 * w.grad)
            w.grad = None
            return (w * x).sum()

        return w, step

    (w, step), (v, eager) = make(), make()
    compiled = taper.compile(step)
    same(compiled(taper.ones(3)), eager(taper.ones(3)))
    same(compiled(taper.ones(3)), eager(taper.ones(3)))
    with pytest.warns(UserWarning, match="share memory"):
        same(compiled(w.detach()[0]), eager(v.detach()[0]))
    same(w, v)


def test_gradients_after_the_step_are_the_eager_ones():
    def make():
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        optimizer = taper.optim.SGD(model.parameters(), lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return model, step

    (model, step), (other, eager) = twins(make)
    compiled = taper.compile(step)
    x, y = taper.randn(5, 4), taper.randint(0, 2, (5,))
    kept = None
    for _ in range(4):
        same(compiled(x, y), eager(x, y))
        for p, q in zip(model.parameters(), other.parameters()):
            same(p.grad, q.grad)
            same(p, q)
        if kept is not None:
            exactly(kept[0], kept[1])
        grad = next(model.parameters()).grad
        kept = grad, grad.clone()
    assert compiled.eager_reason is None


@pytest.mark.parametrize("clear", ["never", "to none", "to zero", "every other"])
def test_gradients_accumulate_as_they_do_eagerly(clear):
    def make():
        w = taper.randn(3, 2).requires_grad_()
        optimizer = taper.optim.SGD([w], lr=0.1, momentum=0.5)

        def step(x, update):
            loss = (x @ w).tanh().sum()
            loss.backward()
            if update:
                optimizer.step()
                if clear != "never":
                    optimizer.zero_grad(set_to_none=clear == "to none")
            return loss

        return w, step

    (w, step), (v, eager) = twins(make)
    compiled = taper.compile(step)
    for i in range(12):
        taper.manual_seed(i)
        x = taper.randn(4, 3)
        update = clear != "every other" or i % 2 == 1
        same(compiled(x, update), eager(x, update), 1e-5)
        same(w, v, 1e-5)
        assert (w.grad is None) == (v.grad is None)
        if w.grad is not None:
            same(w.grad, v.grad, 1e-5)
    assert compiled.eager_reason is None and compiled.compilations <= 4


def test_gradients_cleared_outside_of_the_step():
    w = taper.ones(3, requires_grad=True)

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    compiled = taper.compile(step)
    x = taper.arange(3.0)
    for expected in (1, 2, None, 1, 2, 3):
        if expected is None:
            w.grad = None
            continue
        compiled(x)
        exactly(w.grad, x * expected)
    w.grad = taper.full((3,), 10.0)
    compiled(x)
    exactly(w.grad, x + 10)


def test_clipped_gradients():
    def make():
        model = nn.Linear(4, 4)
        optimizer = taper.optim.SGD(model.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum() * 100
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            nn.utils.clip_grad_value_(model.parameters(), 0.2)
            optimizer.step()
            return loss, norm

        return model, step

    (model, step), (other, eager) = twins(make)
    compiled = taper.compile(step)
    x = taper.randn(8, 4)
    for _ in range(5):
        for a, b in zip(compiled(x), eager(x)):
            same(a, b, 1e-5)
        for p, q in zip(model.parameters(), other.parameters()):
            same(p, q)
    assert compiled.eager_reason is None


def test_running_statistics_follow():
    def make():
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
        return model, lambda x: model(x).sum()

    (model, f), (other, eager) = twins(make)
    compiled = taper.compile(f)
    for i in range(5):
        taper.manual_seed(i)
        x = taper.randn(16, 3)
        same(compiled(x), eager(x), 1e-5)
        same(model[1].running_mean, other[1].running_mean)
        same(model[1].running_var, other[1].running_var)
        assert model[1].num_batches_tracked.item() == i + 1
    assert compiled.eager_reason is None


def test_random_numbers_come_from_the_eager_stream():
    def f(x):
        return F.dropout(x, 0.3) + taper.rand(5) * taper.randn(4, 5) + taper.randint(0, 9, (5,))

    compiled = taper.compile(f)
    x = taper.randn(4, 5)
    taper.manual_seed(3)
    found = [compiled(x) for _ in range(4)] + [taper.rand(2)]
    taper.manual_seed(3)
    for a, b in zip(found, [f(x) for _ in range(4)] + [taper.rand(2)]):
        same(a, b)
    assert compiled.eager_reason is None


def test_a_new_shape_draws_no_number_twice():
    def f(x):
        return F.dropout(x, 0.5)

    compiled = taper.compile(f)
    found = []
    for call in (compiled, f):
        taper.manual_seed(5)
        found.append([call(taper.ones(n)) for n in (20, 30, 20, 20, 30, 40)])
    for a, b in zip(*found):
        exactly(a, b)
    assert compiled.compilations == 3


def test_arrays_whose_dtype_is_another_object():
    f = taper.compile(lambda x: F.dropout(x * 2, 0.0).sum())
    for _ in range(3):
        array = pickle.loads(pickle.dumps(np.ones(4, np.float32)))
        assert f(taper.from_numpy(array)).item() == 8
    assert f(taper.ones(4)).item() == 8
    assert f.compilations == 1


def test_tied_weights_and_frozen_parameters():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(7, 4)
            self.middle = nn.Linear(4, 4)
            self.out = nn.Linear(4, 7, bias=False)
            self.out.weight = self.embed.weight
            self.middle.weight.requires_grad_(False)

        def forward(self, i):
            return self.out(self.middle(self.embed(i)).tanh())

    def make():
        model = Tied()
        optimizer = taper.optim.AdamW(model.parameters(), lr=0.01)

        def step(i, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(i), y)
            loss.backward()
            optimizer.step()
            return loss

        return model, step

    (model, step), (other, eager) = twins(make)
    compiled = taper.compile(step)
    i, y = taper.tensor([1, 3, 3, 6]), taper.tensor([0, 1, 2, 6])
    frozen = model.middle.weight.clone()
    for _ in range(10):
        same(compiled(i, y), eager(i, y), 1e-5)
    for p, q in zip(model.parameters(), other.parameters()):
        same(p, q, 1e-5)
    exactly(model.middle.weight, frozen)
    assert model.middle.weight.grad is None and model.out.weight is model.embed.weight
    assert compiled.eager_reason is None


def test_indices_out_of_range_are_refused_and_nothing_has_changed():
    model = nn.Embedding(5, 3)
    optimizer = taper.optim.SGD(model.parameters(), lr=0.1)

    def step(i):
        optimizer.zero_grad()
        loss = model(i).sum()
        loss.backward()
        optimizer.step()
        return loss

    compiled = taper.compile(step)
    for _ in range(3):
        compiled(taper.tensor([0, 4]))
    before = model.weight.detach().clone()
    for bad in ([0, 5], [-1, 0]):
        with pytest.raises(IndexError):
            compiled(taper.tensor(bad))
        exactly(model.weight, before)
    compiled(taper.tensor([0, 4]))
    assert not bool((model.weight == before).all()) and compiled.eager_reason is None


def test_a_refused_step_overwrites_nothing_and_the_eager_engine_says_why():
    """Running statistics are written by kernels that know nothing of the index, or that the index comes from."""

    def make(dependent):
        norm, embed = nn.BatchNorm1d(4), nn.Embedding(5, 4)

        def f(x, i):
            y = norm(x)
            if dependent:
                i = (y.sum(1) * 0).long() + i
            return (y.exp() * embed(i)).sum(0)

        return norm, f

    for dependent in (False, True):
        (norm, f), (other, eager) = twins(lambda dependent=dependent: make(dependent))
        compiled = taper.compile(f)
        good, bad = taper.zeros(6, dtype=taper.int64), taper.full((6,), 7)
        for i in (good, bad, good, bad, bad, good):
            x = taper.randn(6, 4)
            if i is bad:
                with pytest.raises(IndexError):
                    compiled(x, i)
            else:
                same(compiled(x, i), eager(x, i), 1e-5)
            same(norm.running_mean, other.running_mean)
            assert norm.num_batches_tracked.item() == other.num_batches_tracked.item()
        assert compiled.compilations == 1 and compiled.eager_reason is None


# Compiled functions inside an eager loop.


def test_a_compiled_module_in_an_eager_loop():
    def make():
        model = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 3))
        return model, taper.optim.Adam(model.parameters(), lr=0.01)

    (model, optimizer), (other, second) = twins(make)
    compiled = taper.compile(model)
    x, y = taper.randn(6, 4), taper.randint(0, 3, (6,))
    for _ in range(10):
        for call, opt in ((compiled, optimizer), (other, second)):
            opt.zero_grad()
            loss = F.cross_entropy(call(x), y)
            loss.backward()
            opt.step()
        for p, q in zip(model.parameters(), other.parameters()):
            same(p.grad, q.grad, 1e-5)
            same(p, q, 1e-5)
    model.eval()
    with taper.no_grad():
        same(compiled(x), other(x), 1e-5)


def test_gradients_of_inputs_of_several_results_and_of_double_use():
    w = taper.randn(3, 3, requires_grad=True)

    def f(x, y):
        z = (x @ w).tanh()
        return z, (z * y).sum(), y.detach() * 2

    compiled = taper.compile(f)
    x, y = taper.randn(2, 3, requires_grad=True), taper.randn(2, 3, requires_grad=True)
    wanted = []
    for call in (f, compiled):
        z, total, plain = call(x, y)
        again, _, _ = call(x * 2, y)
        assert not plain.requires_grad
        (total + (z * again).sum()).backward()
        wanted.append([t.grad.clone() for t in (x, y, w)])
        for t in (x, y, w):
            t.grad = None
    for a, b in zip(*wanted):
        same(a, b, 1e-5)
    z, total, _ = compiled(x, y)
    (g,) = taper.autograd.grad(z.sum(), [x])
    (h,) = taper.autograd.grad(f(x, y)[0].sum(), [x])
    same(g, h)


def test_a_second_backward_through_a_compiled_function_says_so():
    w = taper.ones(3, requires_grad=True)
    loss = taper.compile(lambda x: (x * w).exp().sum())(taper.ones(3))
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_saved_tensor_changed_in_place_is_noticed():
    w = taper.ones(3, requires_grad=True)
    x = taper.ones(3)
    loss = taper.compile(lambda x: (x * w).exp().sum())(x)
    with taper.no_grad():
        w += 1
    with pytest.raises(RuntimeError, match="in-?place"):
        loss.backward()


def test_methods_and_decorated_functions():
    class Model:
        def __init__(self, k):
            self.w = taper.full((3,), float(k))

        @taper.compile
        def double(self, x):
            """Doubles."""
            return x * self.w * 2

    a, b = Model(1), Model(2)
    for _ in range(2):
        exactly(a.double(taper.ones(3)), taper.full((3,), 2.0))
        exactly(b.double(taper.ones(3)), taper.full((3,), 4.0))
    assert Model.double.__doc__ == "Doubles." and Model.double.__name__ == "double"
