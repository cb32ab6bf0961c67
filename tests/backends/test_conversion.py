"""Another element type, for arrays and for the numbers that NumPy gives in their place."""

from __future__ import annotations

import numpy as np
import pytest

from taper.backends import cpu


@pytest.mark.parametrize("x", [np.array([0.0, 2.0]), np.array(3.0), np.float64(3.0), np.array(1.0) == 1], ids=repr)
def test_arrays_and_numbers(x):
    made = cpu.astype(x, np.dtype(np.float32))
    assert made.dtype == np.float32 and made.shape == x.shape
    np.testing.assert_array_equal(made, x)


def test_copy_is_made_unless_told():
    x = np.ones(2)
    assert cpu.astype(x, x.dtype, copy=False) is x
    assert not np.shares_memory(cpu.astype(x, x.dtype), x)
