"""Jacobians, Hessians and their products with vectors, of functions of tensors."""

from __future__ import annotations

import numpy as np

from .backward import grad, stack_rows
from .modes import enable_grad
from .recording import node_of
from .tape import Variable, wrap


def _tuple(value, what: str, name: str):
    """Tensors as a tuple, and whether they were one."""
    one = isinstance(value, Variable)
    found = (value,) if one else tuple(value) if isinstance(value, (tuple, list)) else None
    if found is None or not all(isinstance(t, Variable) for t in found):
        raise TypeError(f"The {what} given to {name} must be either a Tensor or a tuple of Tensors")
    return found, one


def _leaves(inputs, create_graph: bool) -> tuple:
    """Inputs to differentiate with respect to: views of themselves if the result shall be differentiable, else copies."""
    made = []
    for t in inputs:
        if create_graph and node_of(t) is not None:
            made.append(t.view_as(t))
        else:
            made.append(t.detach().requires_grad_())
    return tuple(made)


def _called(func, inputs, create_graph: bool, name: str):
    xs, one_in = _tuple(inputs, "inputs", name)
    xs = _leaves(xs, create_graph)
    ys, one_out = _tuple(func(*xs), "outputs of the user-provided function", name)
    return xs, ys, one_in, one_out


def _finish(values, create_graph: bool):
    return values if create_graph else tuple(v.detach() for v in values)


def _grads(outputs, inputs, weights, create_graph: bool, strict: bool, name: str) -> tuple:
    """Gradients with zeros for inputs that do not matter (an error if strict)."""
    tied = [(y, w) for y, w in zip(outputs, weights) if node_of(y) is not None]
    found = [None] * len(inputs)
    if tied:
        found = grad([y for y, _ in tied], inputs, [w for _, w in tied], True, create_graph, allow_unused=True)
    if strict and any(g is None for g in found):
        i = next(i for i, g in enumerate(found) if g is None)
        raise RuntimeError(
            f"Output of the user-provided function is independent of input {i}. This is not allowed in strict mode. ({name})"
        )
    return tuple(wrap(np.zeros(t._array.shape, t._array.dtype)) if g is None else g for g, t in zip(found, inputs))


def _weights(v, outputs, name: str) -> tuple:
    """The given vectors, or 1 for a single number."""
    if v is None:
        if len(outputs) != 1 or outputs[0]._array.size != 1:
            raise RuntimeError(
                f"The vector v can only be None if the user-provided function returns a single Tensor with a single element. ({name})"
            )
        return (wrap(np.ones_like(outputs[0]._array)),)
    vs, _ = _tuple(v, "vector v", name)
    if len(vs) != len(outputs):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(outputs)} but got {len(vs)}.")
    for i, (a, b) in enumerate(zip(vs, outputs)):
        if a._array.shape != b._array.shape:
            raise RuntimeError(f"v has invalid size: should be {b.shape} but got {a.shape} at position {i}.")
    return vs


def vjp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """func(inputs), and the product of `v` with the Jacobian there."""
    with enable_grad():
        xs, ys, one_in, one_out = _called(func, inputs, create_graph, "vjp")
        products = _grads(ys, xs, _weights(v, ys, "vjp"), create_graph, strict, "vjp")
    ys, products = _finish(ys, create_graph), _finish(products, create_graph)
    return (ys[0] if one_out else ys), (products[0] if one_in else products)


def jvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """func(inputs), and the product of the Jacobian there with `v`, by differentiating v -> vjp once more."""
    with enable_grad():
        xs, ys, _, one_out = _called(func, inputs, create_graph, "jvp")
        vs = _weights(v, xs, "jvp")
        weights = tuple(wrap(np.zeros_like(y._array)).requires_grad_() for y in ys)
        back = _grads(ys, xs, weights, True, strict, "jvp")
        products = _grads(back, weights, vs, create_graph, False, "jvp")
    ys, products = _finish(ys, create_graph), _finish(products, create_graph)
    return (ys[0] if one_out else ys), (products[0] if one_out else products)


def jacobian(
    func,
    inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
):
    """The derivatives of every element of func's outputs by every element of the inputs.

    For one input and one output a tensor of shape output + input; tuples of them, outputs first, otherwise.
    """
    with enable_grad():
        xs, ys, one_in, one_out = _called(func, inputs, create_graph, "jacobian")
        table = []
        for y in ys:
            rows = []
            for i in range(y._array.size):
                unit = np.zeros(y._array.size, y._array.dtype)
                unit[i] = 1
                rows.append(_grads((y,), xs, (wrap(unit.reshape(y._array.shape)),), create_graph, strict, "jacobian"))
            table.append(
                tuple(
                    _stacked(column, y, x, k)
                    for k, (x, column) in enumerate(zip(xs, zip(*rows) if rows else [()] * len(xs)))
                )
            )
    table = tuple(_finish(row, create_graph) for row in table)
    if one_in:
        table = tuple(row[0] for row in table)
    return table[0] if one_out else table


def _stacked(column, y, x, k: int):
    """Rows of a Jacobian as a tensor of shape y + x."""
    if not column:
        return wrap(np.zeros((*y._array.shape, *x._array.shape), y._array.dtype))
    return stack_rows(column).reshape(*y._array.shape, *x._array.shape)


def hessian(
    func,
    inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
):
    """The second derivatives of a function with a single number as result."""
    xs, one = _tuple(inputs, "inputs", "hessian")

    def slope(*args):
        y = func(*args)
        if not isinstance(y, Variable) or y._array.size != 1:
            raise RuntimeError("The Tensor returned by the function given to hessian should contain a single element")
        found = jacobian(lambda *a: func(*a).reshape(()), args, create_graph=True)
        return found if len(found) > 1 else found[0]

    table = jacobian(slope, xs, create_graph=create_graph, strict=strict)
    if one:
        return table[0]
    return table if len(xs) > 1 else (table,)


def vhp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """func(inputs), a number, and the product of `v` with its Hessian."""
    with enable_grad():
        xs, ys, one_in, _ = _called(func, inputs, create_graph, "vhp")
        if len(ys) != 1 or ys[0]._array.size != 1:
            raise RuntimeError("The Tensor returned by the function given to vhp should contain a single element")
        vs = _weights(v, xs, "vhp")
        slopes = _grads(ys, xs, (wrap(np.ones_like(ys[0]._array)),), True, strict, "vhp")
        products = _grads(slopes, xs, vs, create_graph, False, "vhp")
    y = _finish(ys, create_graph)[0]
    products = _finish(products, create_graph)
    return y, (products[0] if one_in else products)


def hvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """func(inputs), a number, and the product of its Hessian with `v` (the Hessian is symmetric: as `vhp`)."""
    return vhp(func, inputs, v, create_graph, strict)
