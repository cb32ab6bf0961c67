"""Products of matrices on the team's threads: NumPy's results, for any order in memory and any number of threads."""

from __future__ import annotations

import sys
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
          (20, 3000, 20), (700, 2, 700), (90, 90, 90), (512, 1024, 512),
          (8, 30, 70), (4, 300, 500), (13, 16, 97), (2000, 33, 12)]
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


# fmt: off
STACKS = [((8, 4, 64, 32), (8, 4, 32, 64)), ((6, 40, 50), (50, 60)), ((50, 60), (6, 60, 40)), ((5, 1, 30, 20), (7, 20, 50)),
          ((2, 1, 9, 70), (1, 3, 70, 33)), ((0, 30, 40), (40, 50)), ((3, 0, 40), (3, 40, 50)), ((3, 30, 0), (3, 0, 50)),
          ((3, 30, 40), (3, 40, 0)), ((5000, 8, 4), (5000, 4, 16)), ((2, 300, 200), (2, 200, 300))]
SPECIAL = [np.nan, np.inf, -np.inf, 3e38, 1e-40]
# fmt: on


def turned(a):
    """The same numbers, with the last two axes changed round in memory."""
    return np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shapes", STACKS, ids=str)
def test_stacks(shapes, dtype):
    taper.set_num_threads(2)
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(s).astype(dtype) for s in shapes)
    want = a.astype(float) @ b.astype(float)
    bound = np.abs(a).astype(float) @ np.abs(b).astype(float) * np.finfo(dtype).eps * 8
    for x in (a, turned(a), a[..., ::-1].copy()[..., ::-1]):
        for y in (b, turned(b), np.broadcast_to(b[..., :1, :, :], b.shape) if b.ndim > 2 and b.shape[-3] == 1 else b):
            for one, other in ((x, y), (np.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 2)])[..., 1:-2], y)):
                found = cpu.matmul(one, other)
                assert found.dtype == dtype and found.shape == want.shape and found.flags.c_contiguous
                assert (np.abs(found - want) <= bound).all()


def test_heads_are_multiplied_where_they_lie():
    taper.set_num_threads(2)
    random = np.random.default_rng(0)
    joint = random.standard_normal((16, 5, 3, 4, 24)).astype(np.float32)
    q, k, v = (joint[:, :, i].transpose(1, 2, 0, 3) for i in range(3))
    for x, y in ((q, k.swapaxes(-1, -2)), (q.swapaxes(-1, -2), v), (k[:, ::2], v.swapaxes(-1, -2)[:, ::2])):
        assert np.allclose(cpu.matmul(x, y), np.matmul(x.astype(float), y.astype(float)), atol=1e-5)


def test_read_only_and_unaligned_arrays():
    a, b = matrices(40, 50, 60, np.float32)
    room = np.zeros(a.nbytes + 1, np.uint8)
    odd = room[1:].view(np.float32).reshape(a.shape)
    odd[...] = a
    a.flags.writeable = b.flags.writeable = False
    assert (cpu.matmul(a, b) == cpu.matmul(odd, b)).all()


@pytest.mark.parametrize("special", SPECIAL, ids=str)
@pytest.mark.parametrize("shape", [(20, 30, 40), (64, 300, 70), (9, 700, 13)], ids=str)
def test_what_is_no_number_spreads_as_in_numpys_products(shape, special):
    a, b = matrices(*shape, np.float32)
    for place in (a, b):
        place[3, 5] = place[-1, -1] = special
    b[0, 2] = 0
    for x in (a, turned(a)):
        for y in (b, turned(b)):
            with np.errstate(all="ignore"):
                found, want = cpu.matmul(x, y), np.matmul(a, b)
            for kind in (np.isnan, np.isposinf, np.isneginf):
                assert (kind(found) == kind(want)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 20, 30), (40, 64, 12), (130, 300, 101), (512, 128, 384), (9, 40, 5)], ids=str)
def test_affine(shape, dtype):
    taper.set_num_threads(2)
    rows, features, columns = shape
    x, w = matrices(rows, features, columns, dtype)
    w, random = np.ascontiguousarray(w.T), np.random.default_rng(0)
    for bias in (
        None,
        random.standard_normal(columns).astype(dtype),
        random.standard_normal(2 * columns).astype(dtype)[::2],
    ):
        want = x.astype(float) @ w.T.astype(float) + (0 if bias is None else bias)
        bound = (np.abs(x).astype(float) @ np.abs(w.T).astype(float) + 4) * np.finfo(dtype).eps * 8
        assert (np.abs(cpu.affine(x, w, bias) - want) <= bound).all()
        wide = cpu.affine(np.stack([x, x]), w, bias)
        assert wide.shape == (2, rows, columns) and (np.abs(wide - want) <= bound).all()


def test_plans_of_many_shapes_are_forgotten(monkeypatch):
    products = sys.modules["taper.backends.cpu.products"]
    monkeypatch.setattr(products, "KEPT", 3)
    for n in range(30, 40):
        a, b = matrices(30, n, 40, np.float32)
        assert_product(cpu.matmul(a, b), a, b)
        assert len(products._plans) <= 4


def test_threads_that_multiply_at_once():
    a, b = matrices(256, 300, 300, np.float32)
    want, found = cpu.matmul(a, b), []
    together = [threading.Thread(target=lambda: found.extend(cpu.matmul(a, b) for _ in range(20))) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join(60)
    assert len(found) == 80 and all((x == want).all() for x in found)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_bits_for_any_number_of_threads(shape):
    a, b = matrices(*shape, np.float32)
    found = []
    for count in (1, 2, 3, 5):
        taper.set_num_threads(count)
        found.append(cpu.matmul(a, b).tobytes())
        found.append(cpu.matmul(np.stack([a, a]), b)[1].tobytes())
    assert len(set(found[::2])) == len(set(found[1::2])) == 1


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
