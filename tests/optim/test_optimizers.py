"""Every optimizer against PyTorch: the same parameters after a few steps, the same state, checkpoints both ways."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import taper

torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")

CASES = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)),
    ("SGD", dict(lr=0.002, maximize=True)),
    ("Adam", dict(lr=0.05)),
    ("Adam", dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1, amsgrad=True)),
    ("Adam", dict(lr=0.05, maximize=True, decoupled_weight_decay=True, weight_decay=0.1)),
    ("AdamW", dict(lr=0.05)),
    ("AdamW", dict(lr=0.05, weight_decay=0.3, amsgrad=True)),
    ("Adamax", dict(lr=0.05, weight_decay=0.1)),
    ("NAdam", dict(lr=0.05)),
    ("NAdam", dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)),
    ("RAdam", dict(lr=0.05)),
    ("RAdam", dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)),
    ("Adagrad", dict(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1)),
    ("Adadelta", dict(lr=1.0, rho=0.8, weight_decay=0.1)),
    ("RMSprop", dict(lr=0.05)),
    ("RMSprop", dict(lr=0.05, momentum=0.9, centered=True, weight_decay=0.1)),
    ("Rprop", dict(lr=0.05)),
    ("ASGD", dict(lr=0.05, t0=3, weight_decay=0.1)),
    ("Adafactor", dict(lr=0.5)),
    ("Adafactor", dict(lr=0.05, weight_decay=0.1, eps=(1e-4, 1e-2), d=1.5, beta2_decay=-0.5)),
]
each = pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
START = np.random.default_rng(0).standard_normal((3, 4))
TARGET = np.random.default_rng(1).standard_normal((3, 4))


def problem(T, dtype="float64"):
    """Two parameters and a loss."""
    w = T.tensor(START.tolist(), dtype=getattr(T, dtype), requires_grad=True)
    b = T.tensor(START[0].tolist(), dtype=getattr(T, dtype), requires_grad=True)
    target = T.tensor(TARGET.tolist(), dtype=getattr(T, dtype))

    def loss():
        return ((w * 2 + b - target) ** 2).sum() + (w * b).sin().sum()

    return [w, b], loss


def run(optimizer, loss, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


@each
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_steps_are_pytorchs(name, options, dtype):
    results = []
    for T in (taper, torch):
        params, loss = problem(T, dtype)
        optimizer = getattr(T.optim, name)(params, **options)
        run(optimizer, loss, 12)
        results.append([p.detach().numpy() for p in params])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-9 if dtype == "float64" else 2e-4, atol=1e-10 if dtype == "float64" else 1e-4
        )


@each
def test_state_dict_is_pytorchs_and_continues(name, options):
    states = []
    for T in (taper, torch):
        params, loss = problem(T)
        optimizer = getattr(T.optim, name)(params, **options)
        run(optimizer, loss, 3)
        states.append(optimizer.state_dict())
    ours, theirs = states
    assert ours["state"].keys() == theirs["state"].keys()
    for key in theirs["state"]:
        kept = {k for k, v in theirs["state"][key].items() if v is not None}
        assert kept == {k for k, v in ours["state"][key].items() if v is not None}
        for k in kept:
            np.testing.assert_allclose(
                np.asarray(ours["state"][key][k]), np.asarray(theirs["state"][key][k]), rtol=1e-6
            )
    assert set(theirs["param_groups"][0]) == set(ours["param_groups"][0])

    params, loss = problem(taper)
    whole = getattr(taper.optim, name)(params, **options)
    run(whole, loss, 6)
    again, loss2 = problem(taper)
    first = getattr(taper.optim, name)(again, **options)
    run(first, loss2, 3)
    second = getattr(taper.optim, name)(again, **options)
    second.load_state_dict(copy.deepcopy(pickle.loads(pickle.dumps(first.state_dict()))))
    run(second, loss2, 3)
    for p, q in zip(params, again):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_is_pytorchs(search):
    results = []
    for T in (taper, torch):
        p = T.tensor([-1.5, 2.0], dtype=T.float64, requires_grad=True)
        optimizer = T.optim.LBFGS([p], lr=0.01 if search is None else 1.0, max_iter=8, line_search_fn=search)

        def closure(p=p, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure).detach()) for _ in range(3)]
        results.append((losses, p.detach().numpy()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-6)


def test_large_parameters_are_updated_as_small_ones():
    """Blocks, and arrays that are not contiguous, give the numbers of one plain update."""
    random = np.random.default_rng(2)
    start, g = random.standard_normal((2, 300, 200)).astype(np.float32)
    whole = taper.tensor(start, requires_grad=True)
    turned = taper.tensor(start).t().contiguous().t().requires_grad_()
    parts = [taper.tensor(start[:, i : i + 10].copy(), requires_grad=True) for i in range(0, 200, 10)]
    for p, grad in [(whole, g), (turned, g), *[(q, g[:, i * 10 : i * 10 + 10].copy()) for i, q in enumerate(parts)]]:
        optimizer = taper.optim.Adam([p], lr=0.1)
        for _ in range(3):
            p.grad = taper.tensor(grad)
            optimizer.step()
    np.testing.assert_array_equal(whole.detach().numpy(), turned.detach().numpy())
    np.testing.assert_array_equal(whole.detach().numpy(), np.concatenate([q.detach().numpy() for q in parts], 1))


ERRORS = [
    (lambda T, p: T.optim.SGD([p], lr=-1), ValueError),
    (lambda T, p: T.optim.SGD([p], lr=0.1, nesterov=True), ValueError),
    (lambda T, p: T.optim.Adam([p], betas=(1.0, 0.9)), ValueError),
    (lambda T, p: T.optim.Adam([p], betas=(0.9,)), IndexError),
    (lambda T, p: T.optim.Adam([p], eps=-1), ValueError),
    (lambda T, p: T.optim.Adam([]), ValueError),
    (lambda T, p: T.optim.Adam(p), TypeError),
    (lambda T, p: T.optim.Adam([p * 2]), ValueError),
    (lambda T, p: T.optim.Adam([3]), TypeError),
    (lambda T, p: T.optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1), ValueError),
    (lambda T, p: T.optim.SGD([p]).load_state_dict({"state": {}, "param_groups": []}), ValueError),
    (lambda T, p: T.optim.LBFGS([{"params": [p]}, {"params": [T.ones(2, requires_grad=True)]}]), ValueError),
    (lambda T, p: T.optim.RMSprop([p], alpha=-1), ValueError),
    (lambda T, p: T.optim.Rprop([p], etas=(2, 3)), ValueError),
]


@pytest.mark.parametrize("row", range(len(ERRORS)))
def test_errors(row):
    call, error = ERRORS[row]
    for T in (taper, torch):
        with pytest.raises(error):
            call(T, T.ones(2, requires_grad=True))


def test_groups_hooks_and_repr():
    for T in (taper, torch):
        a, b = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
        optimizer = T.optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1)
        optimizer.add_param_group({"params": [T.zeros(1, requires_grad=True)], "momentum": 0.9})
        seen = []
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post"))
        optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre"))
        (a.sum() + b.sum()).backward()
        optimizer.step()
        assert seen == ["pre", "post"]
        assert a.tolist() == [0.5, 0.5]
        assert b.tolist() == pytest.approx([0.9, 0.9])
        optimizer.zero_grad(set_to_none=False)
        assert a.grad.tolist() == [0, 0]
        optimizer.zero_grad()
        assert a.grad is None
    assert repr(taper.optim.SGD([taper.ones(1, requires_grad=True)], lr=0.1)) == repr(
        torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    )
    groups = [[{"params": [T.ones(1, requires_grad=True)], "lr": lr} for lr in (0.5, 2.0)] for T in (taper, torch)]
    assert repr(taper.optim.SGD(groups[0])) == repr(torch.optim.SGD(groups[1]))


def test_hyperparameters_that_are_tensors_have_one_element():
    p = [taper.zeros(2, requires_grad=True)]
    for cls in (taper.optim.SGD, taper.optim.Adam, taper.optim.RMSprop, taper.optim.LBFGS):
        with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
            cls(p, lr=taper.tensor([0.1, 0.2]))
        assert cls(p, lr=taper.tensor([0.1]))
    with pytest.raises(ValueError, match="both floats or both Tensors"):
        taper.optim.Adam(p, betas=(0.9, taper.tensor(0.99)))


def test_either_all_groups_have_names_or_none():
    named = [("a", taper.zeros(1, requires_grad=True))]
    plain = [taper.zeros(1, requires_grad=True)]
    for first, second in ((named, plain), (plain, named)):
        with pytest.raises(ValueError, match="with/without names"):
            taper.optim.SGD(first, lr=0.1).add_param_group({"params": second})


COMPLEX = {
    **{name: {"lr": 0.1} for name in "Adam AdamW RMSprop Adagrad Adadelta Adamax NAdam RAdam ASGD Rprop SGD".split()},
    "SGD, momentum": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
    "Adam, largest": {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1},
    "LBFGS": {"lr": 0.5, "max_iter": 3},
    "LBFGS, search": {"max_iter": 3, "line_search_fn": "strong_wolfe"},
}


@pytest.mark.parametrize("row", COMPLEX)
def test_complex_parameters_are_pairs_of_real_ones(row):
    found = []
    for T in (taper, torch):
        w = T.tensor([[1 + 2j, -1 + 0.5j], [0.25, -2j]], requires_grad=True)
        b = T.tensor([1.0], requires_grad=True)
        optimizer = getattr(T.optim, row.partition(",")[0])([w, b], **COMPLEX[row])

        def closure(w=w, b=b, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (w - 0.3j).abs().square().sum() + (w.real**3).sum() * 0.1 + (b - w.imag).square().sum()
            loss.backward()
            return loss

        for _ in range(4):
            optimizer.step(closure)
            total = T.nn.utils.clip_grad_norm_([w, b], 1e9)
        states = [{k: v for k, v in s.items() if k != "prev_loss"} for s in optimizer.state.values()]
        found.append((w.detach(), b.detach(), total, states))
    for ours, theirs in zip(found[0][:3], found[1][:3]):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-5)
    if "LBFGS" in row:
        return  # keeps scratch paper in its state, of another kind
    assert [list(s) for s in found[0][3]] == [list(s) for s in found[1][3]]
    for ours, theirs in zip(found[0][3], found[1][3]):
        for name, value in theirs.items():
            if value is not None:
                np.testing.assert_allclose(ours[name].numpy(), value.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


class Lookahead(taper.optim.Optimizer):
    """An optimizer around another one that does not call its base's __init__, as public programs have it."""

    def __init__(self, optimizer):
        self.optimizer, self.param_groups = optimizer, optimizer.param_groups

    def step(self, closure=None):
        return self.optimizer.step(closure)


def test_an_optimizer_that_left_out_the_base_steps_without_hooks():
    p = taper.nn.Parameter(taper.ones(2))
    p.grad = taper.ones(2)
    Lookahead(taper.optim.SGD([p], lr=0.5)).step()
    assert p.tolist() == [0.5, 0.5]
