"""Products of bfloat16 numbers in compiled functions: read as they are, in pairs where the machine multiplies pairs."""

from dataclasses import replace

import numpy as np
import pytest

import taper

pytest.importorskip("llvmlite")
from taper.compiler import program
from taper.native.machine import host

SHAPES = [((64, 48), (48, 32)), ((5, 7), (7, 9)), ((3, 20, 16), (16, 24)), ((2, 4, 10, 8), (2, 4, 8, 12))]
FUNCTIONS = {
    "plain": lambda a, b: a @ b,
    "with an epilogue": lambda a, b: taper.relu(a @ b) + 1,
    "left transposed": lambda a, b: a.mT.contiguous().mT @ b,
    "right transposed": lambda a, b: a @ b.mT.contiguous().mT,
    "widened by hand": lambda a, b: a.float() @ b.float(),
    "of two dtypes": lambda a, b: a.float() @ (b.float() * 2),
}


@pytest.fixture(params=["this machine", "pairs"])
def machine(request, monkeypatch):
    here = host()
    if request.param == "pairs":
        if "+avx512bf16" not in here.features or here.vector_bits < 512:
            pytest.skip("this machine has no products of pairs")
        here = replace(here, bf16=True)
    monkeypatch.setattr(program, "host", lambda: here)
    return here


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_products(name, shapes, machine):
    taper.manual_seed(0)
    a, b = (taper.randn(*s).bfloat16() for s in shapes)
    found, wanted = taper.compile(FUNCTIONS[name], fullgraph=True)(a, b), FUNCTIONS[name](a, b)
    assert found.dtype == wanted.dtype
    taper.testing.assert_close(found, wanted)


def test_operands_are_not_widened_first():
    a, b = taper.randn(30, 40).bfloat16(), taper.randn(40, 50).bfloat16()
    step = taper.compile(lambda a, b: a @ b, fullgraph=True)
    step(a, b)
    assert "1 kernel" in str(taper.explain(step)(a, b))


NAMES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


@pytest.mark.parametrize("source", NAMES)
def test_every_cast(source):
    """Also those for which LLVM would call a function of a library, which ends the process."""
    x = taper.tensor([0.0, 1.0, 2.5, 100.0, 3.14159, 0.1, 7.0, 8.9] * 3).to(getattr(taper, source))

    def f(x):
        return [x.to(getattr(taper, name)) for name in NAMES]

    for name, found, expected in zip(NAMES, taper.compile(f, fullgraph=True)(x), f(x), strict=True):
        assert found.dtype == expected.dtype and bool((found == expected).all()), name


def test_rounding_of_every_kind_of_number():
    """Ties, the largest numbers, the smallest, infinities and what is no number, as NumPy's type rounds them."""
    bits = np.arange(0, 2**32, 65521, dtype=np.uint64).astype(np.uint32)
    x = taper.from_numpy(np.concatenate([bits, (bits & 0xFFFF0000) | 0x8000]).view(np.float32))
    found, expected = taper.compile(lambda x: x.bfloat16(), fullgraph=True)(x).float(), x.bfloat16().float()
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
