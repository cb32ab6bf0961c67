"""Distributions to compare, as functions of a library T."""

from __future__ import annotations

import numpy as np

R = np.random.default_rng(5)
LOGITS = R.standard_normal((3, 4))
POSITIVE = R.uniform(0.3, 3, (3,))
POSITIVE2 = R.uniform(0.3, 3, (3,))
REAL = R.standard_normal(3)
PROBS = R.uniform(0.1, 0.9, 3)
SIMPLEX = R.dirichlet(np.ones(4), 3)
A = R.standard_normal((3, 3))
COVARIANCE = A @ A.T + np.eye(3)
TRIL = np.linalg.cholesky(COVARIANCE)


def t(T, array):
    return T.tensor(array, dtype=T.float64).requires_grad_()


def table(T):
    """name: maker of a distribution from parameters, and the parameters."""
    D = T.distributions
    params = lambda *arrays: [t(T, a) for a in arrays]
    return {
        "Normal": (D.Normal, params(REAL, POSITIVE)),
        "Normal of numbers": (lambda: D.Normal(0.5, 2.0), []),
        "Normal broadcast": (lambda a, b: D.Normal(a[:, None], b), params(REAL, POSITIVE)),
        "Uniform": (lambda a, b: D.Uniform(a, a + b), params(REAL, POSITIVE)),
        "Bernoulli": (D.Bernoulli, params(PROBS)),
        "Bernoulli logits": (lambda x: D.Bernoulli(logits=x), params(REAL)),
        "Binomial": (lambda p: D.Binomial(T.tensor([3.0, 5, 40], dtype=T.float64), p), params(PROBS)),
        "Binomial logits": (lambda x: D.Binomial(4, logits=x), params(REAL)),
        "Categorical": (D.Categorical, params(SIMPLEX)),
        "Categorical logits": (lambda x: D.Categorical(logits=x), params(LOGITS)),
        "OneHotCategorical": (D.OneHotCategorical, params(SIMPLEX)),
        "OneHotCategoricalStraightThrough": (D.OneHotCategoricalStraightThrough, params(SIMPLEX)),
        "Exponential": (D.Exponential, params(POSITIVE)),
        "Gamma": (D.Gamma, params(POSITIVE, POSITIVE2)),
        "Chi2": (D.Chi2, params(POSITIVE)),
        "Beta": (D.Beta, params(POSITIVE, POSITIVE2)),
        "Dirichlet": (D.Dirichlet, params(R.uniform(0.3, 3, (2, 4)) * 0 + np.linspace(0.4, 3, 8).reshape(2, 4))),
        "Cauchy": (D.Cauchy, params(REAL, POSITIVE)),
        "Laplace": (D.Laplace, params(REAL, POSITIVE)),
        "Geometric": (D.Geometric, params(PROBS)),
        "Geometric logits": (lambda x: D.Geometric(logits=x), params(REAL)),
        "Poisson": (D.Poisson, params(POSITIVE * 6)),
        "Multinomial": (lambda p: D.Multinomial(7, p), params(SIMPLEX)),
        "Multinomial logits": (lambda x: D.Multinomial(7, logits=x), params(LOGITS)),
        "NegativeBinomial": (lambda n, p: D.NegativeBinomial(n, p), params(POSITIVE * 5, PROBS)),
        "StudentT": (lambda a, b, c: D.StudentT(a + 2.5, b, c), params(POSITIVE, REAL, POSITIVE2)),
        "FisherSnedecor": (lambda a, b: D.FisherSnedecor(a + 4, b + 5), params(POSITIVE, POSITIVE2)),
        "LogNormal": (D.LogNormal, params(REAL, POSITIVE)),
        "LogisticNormal": (D.LogisticNormal, params(REAL, POSITIVE)),
        "HalfNormal": (D.HalfNormal, params(POSITIVE)),
        "HalfCauchy": (D.HalfCauchy, params(POSITIVE)),
        "Gumbel": (D.Gumbel, params(REAL, POSITIVE)),
        "InverseGamma": (lambda a, b: D.InverseGamma(a + 2.2, b), params(POSITIVE, POSITIVE2)),
        "Kumaraswamy": (D.Kumaraswamy, params(POSITIVE, POSITIVE2)),
        "Pareto": (lambda a, b: D.Pareto(a, b + 2.1), params(POSITIVE, POSITIVE2)),
        "Weibull": (lambda a, b: D.Weibull(a, b + 1), params(POSITIVE, POSITIVE2)),
        "GeneralizedPareto": (lambda a, b, c: D.GeneralizedPareto(a, b, c * 0.3), params(REAL, POSITIVE, REAL)),
        "ContinuousBernoulli": (D.ContinuousBernoulli, params(PROBS)),
        "ContinuousBernoulli half": (D.ContinuousBernoulli, params(np.array([0.4995, 0.5, 0.5003]))),
        "VonMises": (D.VonMises, params(REAL, POSITIVE)),
        "MultivariateNormal": (D.MultivariateNormal, params(REAL, COVARIANCE)),
        "MultivariateNormal batch": (
            lambda a, b: D.MultivariateNormal(a, scale_tril=b.tril()),
            params(R.standard_normal((2, 3)) * 0 + 0.3, TRIL),
        ),
        "MultivariateNormal precision": (
            lambda a, b: D.MultivariateNormal(a, precision_matrix=b),
            params(REAL, COVARIANCE),
        ),
        "LowRankMultivariateNormal": (D.LowRankMultivariateNormal, params(REAL, A[:, :2], POSITIVE)),
        "Wishart": (lambda a: D.Wishart(T.tensor(4.5, dtype=T.float64), a), params(COVARIANCE)),
        "LKJCholesky": (lambda a: D.LKJCholesky(3, a), params(POSITIVE)),
        "Independent": (lambda a, b: D.Independent(D.Normal(a, b), 1), params(REAL, POSITIVE)),
        "MixtureSameFamily": (
            lambda p, a, b: D.MixtureSameFamily(D.Categorical(p), D.Normal(a.expand(3, 4), b.expand(3, 4))),
            params(SIMPLEX, R.standard_normal(4) * 0 + np.arange(4.0), np.linspace(0.5, 2, 4)),
        ),
        "RelaxedBernoulli": (
            lambda p: D.RelaxedBernoulli(T.tensor(0.7, dtype=T.float64), p),
            params(PROBS),
        ),
        "RelaxedOneHotCategorical": (
            lambda p: D.RelaxedOneHotCategorical(T.tensor(0.7, dtype=T.float64), p),
            params(SIMPLEX),
        ),
        "TransformedDistribution": (
            lambda a, b: D.TransformedDistribution(D.Normal(a, b), [D.AffineTransform(0.5, 2.0), D.SigmoidTransform()]),
            params(REAL, POSITIVE),
        ),
    }
