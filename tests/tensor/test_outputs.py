"""`out=`: what it may be, and what is said of its dtype, its shape and its memory."""

from __future__ import annotations

import warnings

import pytest

import taper


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


CALLS = {
    "add": lambda T, x, out: T.add(x, x, out=out),
    "sum": lambda T, x, out: T.sum(x, 0, out=out),
    "mean": lambda T, x, out: T.mean(x, 0, out=out),
    "mm": lambda T, x, out: T.mm(x, x.T, out=out),
    "matmul": lambda T, x, out: T.matmul(x, x.T, out=out),
    "cumsum": lambda T, x, out: T.cumsum(x, 0, out=out),
    "amax": lambda T, x, out: T.amax(x, 0, out=out),
    "argmax": lambda T, x, out: T.argmax(x, 0, out=out),
    "softmax": lambda T, x, out: T.softmax(x, 0, out=out),
    "log_softmax": lambda T, x, out: T.log_softmax(x, 0, out=out),
    "gelu": lambda T, x, out: T.nn.functional.gelu(x, out=out),
    "softplus": lambda T, x, out: T.nn.functional.softplus(x, out=out),
    "hardshrink": lambda T, x, out: T.nn.functional.hardshrink(x, out=out),
    "softshrink": lambda T, x, out: T.nn.functional.softshrink(x, out=out),
    "logsigmoid": lambda T, x, out: T.nn.functional.logsigmoid(x, out=out),
    "isin": lambda T, x, out: T.isin(x, x, out=out),
    "tril": lambda T, x, out: T.tril(x, out=out),
    "where": lambda T, x, out: T.where(x > 0, x, x, out=out),
    "norm": lambda T, x, out: T.linalg.norm(x, out=out),
    "gather": lambda T, x, out: T.gather(x, 0, T.zeros(1, 3, dtype=T.int64), out=out),
    "index_select": lambda T, x, out: T.index_select(x, 0, T.tensor([0]), out=out),
    "eq": lambda T, x, out: T.eq(x, x, out=out),
    "cat": lambda T, x, out: T.cat([x, x], out=out),
    "cat.uneven": lambda T, x, out: T.cat([x, x[:1]], out=out),
    "isposinf": lambda T, x, out: T.isposinf(x, out=out),
    "abs": lambda T, x, out: T.abs(x, out=out),
    "floor": lambda T, x, out: T.floor(x, out=out),
    "bitwise_not": lambda T, x, out: T.bitwise_not(x.long(), out=out),
    "conj_physical": lambda T, x, out: T.conj_physical(x, out=out),
    "exp": lambda T, x, out: T.exp(x, out=out),
    "prod": lambda T, x, out: T.prod(x, 0, out=out),
    "prod.dtype": lambda T, x, out: T.prod(x, 0, dtype=T.float32, out=out),
    "sum.dtype": lambda T, x, out: T.sum(x, 0, dtype=T.float32, out=out),
    "cumsum.dtype": lambda T, x, out: T.cumsum(x, 0, dtype=T.float32, out=out),
    "all": lambda T, x, out: T.all(x, 0, out=out),
    "diff": lambda T, x, out: T.diff(x, out=out),
    "expand_copy": lambda T, x, out: T.expand_copy(x, (2, 2, 3), out=out),
    "arange": lambda T, x, out: T.arange(6, dtype=T.float32, out=out),
    "linspace": lambda T, x, out: T.linspace(0, 5, 6, dtype=T.float32, out=out),
    "full": lambda T, x, out: T.full((6,), 2.0, dtype=T.float32, out=out),
    "zeros": lambda T, x, out: T.zeros(6, out=out),
    "eye": lambda T, x, out: T.eye(2, 3, dtype=T.float32, out=out),
}

OUTS = {
    "of another shape": lambda T: T.empty(5),
    "of no elements": lambda T: T.empty(0),
    "double": lambda T: T.empty(2, 3, dtype=T.float64),
    "int64": lambda T: T.empty(2, 3, dtype=T.int64),
    "bool": lambda T: T.empty(2, 3, dtype=T.bool),
    "complex": lambda T: T.empty(2, 3, dtype=T.complex64),
    "with gaps": lambda T: T.empty(6)[::2],
    "one row for two": lambda T: T.empty(3).expand(2, 3),
}


def outcome(T, call, make):
    """The class of the error; or the result's dtype, shape and values, and whether a warning speaks of its shape."""
    x = T.arange(6.0).reshape(2, 3) - 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(T, x, make(T))
        except (RuntimeError, TypeError) as error:
            return type(error).__name__
    resized = any("was resized" in str(w.message) for w in caught)
    values = [complex(round(complex(v).real, 3)) for v in result.flatten()]
    return str(result.dtype), tuple(result.shape), values, resized


PASSED_OVER = {
    ("tril", "one row for two"): "PyTorch writes elements over one another",
    ("eye", "one row for two"): "PyTorch writes elements over one another",
    ("diff", "one row for two"): "PyTorch looks at the memory before it makes room for the result",
    ("logsigmoid", "of another shape"): "PyTorch says nothing",
    ("logsigmoid", "with gaps"): "PyTorch says nothing",
}


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("call", CALLS)
def test_out_is_as_strict_as_pytorchs(torch, call, out):
    if (call, out) in PASSED_OVER:
        pytest.skip(PASSED_OVER[call, out])
    assert outcome(taper, CALLS[call], OUTS[out]) == outcome(torch, CALLS[call], OUTS[out])


def test_pairs_of_results(torch):
    for T in (taper, torch):
        x = T.arange(6.0).reshape(2, 3)
        values, indices = T.empty(3), T.empty(3, dtype=T.int64)
        assert T.max(x, 0, out=(values, indices)).values is values and indices.tolist() == [1, 1, 1]
        with pytest.raises(RuntimeError, match="Expected out tensor to have dtype"):
            T.topk(x, 1, out=(T.empty(2, 1, dtype=T.float64), T.empty(2, 1, dtype=T.int64)))
