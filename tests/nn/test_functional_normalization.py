"""Running statistics, and what normalised values are."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.nn import functional as F

X = np.random.default_rng(0).standard_normal((5, 3, 4)) * 2 + 1


def test_running_statistics_follow_the_batch():
    mean, var = taper.zeros(3, dtype=taper.float64), taper.ones(3, dtype=taper.float64)
    F.batch_norm(taper.from_numpy(X), mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.numpy(), 0.25 * X.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * X.var((0, 2), ddof=1), rtol=1e-12)


def test_running_statistics_are_changed_in_place_and_noticed():
    mean, var = taper.zeros(3, dtype=taper.float64), taper.ones(3, dtype=taper.float64)
    seen, before = mean.detach(), mean._version
    F.batch_norm(taper.from_numpy(X), mean, var, training=True)
    assert taper.equal(seen, mean) and mean.any() and mean._version > before


def test_evaluation_changes_nothing():
    mean, var = taper.full((3,), 0.5, dtype=taper.float64), taper.full((3,), 2.0, dtype=taper.float64)
    out = F.batch_norm(taper.from_numpy(X), mean, var, training=False, eps=0.0)
    np.testing.assert_allclose(out.numpy(), (X - 0.5) / np.sqrt(2), rtol=1e-12)
    assert mean.tolist() == [0.5] * 3 and var.tolist() == [2.0] * 3


def test_without_running_statistics_evaluation_uses_the_batch():
    x = taper.from_numpy(X)
    assert taper.equal(F.batch_norm(x, None, None, training=False), F.batch_norm(x, None, None, training=True))


@pytest.mark.parametrize(
    "call,axes",
    [
        (lambda x: F.batch_norm(x, None, None, training=True, eps=1e-30), (0, 2)),
        (lambda x: F.instance_norm(x, eps=0.0), (2,)),
        (lambda x: F.layer_norm(x, (3, 4), eps=0.0), (1, 2)),
        (lambda x: F.layer_norm(x, (4,), eps=0.0), (2,)),
        (lambda x: F.group_norm(x, 1, eps=0.0), (1, 2)),
    ],
    ids=["batch", "instance", "layer", "layer of one", "group"],
)
def test_mean_0_and_variance_1(call, axes):
    out = call(taper.from_numpy(X)).numpy()
    np.testing.assert_allclose(out.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(out.var(axes), 1, rtol=1e-9)


def test_rms_norm_is_its_formula():
    out = F.rms_norm(taper.from_numpy(X), (4,), eps=0.5).numpy()
    np.testing.assert_allclose(out, X / np.sqrt((X**2).mean(2, keepdims=True) + 0.5), rtol=1e-12)


def test_statistics_are_accurate_far_from_zero():
    far = (X + 1e4).astype(np.float32)
    out = F.batch_norm(taper.from_numpy(far), None, None, training=True).numpy()
    exact = far.astype(np.float64)
    expected = (exact - exact.mean((0, 2), keepdims=True)) / exact.std((0, 2), keepdims=True)
    np.testing.assert_allclose(out, expected, atol=2e-3)


def test_normalize_divides_by_the_norm_but_not_by_zero():
    out = F.normalize(taper.tensor([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(out.numpy(), [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_half_precision_is_computed_in_float32():
    x = taper.from_numpy(X.astype(np.float32)).to(taper.bfloat16)
    out = F.layer_norm(x, (4,))
    assert out.dtype == taper.bfloat16
    assert taper.equal(out, F.layer_norm(x.float(), (4,)).to(taper.bfloat16))


def test_batch_norm_refuses_an_eps_that_divides_by_zero():
    x, zero, one = taper.ones(2, 3), taper.zeros(3), taper.ones(3)
    for eps in (0.0, -1.0):
        with pytest.raises(ValueError, match="must be positive during training"):
            F.batch_norm(x, zero, one, training=True, eps=eps)
    with pytest.raises(ValueError, match="non-negative"):
        F.batch_norm(x, zero, one, eps=-1.0)
    assert (F.batch_norm(x, zero, one, eps=0.0) == 1).all()


def test_an_empty_batch_leaves_the_running_statistics():
    m = taper.nn.BatchNorm1d(5)
    assert m(taper.ones(0, 5, 9)).shape == (0, 5, 9)
    assert (m.running_mean == 0).all() and (m.running_var == 1).all() and m.num_batches_tracked == 1
