"""Adam (Kingma and Ba 2015), AMSGrad (Reddi et al. 2018), AdamW (Loshchilov and Hutter 2019)."""

from __future__ import annotations

from .checks import at_least_zero, fractions, number
from .optimizer import Optimizer


class Adam(Optimizer):
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - lr m' / (sqrt(v') + eps), m' and v' bias-corrected.

    weight_decay adds weight_decay * p to g, or, with decoupled_weight_decay, shrinks p by lr * weight_decay first.
    amsgrad divides by the largest v so far. foreach, fused and capturable have no effect: there is one rule.
    ValueError for negative lr, eps, weight_decay or betas outside [0, 1).
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
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
            amsgrad=amsgrad,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        super().__init__(params, defaults)

    def slots_of(self, group):
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def coefficients(self, group, step, state):
        b1, b2 = group["betas"]
        lr = number(group["lr"])
        decay = group["weight_decay"]
        decoupled = group["decoupled_weight_decay"]
        return {
            "b1": b1,
            "b2": b2,
            "step_size": lr / (1 - b1**step),
            "root_correction": (1 - b2**step) ** 0.5,
            "eps": group["eps"],
            "l2": 0 if decoupled else decay,
            "shrink": 1 - lr * decay if decoupled and decay else None,
            "maximize": group["maximize"],
        }

    def update_rows(self, p, grad, group):
        raise RuntimeError("Adam does not support sparse gradients, please consider SparseAdam instead")

    @staticmethod
    def update(xp, p, g, m, v, largest=None, *, b1, b2, step_size, root_correction, eps, l2, shrink, maximize):
        g = -g if maximize else g
        if l2:
            g = g + l2 * p
        if shrink is not None:
            p = p * shrink
        m = m + (1 - b1) * (g - m)
        v = v * b2 + (1 - b2) * g * (xp.conj(g) if g.dtype.kind == "c" else g)
        if largest is None:
            return p - step_size * m / (xp.sqrt(v) / root_correction + eps), m, v
        largest = xp.maximum(largest, v)
        return p - step_size * m / (xp.sqrt(largest) / root_correction + eps), m, v, largest


class AdamW(Adam):
    """Adam with decoupled weight decay: p shrinks by lr * weight_decay in each step, whatever its gradient."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
