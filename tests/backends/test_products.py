"""Products of matrices on the team's threads: NumPy's results, for any order in memory and any number of threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import taper
from taper.backends import cpu
from taper.backends.cpu import threads


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = taper.get_num_threads()
    yield
    taper.set_num_threads(before)


# fmt: off
SHAPES = [(256, 400, 120), (64, 784, 512), (512, 64, 700), (65, 1031, 67), (300, 300, 300), (1, 2048, 1000), (3000, 700, 1),
          (20, 3000, 20), (700, 2, 700), (90, 90, 90), (512, 1024, 512)]
# fmt: on
ORDERS = {
    "plain": lambda a: a,
    "turned": lambda a: np.ascontiguousarray(a.T).T,
    "part of wider rows": lambda a: np.pad(a, ((0, 0), (3, 5)))[:, 3:-5],
    "part of a turned one": lambda a: np.pad(a.T, ((1, 0), (2, 2)))[1:, 2:-2].T,
    "every second column": lambda a: np.repeat(a, 2, 1)[:, ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
}


def matrices(m: int, k: int, n: int, dtype) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(m + k + n)
    return random.standard_normal((m, k)).astype(dtype), random.standard_normal((k, n)).astype(dtype)


def assert_product(found, a, b) -> None:
    """Within the error of a sum of products in the dtype."""
    assert found.dtype == a.dtype and found.shape == (a.shape[0], b.shape[1]) and found.flags.c_contiguous
    bound = np.abs(a).astype(float) @ np.abs(b).astype(float) * np.finfo(a.dtype).eps * 8
    assert (np.abs(found - a.astype(float) @ b.astype(float)) <= bound).all()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_shapes(shape, dtype, count):
    taper.set_num_threads(count)
    a, b = matrices(*shape, dtype)
    assert_product(cpu.matmul(a, b), a, b)


@pytest.mark.parametrize("first", ORDERS)
@pytest.mark.parametrize("second", ORDERS)
def test_orders_in_memory(first, second):
    taper.set_num_threads(2)
    a, b = matrices(200, 300, 130, np.float32)
    assert_product(cpu.matmul(ORDERS[first](a), ORDERS[second](b)), a, b)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_bits_for_any_number_of_threads(shape):
    a, b = matrices(*shape, np.float32)
    found = []
    for count in (1, 2, 3, 5):
        taper.set_num_threads(count)
        found.append(cpu.matmul(a, b).tobytes())
    assert len(set(found)) == 1


def test_a_matrix_times_itself_is_symmetric():
    taper.set_num_threads(2)
    a, _ = matrices(300, 200, 1, np.float32)
    found = cpu.matmul(a, a.T)
    assert (found == found.T).all()
    assert_product(found, a, a.T)


def test_sizes_that_do_not_fit_are_refused():
    taper.set_num_threads(2)
    with pytest.raises(ValueError, match="matmul"):
        cpu.matmul(np.ones((300, 300), np.float32), np.ones((299, 300), np.float32))


@pytest.mark.skipif(threads.library() is None, reason="NumPy has no OpenBLAS here")
def test_the_library_keeps_its_number_of_threads():
    taper.set_num_threads(2)
    get, _ = threads._setting(*threads.library())
    a, b = matrices(300, 300, 300, np.float32)
    together = [threading.Thread(target=lambda: [cpu.matmul(a, b) for _ in range(20)]) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join(60)
    assert get() == 2
    with threads.alone:
        with threads.alone:
            assert get() == 1
        assert get() == 1
    assert get() == 2
