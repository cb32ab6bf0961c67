"""Rprop (Riedmiller and Braun 1993) and averaged SGD (Polyak and Juditsky 1992)."""

from __future__ import annotations

import numpy as np

from ..autograd.tape import wrap
from ..backends import namespace_of
from .checks import at_least_zero, number
from .optimizer import Optimizer


class Rprop(Optimizer):
    """Steps by the sign of g; each element's step size grows while its sign stays, and shrinks when it turns.

    etas: the factors of shrinking and growing; step_sizes: the smallest and the largest size. foreach and capturable
    have no effect. ValueError for a negative lr or etas that do not lie about 1.
    """

    slots = ("prev", "step_size")

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        at_least_zero("learning rate", lr)
        if not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(
                f"Invalid eta values: {etas[0]}, {etas[1]}. They must lie about 1: 0 < first < 1 < second."
            )
        defaults = dict(
            lr=lr,
            etas=etas,
            step_sizes=step_sizes,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def init_state(self, state, p, group):
        super().init_state(state, p, group)
        state["step_size"] = wrap(namespace_of(p._array).full_like(p._array, number(group["lr"])))

    def coefficients(self, group, step, state):
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        return {
            "shrink": shrink,
            "grow": grow,
            "smallest": smallest,
            "largest": largest,
            "maximize": group["maximize"],
        }

    @staticmethod
    def update(xp, p, g, before, size, *, shrink, grow, smallest, largest, maximize):
        g = -g if maximize else g
        agreement = g * before
        turned = agreement < 0
        size = xp.where(agreement > 0, size * grow, xp.where(turned, size * shrink, size))
        size = xp.astype(xp.clip(size, smallest, largest), p.dtype)
        g = xp.where(turned, xp.zeros_like(g), g)
        return p - xp.sign(g) * size, g, size


class ASGD(Optimizer):
    """p <- (1 - lambd eta_t) p - eta_t g with eta_t = lr / (1 + lambd lr t)^alpha, and `ax`, the mean of p from step t0 on.

    weight_decay adds weight_decay * p to g. foreach and capturable have no effect. ValueError for negative lr or decay.
    """

    slots = ("ax",)

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        at_least_zero("learning rate", lr)
        at_least_zero("weight_decay value", weight_decay)
        defaults = dict(
            lr=lr,
            lambd=lambd,
            alpha=alpha,
            t0=t0,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def init_state(self, state, p, group):
        state["step"] = wrap(np.zeros((), np.float32))
        state["eta"] = wrap(np.asarray(number(group["lr"]), np.float32))
        state["mu"] = wrap(np.ones((), np.float32))
        super().init_state(state, p, group)

    def coefficients(self, group, step, state):
        lr, lambd = number(group["lr"]), group["lambd"]
        xp = namespace_of(state["eta"]._array)
        eta, mu = xp.number(state["eta"]._array), xp.number(state["mu"]._array)
        state["eta"]._array[...] = lr / (1 + lambd * lr * step) ** group["alpha"]
        state["mu"]._array[...] = 1 / max(1, step - group["t0"])
        return {
            "eta": eta,
            "mu": mu,
            "lambd": lambd,
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    @staticmethod
    def update(xp, p, g, ax, *, eta, mu, lambd, weight_decay, maximize):
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * p
        p = p * (1 - lambd * eta) - eta * g
        return p, (p if mu == 1 else ax + mu * (p - ax))
