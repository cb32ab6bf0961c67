"""Optimizers' rules as single kernels: what they say, and that parameters and state are the CPU's."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import taper

from .gpus import PLACES, gpus


@pytest.fixture(params=PLACES)
def gpu(request):
    with gpus(request.param):
        taper.zeros(1).cuda()
        yield


def kernels() -> dict:
    """The kernels of rules that were made, by the rule's class."""
    made = importlib.import_module("taper.backends.cuda.updates")._updates
    return {key[0].__qualname__.partition(".")[0]: found for key, found in made.items()}


def trained(make, place: str, dtype, steps: int = 4, changes=lambda optimizer, i: None):
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(s) for s in ((3, 5), (7,), ())]
    parameters = [taper.tensor(a, dtype=dtype, device=place, requires_grad=True) for a in start]
    optimizer = make(parameters)
    for i in range(steps):
        for p in parameters:
            p.grad = taper.tensor(rng.standard_normal(p.shape), dtype=dtype, device=place)
        changes(optimizer, i)
        optimizer.step()
    state = [v for p in parameters for v in optimizer.state[p].values() if isinstance(v, taper.Tensor)]
    return [t.detach().cpu().double().numpy() for t in (*parameters, *state)]


O = taper.optim
RULES = {
    "SGD": lambda p: O.SGD(p, lr=0.1),
    "SGD momentum": lambda p: O.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2),
    "SGD nesterov": lambda p: O.SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "Adam": lambda p: O.Adam(p, lr=0.1),
    "Adam amsgrad": lambda p: O.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: O.AdamW(p, lr=0.1, maximize=True),
    "Adagrad": lambda p: O.Adagrad(p, lr=0.1, lr_decay=0.1),
    "Adadelta": lambda p: O.Adadelta(p, lr=0.1),
    "RMSprop": lambda p: O.RMSprop(p, lr=0.1),
    "RMSprop centered": lambda p: O.RMSprop(p, lr=0.1, centered=True, momentum=0.5),
    "Adamax": lambda p: O.Adamax(p, lr=0.1),
    "NAdam": lambda p: O.NAdam(p, lr=0.1),
    "RAdam": lambda p: O.RAdam(p, lr=0.1),
    "Rprop": lambda p: O.Rprop(p, lr=0.1),
    "ASGD": lambda p: O.ASGD(p, lr=0.1),
}


@pytest.mark.parametrize("dtype", [taper.float32, taper.float64, taper.float16], ids=str)
@pytest.mark.parametrize("name", RULES)
def test_parameters_and_state_are_the_cpus(name, dtype, gpu):
    steps = 9 if name == "RAdam" else 4  # which has another rule after the fifth
    found, expected = (trained(RULES[name], place, dtype, steps) for place in ("cuda", "cpu"))
    tolerance = {taper.float64: 1e-13, taper.float32: 2e-6, taper.float16: 2e-2}[dtype]
    for f, e in zip(found, expected):
        np.testing.assert_allclose(f, e, rtol=tolerance, atol=tolerance)
    # Half precision is computed in array code, which rounds each step of a rule.
    assert (dtype == taper.float16) == (not kernels())


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "Adamax"])
def test_the_rule_is_one_kernel(name, gpu):
    trained(RULES[name], "cuda", taper.float32)
    (made,) = kernels().values()
    assert len(made) == 1


def test_numbers_change_without_a_new_kernel_but_for_what_the_rule_asks_of_them(gpu):
    def changes(optimizer, i):
        optimizer.param_groups[0].update(lr=0.1 / (i + 1), weight_decay=0.0 if i < 2 else 0.1)

    make = RULES["SGD momentum"]
    found, expected = (trained(make, place, taper.float32, 5, changes) for place in ("cuda", "cpu"))
    for f, e in zip(found, expected):
        np.testing.assert_allclose(f, e, rtol=2e-6, atol=2e-6)
    (made,) = kernels().values()
    assert len(made) == 2


def test_a_rule_of_ones_own_that_is_no_kernel_runs_as_array_code(gpu):
    class Normed(taper.optim.Optimizer):
        slots = ()
        counts_steps = False

        def __init__(self, params, lr):
            super().__init__(params, dict(lr=lr))

        def coefficients(self, group, step, state):
            return {"lr": group["lr"]}

        @staticmethod
        def update(xp, p, g, *, lr):
            return (p - lr * g / xp.sqrt(xp.sum(g * g)),)

    found, expected = (trained(lambda p: Normed(p, 0.1), place, taper.float32) for place in ("cuda", "cpu"))
    for f, e in zip(found, expected):
        np.testing.assert_allclose(f, e, rtol=1e-5)
    assert list(kernels().values()) == [None]


def test_a_parameter_that_is_not_contiguous_is_written_where_it_lies(gpu):
    whole = taper.ones(4, 6, device="cuda")
    p = whole.t()[:3].detach().requires_grad_()
    p.grad = taper.ones(3, 4, device="cuda")
    taper.optim.SGD([p], lr=0.5).step()
    expected = np.ones((4, 6), np.float32)
    expected[:, :3] = 0.5
    np.testing.assert_array_equal(whole.cpu().numpy(), expected)
