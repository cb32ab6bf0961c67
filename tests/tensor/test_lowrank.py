"""Random projections find the largest singular values, and PyTorch's numbers for one seed."""

from __future__ import annotations

import numpy as np
import pytest

import taper


def low_rank(m: int, n: int) -> np.ndarray:
    g = np.random.default_rng(m * n)
    return g.standard_normal((m, 3)) @ g.standard_normal((3, n))


@pytest.mark.parametrize("shape", [(9, 5), (5, 9)])
def test_svd_lowrank_of_a_matrix_of_low_rank_is_exact(shape):
    x = low_rank(*shape)
    U, S, V = taper.svd_lowrank(taper.from_numpy(x), q=3)
    np.testing.assert_allclose((U * S @ V.mT).numpy(), x, atol=1e-10)
    U, S, V = taper.svd_lowrank(taper.from_numpy(x + 2.0), q=3, M=taper.full((1, shape[1]), 2.0, dtype=taper.float64))
    np.testing.assert_allclose((U * S @ V.mT).numpy(), x, atol=1e-10)


def test_pca_lowrank_centres():
    x = low_rank(20, 4)
    U, S, V = taper.pca_lowrank(taper.from_numpy(x + 5.0), q=3)
    np.testing.assert_allclose((U * S @ V.mT).numpy(), x - x.mean(0), atol=1e-10)
    assert taper.pca_lowrank(taper.from_numpy(x), center=False)[1].shape == (4,)


def test_values_follow_the_seed_as_pytorchs():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((12, 8))
    found = []
    for T in (taper, torch):
        T.manual_seed(3)
        a = T.from_numpy(x).requires_grad_()
        S = T.svd_lowrank(a, q=3, niter=1)[1]
        S.sum().backward()
        found.append((S.detach().numpy(), a.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6, atol=1e-9)
