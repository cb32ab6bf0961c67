"""Derivatives of functions of trees of tensors.

Each call differentiates with respect to copies of its arguments. What it returns is recorded only if somebody outside
may differentiate it: if the arguments, or tensors that the function reaches by itself, require grad. Calls nest. The
product with a vector from the right (`jvp`) is the derivative of the product from the left, which is linear in its vector.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.backward import grad as tape_grad
from ..autograd.leaves import AccumulateGrad
from ..autograd.modes import enable_grad
from ..autograd.nodes import OutputOf
from ..autograd.recording import node_of
from ..autograd.tape import Variable, wrap
from ..tensor import stack, zeros_like
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten


class _Inputs:
    """The tensors of trees as fresh variables: `values` to call with, `bases` to differentiate by."""

    def __init__(self, tree: Any, name: str):
        leaves, self.spec = tree_flatten(tree)
        for leaf in leaves:
            if not isinstance(leaf, Variable):
                raise ValueError(f"{name}: Expected all inputs to be Tensors, unexpected type {type(leaf)}")
        self.tracked = any(node_of(t) is not None for t in leaves)
        self.bases = [t.view_as(t) if node_of(t) is not None else t.detach().requires_grad_() for t in leaves]
        # Copies, which the function may change in place.
        self.values = tree_unflatten([t.clone() for t in self.bases], self.spec)

    def built(self, leaves) -> Any:
        return tree_unflatten(leaves, self.spec)


def _watched_from_outside(outputs, inputs: _Inputs) -> bool:
    """Whether the outputs depend on something that requires grad besides these inputs."""
    if inputs.tracked:
        return True
    own = {t._node for t in inputs.bases}
    stack_, seen = [node_of(t) for t in outputs], set()
    while stack_:
        node = stack_.pop()
        node = node.node if node.__class__ is OutputOf else node
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.__class__ is AccumulateGrad and node not in own:
            return True
        stack_ += node.edges
    return False


def _gradients(outputs, inputs, weights, outside: bool) -> list:
    """Gradients, zeros for what does not matter."""
    pairs = [(y, w) for y, w in zip(outputs, weights) if node_of(y) is not None]
    if not pairs:
        return [zeros_like(t.detach()) for t in inputs]
    found = tape_grad(
        [y for y, _ in pairs], inputs, [w for _, w in pairs], retain_graph=True, create_graph=outside, allow_unused=True
    )
    return [zeros_like(t.detach()) if g is None else g for g, t in zip(found, inputs)]


def _released(tree, outside: bool):
    """Results without the history of the copies, unless somebody outside needs it."""
    return tree if outside else tree_map(lambda t: t.detach() if isinstance(t, Variable) else t, tree)


def _tensors(tree, name: str) -> tuple[list, Any]:
    leaves, spec = tree_flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Variable):
            raise RuntimeError(f"{name}: Expected f(*args) to return only tensors, got unsupported type {type(leaf)}")
    return leaves, spec


def _split(result, has_aux: bool, name: str):
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


def _chosen(args: tuple, argnums):
    """The arguments to differentiate by. RuntimeError for a number without an argument."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not numbers:
        raise RuntimeError("argnums must not be empty")
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    numbers = [n % len(args) for n in numbers]
    return numbers, args[numbers[0]] if isinstance(argnums, int) else tuple(args[n] for n in numbers)


def _with(args: tuple, argnums, numbers, values) -> list:
    made = list(args)
    for n, value in zip(numbers, (values,) if isinstance(argnums, int) else values):
        made[n] = value
    return made


def grad_and_value(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The function that returns (gradient, value) of one that returns a number, or (gradient, (value, aux))."""

    @functools.wraps(func)
    def differentiated(*args, **kwargs):
        numbers, wanted = _chosen(args, argnums)
        with enable_grad():
            inputs = _Inputs(wanted, "grad")
            value, aux = _split(
                func(*_with(args, argnums, numbers, inputs.values), **kwargs), has_aux, "grad_and_value"
            )
            if not isinstance(value, Variable):
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(value)}")
            if value.dim() != 0:
                raise RuntimeError(
                    f"grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with {value.dim()} "
                    "dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            outside = _watched_from_outside([value], inputs)
            weight = wrap(np.ones_like(value._array))
            slopes = inputs.built(_gradients([value], inputs.bases, [weight], outside))
        value, aux = _released(value, outside), _released(aux, outside)
        return slopes, (value, aux) if has_aux else value

    return differentiated


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The function that returns the gradient of one that returns a number, by the arguments `argnums`.

    has_aux: `func` returns (number, aux), and the result is (gradient, aux). RuntimeError if `func` returns anything else.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def differentiated(*args, **kwargs):
        slopes, value = both(*args, **kwargs)
        return (slopes, value[1]) if has_aux else slopes

    return differentiated


def vjp(func: Callable, *primals, has_aux: bool = False):
    """(func(*primals), f), where f(cotangents) are the products with the Jacobian from the left; with aux a third."""
    with enable_grad():
        inputs = _Inputs(primals, "vjp")
        output, aux = _split(func(*inputs.values), has_aux, "vjp")
        outputs, spec = _tensors(output, "vjp")
        outside = _watched_from_outside(outputs, inputs)

    def pull(cotangents, retain_graph: bool = True, create_graph: bool | None = None):
        weights, its_spec = tree_flatten(cotangents)
        if its_spec != spec:
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {its_spec}, primal output: {spec}"
            )
        recorded = outside or any(node_of(w) is not None for w in weights)
        with enable_grad():
            return inputs.built(_gradients(outputs, inputs.bases, weights, recorded))

    output, aux = _released(output, outside), _released(aux, outside)
    return (output, pull, aux) if has_aux else (output, pull)


class _Forward:
    """A function run once so that its products with vectors from the right can be taken."""

    def __init__(self, func: Callable, primals: tuple, has_aux: bool, name: str):
        with enable_grad():
            self.inputs = _Inputs(primals, name)
            self.output, self.aux = _split(func(*self.inputs.values), has_aux, name)
            self.outputs, self.spec = _tensors(self.output, name)
            self.outside = _watched_from_outside(self.outputs, self.inputs)
            self.depends = any(node_of(y) is not None for y in self.outputs)
            # Integers among the results do not change.
            moving = [y for y in self.outputs if y._array.dtype.kind not in "biu"]
            self.weights = [wrap(np.zeros_like(y._array)).requires_grad_() for y in moving]
            self.back = _gradients(moving, self.inputs.bases, self.weights, True)

    def push(self, tangents: list) -> list:
        recorded = self.outside or any(node_of(t) is not None for t in tangents)
        with enable_grad():
            found = iter(_gradients(self.back, self.weights, tangents, recorded))
        return [zeros_like(y) if y._array.dtype.kind in "biu" else next(found) for y in self.outputs]


def jvp(func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False):
    """(func(*primals), the Jacobian's product with the tangents); with aux a third.

    strict: RuntimeError for results that depend on nothing.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    forward = _Forward(func, primals, has_aux, "jvp")
    vectors, spec = tree_flatten(tangents)
    if spec != forward.inputs.spec:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure."
        )
    if strict and not forward.depends:
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with "
            "strict=True."
        )
    product = tree_unflatten(forward.push(vectors), forward.spec)
    output = _released(forward.output, forward.outside)
    return (output, product, _released(forward.aux, forward.outside)) if has_aux else (output, product)


def linearize(func: Callable, *primals):
    """(func(*primals), f), where f(*tangents) is the Jacobian's product with tangents."""
    forward = _Forward(func, primals, False, "linearize")

    def push(*tangents):
        vectors, spec = tree_flatten(tangents)
        if spec != forward.inputs.spec:
            raise RuntimeError("linearize: Expected the tangents to have the structure of the primals.")
        return tree_unflatten(forward.push(vectors), forward.spec)

    return _released(forward.output, forward.outside), push


def _units(t: Variable):
    """The unit vectors of a tensor's shape, one by one."""
    for i in range(t._array.size):
        unit = np.zeros(t._array.size, t._array.dtype)
        unit[i] = 1
        yield wrap(unit.reshape(t._array.shape))


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """The function that returns the Jacobian, row by row: for each output, for each argument, of shape output + input.

    chunk_size: how many rows PyTorch computes at once; here they are always computed one by one. ValueError if it is less than 1.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def differentiated(*args, **kwargs):
        numbers, wanted = _chosen(args, argnums)
        with enable_grad():
            inputs = _Inputs(wanted, "jacrev")
            result = func(*_with(args, argnums, numbers, inputs.values), **kwargs)
            output, aux = _split(result, has_aux, "jacrev")
            outputs, spec = _tensors(output, "jacrev")
            outside = _watched_from_outside(outputs, inputs)
            table = []
            for y in outputs:
                rows = [_gradients([y], inputs.bases, [unit], outside) for unit in _units(y)]
                columns = zip(*rows) if rows else [()] * len(inputs.bases)
                table.append(inputs.built([_jacobian(c, y, x, True) for c, x in zip(columns, inputs.bases)]))
        jacobian = tree_unflatten(table, spec)
        return (jacobian, _released(aux, outside)) if has_aux else jacobian

    return differentiated


def _jacobian(parts, y: Variable, x: Variable, by_rows: bool):
    """Rows (of x's shape, one for each element of y) or columns as a tensor of shape y + x."""
    ys, xs = y._array.shape, x._array.shape
    if not parts:
        return wrap(np.zeros((*ys, *xs), y._array.dtype))
    if by_rows:
        return stack(list(parts)).reshape((*ys, *xs))
    return stack(list(parts), -1).reshape((*ys, *xs))


def jacfwd(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable:
    """The function that returns the Jacobian, column by column: as `jacrev`, better where there are fewer inputs."""

    @functools.wraps(func)
    def differentiated(*args, **kwargs):
        numbers, wanted = _chosen(args, argnums)
        forward = _Forward(
            lambda values: func(*_with(args, argnums, numbers, values), **kwargs), (wanted,), has_aux, "jacfwd"
        )
        bases = forward.inputs.bases
        columns: list[list] = []
        for k, x in enumerate(bases):
            rest = [zeros_like(t.detach()) for t in bases]
            columns.append([forward.push([*rest[:k], unit, *rest[k + 1 :]]) for unit in _units(x)])
        table = []
        for j, y in enumerate(forward.outputs):
            row = [_jacobian([c[j] for c in columns[k]], y, x, False) for k, x in enumerate(bases)]
            table.append(forward.inputs.built(row)[0])
        jacobian = tree_unflatten(table, forward.spec)
        return (jacobian, _released(forward.aux, forward.outside)) if has_aux else jacobian

    return differentiated


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The function that returns the second derivatives, of shape output + input + input."""
    return jacfwd(jacrev(func, argnums), argnums)
