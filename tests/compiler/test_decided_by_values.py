"""What values decide that a program computes itself: positions, masks, lengths, draws, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import taper

ROWS = {}


def row(function):
    ROWS[function.__name__] = function
    return function


@row
def rows_that_are_written(T, x, i, mask):
    y = x * 1
    found = y[i]
    found += 1
    found[1] = 5
    y[:, i] *= 2
    kept = y[i].clone()
    y[i].zero_()
    y[i, i] = 7.0
    return y, found, kept, y[-i - 1]


@row
def assignments(T, x, i, mask):
    y = x * 1
    y[i] = x[1]
    y[i, 1:3] = x[0, :2]
    y[1:3, i] = x[:2, 0]
    y[None, i] = y[None, i] * 3
    return y, y[..., i], y[i, None], y[i, [0, 2]], y[[0, 2], i]


@row
def largest(T, x, i, mask):
    return x[i][i], x[i, i].sin(), x[x[:, 0].argmax()], x[x.argmax() // 5, x.argmax() % 5]


@row
def seen_through_a_view(T, x, i, mask):
    y = x * 1
    found = y[i]
    y += 1
    return found * 2


@row
def masked_scatter(T, x, i, mask):
    y = x * 1
    y.masked_scatter_(mask, x.flatten() * 2)
    return x.masked_scatter(mask, x.flip(0)), y


@row
def covariances(T, x, i, mask):
    return T.cov(x, fweights=T.tensor([1, 2, 1, 1, 3]), aweights=x[0].abs()), T.corrcoef(x)


@row
def ctc_with_lengths(T, x, i, mask):
    scores = x.reshape(5, 2, 3).log_softmax(2)
    lengths, wanted = T.tensor([5, 4]) - i * 0, T.tensor([2, 1]) + i * 0
    loss = T.nn.functional.ctc_loss
    return (
        loss(scores, T.tensor([[1, 2], [2, 0]]), lengths, wanted),
        loss(scores, T.tensor([1, 2, 2]), lengths, wanted, reduction="none"),
        loss(scores, T.tensor([1, 2, 2]), lengths, wanted, zero_infinity=True, reduction="sum"),
    )


@row
def distributions(T, x, i, mask):
    D = T.distributions
    category, normal = D.Categorical(logits=x), D.Normal(x, x.abs() + 0.1)
    action, several = category.sample(), category.sample((3,))
    near = D.kl_divergence(normal, D.Normal(0.0, 1.0))
    made = D.Bernoulli(logits=x).sample()
    return category.log_prob(action), category.entropy(), normal.log_prob(x + 1), normal.rsample(), near, several, made


@row
def checked_parameters(T, x, i, mask):
    D = T.distributions
    together = D.MultivariateNormal(x[0], x.T @ x + T.eye(5, dtype=x.dtype)).log_prob(x)
    share = D.Beta(x.abs() + 1, x.abs() + 2).log_prob(x.sigmoid())
    return together, share, D.Bernoulli(probs=x.sigmoid()).log_prob((x > 0).to(x.dtype))


@row
def draws_by_probabilities(T, x, i, mask):
    p = x.softmax(1)
    found = T.multinomial(p, 1), T.multinomial(p, 3), T.multinomial(p, 7, True), T.multinomial(p[0], 2)
    return *found, T.bernoulli(x.sigmoid())


def results(function, lib, given, dtype) -> list[np.ndarray]:
    """What four calls give, and the gradients of their squares."""
    lib.manual_seed(3)
    numbers = np.random.default_rng(0)
    x, mask = numbers.normal(size=(6, 5)), numbers.random((6, 5)) > 0.5
    found = []
    for k in (2, 0, 3, 2):
        at = lib.from_numpy((x + k / 10).astype(dtype)).requires_grad_()
        made = given(lib, at, lib.tensor(k), lib.from_numpy(np.roll(mask, k)))
        made = made if isinstance(made, tuple) else (made,)
        sum((v * v).sum() for v in made if v.requires_grad).backward() if any(v.requires_grad for v in made) else None
        found += [v.detach().numpy() for v in made]
        found += [] if at.grad is None else [at.grad.numpy()]
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_one_program_as_eager_and_pytorch(name, dtype):
    function = ROWS[name]
    compiled = taper.compile(lambda x, i, mask: function(taper, x, i, mask), fullgraph=True)
    found = results(function, taper, lambda lib, *given: compiled(*given), dtype)
    assert compiled.compilations == 1
    eager = results(function, taper, function, dtype)
    for a, b in zip(found, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 if dtype == "float32" else 1e-12)
    torch = pytest.importorskip("torch")
    for a, b in zip(eager, results(function, torch, function, dtype), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def ones(*shape):
    return taper.ones(*shape)


REFUSED = [
    (
        lambda x, i: x[i],
        (ones(3, 2), taper.tensor(1)),
        (ones(3, 2), taper.tensor(3)),
        IndexError,
        "index 3 is out of bounds",
    ),
    (
        lambda x, m, s: x.masked_scatter(m, s),
        (ones(3), taper.tensor([True, False, True]), ones(2)),
        (ones(3), taper.tensor([True, True, True]), ones(2)),
        RuntimeError,
        "Number of elements of source < number of ones in mask",
    ),
    (
        lambda s: taper.distributions.Normal(0.0, s).log_prob(ones(2)),
        (ones(2),),
        (-ones(2),),
        ValueError,
        "Expected parameter scale",
    ),
    (lambda p: taper.multinomial(p, 1), (ones(4),), (-ones(4),), RuntimeError, "probability tensor contains either"),
    (lambda p: taper.bernoulli(p), (ones(4),), (2 * ones(4),), RuntimeError, "bernoulli expects"),
    (
        lambda x, n: taper.nn.functional.ctc_loss(x, taper.tensor([[1, 2]]), n, taper.tensor([2])),
        (ones(5, 1, 3), taper.tensor([5])),
        (ones(5, 1, 3), taper.tensor([6])),
        RuntimeError,
        "Expected input_lengths to have value at most 5, but got value 6",
    ),
]


@pytest.mark.parametrize(
    ("function", "good", "bad", "error", "words"), REFUSED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_refused_as_in_eager_execution(function, good, bad, error, words):
    compiled = taper.compile(function, fullgraph=True)
    compiled(*good)
    with pytest.raises(error, match=words):
        compiled(*bad)
    compiled(*good)
    assert compiled.compilations == 1


TABLE, HUGE = np.ones((300, 300)), np.zeros(1 << 24)


def test_large_arrays_are_seen_to_change():
    """As numbers by a guard, as tensors because they are read at each call, whatever part of them."""
    compiled = taper.compile(lambda x: x * float(TABLE[0, 0]) + taper.tensor(TABLE[:, 0])[1:4], fullgraph=True)
    x = taper.ones(3)
    assert compiled(x).tolist() == [2, 2, 2]
    TABLE[0, 0], TABLE[2, 0] = 5, 3
    assert compiled(x).tolist() == [6, 8, 6]
    parts = taper.compile(lambda x: x + taper.from_numpy(TABLE[7])[:3] + taper.from_numpy(TABLE)[7, :3], fullgraph=True)
    assert parts(x).tolist() == [3, 3, 3]
    TABLE[7] = 4
    assert parts(x).tolist() == [9, 9, 9] and parts.compilations == 1


def test_arrays_too_large_to_be_compared_are_read_as_tensors_alone():
    x = taper.ones(2)
    with pytest.raises(taper.CaptureError, match=r"a NumPy array of 128 MB .*from_numpy"):
        taper.compile(lambda x: x * float(HUGE[0]), fullgraph=True)(x)
    compiled = taper.compile(lambda x: x * taper.from_numpy(HUGE[3:5]), fullgraph=True)
    assert compiled(x).tolist() == [0, 0]
    HUGE[3] = 4
    assert compiled(x).tolist() == [4, 0]
