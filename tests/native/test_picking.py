"""Native picking, adding and running sums: NumPy's bits, and False for what they do not take."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from taper.native.picking import picking

KINDS = [np.dtype(np.float32), np.dtype(np.float64)]


@pytest.fixture(scope="module")
def native():
    found = picking()
    if found is None:
        pytest.skip("an interpreter without CPython's lock")
    return found


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("shape, picks", [((7,), 4), ((3, 5, 7), 1), ((3, 5, 7), 9), ((1, 1), 1)])
def test_pick(native, kind, shape, picks):
    random = np.random.default_rng(1)
    x, index = random.standard_normal(shape).astype(kind), random.integers(0, shape[-1], (*shape[:-1], picks))
    out = np.empty(index.shape, kind)
    assert native.pick[kind](x, index, out)
    np.testing.assert_array_equal(out, np.take_along_axis(x, index, -1))
    for wrong in (index + shape[-1], index - shape[-1]):
        assert not native.pick[kind](x, wrong, out)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("width", [1, 5])
def test_add_rows(native, kind, width):
    random = np.random.default_rng(2)
    g, index = random.standard_normal((40, width)).astype(kind), random.integers(0, 6, 40)
    out, wanted = np.zeros((6, width)), np.zeros((6, width))
    assert native.add_rows[kind](g, index, out)
    np.add.at(wanted, index, g.astype(np.float64))
    np.testing.assert_array_equal(out, wanted)
    assert not native.add_rows[kind](g, index + 6, out)


@pytest.mark.parametrize("shape", [(9,), (4, 1), (3, 5, 7)])
def test_running(native, shape):
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    x.reshape(-1)[:2] = -0.0, np.inf
    out = np.empty_like(x)
    assert native.running[x.dtype](x, out)
    np.testing.assert_array_equal(out, np.add.accumulate(x, -1, np.float64).astype(np.float32))


def test_what_does_not_fit_is_refused(native):
    pick = native.pick[KINDS[0]]
    x, index, out = np.zeros((3, 4), np.float32), np.zeros((3, 2), np.int64), np.zeros((3, 2), np.float32)
    assert pick(x, index, out)
    swapped = x.astype(x.dtype.newbyteorder())
    unaligned = np.zeros(49, np.uint8)[1:].view(np.float32).reshape(3, 4)
    for wrong in (x.T, x[:, ::2], x.astype(np.float64), swapped, unaligned, x[:2], x[:0], 1, None, [x], np.float32(1)):
        assert not pick(wrong, index, out)
    assert not pick(x, index.astype(np.int32), out)
    assert not pick(x, index, out[:1])
    assert not pick(x, index)
    assert not pick()
