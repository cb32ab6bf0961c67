"""Compiled equals eager: every row of the operator tables, forward, and forward with backward in one step.

A step computes the row's results and, with fixed weights, the gradients of its inputs. What may not be captured is
computed, not listed, where it is about complex numbers; where values decide the shape of a result it is listed.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper
from taper.compiler import CaptureError
from taper.compiler.engine import native_available
from taper.ops.operator import REGISTRY

from ..ops.case import FLOATS, HALVES, INTEGERS, rng, strided
from ..ops.test_cases import CASES, tensors, values

SHAPE_DEPENDS_ON_VALUES = {
    "index.masks",
    "index.mixed",
    "where.indices",
    "masked_select",
    "one_hot",
    "sort.empty",
    "unique",
    "unique.rows",
    "unique.floats",
    "unique_consecutive",
    "unique_consecutive.rows",
    "bincount",
    "lstsq.gelsd",
    "lstsq.gelss",
    "lstsq.residuals",
    "nonzero.static",
}
"""Rows in which some result has as many elements as the values say."""

GRADIENT_DEPENDS_ON_VALUES = {"index_put.masked_row"}
"""Rows of which the result alone can be captured."""

LOOKS_AT_VALUES = {
    "isclose.values": "allclose gives a Python bool",
    "histc": "bins between the smallest and the largest element",
    "histogram": "bins between the smallest and the largest element",
    "histogram.edges": "bins between the smallest and the largest element",
    "histogramdd": "bins between the smallest and the largest element",
    "masked.integers": "the median of a row without an element is refused",
    "reinterpret": "memory read as another dtype",
    **{name: "the seed is set inside" for name in ("bernoulli", "poisson", "normal.parameters")},
}
"""Rows that need values while the step is captured, and for what."""

RELATIVE = {"float32": 1e-5, "float64": 1e-12, "float16": 2e-3, "bfloat16": 1.6e-2}

every_row = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


@pytest.fixture(autouse=True, scope="module")
def code_in_memory():
    """Machine code is kept in memory alone: nothing comes from earlier runs, and nothing is left behind."""
    with pytest.MonkeyPatch.context() as patch:
        if native_available():
            patch.setattr("taper.native.cache.folder", lambda: None)
        yield


@pytest.fixture(scope="module")
def complex_seen():
    """Tells whether any operator has computed complex numbers since it was last asked."""
    seen = []

    def watched(forward):
        def call(xp, *arrays, **attrs):
            out = forward(xp, *arrays, **attrs)
            results = out if isinstance(out, (tuple, list)) else (out,)
            if any(getattr(a, "dtype", np.dtype(bool)).kind == "c" for a in (*arrays, *results) if a is not None):
                seen.append(True)
            return out

        return call

    forwards = {operator: operator.forward for operator in REGISTRY.values()}
    for operator, forward in forwards.items():
        operator.forward = watched(forward)

    def ask() -> bool:
        found = bool(seen)
        seen.clear()
        return found

    yield ask
    for operator, forward in forwards.items():
        operator.forward = forward


def results_of(case, inputs) -> tuple:
    found = case.call(taper, *inputs)
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def weights_for(case, results) -> list:
    """A fixed random weight for each result that can be differentiated, None for the others."""
    made = []
    for i, r in enumerate(results):
        if isinstance(r, taper.Tensor) and r.requires_grad:
            numbers = rng(f"weight {case.name} {i}").standard_normal(tuple(r.shape))
            made.append(taper.from_numpy(np.asarray(numbers)).to(r.dtype))
        else:
            made.append(None)
    return made


def step_of(case, weights):
    """The row as a function of its inputs: results, and gradients where there are weights."""

    def step(*inputs):
        results = results_of(case, inputs)
        if weights is None:
            return results
        picked = [(w, r) for w, r in zip(weights, results) if w is not None]
        leaves = [t for t in inputs if isinstance(t, taper.Tensor) and t.requires_grad]
        grads = taper.autograd.grad([r for _, r in picked], leaves, [w for w, _ in picked], allow_unused=True)
        return (*results, *grads)

    return step


def quietly(function, *inputs):
    """A call with the row's seed, without warnings."""
    taper.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*inputs)


def same(case, dtype, found, expected, exact=None):
    """Integers and bools exactly; floats relative to the largest result, or no farther from `exact` than eager is.

    exact: gives the results in float64, for float32 results that rounding alone carries farther.
    """
    assert len(found) == len(expected)
    sizes = [_largest(e) for e in expected]
    scale = max(sizes, default=0)
    for i, (f, e) in enumerate(zip(found, expected)):
        label = f"{case.name} result {i}"
        if not isinstance(e, taper.Tensor):
            assert f == e, label
            continue
        assert isinstance(f, taper.Tensor), label
        assert (f.dtype, f.shape, f.requires_grad) == (e.dtype, e.shape, e.requires_grad), label
        a, b = values(f), values(e)
        if b.dtype.kind != "f":
            np.testing.assert_array_equal(a, b, err_msg=label)
            continue
        finite = np.isfinite(b)
        np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=label)
        assert np.isfinite(a[finite]).all(), label
        error = np.abs(a[finite] - b[finite]).max(initial=0)
        relative = max(RELATIVE.get(dtype, 0), RELATIVE[str(e.dtype).removeprefix("torch.")])
        bound = relative * (sizes[i] if sizes[i] > 1e-3 * scale else scale)
        if error > bound and exact is not None:
            ideal = values(exact()[i])[finite]
            error, bound = np.abs(a[finite] - ideal).max(), max(bound, 2 * np.abs(b[finite] - ideal).max())
        assert error <= bound, f"{label}: error {error:.2e}, allowed {bound:.2e}"


def _largest(result) -> float:
    if not isinstance(result, taper.Tensor):
        return 0.0
    array = values(result)
    return float(np.abs(array[np.isfinite(array)]).max(initial=0)) if array.dtype.kind == "f" else 0.0


def compare(case, dtype, differentiate, complex_seen):
    """Compile the row for a dtype and compare two runs with the eager one; or see it refused for a good reason."""
    inputs = tensors(taper, case.inputs, dtype, differentiate)
    weights = weights_for(case, quietly(results_of, case, inputs)) if differentiate else None
    step = step_of(case, weights)
    complex_seen()
    expected = quietly(step, *tensors(taper, case.inputs, dtype, differentiate))
    is_complex = complex_seen()
    compiled = taper.compile(step, fullgraph=True)
    if is_complex:
        with pytest.raises(CaptureError, match="complex"):
            quietly(compiled, *inputs)
        return
    if (
        case.name in SHAPE_DEPENDS_ON_VALUES
        or case.name in LOOKS_AT_VALUES
        or (differentiate and case.name in GRADIENT_DEPENDS_ON_VALUES)
    ):
        refused(case, step, compiled, inputs, expected, dtype)
        return
    exact = None
    if dtype == "float32":

        def exact():
            wide = [t.double().detach().requires_grad_(t.requires_grad) if _is_float(t) else t for t in inputs]
            return quietly(step_of(case, weights and [None if w is None else w.double() for w in weights]), *wide)

    for _ in range(2):
        fresh = tensors(taper, case.inputs, dtype, differentiate)
        same(case, dtype, quietly(compiled, *fresh), expected, exact)
    assert compiled.compilations == 1
    for before, after in zip(inputs, fresh):
        if isinstance(before, taper.Tensor) and case.strides:
            np.testing.assert_array_equal(values(after), values(before), err_msg=f"{case.name}: an input was changed")


def _is_float(t) -> bool:
    return isinstance(t, taper.Tensor) and t.dtype == taper.float32


def refused(case, step, compiled, inputs, expected, dtype):
    """The row cannot be captured: an error with fullgraph=True, else one warning and the eager results."""
    with pytest.raises(CaptureError):
        quietly(compiled, *inputs)
    lenient = taper.compile(step)
    for expect in (1, 0):
        fresh = [
            t.detach().clone().requires_grad_(t.requires_grad) if isinstance(t, taper.Tensor) else t for t in inputs
        ]
        taper.manual_seed(7)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = lenient(*fresh)
        told = [w for w in caught if "runs eagerly" in str(w.message)]
        assert len(told) == expect, [str(w.message) for w in caught]
        same(case, dtype, found, expected)


@every_row
@pytest.mark.parametrize("dtype", FLOATS)
def test_row_with_its_gradients(case, dtype, complex_seen):
    if dtype not in case.dtypes:
        pytest.skip("not a dtype of this row")
    compare(case, dtype, case.grad, complex_seen)


@pytest.mark.parametrize("case", [c for c in CASES if c.grad and "float32" in c.dtypes][::5], ids=lambda c: c.name)
def test_row_without_gradients(case, complex_seen):
    """Every fifth differentiable row once more, its results alone: these are programs of their own."""
    compare(case, "float32", False, complex_seen)


@pytest.mark.parametrize("case", [c for c in CASES if set(c.dtypes) & {*HALVES, *INTEGERS}], ids=lambda c: c.name)
def test_row_in_other_dtypes(case, complex_seen):
    """Half precision and integers."""
    for dtype in case.dtypes:
        if dtype in HALVES or dtype in INTEGERS:
            compare(case, dtype, False, complex_seen)


FEW = [c for i, c in enumerate(CASES) if c.strides and i % 8 == 0 and c.name not in SHAPE_DEPENDS_ON_VALUES]


@pytest.mark.parametrize("case", FEW, ids=lambda c: c.name)
def test_strided_inputs(case, complex_seen):
    """Every eighth row with inputs of which no dimension is contiguous."""
    arrays = [strided(a) if isinstance(a, np.ndarray) and a.ndim else a for a in case.inputs]
    inputs = [taper.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arrays]
    step = step_of(case, None)
    complex_seen()
    expected = quietly(step, *inputs)
    if complex_seen() or case.name in LOOKS_AT_VALUES:
        pytest.skip("not captured")
    same(case, "float64", quietly(taper.compile(step, fullgraph=True), *inputs), expected)


def test_the_lists_name_rows():
    names = {c.name for c in CASES}
    assert sorted((SHAPE_DEPENDS_ON_VALUES | LOOKS_AT_VALUES.keys() | GRADIENT_DEPENDS_ON_VALUES) - names) == []
