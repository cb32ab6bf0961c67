"""Adam for gradients of which most rows are zero: only the others, and their moments, change."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.tape import changed, wrap
from ..backends import namespace_of
from .checks import number
from .optimizer import Optimizer


class SparseAdam(Optimizer):
    """Adam on the rows that a gradient has: those that an Embedding(sparse=True) looked up, or the places of a sparse tensor.

    Rows that it has not keep their values and their moments. ValueError for hyperparameters out of range and for sparse or
    complex parameters, RuntimeError in `step` for a gradient that is not sparse.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps: float = 1e-8, maximize: bool = False):
        if getattr(lr, "ndim", 0) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr > 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))
        every = [([k, i], p) for k, group in enumerate(self.param_groups) for i, p in enumerate(group["params"])]
        sparse = [i for i, p in every if p.is_sparse]
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")
        odd = [i for i, p in every if p.is_complex()]
        if odd:
            raise ValueError(f"Complex params at indices {odd}: SparseAdam does not support complex parameters")

    def step(self, closure=None):
        """Update all parameters that have a gradient; returns the closure's loss, or None."""
        from ..autograd.modes import enable_grad

        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    self.update_rows(p, p._grad, group)
        return loss

    def update_rows(self, p, grad, group):
        if not grad.is_sparse:
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        places, g = rows_of(grad)
        g = -g if group["maximize"] else g
        state, array = self.state[p], p._array
        if not state:
            xp = namespace_of(array)
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = wrap(xp.zeros_like(array)), wrap(xp.zeros_like(array))
        state["step"] += 1
        if not g.size:
            return
        b1, b2 = group["betas"]
        step, m, v = state["step"], state["exp_avg"]._array, state["exp_avg_sq"]._array
        m[places] += (1 - b1) * (g - m[places])
        v[places] += (1 - b2) * (g * g - v[places])
        size = number(group["lr"]) * math.sqrt(1 - b2**step) / (1 - b1**step)
        array[places] -= size * m[places] / (np.sqrt(v[places]) + group["eps"])
        changed(p)


def rows_of(grad) -> tuple:
    """The places that a sparse gradient has, each once, as an index of arrays, and the elements there."""
    grad = grad.coalesce()
    return tuple(grad.indices()._array), grad.values().detach()._array
