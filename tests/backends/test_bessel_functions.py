"""Bessel's and Airy's functions: integrals, Wronskians and published values in float64."""

from __future__ import annotations

import numpy as np
import pytest

from taper.backends import cpu

X = np.concatenate([np.linspace(0.05, 30, 400), [7.999, 8.0, 8.001, 1.999, 2.0, 2.001]])


def first_kind(order: int):
    """The mean of cos(order t - x sin t), by the trapezoidal rule, which is exact to rounding here."""
    t = np.arange(400) * (2 * np.pi / 400)
    return np.cos(order * t - X[:, None] * np.sin(t)).mean(1)


def modified_second_kind(order: int):
    """The integral of exp(-x (cosh t - 1)) cosh(order t), by the trapezoidal rule."""
    t = np.linspace(0, 9, 4001)
    values = np.exp(-X[:, None] * (np.cosh(t) - 1)) * np.cosh(order * t)
    return (values.sum(1) - values[:, 0] / 2) * t[1]


@pytest.mark.parametrize("order, function", [(0, cpu.bessel_j0), (1, cpu.bessel_j1)])
def test_first_kind(order, function):
    np.testing.assert_allclose(function(X), first_kind(order), rtol=0, atol=2e-15)
    np.testing.assert_array_equal(function(-X), (-1) ** order * function(X))


def test_second_kind_by_the_wronskian():
    found = cpu.bessel_j1(X) * cpu.bessel_y0(X) - cpu.bessel_j0(X) * cpu.bessel_y1(X)
    np.testing.assert_allclose(found, 2 / np.pi / X, rtol=1e-13)
    expected = [-1.5342386513503668, 0.37685001001279038, 0.22352148938756622, 0.27020510536578748]
    np.testing.assert_allclose(cpu.bessel_y0(np.array([0.1, 3.0, 8.0, 8.5])), expected, rtol=1e-14)


@pytest.mark.parametrize("order", [0, 1])
def test_modified_second_kind(order):
    scaled, plain = (getattr(cpu, f"{prefix}modified_bessel_k{order}") for prefix in ("scaled_", ""))
    np.testing.assert_allclose(scaled(X), modified_second_kind(order), rtol=1e-13)
    np.testing.assert_allclose(plain(X), scaled(X) * np.exp(-X), rtol=1e-13)


def test_airy():
    x = np.array([-10.0, -2.5, -2.0, -1.0, 0.5, 2.0, 2.5, 5.0])
    expected = [
        *(0.040241238486443191, -0.11232506769296609, 0.22740742820168558, 0.53556088329235212),
        *(0.23169360648083349, 0.034924130423274377, 0.01572592338047049, 0.00010834442813607442),
    ]
    np.testing.assert_allclose(cpu.airy_ai(x), expected, rtol=1e-11)


@pytest.mark.parametrize("name", ["bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1"])
def test_at_and_below_zero(name):
    with np.errstate(all="ignore"):
        found = getattr(cpu, name)(np.array([0.0, -0.0, -1.0, np.nan]))
    np.testing.assert_array_equal(found, [(-1 if "y" in name else 1) * np.inf] * 2 + [np.nan] * 2)


def test_float32_is_rounded_once():
    assert cpu.bessel_j0(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(
        cpu.bessel_j0(X.astype(np.float32)), cpu.bessel_j0(X.astype(np.float32).astype(np.float64)).astype(np.float32)
    )
