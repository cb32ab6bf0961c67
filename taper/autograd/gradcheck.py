"""Compare derivatives with finite differences."""

from __future__ import annotations

import warnings

import numpy as np

from .backward import grad
from .modes import enable_grad, no_grad
from .recording import node_of
from .tape import Variable, wrap


class GradcheckError(RuntimeError):
    """A derivative differs from the finite difference."""


def gradcheck(
    func,
    inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked=None,
) -> bool:
    """Whether the gradients of `func` by its inputs that require grad agree with central differences of step eps.

    Every element of every output is compared (fast_mode: one random combination). Inputs should be float64; warns if
    not. GradcheckError, or False unless raise_exception, where they differ by more than atol + rtol * |difference|, or
    by more than nondet_tol between two runs. ValueError if no input requires grad.
    """
    try:
        return _check(func, _tuple(inputs), eps, atol, rtol, nondet_tol, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _tuple(value) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _results(func, inputs) -> tuple:
    """The floating outputs."""
    return tuple(y for y in _tuple(func(*inputs)) if isinstance(y, Variable) and y._array.dtype.kind in "fc")


def _check(func, inputs, eps, atol, rtol, nondet_tol, fast) -> bool:
    wanted = [t for t in inputs if isinstance(t, Variable) and node_of(t) is not None]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    for i, t in enumerate(wanted):
        if t._array.dtype.itemsize // (2 if t._array.dtype.kind == "c" else 1) < 8:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                "fail if all the inputs are not of double precision floating point or complex.",
                stacklevel=3,
            )
    with enable_grad():
        outputs = _results(func, inputs)
    for k, y in enumerate(outputs):
        weights = _probes(y, fast)
        if node_of(y) is None:
            if any(
                np.abs(_difference(func, inputs, t, k, w, eps)).max(initial=0) > atol for t in wanted for w in weights
            ):
                raise GradcheckError(f"output {k} does not require grad, though the function depends on the inputs")
            continue
        for w in weights:
            probe = wrap(w)
            found = grad([y], wanted, [probe], retain_graph=True, allow_unused=True)
            again = grad([y], wanted, [probe], retain_graph=True, allow_unused=True)
            for i, (t, a, b) in enumerate(zip(wanted, found, again)):
                analytic = np.zeros_like(t._array) if a is None else a._array
                if b is not None and np.abs(analytic - b._array).max(initial=0) > nondet_tol:
                    raise GradcheckError(
                        f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values (output {k}, input {i})"
                    )
                numeric = _difference(func, inputs, t, k, w, eps)
                if not np.allclose(analytic, numeric, rtol, atol, equal_nan=True):
                    raise GradcheckError(
                        f"Jacobian mismatch for output {k} with respect to input {i},\nnumerical:{numeric}\nanalytical:{analytic}\n"
                    )
    return True


def _probes(y, fast: bool) -> list[np.ndarray]:
    """The directions in which an output is looked at: each element, or one random combination."""
    array = y._array
    if fast:
        weights = np.random.default_rng(0).standard_normal(array.shape).astype(array.dtype)
        return [weights]
    made = []
    for i in range(array.size):
        for unit in (1, 1j) if array.dtype.kind == "c" else (1,):
            w = np.zeros(array.size, array.dtype)
            w[i] = unit
            made.append(w.reshape(array.shape))
    return made


def _difference(func, inputs, t, k: int, w: np.ndarray, eps: float) -> np.ndarray:
    """The gradient of Re(conj(w) . output k) by t, by central differences."""
    slope = np.zeros_like(t._array)
    array = t._array
    with no_grad():
        for where in np.ndindex(array.shape):
            held = array[where]
            for unit in (1, 1j) if array.dtype.kind == "c" else (1,):
                sides = []
                for sign in (1, -1):
                    array[where] = held + sign * eps * unit
                    y = _results(func, inputs)[k]._array
                    sides.append(complex((np.conj(w) * y).sum()).real)
                array[where] = held
                slope[where] += (sides[0] - sides[1]) / (2 * eps) * unit
    return slope


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second derivatives agree with finite differences of the first, also by the outputs' weights."""
    inputs = _tuple(inputs)
    with enable_grad():
        outputs = [y for y in _results(func, inputs) if node_of(y) is not None]
    if grad_outputs is None:
        # Drawn from the default generator as PyTorch draws them, so that what a program draws next is the same.
        weights = tuple(y.detach().new_empty(y._array.shape).uniform_(-1, 1).requires_grad_() for y in outputs)
    else:
        weights = tuple(w if node_of(w) is not None else w.detach().requires_grad_() for w in _tuple(grad_outputs))
    n = len(inputs)

    def slopes(*args):
        xs, ws = args[:n], args[n:]
        with enable_grad():
            # Inside a finite difference nothing records, so the inputs are made leaves again.
            xs = tuple(_recording(x, i) for x, i in zip(xs, inputs))
            ys = [y for y in _results(func, xs) if node_of(y) is not None]
            wanted = [x for x, i in zip(xs, inputs) if isinstance(i, Variable) and node_of(i) is not None]
            found = grad(ys, wanted, list(ws), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        slopes,
        (*inputs, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        fast_mode=fast_mode,
    )


def _recording(x, original):
    if isinstance(original, Variable) and node_of(original) is not None and node_of(x) is None:
        return x.detach().requires_grad_()
    return x
