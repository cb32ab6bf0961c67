"""Every schedule against PyTorch: the same rates for 30 steps, the same after a checkpoint."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import taper

torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")

MAKE = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda e: 0.95**e),
    "LambdaLR.each": lambda s, o: s.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (e + 1)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9),
    "StepLR": lambda s, o: s.StepLR(o, 4, 0.3),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 3, 9], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.2, 6),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.2, 0.8, 7),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 9, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 7, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.2, 4, 6),
    "CyclicLR.triangular2": lambda s, o: s.CyclicLR(o, 0.01, [0.2, 0.3], 4, mode="triangular2"),
    "CyclicLR.exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.2, 4, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=30),
    "OneCycleLR.three": lambda s, o: s.OneCycleLR(
        o, [0.3, 0.4], epochs=5, steps_per_epoch=6, three_phase=True, anneal_strategy="linear"
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)], [5]),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)]),
}


def optimizer_of(T):
    a, b = T.ones(1, requires_grad=True), T.ones(1, requires_grad=True)
    return T.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.3}], lr=0.1, momentum=0.9)


def rates(T, name, steps=29, resume_at=None):
    optimizer = optimizer_of(T)
    scheduler = MAKE[name](T.optim.lr_scheduler, optimizer)
    found = []
    for i in range(steps):
        if i == resume_at:
            saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            optimizer = optimizer_of(T)
            scheduler = MAKE[name](T.optim.lr_scheduler, optimizer)
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        optimizer.step()
        scheduler.step()
        found.append([g[k] for g in optimizer.param_groups for k in ("lr", "momentum")] + list(scheduler.get_last_lr()))
    return found


@pytest.mark.parametrize("name", MAKE)
def test_rates_are_pytorchs(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(rates(taper, name), rates(torch, name), rtol=1e-12)


@pytest.mark.parametrize("name", MAKE)
def test_resumed_rates_are_the_same(name):
    np.testing.assert_allclose(rates(taper, name, resume_at=11), rates(taper, name), rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [dict(), dict(mode="max", threshold_mode="abs", threshold=0.1), dict(cooldown=2, min_lr=0.02, factor=0.5)],
)
def test_plateau_is_pytorchs(options):
    metrics = np.random.default_rng(0).standard_normal(40).round(1).tolist()
    found = []
    for T in (taper, torch):
        optimizer = optimizer_of(T)
        scheduler = T.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, **options)
        rows = []
        for m in metrics:
            scheduler.step(m)
            rows.append(scheduler.get_last_lr() + [scheduler.num_bad_epochs, scheduler.best])
        found.append(rows)
    np.testing.assert_allclose(*found)


ERRORS = [
    (lambda s, o: s.StepLR("x", 3), TypeError),
    (lambda s, o: s.LinearLR(o, 2.0), ValueError),
    (lambda s, o: s.ConstantLR(o, 2.0), ValueError),
    (lambda s, o: s.OneCycleLR(o, 0.1), ValueError),
    (lambda s, o: s.OneCycleLR(o, 0.1, total_steps=-1), ValueError),
    (lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="up"), ValueError),
    (lambda s, o: s.ReduceLROnPlateau(o, factor=2), ValueError),
    (lambda s, o: s.ReduceLROnPlateau(o, mode="up"), ValueError),
    (lambda s, o: s.LambdaLR(o, [lambda e: 1]), ValueError),
    (lambda s, o: s.StepLR(o, 3, last_epoch=2), KeyError),
    (lambda s, o: s.CosineAnnealingWarmRestarts(o, 0), ValueError),
]


@pytest.mark.parametrize("row", range(len(ERRORS)))
def test_errors(row):
    call, error = ERRORS[row]
    for T in (taper, torch):
        with pytest.raises(error):
            call(T.optim.lr_scheduler, optimizer_of(T))


def test_wrong_order_is_reported():
    optimizer = optimizer_of(taper)
    scheduler = taper.optim.lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()


@pytest.mark.parametrize("name", [name for name in MAKE if not name.startswith("CosineAnnealingWarm")])
def test_a_state_has_pytorchs_keys_and_goes_both_ways(name):
    """What is saved by one is continued by the other, even where the new schedule was made with other numbers."""
    states, after = {}, {}
    for T in (taper, torch):
        optimizer = optimizer_of(T)
        scheduler = MAKE[name](T.optim.lr_scheduler, optimizer)
        for _ in range(4):
            optimizer.step()
            scheduler.step()
        states[T] = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    assert set(states[taper][1]) == set(states[torch][1])
    for T, of in ((taper, torch), (torch, taper)):
        optimizer = optimizer_of(T)
        scheduler = MAKE[name](T.optim.lr_scheduler, optimizer)
        scheduler.load_state_dict(states[of][1])
        for group, saved in zip(optimizer.param_groups, states[of][0]["param_groups"]):
            group.update({k: v for k, v in saved.items() if k != "params"})
        after[T] = []
        for _ in range(6):
            optimizer.step()
            scheduler.step()
            after[T].append([group["lr"] for group in optimizer.param_groups])
    np.testing.assert_allclose(after[taper], after[torch], rtol=1e-12)


class Halved:
    """A function of the user's with something to remember."""

    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return self.by


def test_a_called_object_is_saved_by_its_attributes():
    for T in (taper, torch):
        scheduler = T.optim.lr_scheduler.CyclicLR(optimizer_of(T), 0.01, 0.2, scale_fn=Halved(0.5))
        state = scheduler.state_dict()
        assert state["_scale_fn_custom"] == {"by": 0.5}
        other = T.optim.lr_scheduler.CyclicLR(optimizer_of(T), 0.01, 0.2, scale_fn=Halved(0.25))
        other.load_state_dict(state)
        assert other.scale_fn(1) == 0.5
        plain = T.optim.lr_scheduler.CyclicLR(optimizer_of(T), 0.01, 0.2, scale_fn=lambda x: 0.125)
        plain.load_state_dict(T.optim.lr_scheduler.CyclicLR(optimizer_of(T), 0.01, 0.2).state_dict())
        assert plain.scale_fn(1) == 0.125


def test_plateau_state_has_pytorchs_keys():
    keys = [set(T.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(T)).state_dict()) for T in (taper, torch)]
    assert keys[0] == keys[1]


def test_the_former_name_is_a_class_of_its_own():
    for T in (taper, torch):
        former = T.optim.lr_scheduler._LRScheduler
        assert issubclass(former, T.optim.lr_scheduler.LRScheduler)
        assert not issubclass(T.optim.lr_scheduler.StepLR, former)
