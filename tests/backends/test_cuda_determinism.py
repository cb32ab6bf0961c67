"""Sums at positions that repeat, where `use_deterministic_algorithms` asks for one order: no atomic operations."""

from __future__ import annotations

import numpy as np
import pytest

import taper
import taper.nn.functional as F

from .gpus import PLACES, gpus


@pytest.fixture(params=PLACES)
def gpu(request, monkeypatch):
    """A GPU on whose stand-in atomic sums of floating-point numbers are errors."""
    with gpus(request.param):
        if request.param == "standin":
            import cupyx

            plain = cupyx.scatter_add

            def scatter_add(a, slices, value):
                assert a.dtype.kind not in "fc", "an atomic sum"
                plain(a, slices, value)

            monkeypatch.setattr(cupyx, "scatter_add", scatter_add)
        taper.use_deterministic_algorithms(True)
        yield
        taper.use_deterministic_algorithms(False)


def slope(function, x):
    x = x.detach().requires_grad_()
    function(x).pow(2).sum().backward()
    return x.grad


INDEX = np.array([3, 0, 3, 3, 1, 0, 3, 2, 3, 3, 3])

SUMS = {
    "embedding": lambda T, i, x: slope(lambda w: F.embedding(i, w), x),
    "indexing": lambda T, i, x: slope(lambda x: x[i], x),
    "two indices": lambda T, i, x: slope(lambda x: x[i, i % 3], x),
    "index_select": lambda T, i, x: slope(lambda x: x.index_select(1, i % 3), x),
    "gather": lambda T, i, x: slope(lambda x: x.gather(0, i[:, None].expand(-1, 3)), x),
    "index_add": lambda T, i, x: x.index_add(0, i, x[i]),
    "scatter_add": lambda T, i, x: x.scatter_add(0, i[:, None].expand(-1, 3), x[i]),
    "index_put": lambda T, i, x: x.clone().index_put_((i,), x[i], accumulate=True),
    "bincount": lambda T, i, x: T.bincount(i, x[i][:, 0]),
}


@pytest.mark.parametrize("dtype", [taper.float32, taper.float64, taper.float16], ids=str)
@pytest.mark.parametrize("name", SUMS)
def test_sums_are_the_cpus(name, dtype, gpu):
    x = taper.from_numpy(np.random.default_rng(0).standard_normal((5, 3))).to(dtype)
    if name == "bincount" and dtype == taper.float16:
        pytest.skip("not on the CPU either")
    i = taper.from_numpy(INDEX)
    expected = SUMS[name](taper, i, x.double())
    found = SUMS[name](taper, i.cuda(), x.cuda())
    tolerance = {taper.float16: 5e-3, taper.float32: 1e-6, taper.float64: 1e-14}[dtype]
    np.testing.assert_allclose(found.cpu().double().numpy(), expected.numpy(), rtol=tolerance, atol=tolerance)


def test_two_runs_have_the_same_bits(gpu):
    x = taper.from_numpy(np.random.default_rng(1).standard_normal((7, 64)).astype(np.float32)).cuda()
    i = taper.from_numpy(np.random.default_rng(2).integers(0, 7, 5000)).cuda()
    first, second = (SUMS["embedding"](taper, i, x).cpu().numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
