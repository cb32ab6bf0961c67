"""Adafactor (Shazeer and Stern 2018, arXiv 1804.04235): the second moments of a matrix as a row times a column."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.tape import changed, wrap
from ..backends import namespace_of
from .checks import number
from .optimizer import Optimizer


class Adafactor(Optimizer):
    """p <- p - max(eps2, RMS(p)) min(lr, 1 / sqrt(t)) u / max(1, RMS(u) / d), where u is g over the root of its second moment.

    The moment's decay at step t is 1 - t^beta2_decay. Of a gradient with two dimensions or more only the means over each of the
    last two are kept. weight_decay shrinks p by 1 - lr * weight_decay. eps: (eps1, eps2); eps1 None is the dtype's epsilon.
    foreach has no effect. ValueError for hyperparameters out of range.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        if getattr(lr, "ndim", 0) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = dict(
            lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay, foreach=foreach, maximize=maximize
        )
        super().__init__(params, defaults)

    def slots_of(self, group) -> tuple[str, ...]:
        return ()

    def init_state(self, state, p, group) -> None:
        state["step"] = wrap(np.zeros((), np.float32))
        xp, array = namespace_of(p._array), p._array
        if array.ndim > 1:
            state["row_var"] = wrap(xp.zeros((*array.shape[:-1], 1), dtype=array.dtype))
            state["col_var"] = wrap(xp.zeros((*array.shape[:-2], 1, array.shape[-1]), dtype=array.dtype))
        else:
            state["variance"] = wrap(xp.zeros_like(array))

    def _update_parameter(self, p, g, group) -> None:
        array = p._array
        if array.dtype.kind == "c":
            raise RuntimeError("Adafactor does not support complex parameters")
        state = self.state[p]
        if not state:
            self.init_state(state, p, group)
        xp = namespace_of(array)
        g = -g if group["maximize"] else g
        state["step"]._array += 1
        step = float(state["step"]._array)
        eps1, eps2 = group["eps"]
        eps1 = dtypes.finfo(p.dtype).eps if eps1 is None else eps1
        lr, fresh = number(group["lr"]), step ** group["beta2_decay"]
        rate = max(eps2, _rms(xp, array)) * min(lr, 1 / math.sqrt(step))
        if group["weight_decay"]:
            array *= 1 - lr * group["weight_decay"]
        if array.ndim > 1:
            row, col = state["row_var"]._array, state["col_var"]._array
            square = g * g
            row += fresh * (xp.mean(square, axis=-1, keepdims=True) - row)
            col += fresh * (xp.mean(square, axis=-2, keepdims=True) - col)
            moment = xp.matmul(row, col) / xp.maximum(xp.mean(row, axis=-2, keepdims=True), eps1)
        else:
            moment = state["variance"]._array
            moment += fresh * (g * g - moment)
        update = g / xp.sqrt(xp.maximum(moment, eps1 * eps1))
        array -= rate / max(1.0, _rms(xp, update) / group["d"]) * update
        changed(p)


def _rms(xp, array) -> float:
    """The root of the mean square, summed in the array's dtype."""
    return math.sqrt(float(xp.sum(array * array))) / math.sqrt(array.size) if array.size else 0.0
