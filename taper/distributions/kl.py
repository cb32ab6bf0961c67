"""Kullback-Leibler divergences: KL(p || q) for pairs of families, and a table to which more can be added."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import taper as T

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .distribution import Distribution, ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal, _batch_lowrank_logdet, _batch_lowrank_mahalanobis
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant, sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY: dict[tuple[type, type], Callable] = {}
_memo: dict[tuple[type, type], Callable | None] = {}


def register_kl(type_p, type_q):
    """A decorator of a function of p and q that computes KL(p || q) for these classes and their subclasses."""
    for kind, name in ((type_p, "type_p"), (type_q, "type_q")):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def decorator(fun):
        _KL_REGISTRY[type_p, type_q] = fun
        _memo.clear()
        return fun

    return decorator


def _found(type_p: type, type_q: type) -> Callable | None:
    """The function of the nearest superclasses, those of p deciding first."""
    matches = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not matches:
        return None
    rank = lambda cls, of: of.__mro__.index(cls)
    left = min(matches, key=lambda m: (rank(m[0], type_p), rank(m[1], type_q)))
    right = min(matches, key=lambda m: (rank(m[1], type_q), rank(m[0], type_p)))
    if _KL_REGISTRY[left] is not _KL_REGISTRY[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please register_kl({left[0].__name__}, "
            f"{right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[left]


def kl_divergence(p, q):
    """KL(p || q), the expectation under p of log p - log q: of the batch's shape.

    NotImplementedError for a pair of families for which no formula is registered.
    """
    key = type(p), type(q)
    if key not in _memo:
        _memo[key] = _found(*key)
    fun = _memo[key]
    if fun is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
        )
    return fun(p, q)


def _infinite_like(t):
    return T.full_like(t, math.inf)


def _x_log_x(t):
    return t * t.log()


def _trace_of_product(a):
    """The trace of a a^T."""
    n, m = a.size(-1), a.size(-2)
    return a.reshape((*tuple(a.shape)[:-2], n * m)).pow(2).sum(-1)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p, q):
    t1 = p.probs * (T.nn.functional.softplus(-q.logits) - T.nn.functional.softplus(-p.logits))
    t1 = T.where(q.probs == 0, math.inf, t1)
    t1 = T.where(p.probs == 0, 0.0, t1)
    t2 = (1 - p.probs) * (T.nn.functional.softplus(q.logits) - T.nn.functional.softplus(p.logits))
    t2 = T.where(q.probs == 1, math.inf, t2)
    t2 = T.where(p.probs == 1, 0.0, t2)
    return t1 + t2


@register_kl(Beta, Beta)
def _beta_beta(p, q):
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    t1 = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    t2 = p.concentration1.lgamma() + p.concentration0.lgamma() + total_q.lgamma()
    t3 = (p.concentration1 - q.concentration1) * T.digamma(p.concentration1)
    t4 = (p.concentration0 - q.concentration0) * T.digamma(p.concentration0)
    t5 = (total_q - total_p) * T.digamma(total_p)
    return t1 - t2 + t3 + t4 + t5


@register_kl(Binomial, Binomial)
def _binomial_binomial(p, q):
    # With fewer trials in p than in q there is no formula, with more of them q excludes some of p's values.
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return T.where(p.total_count > q.total_count, math.inf, kl)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p, q):
    t = p.probs * (p.logits - q.logits)
    t = T.where((q.probs == 0).expand_as(t), math.inf, t)
    t = T.where((p.probs == 0).expand_as(t), 0.0, t)
    return t.sum(-1)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli_continuous_bernoulli(p, q):
    t1 = p.mean * (p.logits - q.logits)
    t2 = p._cont_bern_log_norm() + T.log1p(-p.probs)
    t3 = -q._cont_bern_log_norm() - T.log1p(-q.probs)
    return t1 + t2 + t3


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p, q):
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    t1 = total_p.lgamma() - total_q.lgamma()
    t2 = (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    t3 = p.concentration - q.concentration
    t4 = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return t1 - t2 + (t3 * t4).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _expfamily_expfamily(p, q):
    """The Bregman divergence of the log normalizers."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman divergences"
        )
    natural_p = [t.detach().requires_grad_() for t in p._natural_params]
    natural_q = q._natural_params
    log_p = p._log_normalizer(*natural_p)
    gradients = T.autograd.grad(log_p.sum(), natural_p, create_graph=True)
    result = q._log_normalizer(*natural_q) - log_p
    for a, b, g in zip(natural_p, natural_q, gradients):
        result = result - sum_rightmost((b - a) * g, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma_gamma(p, q):
    t1 = q.concentration * (p.rate / q.rate).log()
    t2 = T.lgamma(q.concentration) - T.lgamma(p.concentration)
    t3 = (p.concentration - q.concentration) * T.digamma(p.concentration)
    t4 = (q.rate - p.rate) * (p.concentration / p.rate)
    return t1 + t2 + t3 + t4


@register_kl(Gumbel, Gumbel)
def _gumbel_gumbel(p, q):
    t1 = p.scale / q.scale
    t2 = q.loc / q.scale
    t3 = p.loc / q.scale
    t4 = -t1.log() - t2 + t3
    t5 = t1 * euler_constant
    t6 = T.exp(t2 + (1 + t1).lgamma() - t3)
    return t4 + t5 + t6 - (1 + euler_constant)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p, q):
    return -p.entropy() - T.log1p(-q.probs) / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p, q):
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace_laplace(p, q):
    ratio = p.scale / q.scale
    distance = (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * T.exp(-distance / p.scale) - 1


def _half_log_det(factor):
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _same_events(p, q) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Low Rank Multivariate Normals with different event shapes cannot be computed"
        )


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _lowrank_lowrank(p, q):
    _same_events(p, q)
    wq, dq = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag
    wp, dp = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag
    log_ratio = _batch_lowrank_logdet(wq, dq, q._capacitance_tril) - _batch_lowrank_logdet(wp, dp, p._capacitance_tril)
    distance = _batch_lowrank_mahalanobis(wq, dq, q.loc - p.loc, q._capacitance_tril)
    # The trace of q's inverse covariance times p's, by the Woodbury identity.
    scaled = wq.mT / dq.unsqueeze(-2)
    a = T.linalg.solve_triangular(q._capacitance_tril, scaled, upper=False)
    trace = (dp / dq).sum(-1) + _trace_of_product(wp * dq.rsqrt().unsqueeze(-1))
    trace = trace - _trace_of_product(a * dp.sqrt().unsqueeze(-2)) - _trace_of_product(a.matmul(wp))
    return 0.5 * (log_ratio + trace + distance - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _mvn_lowrank(p, q):
    _same_events(p, q)
    wq, dq = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag
    log_ratio = _batch_lowrank_logdet(wq, dq, q._capacitance_tril) - 2 * _half_log_det(p._unbroadcasted_scale_tril)
    distance = _batch_lowrank_mahalanobis(wq, dq, q.loc - p.loc, q._capacitance_tril)
    scaled = wq.mT / dq.unsqueeze(-2)
    a = T.linalg.solve_triangular(q._capacitance_tril, scaled, upper=False)
    factor = p._unbroadcasted_scale_tril
    trace = _trace_of_product(factor * dq.rsqrt().unsqueeze(-1)) - _trace_of_product(a.matmul(factor))
    return 0.5 * (log_ratio + trace + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _lowrank_mvn(p, q):
    _same_events(p, q)
    log_ratio = 2 * _half_log_det(q._unbroadcasted_scale_tril) - _batch_lowrank_logdet(
        p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag, p._capacitance_tril
    )
    return _to_full(p, q, log_ratio, [p._unbroadcasted_cov_factor, T.diag_embed(p._unbroadcasted_cov_diag.sqrt())])


@register_kl(MultivariateNormal, MultivariateNormal)
def _mvn_mvn(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed"
        )
    log_ratio = 2 * (_half_log_det(q._unbroadcasted_scale_tril) - _half_log_det(p._unbroadcasted_scale_tril))
    return _to_full(p, q, log_ratio, [p._unbroadcasted_scale_tril])


def _to_full(p, q, log_ratio, factors):
    """The divergence to a full normal distribution from one of covariance sum F F^T."""
    n = p.event_shape[0]
    factor = q._unbroadcasted_scale_tril
    batch = T.broadcast_shapes(tuple(factor.shape)[:-2], *(tuple(f.shape)[:-2] for f in factors))
    wide = factor.expand((*batch, n, n))
    trace = sum(
        _trace_of_product(T.linalg.solve_triangular(wide, f.expand((*batch, n, f.size(-1))), upper=False))
        for f in factors
    )
    distance = _batch_mahalanobis(factor, q.loc - p.loc)
    return 0.5 * (log_ratio + trace + distance - n)


@register_kl(Normal, Normal)
def _normal_normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    distance = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + distance - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _onehot_onehot(p, q):
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Pareto, Pareto)
def _pareto_pareto(p, q):
    ratio = p.alpha / q.alpha
    result = q.alpha * (p.scale / q.scale).log() + ratio.log() + ratio.reciprocal() - 1
    return T.where(p.support.lower_bound < q.support.lower_bound, math.inf, result)


@register_kl(Poisson, Poisson)
def _poisson_poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform_uniform(p, q):
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return T.where((q.low > p.low) | (q.high < p.high), math.inf, result)


@register_kl(Independent, Independent)
def _independent_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p, q):
    # Chyzak and Nielsen 2019, arXiv 1905.10965.
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


from . import kl_pairs  # noqa: F401
