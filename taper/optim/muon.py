"""Muon (Jordan 2024): momentum whose singular values are brought near 1, for matrices."""

from __future__ import annotations

import math

from ..autograd.tape import changed, wrap
from ..backends import namespace_of
from ..tensor import addmm
from .checks import number
from .optimizer import Optimizer


def orthogonalized(matrix, coefficients, steps: int, eps: float):
    """A matrix with singular values near 1 and the given matrix's directions, in bfloat16.

    Newton and Schulz's iteration x <- a x + (b A + c A A) x with A = x x^T, on the given matrix over its norm. ValueError for a
    hundred steps or more, other than three coefficients, or what is no matrix.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if matrix.dim() != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = matrix.bfloat16()
    tall = matrix.size(0) > matrix.size(1)
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = addmm(x, addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(Optimizer):
    """m <- momentum m + (1 - momentum) g;  p <- p (1 - lr weight_decay) - r lr O(m), where O is `orthogonalized`.

    nesterov: O of g + momentum (m - g). adjust_lr_fn: r is sqrt(max(1, rows / columns)) for None or "original",
    0.2 sqrt(max(rows, columns)) for "match_rms_adamw". ValueError for hyperparameters out of range, and for parameters that are not
    matrices: give those to another optimizer.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        if getattr(lr, "ndim", 0) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = dict(
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_coefficients=ns_coefficients,
            eps=eps,
            ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn,
        )
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def _update_parameter(self, p, g, group) -> None:
        array = p._array
        if array.dtype.kind == "c":
            raise RuntimeError("Muon does not support complex parameters")
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = wrap(namespace_of(array).zeros_like(array))
        buffer, momentum, lr = state["momentum_buffer"]._array, group["momentum"], number(group["lr"])
        buffer += (1 - momentum) * (g - buffer)
        ahead = g + momentum * (buffer - g) if group["nesterov"] else buffer
        update = orthogonalized(wrap(ahead), group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = array.shape
        ratio = math.sqrt(max(1, rows / columns))
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        array *= 1 - lr * group["weight_decay"]
        array -= lr * ratio * update.to(p.dtype)._array
        changed(p)
