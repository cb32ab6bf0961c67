"""Special functions against values computed with 40 digits, against Python's math module, and against PyTorch."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taper.backends.cpu import special
from taper.backends.cpu.incomplete_integrals import gammainc, gammaincc

INF, NAN = math.inf, math.nan

FUNCTIONS = [
    special.erf, special.erfc, special.erfcx, special.erfinv, special.ndtr, special.ndtri, special.log_ndtr,
    special.lgamma, special.digamma, special.trigamma, special.i0, special.i0e, special.i1, special.i1e, special.sinc,
]  # fmt: skip
UNARY = {function.__name__: function for function in FUNCTIONS}
UNARY |= {f"polygamma({n})": partial(special.polygamma, n) for n in range(5)}

VALUES = [
    (special.erf, [(1e-300, 1.1283791670955126e-300), (1e-05, 1.1283791670579e-05), (0.3, 0.3286267594591274),
                   (0.9, 0.7969082124228322), (1.5, 0.9661051464753108), (-2.75, -0.9998993780778803),
                   (4.0, 0.9999999845827421)]),
    (special.erfc, [(-1.0, 1.8427007929497148), (0.3, 0.6713732405408726), (0.9, 0.20309178757716786),
                    (3.0, 2.209049699858544e-05), (10.0, 2.088487583762545e-45), (26.0, 5.663192408856143e-296)]),
    (special.erfcx, [(-3.0, 16205.988853999586), (0.25, 0.7703465477309968), (4.0, 0.13699945762506138),
                     (1e5, 5.6418958351954685e-06)]),
    (special.erfinv, [(1e-200, 8.86226925452758e-201), (0.1, 0.08885599049425769), (-0.5, -0.4769362762044699),
                      (0.75, 0.8134198475976185), (1 - 2.0**-40, 5.05125408524939)]),
    (special.ndtr, [(-30.0, 4.906713927148187e-198), (-5.0, 2.866515718791939e-07), (-0.5, 0.3085375387259869),
                    (0.25, 0.5987063256829237), (3.0, 0.9986501019683699)]),
    (special.ndtri, [(1e-300, -37.0470962993612), (1e-10, -6.361340902404057), (0.1, -1.2815515655446004),
                     (0.4, -0.2533471031357997), (0.875, 1.150349380376008)]),
    (special.log_ndtr, [(-1000.0, -500007.82669481216), (-20.0, -203.91715537109727), (-0.5, -1.1759117615936185),
                        (0.5, -0.3689464152886564), (8.0, -6.220960574271786e-16)]),
    (special.lgamma, [(1e-300, 690.7755278982137), (0.1, 2.252712651734206), (0.999, 0.0005780385328913802),
                      (1.0001, -5.771334222047127e-05), (1.9999, -4.227520877215346e-05), (3.5, 1.2009736023470743),
                      (9.75, 12.242204940050762), (50.0, 144.5657439463449), (1e300, 6.897755278982137e302),
                      (-0.5, 1.2655121234846454), (-2.3, 0.36956666345500805), (-20.7, -43.105133189536225)]),
    (special.digamma, [(1e-05, -100000.57719921567), (0.5, -1.9635100260214235), (1.0, -0.5772156649015329),
                       (7.25, 1.910453526883736), (1e10, 23.025850929890456), (-0.3, 2.113309779635399),
                       (-10.9, -7.234894453581525)]),
    (special.trigamma, [(1e-05, 10000000001.644909), (0.5, 4.934802200544679), (8.0, 0.1331370146940314),
                        (1e10, 1.00000000005e-10), (-0.3, 13.945160267805722), (-10.9, 103.26817590908067)]),
    (partial(special.polygamma, 2), [(0.01, -2000002.340398677), (1.0, -2.4041138063191885),
                                     (20.0, -0.0026281224023146548), (-1.75, -124.21382135423057)]),
    (partial(special.polygamma, 3), [(0.01, 600000006.2510618), (1.0, 6.493939402266829),
                                     (20.0, 0.0002693742213396389), (-1.75, 1558.3848404165494)]),
    (special.i0, [(1e-05, 1.000000000025), (-1.5, 1.646723189772891), (8.0, 427.5641157218048),
                  (8.5, 683.1619269901156), (-50.0, 2.9325537838493362e20)]),
    (special.i1, [(1e-05, 5.0000000000625004e-06), (-1.5, -0.9816664285779075), (8.0, 399.8731367825601),
                  (8.5, 641.6199025400667), (-50.0, -2.903078590103557e20)]),
    (special.i0e, [(1e-05, 0.9999900000749996), (-1.5, 0.36743360905415834), (8.0, 0.14343178185685032),
                   (8.5, 0.13900184305484758), (-50.0, 0.05656162664745419)]),
    (special.i1e, [(1e-05, 4.999950000312499e-06), (-1.5, -0.21903938742092569), (8.0, 0.13414249329269817),
                   (8.5, 0.13054935509459586), (-50.0, -0.0559931238928954)]),
    (special.sinc, [(1e-9, 1.0), (0.3, 0.8583936913341398), (-2.5, 0.12732395447351627)]),
]  # fmt: skip

# What PyTorch 2.13 gives, sign of zero included.
SPECIAL_VALUES = {
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e300, 1.0), (NAN, NAN)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (1e300, 0.0), (NAN, NAN)],
    "erfcx": [(0.0, 1.0), (INF, 0.0), (-INF, INF), (NAN, NAN)],
    "erfinv": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-INF, NAN), (NAN, NAN)],
    "ndtr": [(0.0, 0.5), (INF, 1.0), (-INF, 0.0), (NAN, NAN)],
    "ndtri": [(0.0, -INF), (1.0, INF), (0.5, 0.0), (-0.1, NAN), (1.1, NAN), (NAN, NAN)],
    "log_ndtr": [(INF, -0.0), (-INF, -INF), (NAN, NAN)],
    "lgamma": [(0.0, INF), (-0.0, INF), (1.0, 0.0), (2.0, 0.0), (-1.0, INF), (-7.0, INF), (INF, INF), (-INF, INF),
               (NAN, NAN)],
    "digamma": [(0.0, -INF), (-0.0, INF), (-1.0, NAN), (-7.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "trigamma": [(0.0, INF), (-0.0, INF), (INF, 0.0), (-INF, NAN), (-3.0, INF), (NAN, NAN)],
    "polygamma(2)": [(0.0, -INF), (-1.0, -INF), (INF, NAN), (-INF, -INF), (NAN, NAN)],
    "polygamma(3)": [(0.0, INF), (-1.0, INF), (INF, NAN), (-INF, INF), (NAN, NAN)],
    "i0": [(0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "i0e": [(0.0, 1.0), (INF, 0.0), (-INF, 0.0), (NAN, NAN)],
    "i1": [(0.0, 0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "i1e": [(0.0, 0.0), (INF, 0.0), (-INF, -0.0), (NAN, NAN)],
    "sinc": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
}  # fmt: skip

ZETA = [
    (2.0, 1.0, 1.6449340668482264), (1.5, 0.25, 10.213055360466601), (3.0, 1000.0, 5.005002499999166e-07),
    (40.0, 2.5, 1.2089275466329262e-16), (1.0001, 3.0, 9999.077257603696), (2.0, -1.25, 19.181879647671607),
    (3.0, -3.125, -511.10983965637996), (1.0, 2.0, INF), (1.0, NAN, INF), (0.5, 2.0, NAN), (-1.0, 2.0, NAN),
    (2.5, -1.5, NAN), (2.0, 0.0, INF), (2.5, -3.0, INF), (2.0, INF, NAN), (2.0, -INF, INF), (NAN, 2.0, NAN),
    (2.0, NAN, NAN), (INF, 0.5, INF), (INF, 1.0, 1.0), (NAN, 0.0, INF),
]  # fmt: skip

XLOGY = [
    (0.0, 0.0, 0.0), (0.0, INF, 0.0), (0.0, -1.0, 0.0), (0.0, NAN, NAN), (1.0, 0.0, -INF), (2.0, 3.0, 2 * math.log(3)),
    (INF, 1.0, NAN), (1.0, -1.0, NAN), (NAN, 1.0, NAN), (-1.0, INF, -INF),
]  # fmt: skip


@pytest.fixture(autouse=True)
def quiet():
    """Operators enter such a scope themselves; infinities and NaNs are ordinary here."""
    with np.errstate(all="ignore"):
        yield


def samples(name: str, dtype) -> np.ndarray:
    """Ordinary arguments of a function, with those near its poles and zeros left to the tables."""
    rng = np.random.default_rng(0)
    if name == "erfinv":
        return rng.uniform(-1, 1, 500).astype(dtype)
    if name == "ndtri":
        return rng.uniform(0, 1, 500).astype(dtype)
    if name in ("lgamma", "digamma", "trigamma") or name.startswith("polygamma"):
        return np.concatenate(
            [rng.uniform(0.05, 30, 500), rng.integers(-9, 0, 200) + rng.uniform(0.1, 0.9, 200)]
        ).astype(dtype)
    if name == "erfcx":
        return rng.uniform(-6, 20, 500).astype(dtype)
    return np.concatenate([rng.uniform(-6, 6, 500), rng.normal(size=200) * 1e-4, rng.uniform(-20, 20, 50)]).astype(
        dtype
    )


@pytest.mark.parametrize("function, table", VALUES, ids=lambda v: getattr(v, "__name__", None) or None)
def test_values_of_40_digits(function, table):
    x, expected = np.array(table).T
    np.testing.assert_allclose(function(x), expected, rtol=2e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SPECIAL_VALUES)
def test_special_values(name, dtype):
    x, expected = np.array(SPECIAL_VALUES[name], dtype).T
    got = UNARY[name](x)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(expected[got == 0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeta_and_xlogy_tables(dtype):
    for function, table in ((special.zeta, ZETA), (special.xlogy, XLOGY)):
        a, b, expected = np.array(table, dtype).T
        got = function(a, b)
        assert got.dtype == dtype
        # float32 rounds the arguments too, and zeta is steep next to 1.
        usual = (a != np.float32(1.0001)) | (dtype is np.float64)
        tolerance = {np.float32: 3e-6, np.float64: 2e-15}[dtype]
        np.testing.assert_allclose(got[usual], expected[usual], rtol=tolerance)


def test_python_math_is_an_oracle():
    x = np.linspace(-5, 26, 1500)
    np.testing.assert_allclose(special.erf(x), [math.erf(v) for v in x], rtol=1e-15)
    np.testing.assert_allclose(special.erfc(x), [math.erfc(v) for v in x], rtol=2e-15)
    x = np.concatenate(
        [np.linspace(0.01, 40, 1500), 1 + np.linspace(-1e-3, 1e-3, 101), 10.0 ** np.arange(-300, 300, 25)]
    )
    # Near the zeros at 1 and 2, math.lgamma is exact in absolute terms only; the table of values covers those.
    np.testing.assert_allclose(special.lgamma(x), [math.lgamma(v) for v in x], rtol=2e-15, atol=2e-15)
    x = np.linspace(-30.03, -0.01, 1000)
    np.testing.assert_allclose(special.lgamma(x), [math.lgamma(v) for v in x], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", UNARY)
def test_float32_is_within_two_ulp_of_float64(name):
    x = samples(name, np.float32)
    got, exact = UNARY[name](x), UNARY[name](x.astype(np.float64))
    assert got.dtype == np.float32
    ulp = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    assert np.max(np.abs(got - exact) / ulp) <= 2


def test_erf_float32_keeps_tiny_and_huge_arguments():
    x = np.concatenate([10.0 ** np.linspace(-44, -1, 200), np.linspace(0.85, 0.95, 2000), [4, 9, 1e5, 1e30]])
    x = np.concatenate([x, -x]).astype(np.float32)
    exact = np.array([math.erf(v) for v in x.tolist()])
    assert np.max(np.abs(special.erf(x) - exact) / np.spacing(np.abs(exact).astype(np.float32))) <= 2


@pytest.mark.parametrize("dtype, rtol", [(np.float32, 2e-4), (np.float64, 5e-13)])
@pytest.mark.parametrize("name", UNARY)
def test_agrees_with_torch(name, dtype, rtol):
    torch = pytest.importorskip("torch")
    oracle = getattr(torch.special, {"lgamma": "gammaln"}.get(name, name), None)
    if name == "trigamma":
        oracle = partial(torch.polygamma, 1)
    elif name.startswith("polygamma"):
        oracle = partial(torch.polygamma, int(name[10:-1]))
    x = samples(name, dtype)
    if name == "sinc":
        x = x[np.abs(x - np.round(x)) > 0.02]  # float32 PyTorch rounds pi x before the sine
    if name in ("trigamma", "polygamma(1)"):
        rtol = max(rtol, 1e-9)  # PyTorch cuts its series after four terms; the table of values is the finer oracle
    expected = oracle(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(UNARY[name](x), expected, rtol=rtol, atol=rtol / 10)


def test_zeta_agrees_with_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    s, q = rng.uniform(1.01, 30, (40, 1)), rng.uniform(0.1, 50, 60)
    np.testing.assert_allclose(
        special.zeta(s, q), torch.special.zeta(torch.from_numpy(s), torch.from_numpy(q)).numpy(), rtol=1e-12
    )


@given(st.floats(0.05, 500.0), st.integers(1, 8))
def test_recurrences(x, n):
    a = np.array([x])
    assert special.digamma(a + 1) - special.digamma(a) == pytest.approx(1 / (a + 1 - 1), rel=1e-9, abs=1e-14)
    term = (-1) ** n * math.factorial(n) / x ** (n + 1)
    assert special.polygamma(n, a + 1) - special.polygamma(n, a) == pytest.approx(
        term, rel=1e-9, abs=1e-13 * abs(special.polygamma(n, a)[0])
    )


@given(st.floats(-1, 1, exclude_min=True, exclude_max=True))
def test_erfinv_inverts_erf(y):
    np.testing.assert_allclose(special.erf(special.erfinv(np.array(y))), y, rtol=1e-14)


@given(st.floats(1e-307, 0.9999))
def test_ndtri_inverts_ndtr(p):
    # ndtr's relative slope grows with the argument: an ulp of ndtri(p) = -37 is 37^2 ulp of p.
    np.testing.assert_allclose(special.ndtr(special.ndtri(np.array(p))), p, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNARY)
def test_shapes_and_strides(name, dtype):
    function = UNARY[name]
    base = np.random.default_rng(2).uniform(0.1, 0.9, (6, 4, 10)).astype(dtype)
    layouts = [base.T, base[::2, ::-1, 1::3], np.asfortranarray(base), np.broadcast_to(base[0], (3, 4, 10)), base[:, 1],
               np.swapaxes(base, 0, 1)[:, ::-2]]  # fmt: skip
    for x in layouts:
        before = x.copy()
        got = function(x)
        assert (got.dtype, got.shape) == (dtype, x.shape)
        expected = np.array([function(row) for row in x.reshape(-1, 1)]).reshape(x.shape)
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(x, before)
    scalar = function(base[0, 0, 0, ...])
    assert isinstance(scalar, np.ndarray) and scalar.shape == () and scalar.dtype == dtype
    empty = function(np.empty((0, 3), dtype))
    assert empty.shape == (0, 3) and empty.dtype == dtype


@pytest.mark.parametrize("size", [8191, 8192, 8193, 20000])
def test_blocks_meet(size):
    x = np.linspace(-3, 3, size)
    for dtype in (np.float32, np.float64):
        whole = special.erf(x.astype(dtype))
        np.testing.assert_array_equal(
            whole, np.concatenate([special.erf(x.astype(dtype)[i : i + 1000]) for i in range(0, size, 1000)])
        )


def test_two_arguments_broadcast():
    s, q = np.array([[2.0], [3.0]], np.float32), np.linspace(1, 2, 5, dtype=np.float32)
    assert special.zeta(s, q).shape == special.xlogy(s, q).shape == (2, 5)
    assert special.zeta(s, 1.0).dtype == special.xlogy(s, 2.0).dtype == special.xlogy(2.0, s).dtype == np.float32
    assert special.zeta(s, q.astype(np.float64)).dtype == np.float64
    assert special.zeta(s[:0], q).shape == (0, 5)


@pytest.mark.parametrize(
    "a, x, below",
    [
        (2000000.0, 1995758.0, 0.0013435540783746417),
        (100000000.0, 100000000.0, 0.5000132980760141),
        (10000000000.0, 9999500000.0, 2.8653265451088904e-07),
        (10000000000.0, 10000100000.0, 0.8413447460725758),
        (100000000000000.0, 100000020000000.0, 0.9772498626527244),
        (100000.0, 99052.0, 0.0013221954066057287),
    ],
)
def test_gamma_distributions_of_large_concentrations(a, x, below):
    np.testing.assert_allclose(gammainc(np.float64(a), np.float64(x)), below, rtol=1e-10)
    np.testing.assert_allclose(gammaincc(np.array([a]), np.array([x])), [1 - below], rtol=1e-10)
    np.testing.assert_allclose(gammainc(1e30, 1e30), 0.5, rtol=1e-12)


def test_errors():
    for function in (special.erf, special.lgamma, special.i0):
        with pytest.raises(TypeError, match="expected floating-point arrays, got int64"):
            function(np.arange(3))
    with pytest.raises(RuntimeError, match="does not support negative n"):
        special.polygamma(-1, np.ones(2))
