"""Every row of the operator tables: values, gradients, second gradients, strides, dtypes, errors."""

from __future__ import annotations

import importlib
import pkgutil
import warnings

import numpy as np
import pytest

import taper
from taper.ops.operator import REGISTRY

from . import cases as tables
from .case import FLOATS, Case, Error, channels_last, rng, strided

try:
    import torch
except ImportError:
    torch = None

ROWS = [
    row
    for found in sorted(m.name for m in pkgutil.iter_modules(tables.__path__))
    for row in importlib.import_module(f"{tables.__name__}.{found}").CASES
]
CASES = [row for row in ROWS if isinstance(row, Case)]
ERRORS = [row for row in ROWS if isinstance(row, Error)]

needs_oracle = pytest.mark.skipif(torch is None, reason="PyTorch, the oracle, is not installed")
each_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def tensors(T, arrays, dtype="float64", requires_grad=False):
    """The inputs as tensors of T; float64 arrays become `dtype` and may require grad."""
    made = []
    for a in arrays:
        if isinstance(a, np.ndarray) and a.dtype == np.float64:
            t = T.from_numpy(a.copy() if a.flags.c_contiguous else strided(a))
            t = t.to(getattr(T, dtype))
            if requires_grad:
                t = t.detach().requires_grad_()
        elif isinstance(a, np.ndarray):
            t = T.from_numpy(a.copy())
        else:
            t = a
        made.append(t)
    return made


def outputs(case, T, inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = case.call(T, *inputs)
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def values(t):
    """A tensor of either library as a float64/complex128/integer array."""
    t = t.detach()
    if str(t.dtype) in ("torch.bfloat16", "torch.float16"):
        t = t.to(taper.float32 if isinstance(t, taper.Tensor) else torch.float32)
    if not isinstance(t, taper.Tensor):
        t = t.resolve_conj().resolve_neg()
    return t.numpy(force=True)


def tolerances(case, dtype):
    if dtype in ("float16", "bfloat16"):
        eps = 2**-10 if dtype == "float16" else 2**-7
        return dict(rtol=4 * eps, atol=2 * eps)
    if dtype in ("float64", "complex128"):
        return dict(rtol=min(case.rtol**2, 1e-9), atol=min(case.atol**2, 1e-10))
    return dict(rtol=case.rtol, atol=case.atol)


def same(case, dtype, found, expected):
    assert len(found) == len(expected), f"{case.name}: {len(found)} results, expected {len(expected)}"
    for i, (f, e) in enumerate(zip(found, expected)):
        if not hasattr(f, "dtype"):
            assert f == e
            continue
        assert str(f.dtype) == str(e.dtype), f"{case.name} result {i}: dtype {f.dtype}, expected {e.dtype}"
        assert tuple(f.shape) == tuple(e.shape), (
            f"{case.name} result {i}: shape {tuple(f.shape)}, expected {tuple(e.shape)}"
        )
        np.testing.assert_allclose(values(f), values(e), **tolerances(case, dtype), err_msg=f"{case.name} result {i}")


def _differentiable(results):
    return [(i, r) for i, r in enumerate(results) if hasattr(r, "requires_grad") and r.requires_grad]


def cotangents(case, T, results, dtype="float64"):
    generator = rng("cotangent" + case.name)
    made = []
    for _, r in results:
        c = generator.standard_normal(tuple(r.shape))
        if r.dtype in (T.complex64, T.complex128):
            c = c + 1j * generator.standard_normal(tuple(r.shape))
        made.append(T.from_numpy(np.asarray(c)).to(r.dtype))
    return made


@needs_oracle
@each_case
def test_value_is_pytorchs(case):
    if not case.oracle:
        pytest.skip("PyTorch has no such function")
    for dtype in case.dtypes:
        found = outputs(case, taper, tensors(taper, case.inputs, dtype))
        expected = outputs(case, torch, tensors(torch, case.inputs, dtype))
        same(case, dtype, found, expected)


@each_case
def test_value_is_numpys(case):
    if case.numpy is None:
        pytest.skip("no NumPy meaning in this row")
    found = outputs(case, taper, tensors(taper, case.inputs))
    expected = case.numpy(*case.inputs)
    for f, e in zip(found, expected if isinstance(expected, tuple) else (expected,)):
        np.testing.assert_allclose(values(f), e, **tolerances(case, "float64"))


@each_case
def test_strides_do_not_matter(case):
    if not case.strides:
        pytest.skip("this row is about memory")
    arrays = [strided(a) if isinstance(a, np.ndarray) and a.ndim else a for a in case.inputs]
    plain = outputs(case, taper, tensors(taper, case.inputs))
    found = outputs(case, taper, [taper.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arrays])
    for p, f in zip(plain, found):
        if hasattr(f, "shape"):
            np.testing.assert_allclose(values(f), values(p), rtol=1e-10, atol=1e-12)


@each_case
def test_gradients_do_not_know_the_order_in_memory(case):
    """Inputs and cotangents that lie transposed, or channels last, have the gradients of those that do not."""
    if not (case.strides and case.grad):
        pytest.skip("this row is about memory" if case.grad else "not differentiable")
    for dtype in FLOATS:
        plain = _gradients(case, dtype, np.ascontiguousarray)
        for order in (np.asfortranarray, channels_last):
            for p, f in zip(plain, _gradients(case, dtype, order)):
                assert (p is None) == (f is None)
                if p is not None:
                    close = dict(rtol=1e-4, atol=1e-5) if dtype == "float32" else dict(rtol=1e-8, atol=1e-10)
                    np.testing.assert_allclose(values(f), values(p), **close, err_msg=f"{case.name} {order.__name__}")


def _gradients(case, dtype, order):
    """The first derivatives, of inputs and with cotangents that lie in memory as `order` puts them."""

    def laid(t):
        return taper.from_numpy(order(t.detach().numpy())) if t.dtype.is_floating_point and t.ndim > 1 else t

    inputs = [laid(t).detach() if isinstance(t, taper.Tensor) else t for t in tensors(taper, case.inputs, dtype)]
    leaves = [t.requires_grad_() for t in inputs if isinstance(t, taper.Tensor) and t.dtype.is_floating_point]
    results = _differentiable(outputs(case, taper, inputs))
    cotangents_there = [laid(c) for c in cotangents(case, taper, results)]
    return taper.autograd.grad([r for _, r in results], leaves, cotangents_there, allow_unused=True)


@each_case
def test_gradient_is_the_slope(case):
    """The directional derivative along a random direction, by central differences."""
    if not (case.grad and case.smooth):
        pytest.skip("not smooth" if case.grad else "not differentiable")
    inputs = tensors(taper, case.inputs, requires_grad=True)
    results = _differentiable(outputs(case, taper, inputs))
    leaves = [t for t in inputs if isinstance(t, taper.Tensor) and t.requires_grad]
    assert results and leaves, f"{case.name}: no result requires grad"
    weights = cotangents(case, taper, results)
    grads = taper.autograd.grad([r for _, r in results], leaves, weights, allow_unused=True)
    generator = rng("direction" + case.name)
    directions = [generator.standard_normal(tuple(t.shape)) for t in leaves]
    slope = sum(float((g.numpy() * d).sum()) for g, d in zip(grads, directions) if g is not None)

    def along(step):
        moved, k = [], 0
        for a in case.inputs:
            if isinstance(a, np.ndarray) and a.dtype == np.float64:
                a, k = np.asarray(a + step * directions[k]), k + 1
            moved.append(a)
        out = outputs(case, taper, tensors(taper, moved))
        return sum(float((values(out[i]) * w.numpy().conj()).sum().real) for (i, _), w in zip(results, weights))

    step = 1e-5
    difference = (8 * (along(step) - along(-step)) - (along(2 * step) - along(-2 * step))) / (12 * step)
    np.testing.assert_allclose(slope, difference, rtol=2e-6, atol=2e-7)


@needs_oracle
@each_case
def test_gradients_are_pytorchs(case):
    """First and, where the row says so, second derivatives of every floating input."""
    if not (case.grad and case.oracle):
        pytest.skip("not differentiable" if case.oracle else "PyTorch has no such function")
    found = _derivatives(case, taper)
    expected = _derivatives(case, torch)
    for order, (f, e) in enumerate(zip(found, expected), start=1):
        for i, (a, b) in enumerate(zip(f, e)):
            a = np.zeros(()) if a is None else values(a)
            b = np.zeros(()) if b is None else values(b)
            np.testing.assert_allclose(
                *np.broadcast_arrays(a, b),
                rtol=case.slope_rtol,
                atol=1e-9,
                err_msg=f"{case.name}: derivative {order} of input {i}",
            )


def _derivatives(case, T):
    inputs = tensors(T, case.inputs, requires_grad=True)
    leaves = [t for t in inputs if isinstance(t, T.Tensor) and t.requires_grad]
    results = _differentiable(outputs(case, T, inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = T.autograd.grad(
            [r for _, r in results], leaves, cotangents(case, T, results), create_graph=case.second, allow_unused=True
        )
        yield first
        again = [(i, g) for i, g in enumerate(first) if g is not None and g.requires_grad] if case.second else []
        if again:
            yield T.autograd.grad([g for _, g in again], leaves, cotangents(case, T, again), allow_unused=True)
        elif case.second:
            yield [None] * len(leaves)


@pytest.mark.parametrize("row", ERRORS, ids=lambda e: e.name)
def test_error(row):
    with pytest.raises(Exception, match=row.words or None) as caught:
        row.call(taper, *tensors(taper, row.inputs))
    assert caught.type is row.error, f"{row.name}: {caught.type.__name__}, expected {row.error.__name__}"
    if torch is not None and row.oracle:
        with pytest.raises(row.error):
            row.call(torch, *tensors(torch, row.inputs))


def test_every_operator_has_a_row():
    covered = {name for case in CASES for name in case.exercises}
    assert sorted(set(REGISTRY) - covered) == []
    assert sorted(covered - set(REGISTRY)) == [], "rows name operators that do not exist"


def test_row_names_are_unique():
    names = [row.name for row in ROWS]
    assert sorted({n for n in names if names.count(n) > 1}) == []
