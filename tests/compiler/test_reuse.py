"""Memory of large results: given out again once nobody refers to it, and never before."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.compiler import reuse

F32 = np.dtype(np.float32)
SHAPE = (reuse.LARGE // 4 // 1024, 1024)


def address(array) -> int:
    return array.__array_interface__["data"][0]


@pytest.fixture(autouse=True)
def nothing_kept():
    reuse._kept.clear()
    yield
    reuse._kept.clear()


def test_a_dropped_array_is_given_out_again():
    first = reuse.new_array(SHAPE, F32)
    place = address(first)
    del first
    assert address(reuse.new_array(SHAPE, F32)) == place


@pytest.mark.parametrize(
    "holder", [lambda a: a, lambda a: a[3:5, ::2], lambda a: taper.from_numpy(a).T, memoryview, lambda a: [a]]
)
def test_what_somebody_holds_stays_theirs(holder):
    array = reuse.new_array(SHAPE, F32)
    held, place = holder(array), address(array)
    del array
    again = reuse.new_array(SHAPE, F32)
    assert address(again) != place
    del held


@pytest.mark.parametrize("shape, dtype", [(SHAPE[::-1], F32), (SHAPE, np.dtype(np.int32)), ((4, 4), F32)])
def test_only_arrays_of_the_same_kind_are_the_same_memory(shape, dtype):
    place = address(reuse.new_array(SHAPE, F32))
    other = reuse.new_array(shape, dtype)
    assert other.shape == shape and other.dtype == dtype and other.flags.c_contiguous
    assert address(other) != place


def test_no_more_is_kept_than_the_limit():
    for rows in range(12):
        reuse.new_array((SHAPE[0] + rows, SHAPE[1]), F32)
    assert 0 < sum(a.nbytes for a in reuse._kept) <= reuse.LIMIT
    reuse.new_array((reuse.LIMIT,), F32)
    assert all(a.size < reuse.LIMIT for a in reuse._kept)


def test_results_of_operators_do_not_write_into_each_other():
    x = taper.rand(*SHAPE)
    results = [x + x * k for k in (1.0, 2.0, 3.0)]
    for k, result in zip((1.0, 2.0, 3.0), results):
        assert taper.equal(result, x + x * k)


def test_what_is_kept_goes_where_memory_is_short(monkeypatch):
    reuse.new_array(SHAPE, F32)
    empty = np.empty

    def short(shape, dtype):
        if reuse._kept:
            raise MemoryError
        return empty(shape, dtype)

    monkeypatch.setattr(reuse.np, "empty", short)
    found = reuse.new_array((SHAPE[0] + 1, SHAPE[1]), F32)
    assert [a is found for a in reuse._kept] == [True]
