"""`taper.special`: special functions under SciPy's names."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.callables import binary, unary
from ..autograd.dispatch import apply
from ..autograd.inplace import assign, inplace
from ..autograd.outputs import into
from ..autograd.places import beside
from ..autograd.tape import next_sequence
from ..ops import special as ops
from .activation import log_softmax, logit, softmax
from .elementwise import exp2, expm1, log1p, round, sigmoid, xlogy
from .reduction import logsumexp

erf = unary(ops.erf, "The error function.")
erfc = unary(ops.erfc, "1 - erf(input), accurate for large input.")
erfcx = unary(ops.erfcx, "exp(input ** 2) * erfc(input).")
erfinv = unary(ops.erfinv, "The inverse of the error function.")
ndtr = unary(ops.ndtr, "The normal distribution function.")
ndtri = unary(ops.ndtri, "The inverse of the normal distribution function.")
log_ndtr = unary(ops.log_ndtr, "The logarithm of the normal distribution function.")
lgamma = gammaln = unary(ops.lgamma, "log|Gamma(input)|.")
digamma = psi = unary(ops.digamma, "The derivative of lgamma.")
i0 = unary(ops.i0, "The modified Bessel function of the first kind, order 0.")
i0e = unary(ops.i0e, "exp(-|input|) * i0(input).")
i1 = unary(ops.i1, "The modified Bessel function of the first kind, order 1.")
i1e = unary(ops.i1e, "exp(-|input|) * i1(input).")
sinc = unary(ops.sinc, "sin(pi input) / (pi input), 1 at 0.")
entr = unary(ops.entr, "-input * log(input); 0 at 0, -infinity below.")
gammainc = igamma = binary(
    ops.gammainc, "The share of the gamma distribution of concentration `input` below `other`.", scalars="none"
)
gammaincc = igammac = binary(
    ops.gammaincc, "The share of the gamma distribution of concentration `input` above `other`.", scalars="none"
)
zeta = binary(ops.zeta, "The Hurwitz zeta function.")
xlog1py = binary(ops.xlog1py, "input * log1p(other), 0 where input is 0.")
airy_ai = unary(ops.airy_ai, "Airy's function Ai.")
bessel_j0 = unary(ops.bessel_j0, "Bessel's function of the first kind, order 0.")
bessel_j1 = unary(ops.bessel_j1, "Bessel's function of the first kind, order 1.")
bessel_y0 = unary(ops.bessel_y0, "Bessel's function of the second kind, order 0.")
bessel_y1 = unary(ops.bessel_y1, "Bessel's function of the second kind, order 1.")
modified_bessel_i0 = unary(
    ops.modified_bessel_i0,
    "The modified Bessel function of the first kind, order 0, without a derivative; `i0` has one.",
)
modified_bessel_i1 = unary(
    ops.modified_bessel_i1,
    "The modified Bessel function of the first kind, order 1, without a derivative; `i1` has one.",
)
modified_bessel_k0 = unary(ops.modified_bessel_k0, "The modified Bessel function of the second kind, order 0.")
modified_bessel_k1 = unary(ops.modified_bessel_k1, "The modified Bessel function of the second kind, order 1.")
scaled_modified_bessel_k0 = unary(ops.scaled_modified_bessel_k0, "exp(input) * modified_bessel_k0(input).")
scaled_modified_bessel_k1 = unary(ops.scaled_modified_bessel_k1, "exp(input) * modified_bessel_k1(input).")
spherical_bessel_j0 = unary(ops.spherical_bessel_j0, "sin(input) / input, 1 at 0.")
chebyshev_polynomial_t = binary(
    ops.chebyshev_polynomial_t, "Chebyshev's polynomial of the first kind of degree trunc(other) at input."
)
chebyshev_polynomial_u = binary(
    ops.chebyshev_polynomial_u, "Chebyshev's polynomial of the second kind of degree trunc(other) at input."
)
chebyshev_polynomial_v = binary(
    ops.chebyshev_polynomial_v, "Chebyshev's polynomial of the third kind of degree trunc(other) at input."
)
chebyshev_polynomial_w = binary(
    ops.chebyshev_polynomial_w, "Chebyshev's polynomial of the fourth kind of degree trunc(other) at input."
)
hermite_polynomial_h = binary(
    ops.hermite_polynomial_h, "Hermite's polynomial, the physicists', of degree trunc(other) at input."
)
hermite_polynomial_he = binary(
    ops.hermite_polynomial_he, "Hermite's polynomial, the probabilists', of degree trunc(other) at input."
)
laguerre_polynomial_l = binary(ops.laguerre_polynomial_l, "Laguerre's polynomial of degree trunc(other) at input.")
legendre_polynomial_p = binary(ops.legendre_polynomial_p, "Legendre's polynomial of degree trunc(other) at input.")
shifted_chebyshev_polynomial_t = binary(ops.shifted_chebyshev_polynomial_t, "chebyshev_polynomial_t at 2 * input - 1.")
shifted_chebyshev_polynomial_u = binary(ops.shifted_chebyshev_polynomial_u, "chebyshev_polynomial_u at 2 * input - 1.")
shifted_chebyshev_polynomial_v = binary(ops.shifted_chebyshev_polynomial_v, "chebyshev_polynomial_v at 2 * input - 1.")
shifted_chebyshev_polynomial_w = binary(ops.shifted_chebyshev_polynomial_w, "chebyshev_polynomial_w at 2 * input - 1.")
expit = sigmoid


def polygamma(n: int, input, *, out=None):
    """The n-th derivative of digamma. RuntimeError for negative n."""
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' (position 1) must be int, not {n.__class__.__name__}")
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    result = digamma(input) if n == 0 else apply(ops.polygamma, input, n=n)
    return result if out is None else into(out, result)


def multigammaln(input, p: int, *, out=None):
    """The logarithm of the multivariate gamma function of dimension p. RuntimeError for bool."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The input tensor may not be a boolean tensor. Convert first: input.float().")
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, but got {p}")
    total = lgamma(input)
    for first in range(1, p, _AT_ONCE):
        halves = beside(total, np.arange(first, min(first + _AT_ONCE, p)) / 2).to(total.dtype)
        total = total + lgamma(input.unsqueeze(-1) - halves).sum(-1)
    total = total + p * (p - 1) / 4 * math.log(math.pi)
    return total if out is None else into(out, total)


_AT_ONCE = 1000
mvlgamma = multigammaln

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]


class SpecialMethods:
    """Special functions as methods."""

    __slots__ = ()

    erf = erf
    erf_ = inplace(erf)
    erfc = erfc
    erfc_ = inplace(erfc)
    erfinv = erfinv
    erfinv_ = inplace(erfinv)
    lgamma = lgamma
    lgamma_ = inplace(lgamma)
    digamma = digamma
    digamma_ = inplace(digamma)
    mvlgamma = mvlgamma
    igamma = igamma
    igamma_ = inplace(igamma)
    igammac = igammac
    igammac_ = inplace(igammac)
    mvlgamma_ = inplace(mvlgamma, "mvlgamma_")
    i0 = i0
    i0_ = inplace(i0)
    sinc = sinc
    sinc_ = inplace(sinc)

    def polygamma(self, n: int):
        """The n-th derivative of digamma."""
        return polygamma(n, self)

    def polygamma_(self, n: int):
        """`polygamma`, written into this tensor; returns it."""
        since = next_sequence()
        return assign(self, polygamma(n, self), since)
