"""Positions in order, against NumPy's stable sort; and PyTorch's answers about numbers that are equal or no numbers."""

import numpy as np
import pytest

from taper.backends.cpu.sorting import sorted_positions, top_positions

DTYPES = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


def numbers(dtype, shape):
    rng = np.random.default_rng(len(shape))
    x = rng.integers(-3, 4, shape).astype(dtype)
    if x.dtype.kind == "f":
        places = rng.permutation(x.size)[: x.size // 2].reshape(5, -1)
        x.reshape(-1)[places] = np.array([[np.nan], [np.copysign(np.nan, -1)], [-0.0], [np.inf], [-np.inf]])
    elif x.dtype.kind in "iu":
        info = np.iinfo(dtype)
        x.reshape(-1)[:2] = info.max, info.min
    return x


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, lambda x: x[::-1]])
@pytest.mark.parametrize("shape, axis", [((40,), 0), ((7, 20), 0), ((7, 20), 1), ((4, 6, 5), 1)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_positions_are_those_of_a_stable_sort(dtype, shape, axis, layout):
    x = layout(numbers(dtype, shape))
    wanted = np.argsort(x, axis=axis, kind="stable")
    found = sorted_positions(x, axis, False)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, wanted)
    # Falling, equal elements still keep their order, and NaN is first.
    back = np.flip(x, axis)
    wanted = x.shape[axis] - 1 - np.flip(np.argsort(back, axis=axis, kind="stable"), axis)
    np.testing.assert_array_equal(sorted_positions(x, axis, True), wanted)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("shape", [(3, 40), (3, 5000)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES[:-1])
def test_top_positions_hold_the_best(dtype, shape, largest):
    x = numbers(dtype, shape)
    for k in (1, 4, shape[1] // 5, shape[1] // 2):
        found = top_positions(x, k, 1, largest, True)
        wanted = np.take_along_axis(x, sorted_positions(x, 1, largest)[:, :k], 1)
        np.testing.assert_array_equal(np.take_along_axis(x, found, 1), wanted)
        assert all(len(set(row)) == k for row in found.tolist())
