"""L-BFGS (Liu and Nocedal 1989) with a strong-Wolfe line search (Nocedal and Wright 2006, algorithms 3.5 and 3.6)."""

from __future__ import annotations

import numpy as np

from ..autograd.modes import enable_grad
from ..autograd.tape import changed, wrap
from .checks import at_least_zero
from .optimizer import Optimizer


class LBFGS(Optimizer):
    """A quasi-Newton method over all parameters together: `step(closure)` runs up to `max_iter` iterations.

    max_eval: closure calls in a step (default 1.25 max_iter). tolerance_grad, tolerance_change: stop when the largest
    gradient element, or the change, is below. history_size: curvature pairs that are kept. line_search_fn: None (fixed
    steps of lr) or "strong_wolfe". ValueError for more than one parameter group.
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        at_least_zero("learning rate", lr)
        defaults = dict(
            lr=lr,
            max_iter=max_iter,
            max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")

    def _params(self):
        return self.param_groups[0]["params"]

    def _gradient(self) -> np.ndarray:
        """All gradients as one vector, zeros where there is none; complex ones by their real and imaginary parts."""
        return np.concatenate(
            [
                _in_a_row(np.zeros_like(p._array) if p._grad is None else p._grad.to_dense()._array)
                for p in self._params()
            ]
        )

    def _move(self, step, direction: np.ndarray) -> None:
        """p <- p + step * direction"""
        start = 0
        for p in self._params():
            stop = start + p._array.size * (2 if p._array.dtype.kind == "c" else 1)
            p._array += (
                (direction.dtype.type(step) * direction[start:stop]).view(p._array.dtype).reshape(p._array.shape)
            )
            changed(p)
            start = stop

    def _restore(self, values) -> None:
        for p, value in zip(self._params(), values):
            p._array[...] = value
            changed(p)

    def step(self, closure):
        """Minimise; `closure` clears the gradients, computes the loss, calls backward and returns the loss. Returns the
        first loss."""
        with enable_grad():
            first = closure()
        group = self.param_groups[0]
        lr, limit = float(group["lr"]), group["max_eval"]
        state = self.state[self._params()[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        loss, evaluations = _number(first), 1
        state["func_evals"] += 1
        g = self._gradient()
        if np.abs(g).max() <= group["tolerance_grad"]:
            return first

        d, t = _array(state.get("d")), state.get("t")
        ys = [_array(v) for v in state.get("old_dirs", [])]
        ss = [_array(v) for v in state.get("old_stps", [])]
        rho = [float(v) if not hasattr(v, "_array") else float(v._array) for v in state.get("ro", [])]
        scale, g_before, loss_before = (
            state.get("H_diag", 1.0),
            _array(state.get("prev_flat_grad")),
            state.get("prev_loss"),
        )
        if hasattr(scale, "_array"):
            scale = float(scale._array)

        def evaluate():
            with enable_grad():
                return _number(closure())

        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, ys, ss, rho, scale = -g, [], [], [], 1.0
            else:
                y, s = g - g_before, d * d.dtype.type(t)
                ys_product = float(y @ s)
                if ys_product > 1e-10:
                    if len(ys) == group["history_size"]:
                        del ys[0], ss[0], rho[0]
                    ys.append(y)
                    ss.append(s)
                    rho.append(1 / ys_product)
                    scale = ys_product / float(y @ y)
                d = two_loops(g, ys, ss, rho, scale)
            g_before, loss_before = g.copy(), loss
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            calls = 0
            if group["line_search_fn"] == "strong_wolfe":
                start = [p._array.copy() for p in self._params()]

                def along(step):
                    self._move(step, d)
                    value = evaluate()
                    gradient = self._gradient()
                    self._restore(start)
                    return value, gradient

                loss, g, t, calls = strong_wolfe(along, t, d, loss, g, slope, group["tolerance_change"])
                self._move(t, d)
            else:
                self._move(t, d)
                if iteration != group["max_iter"]:
                    loss = evaluate()
                    g = self._gradient()
                    calls = 1
            evaluations += calls
            state["func_evals"] += calls
            if iteration == group["max_iter"] or evaluations >= limit:
                break
            if np.abs(g).max() <= group["tolerance_grad"] or np.abs(d * t).max() <= group["tolerance_change"]:
                break
            if abs(loss - loss_before) < group["tolerance_change"]:
                break

        state.update(
            d=wrap(d),
            t=t,
            old_dirs=[wrap(v) for v in ys],
            old_stps=[wrap(v) for v in ss],
            ro=[wrap(np.asarray(v, g.dtype)) for v in rho],
            H_diag=scale,
            prev_flat_grad=wrap(g_before),
            prev_loss=loss_before,
        )
        return first


def _in_a_row(array: np.ndarray) -> np.ndarray:
    """An array's numbers as a vector: of complex ones, the real and the imaginary parts."""
    row = array.reshape(-1)
    return row if row.dtype.kind != "c" else row.view(row.real.dtype)


def _number(loss) -> float:
    return loss.item() if hasattr(loss, "item") else float(loss)


def _array(value):
    return None if value is None else value._array


def two_loops(g, ys, ss, rho, scale) -> np.ndarray:
    """The direction -H g by the two-loop recursion (Nocedal and Wright, algorithm 7.4)."""
    q, alphas = -g, []
    for y, s, r in zip(reversed(ys), reversed(ss), reversed(rho)):
        alpha = q.dtype.type(float(s @ q) * r)
        alphas.append(alpha)
        q = q - alpha * y
    d = q * q.dtype.type(scale)
    for y, s, r, alpha in zip(ys, ss, rho, reversed(alphas)):
        d = d + s * (alpha - d.dtype.type(float(y @ d) * r))
    return d


def cubic_minimum(x1, f1, g1, x2, f2, g2, bounds=None) -> float:
    """The minimum of the cubic through two points with their slopes, kept inside `bounds`."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (low + high) / 2
    d2 = square**0.5
    x = (
        x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
        if x1 <= x2
        else x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    )
    return min(max(x, low), high)


def strong_wolfe(along, t, d, f, g, slope, tolerance, c1=1e-4, c2=0.9, most=25):
    """A step along `d` that satisfies the strong Wolfe conditions: (loss, gradient, step, evaluations).

    along(step) gives loss and gradient there; f, g, slope are those at 0.
    """
    size = float(np.abs(d).max())
    f_new, g_new = along(t)
    calls, slope_new = 1, float(g_new @ d)
    before = (0.0, f, g, slope)
    bracket, done = None, False
    for iteration in range(most):
        here = (t, f_new, g_new, slope_new)
        if f_new > f + c1 * t * slope or (iteration > 0 and f_new >= before[1]):
            bracket = [before, here]
            break
        if abs(slope_new) <= -c2 * slope:
            bracket, done = [here], True
            break
        if slope_new >= 0:
            bracket = [before, here]
            break
        shortest, longest = t + 0.01 * (t - before[0]), t * 10
        t = cubic_minimum(before[0], before[1], before[3], t, f_new, slope_new, (shortest, longest))
        before = here
        f_new, g_new = along(t)
        calls, slope_new = calls + 1, float(g_new @ d)
    else:
        bracket = [(0.0, f, g, slope), (t, f_new, g_new, slope_new)]
        iteration = most

    stuck = False
    low, high = (0, 1) if len(bracket) == 1 or bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and iteration < most:
        if abs(bracket[1][0] - bracket[0][0]) * size < tolerance:
            break
        t = cubic_minimum(*_of(bracket[0]), *_of(bracket[1]))
        left, right = min(b[0] for b in bracket), max(b[0] for b in bracket)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # A point this near to an end, for the second time: keep the interval shrinking.
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        f_new, g_new = along(t)
        calls, slope_new = calls + 1, float(g_new @ d)
        iteration += 1
        here = (t, f_new, g_new, slope_new)
        if f_new > f + c1 * t * slope or f_new >= bracket[low][1]:
            bracket[high] = here
            low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(slope_new) <= -c2 * slope:
                done = True
            elif slope_new * (bracket[high][0] - bracket[low][0]) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = here
    best = bracket[low] if len(bracket) > 1 else bracket[0]
    return best[1], best[2], best[0], calls


def _of(point):
    """Position, loss and slope of a point of the line search."""
    return point[0], point[1], point[3]
