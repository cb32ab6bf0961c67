"""Compiled equals eager on programs that hypothesis makes: views, writes through them, reductions, products, gathers."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import taper
from taper.compiler import CaptureError

from .test_cases import code_in_memory  # noqa: F401  (a fixture)

SIDES = (1, 2, 3, 5)


def _fitting(x, y):
    """y in a shape that broadcasts with x."""
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return y.sum()
    return y


def _axis(x, n: int) -> int:
    return n % x.ndim


def _cut(x, n: int):
    axis = _axis(x, n)
    size = x.shape[axis]
    start = n % size
    return x[(*(slice(None),) * axis, slice(start, max(start + 1, size - n % 2), 1 + n % 3))]


def _halved(x, n: int):
    """x as it is seen with its first two dimensions joined."""
    return x.reshape(-1, *x.shape[2:]) if x.ndim > 1 else x.unsqueeze(n % 2)


def _positions(x, n: int):
    return taper.tensor([(n * 7 + i * 3) % x.shape[0] for i in range(1 + n % 4)])


def _product(x, y):
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    a = x.reshape(-1, x.shape[-1])
    return a @ a.t()


def _write(x, y, n):
    target = _cut(x, n)
    target += (
        _fitting(target, y) if np.broadcast_shapes(target.shape, _fitting(target, y).shape) == target.shape else y.sum()
    )
    return target


def _assign(x, y, n):
    target = x.transpose(0, -1) if n % 2 else x
    value = _fitting(target[0], y)
    target[n % target.shape[0]] = (
        value if np.broadcast_shapes(target.shape[1:], value.shape) == target.shape[1:] else y.mean()
    )
    return x * 1


STEPS = [
    lambda x, y, n: x + _fitting(x, y),
    lambda x, y, n: x * _fitting(x, y) + n,
    lambda x, y, n: (x - x.amax(_axis(x, n), keepdim=True)).exp(),
    lambda x, y, n: x.softmax(_axis(x, n)),
    lambda x, y, n: x.sum(_axis(x, n), keepdim=n % 2 == 0),
    lambda x, y, n: x.mean(),
    lambda x, y, n: x.transpose(_axis(x, n), -1),
    lambda x, y, n: _cut(x, n),
    lambda x, y, n: x.flip(_axis(x, n)),
    lambda x, y, n: x.unsqueeze(_axis(x, n)).expand(*x.shape[: _axis(x, n)], 1 + n % 3, *x.shape[_axis(x, n) :]),
    lambda x, y, n: _halved(x, n),
    lambda x, y, n: x.reshape(-1),
    lambda x, y, n: taper.cat([x, x * 0.5], _axis(x, n)),
    lambda x, y, n: taper.stack([x, x + 1], _axis(x, n)),
    lambda x, y, n: x.index_select(0, _positions(x, n)),
    lambda x, y, n: x[_positions(x, n), ..., 0] if x.ndim > 1 else x[_positions(x, n)],
    lambda x, y, n: taper.where(x > _fitting(x, y), x, 0.25),
    lambda x, y, n: _product(x, y).tanh(),
    lambda x, y, n: x.roll(n, _axis(x, n)),
    lambda x, y, n: x.cumsum(_axis(x, n)) * 0.3,
    lambda x, y, n: x.argmax(_axis(x, n)).to(x.dtype),
    lambda x, y, n: x.tril(n % 3 - 1) if x.ndim > 1 else x.abs(),
    lambda x, y, n: x.sort(_axis(x, n))[0],
    lambda x, y, n: x.pow(2).clamp(0.1, 2.0).sqrt(),
    lambda x, y, n: x.var(_axis(x, n), correction=0),
    lambda x, y, n: x.diagonal() * 1 if x.ndim > 1 else x.sigmoid(),
    lambda x, y, n: x.contiguous().mul_(0.5),
    _write,
    _assign,
    lambda x, y, n: x.zero_() if n == 3 else x.mul_(1.5),
    lambda x, y, n: _cut(x, n).clamp_(-1, 1),
    lambda x, y, n: (
        x.index_add(0, _positions(x, n), x[: len(_positions(x, n))]) if len(_positions(x, n)) <= len(x) else x
    ),
]

LIMIT = 600
"""Elements of an intermediate result: programs are to be short and small."""


def run(program, values: list):
    """The values that a program makes from some; steps that do not fit a shape are left out, by shape alone."""
    values = list(values)
    for step, first, second, n in program:
        x, y = values[first % len(values)], values[second % len(values)]
        if x.ndim == 0:
            x = x.reshape(1)
        if x.size().numel() > LIMIT or x.ndim > 4:
            continue
        try:
            values.append(STEPS[step % len(STEPS)](x, y, n))
        except RuntimeError as error:
            if isinstance(error, CaptureError) or "memory location" not in str(error):
                raise
    return values


PROGRAM = st.lists(
    st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 9), st.integers(0, 9), st.integers(0, 7)), max_size=9
)
SHAPE = st.lists(st.sampled_from(SIDES), min_size=1, max_size=3)


def numbers(shape, seed):
    return taper.from_numpy(np.random.default_rng(seed).uniform(-1.5, 1.5, shape))


def agree(found, expected):
    for i, (f, e) in enumerate(zip(found, expected, strict=True)):
        assert f.shape == e.shape, i
        scale = max(1.0, float(np.abs(e.detach().numpy()).max(initial=0)))
        np.testing.assert_allclose(f.detach().numpy(), e.detach().numpy(), rtol=0, atol=1e-10 * scale, err_msg=str(i))


LITTLE_TIME = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@LITTLE_TIME
@given(program=PROGRAM, shapes=st.tuples(SHAPE, SHAPE))
def test_values_and_what_is_written(program, shapes):
    def function(*inputs):
        return tuple(run(program, inputs))

    eager, mine = ([numbers(s, i) for i, s in enumerate(shapes)] for _ in range(2))
    try:
        compiled = taper.compile(function, fullgraph=True)
        found = compiled(*mine)
    except CaptureError as error:
        assert "memory location" in str(error)
        return
    agree(found, function(*eager))
    agree(mine, eager)


@LITTLE_TIME
@given(program=PROGRAM, shapes=st.tuples(SHAPE, SHAPE))
def test_gradients(program, shapes):
    def step(*inputs):
        leaves = [t.detach().requires_grad_() for t in inputs]
        values = run(program, [t * 1 for t in leaves])
        loss = sum((v * (1 + i)).sum() for i, v in enumerate(values) if v.requires_grad)
        return (loss.detach(), *taper.autograd.grad(loss, leaves))

    eager, mine = ([numbers(s, i) for i, s in enumerate(shapes)] for _ in range(2))
    try:
        expected = step(*eager)
    except RuntimeError as error:
        assert "modified by an inplace" in str(error)
        return
    agree(taper.compile(step, fullgraph=True)(*mine), expected)
