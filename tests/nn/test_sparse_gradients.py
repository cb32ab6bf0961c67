"""Gradients of `Embedding(sparse=True)`: sparse tensors, what accumulates them, and the optimizers that take them."""

from __future__ import annotations

import numpy as np
import pytest

import taper

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant")

START = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
BATCHES = [[[1, 2, 2], [5, 1, 0]], [[3, 3, 3], [6, 0, 2]], [[4, 1, 5], [5, 5, 1]]]


def table(T, **options):
    return T.nn.Embedding(7, 3, sparse=True, _weight=T.tensor(START), **options)


def passed(T, module, batch=0):
    """The module's weight after a backward pass of its squares."""
    (module(T.tensor(BATCHES[batch])) ** 2).sum().backward()
    return module.weight


def bag(mode, **options):
    def gradient(T):
        module = T.nn.EmbeddingBag(7, 3, mode=mode, sparse=True, _weight=T.tensor(START), **options)
        return passed(T, module).grad

    return gradient


def weighted(T):
    module = T.nn.EmbeddingBag(7, 3, mode="sum", sparse=True, padding_idx=2, _weight=T.tensor(START))
    weights = T.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    module(T.tensor([1, 2, 3, 2]), T.tensor([0, 2]), weights).sum().backward()
    return module.weight.grad


def twice(T):
    module = table(T)
    passed(T, module)
    return passed(T, module, 1).grad


def with_dense(order):
    def gradient(T):
        module = table(T)
        parts = [lambda: passed(T, module), lambda: module.weight.sum().backward()]
        for i in order:
            parts[i]()
        return module.weight.grad

    return gradient


def in_one_pass(order):
    def gradient(T):
        module = table(T)
        parts = [(module(T.tensor(BATCHES[0])) ** 2).sum(), (module.weight**2).sum()]
        (parts[order[0]] + parts[order[1]]).backward()
        return module.weight.grad

    return gradient


def hooked(T):
    module = table(T)
    module.weight.register_hook(lambda g: g * 2 if g.is_sparse else None)
    return passed(T, module).grad


GRADIENTS = {
    "plain": lambda T: passed(T, table(T)).grad,
    "padding": lambda T: passed(T, table(T, padding_idx=0)).grad,
    "max_norm": lambda T: passed(T, table(T, max_norm=0.5)).grad,
    "autograd.grad": lambda T: (lambda m: T.autograd.grad(m(T.tensor(BATCHES[0])).sum(), m.weight)[0])(table(T)),
    "create_graph": lambda T: (
        lambda m: T.autograd.grad((m(T.tensor(BATCHES[0])) ** 2).sum(), m.weight, create_graph=True)[0]
    )(table(T)),
    "sum": bag("sum"),
    "mean": bag("mean"),
    "bag with padding": bag("mean", padding_idx=1),
    "weighted bag": weighted,
    "twice": twice,
    "dense first": with_dense([1, 0]),
    "sparse first": with_dense([0, 1]),
    "sparse, dense, sparse": with_dense([0, 1, 0]),
    "tied": in_one_pass([0, 1]),
    "tied, the other way round": in_one_pass([1, 0]),
    "hook": hooked,
    "zeros_like": lambda T: T.zeros_like(passed(T, table(T)).grad),
}


@pytest.mark.parametrize("make", GRADIENTS.values(), ids=GRADIENTS)
def test_gradients(make):
    ours, theirs = make(taper), make(torch)
    assert ours.is_sparse == theirs.is_sparse and tuple(ours.shape) == tuple(theirs.shape)
    if theirs.is_sparse:
        assert (ours.sparse_dim(), ours.dense_dim()) == (theirs.sparse_dim(), theirs.dense_dim())
        assert ours.is_coalesced() == theirs.is_coalesced()
        np.testing.assert_array_equal(ours.coalesce().indices().numpy(), theirs.coalesce().indices().numpy())
    dense = theirs.to_dense().detach().numpy()
    np.testing.assert_allclose(ours.to_dense().detach().numpy(), dense, rtol=1e-6, atol=1e-6)


OPTIMIZERS = {
    "SGD": lambda o, p: o.SGD(p, lr=0.1),
    "SGD, momentum": lambda o, p: o.SGD(p, lr=0.1, momentum=0.9, dampening=0.2),
    "SGD, nesterov": lambda o, p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "SGD, maximize": lambda o, p: o.SGD(p, lr=0.01, momentum=0.5, maximize=True),
    "Adagrad": lambda o, p: o.Adagrad(p, lr=0.1),
    "Adagrad, options": lambda o, p: o.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.3, eps=1e-3),
    "Adagrad, maximize": lambda o, p: o.Adagrad(p, lr=0.1, maximize=True),
    "SparseAdam": lambda o, p: o.SparseAdam(list(p), lr=0.1, betas=(0.8, 0.9)),
    "LBFGS": lambda o, p: o.LBFGS(p, lr=0.1, max_iter=3),
}


def trained(T, make):
    module = table(T, padding_idx=0)
    optimizer = make(T.optim, module.parameters())
    for step in range(6):

        def closure(step=step):
            optimizer.zero_grad(set_to_none=step % 2 == 0)
            loss = (module(T.tensor(BATCHES[step % 3])) ** 2).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
    return module.weight.detach().numpy()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers(make):
    np.testing.assert_allclose(trained(taper, make), trained(torch, make), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:taper.compile.*runs eagerly")
def test_a_compiled_step_does_the_same():
    for make in (lambda o, p: o.SGD(p, lr=0.1), OPTIMIZERS["SGD, momentum"], OPTIMIZERS["SparseAdam"]):
        found = []
        for compiled in (False, True):
            module = table(taper)
            optimizer = make(taper.optim, module.parameters())

            def step(batch, module=module, optimizer=optimizer):
                optimizer.zero_grad()
                (module(batch) ** 2).sum().backward()
                optimizer.step()

            run = taper.compile(step) if compiled else step
            for batch in BATCHES:
                run(taper.tensor(batch))
            found.append(module.weight.detach().numpy())
        np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


def refused(T, optimizer, **options):
    module = table(T)
    made = getattr(T.optim, optimizer)(module.parameters(), **options)
    passed(T, module)
    made.step()


def second_pass(T):
    module = table(T)
    loss = module(T.tensor(BATCHES[0])).sum()
    loss.backward()
    loss.backward()


REFUSALS = {
    **{
        name: lambda T, name=name: refused(T, name)
        for name in "Adam AdamW Adamax NAdam RAdam RMSprop Adadelta ASGD Rprop Adafactor Muon".split()
    },
    "SGD, weight_decay": lambda T: refused(T, "SGD", weight_decay=0.1),
    "Adagrad, weight_decay": lambda T: refused(T, "Adagrad", weight_decay=0.1),
    "scale_grad_by_freq": lambda T: passed(T, table(T, scale_grad_by_freq=True)),
    "max": lambda T: bag("max")(T),
    "clip_grad_norm_": lambda T: T.nn.utils.clip_grad_norm_([passed(T, table(T))], 1.0),
    "clip_grad_value_": lambda T: T.nn.utils.clip_grad_value_([passed(T, table(T))], 1.0),
    "twice through the graph": second_pass,
    "greater": lambda T: passed(T, table(T)).grad > 0,
    "ones_like": lambda T: T.ones_like(passed(T, table(T)).grad),
    "dense.copy_": lambda T: T.zeros(7, 3).copy_(passed(T, table(T)).grad),
    "t": lambda T: passed(T, table(T)).grad.t(),
}


@pytest.mark.parametrize("call", REFUSALS.values(), ids=REFUSALS)
def test_refusals(call):
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(theirs.type) as ours:
        call(taper)
    assert "sparse" not in str(theirs.value) or "sparse" in str(ours.value)


ARITHMETIC = {
    "norm": lambda T, g: g.norm(),
    "torch.norm": lambda T, g: T.norm(g, 1),
    "any": lambda T, g: g.any(),
    "mul_": lambda T, g: g.mul_(2),
    "div_": lambda T, g: g.div_(4),
    "add_": lambda T, g: g.add_(g, alpha=3),
    "sub_": lambda T, g: g.sub_(g * 0.5),
    "neg_": lambda T, g: g.neg_(),
    "zero_": lambda T, g: g.zero_(),
    "pow": lambda T, g: g.pow(2),
    "floor_divide": lambda T, g: g // 2,
    "abs": lambda T, g: g.abs(),
    "torch.isnan": lambda T, g: T.isnan(g),
    "log1p of the absolute values": lambda T, g: g.abs().log1p(),
    "dense + sparse": lambda T, g: T.ones(7, 3) + g,
    "dense.add_": lambda T, g: T.ones(7, 3).add_(g, alpha=2),
    "dense.sub_": lambda T, g: T.ones(7, 3).sub_(g),
    "index_select": lambda T, g: g.index_select(0, T.tensor([5, 1, 1])),
    "index_select of elements": lambda T, g: g.index_select(1, T.tensor([2, 0])),
    "a row": lambda T, g: g[1],
    "data": lambda T, g: g.data,
    "copy_": lambda T, g: T.zeros_like(g).copy_(g),
}


@pytest.mark.parametrize("compute", ARITHMETIC.values(), ids=ARITHMETIC)
def test_arithmetic(compute):
    ours, theirs = (compute(T, passed(T, table(T)).grad) for T in (taper, torch))
    assert ours.is_sparse == theirs.is_sparse and str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(ours.to_dense().numpy(), theirs.to_dense().numpy(), rtol=1e-6, atol=1e-6)


def test_grad_scaler():
    found = []
    for T in (taper, torch):
        module, scaler = table(T), T.amp.GradScaler("cpu", init_scale=4.0)
        optimizer = T.optim.SGD(module.parameters(), lr=0.1)
        scaler.scale((module(T.tensor(BATCHES[0])) ** 2).sum()).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        found.append((module.weight.detach().numpy(), module.weight.grad.to_dense().numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
