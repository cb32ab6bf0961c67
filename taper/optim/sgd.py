"""Stochastic gradient descent with momentum (Polyak 1964, Nesterov 1983; Sutskever et al. 2013)."""

from __future__ import annotations

from ..autograd.tape import changed
from .checks import at_least_zero, number
from .optimizer import Optimizer
from .sparse_adam import rows_of


class SGD(Optimizer):
    """v <- momentum v + (1 - dampening) g, v = g at first;  p <- p - lr v, or p - lr (g + momentum v) with `nesterov`.

    weight_decay adds weight_decay * p to g. maximize follows g instead of -g. A sparse gradient changes the rows that it has,
    and with momentum those that former ones had; it allows no weight_decay. foreach and fused have no effect: there is
    one rule. ValueError for negative hyperparameters, or Nesterov without momentum or with dampening.
    """

    slots = ("momentum_buffer",)
    counts_steps = False

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        at_least_zero("learning rate", lr)
        at_least_zero("momentum value", momentum)
        at_least_zero("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
            foreach=foreach,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)

    def slots_of(self, group):
        return self.slots if group["momentum"] else ()

    def init_state(self, state, p, group):
        state["momentum_buffer"] = None

    def starts_from_zero(self, group):
        return not group["dampening"]

    def coefficients(self, group, step, state):
        return {
            "lr": number(group["lr"]),
            "momentum": group["momentum"],
            "dampening": group["dampening"],
            "weight_decay": group["weight_decay"],
            "nesterov": group["nesterov"],
            "maximize": group["maximize"],
        }

    def update_rows(self, p, grad, group):
        if group["weight_decay"]:
            raise RuntimeError(
                "add(sparse, dense) is not supported. Use add(dense, sparse) instead: SGD has no weight_decay for sparse "
                "gradients."
            )
        step = grad.detach()
        step = -step if group["maximize"] else step
        momentum = group["momentum"]
        if momentum:
            state = self.state[p]
            v = state.get("momentum_buffer")
            if v is None:
                v = step.clone()
            else:
                v = ((v if v.is_sparse else v.to_sparse(1)) * momentum + step * (1 - group["dampening"])).coalesce()
            state["momentum_buffer"] = v
            step = step + v * momentum if group["nesterov"] else v
        places, values = rows_of(step)
        p._array[places] -= number(group["lr"]) * values
        changed(p)

    @staticmethod
    def update(xp, p, g, v=None, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * p
        if not momentum:
            return (p - lr * g,)
        v = g if v is None else momentum * v + (1 - dampening) * g
        return p - lr * (g + momentum * v if nesterov else v), v
