"""Order and distribution: what the operator tables do not say."""

from __future__ import annotations

import numpy as np
import pytest

import taper


@pytest.mark.parametrize("largest", (True, False))
@pytest.mark.parametrize("k", (1, 3, 50, 199, 200))
@pytest.mark.parametrize("axis", (0, 1))
def test_topk_is_the_head_of_a_stable_sort(k, largest, axis):
    """Also where a partition is used instead of a sort, and ties are many."""
    x = taper.from_numpy(np.random.default_rng(k).integers(0, 60, (200, 200)).astype(np.float32))
    values, indices = x.topk(k, axis, largest)
    order = x.sort(axis, descending=largest)
    assert taper.equal(values, order.values.narrow(axis, 0, k))
    assert taper.equal(x.gather(axis, indices), values)
    ties = values == values.narrow(axis, k - 1, 1)
    exact = order.indices.narrow(axis, 0, k)
    assert ((indices == exact) | ties).all()


def test_ranks_agree_with_a_sort():
    x = taper.from_numpy(np.random.default_rng(0).standard_normal((7, 101)).astype(np.float32))
    order = x.sort(1).values
    for k in (1, 50, 101):
        values, indices = x.kthvalue(k, 1)
        assert taper.equal(values, order[:, k - 1]) and taper.equal(x.gather(1, indices[:, None])[:, 0], values)
    assert taper.equal(x.median(1).values, order[:, 50]) and x.median() == x.flatten().sort()[0][353]
    assert taper.equal(x.quantile(0.5, 1), order[:, 50])


def test_median_takes_the_lower_of_two():
    assert taper.tensor([4.0, 1.0, 3.0, 2.0]).median().item() == 2.0
    assert taper.tensor([[4, 1, 3, 2]]).median(1).values.item() == 2


def test_an_empty_median_is_nan():
    assert taper.empty(0).median().isnan() and taper.empty(0).nanmedian().isnan()
    assert taper.tensor([float("nan")] * 2).nanmedian().isnan()


def test_mode_skips_no_element():
    x = np.random.default_rng(1).integers(0, 4, (30, 25))
    values, indices = taper.from_numpy(x).mode(1)
    for row, value, index in zip(x, values.tolist(), indices.tolist()):
        counts = np.bincount(row)
        assert value == counts.argmax() and index == np.flatnonzero(row == value)[-1]


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda x: x.sort()[0], "SortBackward0"),
        (lambda x: x.topk(2)[0], "TopkBackward0"),
        (lambda x: x.kthvalue(2)[0], "KthvalueBackward0"),
        (lambda x: x.mode()[0], "ModeBackward0"),
        (lambda x: x.median(), "MedianBackward0"),
        (lambda x: x.median(0)[0], "MedianBackward1"),
        (lambda x: x.nanmedian(0)[0], "NanmedianBackward1"),
        (lambda x: x.cummax(0)[0], "CummaxBackward0"),
        (lambda x: x.cumsum(0), "CumsumBackward0"),
        (lambda x: x.cumprod(0), "CumprodBackward0"),
    ],
)
def test_grad_fn_is_named_as_in_pytorch(call, name):
    assert call(taper.ones(2, 3, requires_grad=True)).grad_fn.name() == name


def test_nans_differ_from_each_other():
    x = taper.tensor([float("nan"), 1.0, float("nan")])
    values, counts = x.unique(return_counts=True)
    assert values.shape == (3,) and counts.tolist() == [1, 1, 1]


def test_unique_rows_are_in_order_and_found_again():
    x = np.random.default_rng(2).integers(-2, 2, (60, 3))
    values, inverse, counts = taper.from_numpy(x).unique(dim=0, return_inverse=True, return_counts=True)
    expected, expected_counts = np.unique(x, axis=0, return_counts=True)
    np.testing.assert_array_equal(values.numpy(), expected)
    np.testing.assert_array_equal(counts.numpy(), expected_counts)
    np.testing.assert_array_equal(values[inverse].numpy(), x)


def test_out():
    x = taper.tensor([3.0, 1.0, 2.0])
    values, indices = taper.empty(3), taper.empty(3, dtype=taper.int64)
    assert taper.sort(x, out=(values, indices)).values is values
    assert values.tolist() == [1.0, 2.0, 3.0] and indices.tolist() == [1, 2, 0]
    out = taper.empty(0)
    assert taper.quantile(x, 0.5, out=out) is out and out.item() == 2.0
    out = taper.empty(0)
    assert taper.histc(x, 2, out=out) is out and out.tolist() == [1.0, 2.0]


def test_histogram_counts_everything_once():
    x = taper.from_numpy(np.random.default_rng(3).standard_normal(1000).astype(np.float32))
    hist, edges = taper.histogram(x, 17)
    assert hist.sum() == 1000 and edges[0] == x.min() and edges[-1] == x.max()
    density, edges = taper.histogram(x, 17, density=True)
    assert (density * edges.diff()).sum().item() == pytest.approx(1, abs=1e-5)


def test_running_sums_of_float32_are_rounded_once():
    x = np.random.default_rng(4).random(300_000, dtype=np.float32)
    np.testing.assert_allclose(taper.from_numpy(x).cumsum(0).numpy(), x.astype(np.float64).cumsum(), rtol=1e-7)


def test_in_place_running_reductions():
    x = taper.tensor([1, 2, 3], dtype=taper.int32)
    assert x.cumsum_(0) is x and x.tolist() == [1, 3, 6] and x.dtype == taper.int32
    leaf = taper.tensor([2.0, 3.0, 4.0], requires_grad=True)
    y = leaf * 1
    y.cumprod_(0).sum().backward()
    assert leaf.grad.tolist() == [16.0, 10.0, 6.0]
