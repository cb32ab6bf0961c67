"""Elementwise operators of large arrays, natively: against NumPy's own passes, in every layout and at every size."""

import numpy as np
import pytest

import taper
from taper.backends import cpu
from taper.backends.cpu import large
from taper.compiler import one_pass, operators
from taper.compiler.graph import ANY
from taper.compiler.lower.loops import CHUNK
from taper.ops.operator import REGISTRY

pytest.importorskip("llvmlite")

FUSED = sorted(name for name, operator in REGISTRY.items() if operator.fused)
ATTRIBUTES = {
    "softplus": {"beta": 0.7, "threshold": 2.5},
    "leaky_relu": {"slope": 0.02},
    "elu": {"alpha": 1.3},
    "celu": {"alpha": 0.8},
    "softshrink": {"lambd": 0.4},
    "hardtanh": {"low": -0.8, "high": 1.1},
    "logit": {"eps": 0.05},
}
WITHIN = {"logit", "erfinv", "binary_cross_entropy", "entr", "asin", "acos"}
"""Functions of numbers between 0 and 1."""

N = 2 * CHUNK + 37


@pytest.fixture
def all_native(monkeypatch):
    """Every array is large, and programs are new."""
    monkeypatch.setattr(large, "LARGE_WORK", 1)
    monkeypatch.setattr(operators, "_programs", {})
    operators.lend()
    return operators._programs


def formulas(name):
    """Forward and rules: (formula, names of its arrays and attributes)."""
    operator = REGISTRY[name]
    plain = next(
        c.cell_contents for c in operator.forward.__closure__ if getattr(c.cell_contents, "__name__", "") == "<lambda>"
    )
    yield plain, operator.inputs, ATTRIBUTES.get(name, {})
    for rule in operator.rules.values():
        code = rule.__code__
        yield rule, ("g", *code.co_varnames[2 : code.co_argcount]), {}


def values(name, names, dtype, rng):
    """Numbers to compute from, and the result of forward where a rule wants it."""
    attributes = ATTRIBUTES.get(name, {})
    operator = REGISTRY[name]
    inputs = {
        n: (rng.uniform(0.02, 0.98, N) if name in WITHIN else 2 * rng.standard_normal(N)).astype(dtype)
        for n in operator.inputs
    }
    made = []
    for n in names:
        if n == "out":
            made.append(np.asarray(operator.forward(cpu, *inputs.values(), **attributes), dtype))
        else:
            made.append(attributes[n] if n in attributes else inputs.get(n, rng.standard_normal(N).astype(dtype)))
    return made


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", FUSED)
def test_one_pass_is_numpys_passes(name, dtype, all_native):
    rng = np.random.default_rng(0)
    rtol, atol = (2e-5, 5e-6) if dtype == np.float32 else (1e-11, 1e-12)
    for formula, names, attributes in formulas(name):
        given = values(name, names, dtype, rng)
        found = large.fused(formula, 1)(cpu, *given, **attributes)
        with np.errstate(all="ignore"):
            wanted = formula(cpu, *given, **attributes)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol, err_msg=f"{name} {names}")
    assert all(all_native.values()), "a formula stayed NumPy's"


@pytest.mark.parametrize("n", [1, 37, CHUNK, ANY, ANY + 1, 2 * ANY + CHUNK + 5])
def test_any_size_by_one_program(n, all_native):
    silu = REGISTRY["silu"].forward
    x = np.linspace(-9, 9, n, dtype=np.float32)
    np.testing.assert_allclose(silu(cpu, x), x / (1 + np.exp(-x.astype(np.float64))), rtol=1e-6, atol=1e-7)
    silu(cpu, np.zeros((3, 5), np.float32))
    assert len(all_native) == 1


@pytest.mark.parametrize("name", FUSED)
def test_same_bits_for_any_number_of_threads(name, monkeypatch, all_native):
    monkeypatch.setattr(one_pass, "SHARED", 0)
    monkeypatch.setattr(one_pass, "BRIEF", 0)
    rng = np.random.default_rng(3)
    before = taper.get_num_threads()
    try:
        for formula, names, attributes in formulas(name):
            given = values(name, names, np.float32, rng)
            found = []
            for threads in (1, 2, 3):
                taper.set_num_threads(threads)
                found.append(large.fused(formula, 1)(cpu, *given, **attributes).tobytes())
            assert len(set(found)) == 1, names
    finally:
        taper.set_num_threads(before)


LAYOUTS = {
    "transposed": lambda x: x.transpose(2, 0, 1),
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1),
    "every second": lambda x: x[:, ::2],
    "backwards": lambda x: x[::-1, :, ::-1],
    "Fortran": np.asfortranarray,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_order_of_memory_is_numpys(layout, all_native):
    x = LAYOUTS[layout](np.random.default_rng(1).standard_normal((7, 30, 50)).astype(np.float32))
    found = REGISTRY["sigmoid"].forward(cpu, x)
    wanted = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert found.strides == wanted.strides
    assert any(all_native.values())


def test_gradient_of_one_number_for_all(all_native):
    x = taper.randn(300, 70, requires_grad=True)
    taper.nn.functional.gelu(x).sum().backward()
    plain = x.detach().numpy().astype(np.float64)
    wanted = cpu.ndtr(plain) + plain * np.exp(-0.5 * plain * plain) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert len(all_native) == 2 and all(all_native.values())


def test_numbers_that_change_need_no_new_program(all_native):
    x, y = np.ones(500, np.float32), np.zeros(500, np.float32)
    for w in (0.25, 0.5, 0.75, 0.9):
        np.testing.assert_allclose(REGISTRY["lerp"].forward(cpu, x, y, w), 1 - w, rtol=1e-6)
    assert len(all_native) == 1


def test_shapes_that_differ_stay_numpys(all_native):
    x, y = np.random.default_rng(2).uniform(1, 2, (2, 40, 1))
    np.testing.assert_allclose(REGISTRY["hypot"].forward(cpu, x, y.T), np.hypot(x, y.T))
    assert not all_native


def test_small_arrays_stay_numpys(monkeypatch):
    monkeypatch.setattr(operators, "_programs", {})
    taper.nn.functional.silu(taper.randn(200))
    assert not operators._programs


# Reductions.

REDUCTIONS = {
    "sum": lambda xp, x, axis, keep: xp.sum(x, axis, keep),
    "mean": lambda xp, x, axis, keep: xp.mean_of(x, axis, keep),
    "var": lambda xp, x, axis, keep: xp.variance(x, axis, 1, keep),
    "max": lambda xp, x, axis, keep: xp.max(x, axis, keep),
    "min": lambda xp, x, axis, keep: xp.min(x, axis, keep),
    "prod": lambda xp, x, axis, keep: xp.prod(x, axis, keep),
    "logsumexp": lambda xp, x, axis, keep: xp.logsumexp(x, axis, keep),
    "norm": lambda xp, x, axis, keep: xp.vector_norm(x, 2, axis, keep),
    "argmax": lambda xp, x, axis, keep: xp.argmax(x, axis if axis is None else axis[0], keep),
    "argmin": lambda xp, x, axis, keep: xp.argmin(x, axis if axis is None else axis[0], keep),
}
STAYS = {(name, None) for name in ("max", "min", "prod", "argmax", "argmin")}
STAYS |= {("prod", (0,)), ("argmax", (1,)), ("argmin", (1,))}
"""What NumPy does at the speed of memory."""

CASES = [((5000,), None, True), ((80, 70), (0,), False), ((80, 70), (1,), True), ((12, 30, 17), (0, 2), False)]


@pytest.mark.parametrize("shape, axis, keep", CASES, ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, shape, axis, keep, monkeypatch, all_native):
    if name.startswith("arg") and axis is not None and len(axis) > 1:
        pytest.skip("one axis or all")
    function = REDUCTIONS[name]
    x = np.random.default_rng(3).uniform(0.9, 1.1, shape).astype(np.float32)
    x.reshape(-1)[[7, 99]] = 2.0  # the largest twice
    monkeypatch.setattr(large, "LARGE", 1 << 30)
    wanted = function(cpu, x.astype(np.float64), axis, keep)
    assert not all_native
    monkeypatch.setattr(large, "LARGE", 64)
    found = function(cpu, x, axis, keep)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=2e-5)
    assert any(all_native.values()) != ((name, axis) in STAYS)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_extremes_of_nan(name, monkeypatch, all_native):
    monkeypatch.setattr(large, "LARGE", 64)
    x = np.random.default_rng(4).standard_normal((90, 40)).astype(np.float32)
    x[30, ::3], x[60, 1::3] = np.nan, np.inf
    x[70, ::3] = np.nan
    found = getattr(cpu, name)(x, 0, False)
    assert any(all_native.values())
    np.testing.assert_array_equal(found, getattr(np, name)(x, 0))


@pytest.mark.parametrize("shape, axis", [((65537, 5), (0,)), ((40001, 3, 7), (0, 1)), ((9, 8191, 33), (0, 1))], ids=str)
def test_columns_of_many_rows_keep_their_digits(shape, axis, monkeypatch, all_native):
    monkeypatch.setattr(large, "LARGE", 64)
    x = np.random.default_rng(5).uniform(0.5, 1.5, shape).astype(np.float32)
    found = cpu.sum(x, axis)
    assert any(all_native.values())
    np.testing.assert_allclose(found, x.sum(axis, np.float64), rtol=1e-6)


def test_layouts_that_are_not_dense_stay_numpys(monkeypatch, all_native):
    monkeypatch.setattr(large, "LARGE", 64)
    x = np.random.default_rng(6).standard_normal((60, 50))
    np.testing.assert_allclose(cpu.sum(x[::2], (1,)), x[::2].sum(1))
    assert not all_native


# Losses of class indices.

LOSSES = {
    "plain": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "smoothed": {"label_smoothing": 0.1},
    "weighted": {"weight": True},
    "all": {"weight": True, "label_smoothing": 0.2, "ignore_index": 2},
}


@pytest.mark.parametrize("shape", [(90, 7), (40, 100), (3, 11, 5, 4)], ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_cross_entropy(name, shape, monkeypatch, all_native):
    options = dict(LOSSES[name])
    if options.pop("weight", None):
        options["weight"] = taper.linspace(0.5, 1.5, shape[1])
    rng = np.random.default_rng(7)
    scores = rng.standard_normal(shape).astype(np.float32)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target[0] = options.get("ignore_index", -100)

    def found():
        x = taper.from_numpy(scores.copy()).requires_grad_()
        loss = taper.nn.functional.cross_entropy(x, taper.from_numpy(target), **options)
        (loss * taper.linspace(0.5, 2, loss.numel()).reshape(loss.shape)).sum().backward()
        return loss.detach().numpy(), x.grad.numpy()

    for limit in ("ROWS", "SAMPLES"):
        monkeypatch.setattr(large, limit, 1 << 30)
    wanted = found()
    assert not all_native
    for limit in ("LARGE", "SAMPLES"):
        monkeypatch.setattr(large, limit, 64)
    for a, b in zip(found(), wanted):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert len(all_native) >= 2 and all(all_native.values())


def test_cross_entropy_refuses_what_is_no_class(monkeypatch, all_native):
    monkeypatch.setattr(large, "LARGE", 64)
    target = taper.tensor([1] * 9 + [7])
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        taper.nn.functional.cross_entropy(taper.zeros(10, 7), target)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "layer_norm"])
def test_long_rows(name, all_native):
    # A program for any number of rows: a million of them would be far more than there is of memory.
    functional = taper.nn.functional
    function = {
        "softmax": lambda x: functional.softmax(x, -1),
        "log_softmax": lambda x: functional.log_softmax(x, -1),
        "layer_norm": lambda x: functional.layer_norm(x, x.shape[-1:]),
    }[name]
    rows = np.random.default_rng(8).standard_normal((2, 300_007))
    found, wanted = (taper.from_numpy(a).requires_grad_() for a in (rows.astype(np.float32), rows))
    for x in (found, wanted):
        (function(x) * taper.arange(x.shape[-1]) / x.shape[-1]).sum().backward()
    np.testing.assert_allclose(found.grad.numpy(), wanted.grad.numpy(), rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(
        function(found).detach().numpy(), function(wanted).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    assert all(all_native.values()) or name == "layer_norm"  # such rows are split among chunks
