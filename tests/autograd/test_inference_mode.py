"""Tensors made in inference mode: which they are, and what they refuse outside of it."""

from __future__ import annotations

import pytest

import taper

torch = pytest.importorskip("torch")


def made(T):
    """An inference tensor, a normal one, and one that requires grad."""
    with T.inference_mode():
        t = T.ones(3)
    return t, T.full((3,), 2.0), T.full((3,), 3.0, requires_grad=True)


def inside(make):
    """What `make` returns in inference mode, for the three tensors."""

    def call(T):
        tensors = made(T)
        with T.inference_mode():
            return make(T, *tensors)

    return call


def outside(make):
    return lambda T: make(T, *made(T))


RESULTS = {
    "made": outside(lambda T, t, n, a: t),
    "a view": outside(lambda T, t, n, a: t[:2]),
    "a reshape": outside(lambda T, t, n, a: t.view(3, 1)),
    "detached": outside(lambda T, t, n, a: t.detach()),
    "computed outside": outside(lambda T, t, n, a: t + n),
    "cloned": outside(lambda T, t, n, a: t.clone()),
    "converted": outside(lambda T, t, n, a: t.double()),
    "as it was": outside(lambda T, t, n, a: t.float()),
    "computed inside": inside(lambda T, t, n, a: n * 2),
    "computed inside from a leaf": inside(lambda T, t, n, a: a * 2),
    "a view of a normal tensor": inside(lambda T, t, n, a: n[:2]),
    "a normal tensor changed": inside(lambda T, t, n, a: n.add_(1)),
    "an inference tensor changed": inside(lambda T, t, n, a: t.mul_(2)),
    "a parameter": inside(lambda T, t, n, a: T.nn.Parameter(T.ones(2))),
    "a module's weight": inside(lambda T, t, n, a: T.nn.Linear(2, 2).weight.detach() * 0),
    "in enable_grad": inside(lambda T, t, n, a: T.enable_grad()(lambda: a * 2)()),
    "in set_grad_enabled": inside(lambda T, t, n, a: T.set_grad_enabled(True)(lambda: a * 2)()),
    "in inference_mode(False)": inside(lambda T, t, n, a: T.inference_mode(False)(lambda: a * 2)()),
    "recorded, nothing kept": outside(lambda T, t, n, a: a + t),
    "joined": outside(lambda T, t, n, a: T.cat([a, t])),
    "saved of a clone": outside(lambda T, t, n, a: a * t.clone()),
    "unrecorded": outside(lambda T, t, n, a: T.no_grad()(lambda: a * t)()),
    "copied from": outside(lambda T, t, n, a: n.copy_(t)),
    "a generator's": lambda T: list(T.inference_mode()(lambda x: (x * k for k in (1, 2)))(T.ones(2)))[1],
}


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_results(make):
    ours, theirs = make(taper), make(torch)
    assert ours.is_inference() == theirs.is_inference() == taper.is_inference(ours)
    assert ours.requires_grad == theirs.requires_grad
    assert ours.tolist() == theirs.tolist()


class Times(taper.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, g):
        return g, g


REFUSALS = {
    "add_": lambda T, t, n, a: t.add_(1),
    "zero_": lambda T, t, n, a: t.zero_(),
    "fill_": lambda T, t, n, a: t.fill_(1),
    "copy_": lambda T, t, n, a: t.copy_(n),
    "an element": lambda T, t, n, a: t.__setitem__(0, 1.0),
    "normal_": lambda T, t, n, a: t.normal_(),
    "of a view": lambda T, t, n, a: t[:1].mul_(2),
    "out": lambda T, t, n, a: T.add(n, n, out=t),
    "in no_grad": lambda T, t, n, a: T.no_grad()(lambda: t.add_(1))(),
    "init": lambda T, t, n, a: T.nn.init.ones_(t),
    "squeeze_": lambda T, t, n, a: t.squeeze_(),
    "scatter_": lambda T, t, n, a: t.scatter_(0, T.tensor([0]), 1.0),
    "saved by mul": lambda T, t, n, a: a * t,
    "saved by mul of a view": lambda T, t, n, a: a * t.view(3),
    "saved by linear": lambda T, t, n, a: T.nn.Linear(3, 2)(t),
    "saved by mv": lambda T, t, n, a: T.mv(T.ones(2, 3, requires_grad=True), t),
    "saved by mse_loss": lambda T, t, n, a: T.nn.functional.mse_loss(a, t),
    "requires_grad_": lambda T, t, n, a: t.requires_grad_(),
    "requires_grad": lambda T, t, n, a: setattr(t, "requires_grad", True),
    "a parameter": lambda T, t, n, a: T.nn.Parameter(t),
    "_version": lambda T, t, n, a: t._version,
    "backward inside": lambda T, t, n, a: T.inference_mode()(lambda: a.sum().backward())(),
}


@pytest.mark.parametrize("call", REFUSALS.values(), ids=REFUSALS)
def test_refusals(call):
    found = []
    for T in (torch, taper):
        with pytest.raises(RuntimeError) as error:
            call(T, *made(T))
        found.append(str(error.value).split(".")[0])
    assert found[1].startswith(found[0])


def test_functions_of_the_user_keep_none():
    t, _, a = made(taper)
    with pytest.raises(RuntimeError, match="cannot be saved for backward"):
        Times.apply(a, t)
