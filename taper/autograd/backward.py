"""`backward` and `grad`: gradients of results with respect to the leaves, or to chosen inputs."""

from __future__ import annotations

import warnings

from ..backends import namespace_of
from ..ops.movement import stack
from . import engine
from .dispatch import apply
from .recording import node_of
from .tape import Variable, elsewhere, wrap


def backward(
    tensors,
    grad_tensors=None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables=None,
    inputs=None,
) -> None:
    """Add to the `.grad` of every leaf the gradient of `tensors`, weighted by `grad_tensors` (1 for scalars).

    retain_graph: keep the graph for another backward (default: create_graph). create_graph: record the backward pass,
    for higher derivatives. inputs: only these get a gradient.
    Raises RuntimeError if a tensor needs no gradient, is not a scalar and has no weight, or the graph was freed.
    """
    if (
        grad_tensors is None
        and inputs is None
        and tensors.__class__ is tuple
        and len(tensors) == 1
        and grad_variables is None
    ):
        # The usual call, `loss.backward()`.
        root = tensors[0]
        array = root._array
        if array.ndim == 0 and array.dtype.kind == "f" and node_of(root) is not None:
            with elsewhere((array,)):
                one = wrap(namespace_of(array).ones_like(array))
            engine.run(tensors, (one,), retain_graph=_kept(retain_graph, create_graph), create_graph=create_graph)
            return
    if grad_variables is not None:
        warnings.warn("'grad_variables' is deprecated. Use 'grad_tensors' instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError("'grad_tensors' and 'grad_variables' (deprecated) were both passed: use 'grad_tensors'")
        grad_tensors = grad_variables
    roots = _sequence(tensors)
    gradients = _gradients(roots, grad_tensors, create_graph)
    if inputs is None:
        engine.run(roots, gradients, retain_graph=_kept(retain_graph, create_graph), create_graph=create_graph)
        return
    wanted = _sequence(inputs)
    if not wanted:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    _need_grad(wanted, "backward")
    found = engine.run(
        roots, gradients, retain_graph=_kept(retain_graph, create_graph), create_graph=create_graph, wanted=wanted
    )
    for t, g in zip(wanted, found):
        if g is not None:
            engine.add_to_grad(t, g, create_graph)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of `outputs`, weighted by `grad_outputs`, with respect to `inputs`: a tuple in their order.

    An input that the outputs do not depend on is an error, or None with allow_unused, or zeros with materialize_grads.
    Touches no `.grad`. Raises RuntimeError as `backward` does.
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True)", FutureWarning, stacklevel=2
        )
    if allow_unused is False and materialize_grads:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots, wanted = _sequence(outputs), _sequence(inputs)
    if is_grads_batched:
        if grad_outputs is None:
            raise RuntimeError("grad: is_grads_batched=True needs grad_outputs with a leading batch dimension.")
        return _batched(roots, wanted, _sequence(grad_outputs), create_graph, allow_unused, materialize_grads)
    gradients = _gradients(roots, grad_outputs, create_graph)
    _need_grad(wanted, "grad")
    found = engine.run(
        roots, gradients, retain_graph=_kept(retain_graph, create_graph), create_graph=create_graph, wanted=wanted
    )
    results = []
    for i, (t, g) in enumerate(zip(wanted, found)):
        if g is None and materialize_grads:
            with elsewhere((t._array,)):
                g = namespace_of(t._array).zeros_like(t._array)
        if g is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
        results.append(g if g is None or isinstance(g, Variable) else wrap(engine.as_gradient_of(t, g)))
    return tuple(results)


def _batched(roots, wanted, batches, create_graph, allow_unused, materialize_grads) -> tuple:
    """One pass for each weight of the batch, results stacked along a new first dimension."""
    rows = []
    for i in range(batches[0]._array.shape[0]):
        weights = [b[i] for b in batches]
        rows.append(grad(roots, wanted, weights, True, create_graph, True, allow_unused, False, materialize_grads))
    return tuple(None if column[0] is None else stack_rows(column) for column in zip(*rows))


def stack_rows(column):
    """Tensors of one shape as one tensor with a new first dimension."""
    return apply(stack, *column, axis=0)


def _kept(retain_graph: bool | None, create_graph: bool) -> bool:
    return create_graph if retain_graph is None else bool(retain_graph)


def _sequence(tensors) -> tuple:
    if isinstance(tensors, Variable):
        return (tensors,)
    found = tuple(tensors)
    for t in found:
        if not isinstance(t, Variable):
            raise TypeError(f"backward and grad take tensors, not {t.__class__.__name__}")
    return found


def _need_grad(wanted, caller: str) -> None:
    for t in wanted:
        if node_of(t) is None:
            raise RuntimeError(
                f"{caller}: one of the differentiated Tensors does not require grad. Call requires_grad_() on it before "
                "the result is computed."
            )


def _gradients(roots, given, create_graph: bool) -> list:
    """The weight of each root: as given, or ones for a scalar."""
    weights = [given] if isinstance(given, Variable) else list(given) if given is not None else [None] * len(roots)
    if len(weights) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(weights)} gradients")
    made = []
    for i, (root, weight) in enumerate(zip(roots, weights)):
        if node_of(root) is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn. Was it computed under no_grad, "
                "detached, or from leaves without requires_grad?"
            )
        array = root._array
        if weight is None:
            if array.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, not for shape {tuple(array.shape)}. Reduce "
                    "it (sum, mean) or pass gradient=."
                )
            if array.dtype.kind == "c":
                raise RuntimeError("grad can be implicitly created only for real scalar outputs but got complex")
            with elsewhere((array,)):
                weight = wrap(namespace_of(array).ones_like(array))
        elif weight._array.shape != array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {weight.shape} and output[{i}] has a shape of "
                f"{root.shape}."
            )
        made.append(weight)
    return made
