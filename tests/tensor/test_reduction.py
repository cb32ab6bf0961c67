"""Reductions: what the operator tables do not say."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import taper
from taper.tensor import return_types


def leaf(*shape):
    return taper.arange(float(np.prod(shape))).reshape(shape).requires_grad_()


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda x: x.sum(), "SumBackward0"),
        (lambda x: x.sum(0), "SumBackward1"),
        (lambda x: x.mean(), "MeanBackward0"),
        (lambda x: x.mean(0), "MeanBackward1"),
        (lambda x: x.prod(), "ProdBackward0"),
        (lambda x: x.prod(0), "ProdBackward1"),
        (lambda x: x.nansum(), "NansumBackward0"),
        (lambda x: x.max(), "MaxBackward1"),
        (lambda x: x.max(0)[0], "MaxBackward0"),
        (lambda x: x.min(0, keepdim=True)[0], "MinBackward0"),
        (lambda x: x.amax(0), "AmaxBackward0"),
        (lambda x: x.var(), "VarBackward0"),
        (lambda x: x.std(0), "StdBackward0"),
        (lambda x: x.norm(), "LinalgVectorNormBackward0"),
        (lambda x: x.logsumexp(0), "LogsumexpBackward0"),
    ],
)
def test_grad_fn_is_named_as_in_pytorch(call, name):
    assert call(leaf(2, 3)).grad_fn.name() == name


def test_named_results():
    pair = taper.tensor([[1.0, 3.0], [5.0, 2.0]]).max(1)
    assert repr(pair) == "torch.return_types.max(\nvalues=tensor([3., 5.]),\nindices=tensor([1, 0]))"
    values, indices = pair
    assert values is pair.values and indices is pair.indices and pair[1] is indices
    assert type(pickle.loads(pickle.dumps(pair))) is return_types.max
    assert type(type(pair)(*pair)) is return_types.max
    with pytest.raises(TypeError, match="2-sequence"):
        return_types.max([1, 2, 3])


def test_rows_of_a_tall_float32_table_are_summed_accurately():
    x = np.random.default_rng(0).random((200_000, 3), dtype=np.float32)
    for array, axis in ((x, 0), (x.T, 1), (x[:, :2], None), (x.reshape(400, 500, 3), (0, 1))):
        exact = array.astype(np.float64).sum(axis)
        np.testing.assert_allclose(taper.from_numpy(array).sum(axis).numpy(), exact, rtol=3e-6)
        count = array.size / exact.size
        np.testing.assert_allclose(taper.from_numpy(array).mean(axis).numpy(), exact / count, rtol=3e-6)


def test_variance_of_numbers_far_from_zero():
    x = np.random.default_rng(0).random(10_000).astype(np.float32) + 1000
    found = taper.from_numpy(x).var().item()
    assert found == pytest.approx(x.astype(np.float64).var(ddof=1), rel=1e-5)


def test_half_precision_is_added_in_single():
    x = taper.ones(5000, dtype=taper.float16)
    assert x.sum().item() == 5000 and x.sum().dtype == taper.float16
    assert x.to(taper.bfloat16).mean().item() == 1
    assert (x * 100).sum(dtype=taper.float32).item() == 500_000


def test_results_are_contiguous():
    x = taper.arange(24.0).reshape(2, 3, 4).permute(2, 1, 0)
    for result in (
        x.sum(0),
        x.mean(1),
        x.max(0)[0],
        x.max(0)[1],
        x.argmax(2),
        x.any(1),
        x.prod(0),
        x.sum(0, keepdim=True),
    ):
        assert result.is_contiguous()


def test_small_integers_wrap_only_where_asked():
    x = taper.full((300,), 100, dtype=taper.uint8)
    assert x.sum().item() == 30_000 and x.sum().dtype == taper.int64
    assert x.sum(dtype=taper.uint8).item() == 30_000 % 256
    assert x.sum(dtype=taper.bool).item() is True


def test_out():
    x = taper.tensor([[1.0, 3.0], [5.0, 2.0]])
    out = taper.empty(0)
    assert taper.sum(x, 0, out=out) is out and out.tolist() == [6.0, 5.0]
    assert taper.mean(x, 1, out=out) is out and out.tolist() == [2.0, 3.5]
    values, indices = taper.empty(2), taper.empty(2, dtype=taper.int64)
    pair = taper.max(x, 1, out=(values, indices))
    assert pair.values is values and values.tolist() == [3.0, 5.0] and indices.tolist() == [1, 0]
    with pytest.raises(RuntimeError, match="can't be cast"):
        taper.mean(x, out=taper.empty((), dtype=taper.int64))
    assert taper.sum(x, out=taper.empty((), dtype=taper.int64)).item() == 11  # the dtype of `out` is what is summed


def test_sum_and_mean_keep_nothing_of_their_input():
    x = leaf(2, 3)
    y = x * 2
    total = y.sum() + y.mean() + y.sum(0).sum() + y.max(1)[0].sum()
    y.zero_()
    total.backward()
    assert x.grad.sum().item() == pytest.approx(12 + 2 + 12 + 4)


def test_changed_indices_are_noticed():
    x = leaf(2, 3)
    values, indices = x.max(1)
    indices.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()


def test_no_degree_of_freedom_warns():
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert taper.ones(1).std().isnan()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        taper.ones(1).std(correction=0)


def test_gradients_stay_off_without_grad_mode():
    x = leaf(3)
    with taper.no_grad():
        assert not x.sum().requires_grad and not x.max(0)[0].requires_grad
    assert not x.argmax().requires_grad and not (x > 0).sum().requires_grad


def test_renorm_in_place():
    x = taper.tensor([[3.0, 4.0], [0.3, 0.4]])
    assert x.renorm_(2, 0, 1.0) is x
    np.testing.assert_allclose(x.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


def test_user_warnings_of_numpy_stay_on():
    taper.tensor([3e38, 3e38]).sum()
    with pytest.warns(RuntimeWarning):
        np.add.reduce(np.array([3e38, 3e38], np.float32))
