"""Adagrad (Duchi et al. 2011), Adadelta (Zeiler 2012), RMSprop (Hinton 2012; centred: Graves 2013)."""

from __future__ import annotations

import numpy as np

from ..autograd.tape import changed, wrap
from ..backends import namespace_of
from .checks import at_least_zero, number
from .optimizer import Optimizer
from .sparse_adam import rows_of


class Adagrad(Optimizer):
    """s <- s + g^2;  p <- p - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps), s from initial_accumulator_value.

    weight_decay adds weight_decay * p to g. A sparse gradient changes the rows that it has, and allows no weight_decay.
    foreach and fused have no effect. ValueError for negative hyperparameters.
    """

    slots = ("sum",)

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        at_least_zero("learning rate", lr)
        at_least_zero("lr_decay value", lr_decay)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("initial_accumulator_value value", initial_accumulator_value)
        at_least_zero("epsilon value", eps)
        defaults = dict(
            lr=lr,
            lr_decay=lr_decay,
            eps=eps,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.init_state(self.state[p], p, group)

    def init_state(self, state, p, group):
        state["step"] = wrap(np.zeros((), np.float32))
        state["sum"] = wrap(namespace_of(p._array).full_like(p._array, group["initial_accumulator_value"]))

    def coefficients(self, group, step, state):
        return {
            "lr": number(group["lr"]) / (1 + (step - 1) * group["lr_decay"]),
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    def update_rows(self, p, grad, group):
        if group["weight_decay"]:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        state = self.state[p]
        state["step"] += 1
        numbers = self.coefficients(group, float(state["step"]), state)
        places, g = rows_of(grad)
        array, total = p._array, state["sum"]._array
        array[places], total[places] = self.update(np, array[places], g, total[places], **numbers)
        changed(p)

    @staticmethod
    def update(xp, p, g, s, *, lr, eps, weight_decay, maximize):
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * p
        s = s + g * g
        return p - lr * g / (xp.sqrt(s) + eps), s


class Adadelta(Optimizer):
    """v <- rho v + (1 - rho) g^2;  d = sqrt(u + eps) / sqrt(v + eps) g;  u <- rho u + (1 - rho) d^2;  p <- p - lr d.

    weight_decay adds weight_decay * p to g. foreach and capturable have no effect. ValueError for negative
    hyperparameters or rho outside [0, 1].
    """

    slots = ("square_avg", "acc_delta")

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        at_least_zero("learning rate", lr)
        if not 0 <= rho <= 1:
            raise ValueError(f"Invalid rho value: {rho}. It must be in [0, 1].")
        at_least_zero("epsilon value", eps)
        at_least_zero("weight_decay value", weight_decay)
        defaults = dict(
            lr=lr,
            rho=rho,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            capturable=capturable,
            foreach=foreach,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def coefficients(self, group, step, state):
        return {
            "lr": number(group["lr"]),
            "rho": group["rho"],
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    @staticmethod
    def update(xp, p, g, v, u, *, lr, rho, eps, weight_decay, maximize):
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * p
        v = v * rho + (1 - rho) * g * g
        d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
        return p - lr * d, v, u * rho + (1 - rho) * d * d


class RMSprop(Optimizer):
    """v <- alpha v + (1 - alpha) g^2;  p <- p - lr g / (sqrt(v) + eps), with `momentum` on the step.

    centered divides by the deviation, sqrt(v - mean(g)^2). weight_decay adds weight_decay * p to g. foreach and
    capturable have no effect. ValueError for negative hyperparameters.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        at_least_zero("learning rate", lr)
        at_least_zero("epsilon value", eps)
        at_least_zero("momentum value", momentum)
        at_least_zero("weight_decay value", weight_decay)
        at_least_zero("alpha value", alpha)
        defaults = dict(
            lr=lr,
            momentum=momentum,
            alpha=alpha,
            eps=eps,
            centered=centered,
            weight_decay=weight_decay,
            capturable=capturable,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def slots_of(self, group):
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *momentum, *(("grad_avg",) if group["centered"] else ()))

    def coefficients(self, group, step, state):
        return {
            "lr": number(group["lr"]),
            "alpha": group["alpha"],
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "momentum": group["momentum"],
            "centered": group["centered"],
            "maximize": group["maximize"],
        }

    @staticmethod
    def update(xp, p, g, v, *rest, lr, alpha, eps, weight_decay, momentum, centered, maximize):
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * p
        v = v * alpha + (1 - alpha) * g * g
        kept = []
        if centered:
            mean = rest[-1] + (1 - alpha) * (g - rest[-1])
            kept = [mean]
            spread = xp.sqrt(v - mean * mean) + eps
        else:
            spread = xp.sqrt(v) + eps
        if momentum > 0:
            step = momentum * rest[0] + g / spread
            return (p - lr * step, v, step, *kept)
        return (p - lr * g / spread, v, *kept)
