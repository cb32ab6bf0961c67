"""Adamax (Kingma and Ba 2015), NAdam (Dozat 2016), RAdam (Liu et al. 2020)."""

from __future__ import annotations

import numpy as np

from ..backends import namespace_of
from ..tensor.factory import leaf
from .checks import at_least_zero, fractions, number
from .optimizer import Optimizer


class Adamax(Optimizer):
    """m <- b1 m + (1 - b1) g;  u <- max(b2 u, |g| + eps);  p <- p - lr / (1 - b1^t) m / u.

    weight_decay adds weight_decay * p to g. foreach and capturable have no effect. ValueError for negative
    hyperparameters or betas outside [0, 1).
    """

    slots = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        at_least_zero("learning rate", lr)
        at_least_zero("epsilon value", eps)
        fractions("beta parameter", betas)
        at_least_zero("weight_decay value", weight_decay)
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def coefficients(self, group, step, state):
        b1, b2 = group["betas"]
        return {
            "b1": b1,
            "b2": b2,
            "step_size": number(group["lr"]) / (1 - b1**step),
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    @staticmethod
    def update(xp, p, g, m, u, *, b1, b2, step_size, eps, weight_decay, maximize):
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * p
        m = m + (1 - b1) * (g - m)
        u = xp.maximum(u * b2, xp.abs(g) + eps)
        return p - step_size * m / u, m, u


class _DecayingAdam(Optimizer):
    """What NAdam and RAdam share: their hyperparameters, and weight decay coupled or not."""

    slots = ("exp_avg", "exp_avg_sq")

    def _numbers(self, group, step):
        b1, b2 = group["betas"]
        lr, decay, decoupled = number(group["lr"]), group["weight_decay"], group["decoupled_weight_decay"]
        return {
            "b1": b1,
            "b2": b2,
            "eps": group["eps"],
            "l2": 0 if decoupled else decay,
            "shrink": 1 - lr * decay if decoupled and decay else None,
            "maximize": group["maximize"],
        }


def _moments(p, g, m, v, b1, b2, l2, shrink, maximize):
    """Weight decay, then the running means of g and g^2."""
    g = -g if maximize else g
    if l2:
        g = g + l2 * p
    if shrink is not None:
        p = p * shrink
    return p, g, m + (1 - b1) * (g - m), v * b2 + (1 - b2) * g * g


class NAdam(_DecayingAdam):
    """Adam with Nesterov momentum, whose momentum at step t is b1 (1 - 0.5 * 0.96^(t momentum_decay)).

    weight_decay adds weight_decay * p to g, or shrinks p if decoupled_weight_decay. foreach and capturable have no
    effect. ValueError for negative hyperparameters or betas outside [0, 1).
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        at_least_zero("learning rate", lr)
        at_least_zero("epsilon value", eps)
        fractions("beta parameter", betas)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("momentum_decay value", momentum_decay)
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def init_state(self, state, p, group):
        state["step"] = leaf(np.zeros((), np.float32))
        state["mu_product"] = leaf(np.ones((), np.float32))
        super().init_state(state, p, group)

    def coefficients(self, group, step, state):
        b1, b2 = group["betas"]
        lr, decay = number(group["lr"]), group["momentum_decay"]
        mu = b1 * (1 - 0.5 * 0.96 ** (step * decay))
        mu_next = b1 * (1 - 0.5 * 0.96 ** ((step + 1) * decay))
        product = state["mu_product"]._array
        product *= mu
        so_far = namespace_of(product).number(product)
        return {
            **self._numbers(group, step),
            "of_g": lr * (1 - mu) / (1 - so_far),
            "of_m": lr * mu_next / (1 - so_far * mu_next),
            "correction": 1 - b2**step,
        }

    @staticmethod
    def update(xp, p, g, m, v, *, b1, b2, eps, l2, shrink, maximize, of_g, of_m, correction):
        p, g, m, v = _moments(p, g, m, v, b1, b2, l2, shrink, maximize)
        spread = xp.sqrt(v / correction) + eps
        return p - of_g * g / spread - of_m * m / spread, m, v


class RAdam(_DecayingAdam):
    """Adam whose adaptive step is rectified by its variance, and left out while that cannot be estimated (rho <= 5).

    weight_decay adds weight_decay * p to g, or shrinks p if decoupled_weight_decay. foreach and capturable have no
    effect. ValueError for negative hyperparameters or betas outside [0, 1).
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        at_least_zero("learning rate", lr)
        at_least_zero("epsilon value", eps)
        fractions("beta parameter", betas)
        at_least_zero("weight_decay value", weight_decay)
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            decoupled_weight_decay=decoupled_weight_decay,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def coefficients(self, group, step, state):
        b1, b2 = group["betas"]
        correction1, correction2 = 1 - b1**step, 1 - b2**step
        longest = 2 / (1 - b2) - 1
        length = longest - 2 * step * b2**step / correction2
        rectified = None
        if length > 5:
            variance = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            rectified = variance**0.5 * correction2**0.5
        return {
            **self._numbers(group, step),
            "lr": number(group["lr"]),
            "correction": correction1,
            "rectified": rectified,
        }

    @staticmethod
    def update(xp, p, g, m, v, *, b1, b2, eps, l2, shrink, maximize, lr, correction, rectified):
        p, g, m, v = _moments(p, g, m, v, b1, b2, l2, shrink, maximize)
        step = m / correction * lr
        if rectified is not None:
            step = step * (rectified / (xp.sqrt(v) + eps))
        return p - step, m, v
