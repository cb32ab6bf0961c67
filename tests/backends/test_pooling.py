"""Pooling and its gradients against a loop over windows, and against PyTorch's autograd."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from taper.backends.cpu import pooling


class Case(NamedTuple):
    x: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool

    @property
    def output(self):
        return pooling.pool_output_shape(self.x[2:], *self[1:])


CASES = [
    Case((2, 3, 8), (2,), (2,), (0,), (1,), False),
    Case((2, 3, 9), (3,), (2,), (1,), (1,), True),
    Case((2, 3, 10), (2,), (3,), (0,), (4,), False),
    Case((2, 3, 8, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    Case((2, 3, 9, 7), (2, 2), (2, 2), (0, 0), (1, 1), True),
    Case((2, 3, 9, 7), (2, 2), (2, 2), (0, 0), (1, 1), False),
    Case((2, 3, 9, 8), (3, 3), (2, 2), (1, 1), (1, 1), False),
    Case((2, 3, 9, 8), (3, 2), (1, 3), (1, 1), (1, 1), True),
    Case((2, 3, 9, 8), (3, 2), (1, 2), (1, 1), (2, 3), False),
    Case((2, 3, 7, 7), (7, 7), (7, 7), (0, 0), (1, 1), False),
    Case((2, 1, 18, 17), (9, 8), (3, 4), (4, 3), (1, 1), True),
    Case((2, 1, 18, 17), (9, 8), (3, 4), (0, 0), (1, 1), False),
    Case((2, 3, 4, 4), (1, 1), (2, 3), (0, 0), (1, 1), False),
    Case((2, 3, 1, 1), (2, 2), (2, 2), (1, 1), (1, 1), True),
    Case((1, 2, 5, 6, 4), (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), False),
    Case((1, 2, 5, 6, 4), (3, 2, 3), (2, 1, 2), (1, 1, 1), (1, 1, 1), True),
    Case((0, 3, 8, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    Case((0, 3, 9, 8), (3, 3), (2, 2), (1, 1), (1, 1), True),
]

ADAPTIVE = [
    ((2, 3, 8), (4,)), ((2, 3, 7), (3,)), ((2, 3, 5), (8,)), ((2, 3, 8, 6), (1, 1)), ((2, 3, 8, 6), (4, 3)),
    ((2, 3, 8, 7), (3, 5)), ((2, 3, 7, 6), (7, 4)), ((2, 3, 3, 4), (5, 9)), ((1, 2, 30, 20), (1, 1)),
    ((1, 2, 31, 20), (2, 2)), ((1, 2, 4, 6, 5), (2, 3, 5)), ((1, 2, 5, 6, 4), (3, 4, 2)), ((0, 3, 8, 6), (4, 3)),
    ((0, 3, 8, 6), (5, 3)), ((2, 3, 4, 4), (0, 2)),
]  # fmt: skip


def windows(case: Case):
    """For each output place, the elements of its window inside the input, and its size with padding counted."""
    for place in product(*map(range, case.output)):
        starts = [i * s - p for i, s, p in zip(place, case.stride, case.padding)]
        axes = [
            [a for t in range(k) if 0 <= (a := start + t * d) < n]
            for start, k, d, n in zip(starts, case.kernel, case.dilation, case.x[2:])
        ]
        padded = [min(a + k, n + p) - a for a, k, n, p in zip(starts, case.kernel, case.x[2:], case.padding)]
        yield place, list(product(*axes)), int(np.prod(padded))


def adaptive_windows(spatial, output_size):
    for place in product(*map(range, output_size)):
        axes = [range(i * n // m, -(-(i + 1) * n // m)) for i, n, m in zip(place, spatial, output_size)]
        yield place, list(product(*axes))


def maximum_and_index(plane, elements):
    """PyTorch's rule: an element replaces the maximum if it is larger, or NaN."""
    best = elements[0]
    for element in elements:
        if plane[element] > plane[best] or np.isnan(plane[element]):
            best = element
    return plane[best], np.ravel_multi_index(best, plane.shape)


def reference_max(x, output, places):
    values, indices = np.empty((*x.shape[:2], *output), x.dtype), np.empty((*x.shape[:2], *output), np.int64)
    for plane in product(*map(range, x.shape[:2])):
        for place, elements in places:
            values[(*plane, *place)], indices[(*plane, *place)] = maximum_and_index(x[plane], elements)
    return values, indices


def few_values(shape, dtype, nan=False):
    """Small integers, so that windows hold ties; with some NaN and infinities."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, shape).astype(dtype)
    x[rng.random(shape) < 0.1] = -np.inf
    if nan:
        x[rng.random(shape) < 0.15] = np.nan
    return x


def same(got, expected):
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(got, expected)


def close(got, expected):
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    rtol = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}[got.dtype]
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("many_taps", [0, 64], ids=["whole windows", "tap by tap"])
@pytest.mark.parametrize("block", [1, 1 << 17], ids=["plane by plane", "one block"])
@pytest.mark.parametrize("nan", [False, True], ids=["", "nan"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool_against_the_definition(case, nan, block, many_taps, monkeypatch):
    monkeypatch.setattr(pooling, "BLOCK", block)
    monkeypatch.setattr(pooling, "MANY_TAPS", many_taps)
    x = few_values(case.x, np.float32, nan)
    values, indices = pooling.max_pool(x, *case[1:])
    places = [(place, elements) for place, elements, _ in windows(case)]
    expected_values, expected_indices = reference_max(x, case.output, places)
    same(values, expected_values)
    same(indices, expected_indices)
    assert values.flags.c_contiguous and indices.flags.c_contiguous


@pytest.mark.parametrize("nan", [False, True], ids=["", "nan"])
@pytest.mark.parametrize("shape, output_size", ADAPTIVE)
def test_adaptive_max_pool_against_the_definition(shape, output_size, nan):
    x = few_values(shape, np.float64, nan)
    values, indices = pooling.adaptive_max_pool(x, output_size)
    expected = reference_max(x, output_size, list(adaptive_windows(shape[2:], output_size)))
    same(values, expected[0])
    same(indices, expected[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool_grad_against_the_definition(case, dtype):
    x = few_values(case.x, dtype)
    _, indices = pooling.max_pool(x, *case[1:])
    g = np.random.default_rng(1).standard_normal(indices.shape).astype(dtype)
    expected = np.zeros((*case.x[:2], int(np.prod(case.x[2:]))), dtype)
    for at in np.ndindex(*g.shape):
        expected[(*at[:2], indices[at])] += g[at]
    close(pooling.max_pool_grad(g, indices, case.x), expected.reshape(case.x))


AVERAGES = [(True, None), (False, None), (True, 5), (False, -3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count_include_pad, divisor_override", AVERAGES)
@pytest.mark.parametrize("case", [case for case in CASES if set(case.dilation) == {1}], ids=str)
def test_avg_pool_and_grad_against_the_definition(case, count_include_pad, divisor_override, dtype):
    x = np.random.default_rng(0).standard_normal(case.x).astype(dtype)
    g = np.random.default_rng(1).standard_normal((*case.x[:2], *case.output)).astype(dtype)
    expected, gradient = np.zeros(g.shape, dtype), np.zeros(x.shape, dtype)
    for place, elements, padded in windows(case):
        divisor = divisor_override or (padded if count_include_pad else len(elements))
        for element in elements:
            expected[(..., *place)] += x[(..., *element)] / dtype(divisor)
            gradient[(..., *element)] += g[(..., *place)] / dtype(divisor)
    sizes = case.kernel, case.stride, case.padding
    close(pooling.avg_pool(x, *sizes, case.ceil_mode, count_include_pad, divisor_override), expected)
    close(pooling.avg_pool_grad(g, x.shape, *sizes, count_include_pad, divisor_override), gradient)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, output_size", ADAPTIVE)
def test_adaptive_avg_pool_and_grad_against_the_definition(shape, output_size, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    g = np.random.default_rng(1).standard_normal((*shape[:2], *output_size)).astype(dtype)
    expected, gradient = np.zeros(g.shape), np.zeros(shape)
    for place, elements in adaptive_windows(shape[2:], output_size):
        for element in elements:
            expected[(..., *place)] += x[(..., *element)].astype(np.float64) / len(elements)
            gradient[(..., *element)] += g[(..., *place)].astype(np.float64) / len(elements)
    close(pooling.adaptive_avg_pool(x, output_size), expected.astype(dtype))
    close(pooling.adaptive_avg_pool_grad(g, shape), gradient.astype(dtype))


@pytest.mark.parametrize("nan", [False, True], ids=["", "nan"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool_agrees_with_torch(case, nan):
    torch = pytest.importorskip("torch")
    x = few_values(case.x, np.float32, nan)
    tx = torch.from_numpy(x).requires_grad_()
    pool = getattr(torch.nn.functional, f"max_pool{x.ndim - 2}d")
    values, indices = pool(tx, *case[1:], return_indices=True)
    ours = pooling.max_pool(x, *case[1:])
    same(ours[0], values.detach().numpy())
    same(ours[1], indices.numpy())
    g = np.random.default_rng(1).standard_normal(values.shape).astype(np.float32)
    (dx,) = torch.autograd.grad(values, tx, torch.from_numpy(g))
    close(pooling.max_pool_grad(g, ours[1], x.shape), dx.numpy())


@pytest.mark.parametrize("count_include_pad, divisor_override", AVERAGES)
@pytest.mark.parametrize("case", [case for case in CASES if set(case.dilation) == {1}], ids=str)
def test_avg_pool_agrees_with_torch(case, count_include_pad, divisor_override):
    torch = pytest.importorskip("torch")
    if len(case.kernel) == 1 and divisor_override is not None:
        pytest.skip("avg_pool1d has no divisor_override")
    x = np.random.default_rng(0).standard_normal(case.x)
    tx = torch.from_numpy(x).requires_grad_()
    sizes = case.kernel, case.stride, case.padding
    options = () if len(case.kernel) == 1 else (divisor_override,)
    pool = getattr(torch.nn.functional, f"avg_pool{x.ndim - 2}d")
    y = pool(tx, *sizes, case.ceil_mode, count_include_pad, *options)
    close(pooling.avg_pool(x, *sizes, case.ceil_mode, count_include_pad, divisor_override), y.detach().numpy())
    g = np.random.default_rng(1).standard_normal(y.shape)
    (dx,) = torch.autograd.grad(y, tx, torch.from_numpy(g))
    close(pooling.avg_pool_grad(g, x.shape, *sizes, count_include_pad, divisor_override), dx.numpy())


@pytest.mark.parametrize("shape, output_size", ADAPTIVE)
def test_adaptive_pooling_agrees_with_torch(shape, output_size):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = np.random.default_rng(0).standard_normal(shape)
    g = np.random.default_rng(1).standard_normal((*shape[:2], *output_size))
    tx = torch.from_numpy(x).requires_grad_()
    y = getattr(functional, f"adaptive_avg_pool{x.ndim - 2}d")(tx, output_size)
    close(pooling.adaptive_avg_pool(x, output_size), y.detach().numpy())
    if 0 not in output_size:  # there PyTorch's backward refuses; the gradient is zero
        (dx,) = torch.autograd.grad(y, tx, torch.from_numpy(g))
        close(pooling.adaptive_avg_pool_grad(g, x.shape), dx.numpy())
    x = few_values(shape, np.float64, nan=True)
    values, indices = getattr(functional, f"adaptive_max_pool{x.ndim - 2}d")(torch.from_numpy(x), output_size, True)
    ours = pooling.adaptive_max_pool(x, output_size)
    same(ours[0], values.numpy())
    same(ours[1], indices.numpy())


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_window(data):
    """Random geometry: maxima and means against the definition, and the mean's gradient as its adjoint."""
    ndim = data.draw(st.integers(1, 3))

    def sizes(low, high):
        return tuple(data.draw(st.lists(st.integers(low, high), min_size=ndim, max_size=ndim)))

    spatial, kernel, stride, ceil_mode = sizes(1, 6), sizes(1, 4), sizes(1, 4), data.draw(st.booleans())
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    assume(all(n + 2 * p >= k for n, p, k in zip(spatial, padding, kernel)))
    case = Case((1, 2, *spatial), kernel, stride, padding, (1,) * ndim, ceil_mode)
    x = few_values(case.x, np.float32, nan=True)
    values, indices = pooling.max_pool(x, *case[1:])
    expected = reference_max(x, case.output, [(place, elements) for place, elements, _ in windows(case)])
    same(values, expected[0])
    same(indices, expected[1])
    x = np.random.default_rng(0).standard_normal(case.x)
    g = np.random.default_rng(1).standard_normal((1, 2, *case.output))
    y = pooling.avg_pool(x, kernel, stride, padding, ceil_mode, False, None)
    for place, elements, _ in windows(case):
        mean = sum(x[(..., *element)] for element in elements) / len(elements)
        np.testing.assert_allclose(y[(..., *place)], mean, rtol=1e-13, atol=1e-13)
    dx = pooling.avg_pool_grad(g, x.shape, kernel, stride, padding, False, None)
    assert np.sum(x * dx) == pytest.approx(np.sum(y * g), rel=1e-12, abs=1e-12)


def test_operands_need_not_be_contiguous_and_are_not_written():
    base = few_values((6, 4, 9, 11), np.float32)
    x = base.transpose(1, 0, 3, 2)[:, ::-2]
    dense, before = x.copy(), base.copy()
    sizes = (3, 2), (2, 2), (1, 1)
    for got, expected in zip(pooling.max_pool(x, *sizes, (1, 1), True), pooling.max_pool(dense, *sizes, (1, 1), True)):
        same(got, expected)
    for got, expected in zip(pooling.adaptive_max_pool(x, (4, 3)), pooling.adaptive_max_pool(dense, (4, 3))):
        same(got, expected)
    x = np.where(np.isinf(x), 0, x)
    same(pooling.avg_pool(x, *sizes, True, True, None), pooling.avg_pool(x.copy(), *sizes, True, True, None))
    g = np.broadcast_to(np.float32(1), (4, 3, 5, 5))
    same(
        pooling.avg_pool_grad(g, (4, 3, 10, 10), (2, 2), (2, 2), (0, 0), True, None), np.full((4, 3, 10, 10), 0.25, "f")
    )
    same(pooling.adaptive_avg_pool_grad(g, (4, 3, 10, 10)), np.full((4, 3, 10, 10), 0.25, np.float32))
    indices = np.broadcast_to(np.arange(25).reshape(5, 5), g.shape)
    same(pooling.max_pool_grad(g, indices, (4, 3, 5, 5)), np.ones((4, 3, 5, 5), np.float32))
    np.testing.assert_array_equal(base, before)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_max_pool_of_integers(dtype):
    x = np.random.default_rng(0).integers(0, 9, (1, 2, 6, 6)).astype(dtype)
    values, indices = pooling.max_pool(x, (2, 3), (2, 3), (1, 1), (1, 1), False)
    expected = pooling.max_pool(x.astype(np.float64), (2, 3), (2, 3), (1, 1), (1, 1), False)
    same(values, expected[0].astype(dtype))
    same(indices, expected[1])


SHAPES = [
    # spatial, kernel, stride, padding, dilation, ceil_mode -> output
    ((7,), (2,), (2,), (0,), (1,), False, (3,)),
    ((7,), (2,), (2,), (0,), (1,), True, (4,)),
    ((5,), (2,), (3,), (0,), (1,), True, (2,)),
    ((3,), (1,), (3,), (0,), (1,), True, (1,)),  # the second window would start behind the input
    ((4,), (2,), (5,), (1,), (1,), True, (1,)),
    ((5,), (2,), (5,), (1,), (1,), True, (2,)),
    ((10, 9), (3, 2), (2, 2), (1, 0), (2, 1), False, (4, 4)),
]


@pytest.mark.parametrize("spatial, kernel, stride, padding, dilation, ceil_mode, output", SHAPES)
def test_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode, output):
    assert pooling.pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode) == output


ERRORS = [
    ((4,), (0,), (1,), (0,), (1,), "kernel size should be greater than zero"),
    ((4,), (2,), (0,), (0,), (1,), "stride should not be zero"),
    ((4,), (2,), (1,), (0,), (0,), "dilation should be greater than zero"),
    ((4,), (2,), (1,), (-1,), (1,), "pad must be non-negative"),
    ((4,), (2,), (1,), (2,), (1,), "pad should be at most half of effective kernel size"),
    ((4,), (5,), (1,), (0,), (1,), "Output size is too small"),
    ((4,), (2,), (1,), (2,), (4,), "pad should be smaller than or equal to half of kernel size"),
    ((2,), (2,), (1,), (1,), (3,), "holds no element"),
]


@pytest.mark.parametrize("spatial, kernel, stride, padding, dilation, message", ERRORS)
def test_errors(spatial, kernel, stride, padding, dilation, message):
    with pytest.raises(RuntimeError, match=message):
        pooling.max_pool(np.ones((1, 1, *spatial)), kernel, stride, padding, dilation, False)


def test_more_errors():
    with pytest.raises(RuntimeError, match="divisor must be not zero"):
        pooling.avg_pool(np.ones((1, 1, 4)), (2,), (2,), (0,), False, True, 0)
    for function in (pooling.adaptive_avg_pool, pooling.adaptive_max_pool):
        with pytest.raises(RuntimeError, match="Expected input to have non-zero size for non-batch dimensions"):
            function(np.ones((1, 1, 0, 4)), (2, 2))
