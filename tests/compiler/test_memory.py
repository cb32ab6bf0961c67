"""How the arrays of a step lie in memory: unaligned, strided, read-only. Each call computes what the eager one does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper

warnings_are_errors = pytest.mark.filterwarnings("error")


def unaligned(values, dtype="float32", off: int = 1) -> taper.Tensor:
    """A tensor whose memory begins in the middle of an element."""
    values = np.asarray(values, dtype)
    memory = np.zeros(values.nbytes + 16, np.uint8)
    array = memory[off : off + values.nbytes].view(dtype).reshape(values.shape)
    array[...] = values
    assert not array.flags.aligned and array.flags.c_contiguous
    return taper.from_numpy(array)


def read_only(*shape: int) -> taper.Tensor:
    array = np.ones(shape, np.float32)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return taper.from_numpy(array)


def exactly(found, expected) -> None:
    np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())


NUMBERS = np.linspace(-2, 3, 300).reshape(15, 20)


FUNCTIONS = {
    "map float32": lambda x: x * 2 + 1,
    "map float16": lambda x: x * 2 + 1,
    "sum float64": lambda x: x.sum(0),
    "sum int16": lambda x: x.sum(0),
    "product float32": lambda x: x @ x.t(),
    "rows and cat int64": lambda x: taper.cat([x[3] + x[:, 2:3], x]),
    "host node float32": lambda x: x.sort(1)[0],
    "with random numbers float32": lambda x: x.double() + taper.rand(15, 20),
}


@warnings_are_errors
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_argument_that_is_not_aligned(name):
    function, dtype = FUNCTIONS[name], name.split()[-1]
    compiled = taper.compile(function, fullgraph=True)
    for make in (unaligned, lambda v, d: taper.from_numpy(np.asarray(v, d)), unaligned):
        x = make(NUMBERS * 10, dtype)
        taper.manual_seed(0)
        expected = function(taper.from_numpy((NUMBERS * 10).astype(dtype)))
        taper.manual_seed(0)
        found = compiled(x)
        assert found.dtype == expected.dtype
        tight = dtype.startswith("int") or dtype == "float64"
        taper.testing.assert_close(found, expected, rtol=0 if tight else 1e-5, atol=1e-12 if tight else 1e-4)
    assert compiled.compilations == 1


@warnings_are_errors
def test_an_aligned_argument_first():
    compiled = taper.compile(lambda x: x * 2, fullgraph=True)
    for make in (taper.from_numpy, unaligned, taper.from_numpy, unaligned):
        exactly(compiled(make(NUMBERS.astype(np.float32))), taper.from_numpy((NUMBERS * 2).astype(np.float32)))
    assert compiled.compilations <= 2


@warnings_are_errors
def test_what_is_written_to_an_unaligned_argument_is_in_its_memory():
    compiled = taper.compile(lambda x, y: x.mul_(2).add_(y), fullgraph=True)
    x, y = unaligned(NUMBERS), unaligned(NUMBERS, off=3)
    array = x.numpy()
    for n in (3.0, 7.0):
        version = x._version
        assert compiled(x, y) is x
        assert x._version > version
        np.testing.assert_allclose(array, n * NUMBERS, rtol=1e-6)


@warnings_are_errors
def test_a_gradient_that_is_not_contiguous_or_not_aligned():
    for gradient in (lambda: taper.ones(20, 15).t(), lambda: unaligned(np.ones((15, 20)))):
        p = taper.ones(15, 20, requires_grad=True)
        p.grad = gradient()
        step = taper.compile(lambda x, p=p: (p * x).sum().backward(), fullgraph=True)
        for n in range(3):
            step(taper.full((15, 20), 2.0))
            exactly(p.grad, taper.full((15, 20), 3.0 + 2 * n))


def test_a_tensor_behind_the_function_that_is_not_aligned():
    w = unaligned(NUMBERS)
    with pytest.raises(taper.compiler.CaptureError, match="not aligned; clone"):
        taper.compile(lambda x: x * w, fullgraph=True)(taper.ones(20))
    f = taper.compile(lambda x: x * w)
    with pytest.warns(UserWarning, match="not aligned; clone"):
        exactly(f(taper.ones(20)), w)
    exactly(f(taper.ones(20)), w)


def test_a_tensor_behind_the_function_gets_other_memory():
    w = taper.ones(15, 20)
    f = taper.compile(lambda x: x * w)
    exactly(f(taper.ones(20)), taper.ones(15, 20))
    w.data = unaligned(NUMBERS)
    with pytest.warns(UserWarning, match="not aligned; clone"):
        exactly(f(taper.ones(20)), w)


def test_memory_that_is_read_only():
    f = taper.compile(lambda x: x.mul_(2))
    with pytest.raises(ValueError, match="read-only"):
        f(read_only(3))
    exactly(f(taper.ones(3)), taper.full((3,), 2.0))
    with pytest.raises(ValueError, match="read-only"):
        f(read_only(3))
    exactly(f(taper.ones(3)), taper.full((3,), 2.0))
    assert f.compilations == 1
    exactly(taper.compile(lambda x: x * 2, fullgraph=True)(read_only(3)), taper.full((3,), 2.0))


def test_a_parameter_whose_memory_is_a_file_that_is_read_only(tmp_path):
    """Machine code that writes there would end the process."""
    np.save(tmp_path / "weight.npy", np.ones(1000, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = taper.from_numpy(np.load(tmp_path / "weight.npy", mmap_mode="r"))
    step = taper.compile(lambda x: w.add_(x))
    with pytest.raises(ValueError, match="read-only"):
        step(taper.ones(1000))
    other = taper.ones(1000)
    step = taper.compile(lambda x: other.add_(x))
    step(taper.ones(1000))
    other.data = w
    with pytest.raises(ValueError, match="read-only"):
        step(taper.ones(1000))


def test_eager_kernels_read_unaligned_arrays():
    x = np.random.default_rng(0).standard_normal((128, 64)).astype(np.float32)
    for function in (lambda t: taper.softmax(t, -1), lambda t: taper.nn.functional.gelu(t.repeat(4, 1)), taper.tanh):
        taper.testing.assert_close(function(unaligned(x)), function(taper.from_numpy(x)))


def test_strides_that_cut_through_elements():
    records = np.zeros(5, [("flag", "u1"), ("number", "f4")])
    with pytest.raises(ValueError, match="strides not a multiple of the element byte size"):
        taper.from_numpy(records["number"])
