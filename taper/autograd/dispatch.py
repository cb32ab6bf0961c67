"""Applying operators to tensors: promotion, the forward call, recording. The one way from an operator to its result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import generic, ndarray

from .. import dtypes
from ..backends import NAMESPACES, ON_GPUS, cpu
from ..backends.quiet import QUIET, enter, leave
from ..ops.movement import astype
from ..ops.operator import AS_IS, FLOAT, Operator
from .modes import gpu_autocast, is_grad_enabled
from .nodes import OutputOf
from .places import Parts, common_namespace
from .promotion import F32, F64, REAL, is_settled, number, scalar, value_of
from .recording import node_of, record
from .refusals import failure, refused
from .tape import Variable, wrap
from .viewing import share

SHORTCUTS: dict = {}
"""Functions that run an operator without `apply`, as code: operator's name. A profile looks for them."""


def apply(operator: Operator, *inputs, **attrs):
    """Run an operator on tensors (or None, or Python numbers) and record it. Returns a tensor or a tuple of tensors."""
    # The usual case in one look at each input: arrays of one kind, NumPy's or a GPU's, that need no conversion.
    arrays, common, alike, kind, xp = [], None, operator.promote is not AS_IS, ndarray, cpu
    for t in inputs:
        if isinstance(t, Variable):
            array = t._array
            if array.__class__ is not kind:
                xp = ON_GPUS.get(array.__class__)
                if xp is None or common is not None:
                    return _apply(operator, inputs, attrs)
                kind = array.__class__
            dtype = array.dtype
            if dtype is not common:
                if (alike and common is not None) or not (
                    dtype is F32 or dtype is F64 or (not alike and dtype in _WHOLE)
                ):
                    return _apply(operator, inputs, attrs)
                common = dtype
            arrays.append(array)
        elif t is None or t.__class__ in REAL:
            arrays.append(t)
        else:
            return _apply(operator, inputs, attrs)
    if common is None or "f" in operator.refuses:
        return _apply(operator, inputs, attrs)
    if xp is not cpu and (gpu_autocast.get() or not xp.are_here(arrays)):
        return _apply(operator, inputs, attrs)
    token = enter(QUIET)
    try:
        out = operator.forward(xp, *arrays, **attrs)
    except (ValueError, MemoryError) as error:
        raise failure(operator, arrays, error) from None
    finally:
        leave(token)
    aux = ()
    if out.__class__ is not kind or operator.view:
        if not operator.single or xp is not cpu:
            return _finished(operator, inputs, attrs, xp, out, None)
        if operator.aux:
            aux, out = out[1:], out[0]
        if out.__class__ is not ndarray:
            out = _as_array(cpu, out, None)  # a copy on a GPU stays there
    made = wrap(out)
    if operator.differentiable and is_grad_enabled():
        edges = [(t._node if t._view is None else node_of(t)) if isinstance(t, Variable) else None for t in inputs]
        if edges.count(None) < len(edges) and out.dtype.kind not in "biu":
            shape, shapes = out.shape, None
            if operator.broadcasts:
                for a in arrays:
                    if a.__class__ is kind and a.shape != shape:
                        shapes = tuple([a.shape if a.__class__ is kind else () for a in arrays])
                        break
            made._node = record(operator, inputs, attrs, edges, made, aux, shapes)
    return made


_WHOLE = frozenset(np.dtype(c) for c in "?bBhHiIlLqQ")
"""Dtypes of integers and bools."""


def _apply(operator: Operator, inputs: tuple, attrs: dict):
    """`apply` for all that it does not do itself."""
    if operator.promote is not AS_IS:
        inputs = promoted(operator, inputs)
    arrays = [t._array if isinstance(t, Variable) else t for t in inputs]
    try:
        xp = common_namespace(operator, arrays)
    except Parts as found:
        return found.array.each(operator, inputs, attrs)
    if xp is not cpu:
        enter_device = getattr(xp, "elsewhere", None)
        scope = None if enter_device is None else enter_device(arrays)
        if scope is not None:
            with scope:
                return apply(operator, *inputs, **attrs)
        # Numbers in tensors of the CPU's go with the operation as numbers, in its derivatives too.
        inputs = [
            a if isinstance(a, generic) and isinstance(t, Variable) and t._node is None else t
            for t, a in zip(inputs, arrays)
        ]
        if operator.name in FLOAT32_ON_GPUS and gpu_autocast.get() and getattr(xp, "on_gpu", bool)():
            wide = [_in_float32(t) for t in inputs]
            if any(w is not t for w, t in zip(wide, inputs)):
                return apply(operator, *wide, **attrs)
    half = None
    if not operator.half_native and (xp is cpu or operator.name not in getattr(xp, "HALF", ())):
        half = _half_of(arrays)
    if half is not None:
        arrays = [xp.astype(a, F32) if getattr(a, "dtype", None) in dtypes.HALF else a for a in arrays]
    token = enter(QUIET)
    try:
        out = operator.forward(xp, *arrays, **attrs)
    except (ValueError, MemoryError) as error:
        raise failure(operator, arrays, error) from None
    finally:
        leave(token)
    return _finished(operator, inputs, attrs, xp, out, half)


def _finished(operator: Operator, inputs, attrs: dict, xp, out, half):
    """The tensors of what a forward function returned, recorded."""
    aux, several = (), operator.outputs is None
    if operator.aux:
        count = len(out) - len(operator.aux)
        out, aux = out[:count], out[count:]
        if operator.outputs == 1:
            out = out[0]
    if out.__class__ is ndarray and half is None:
        made = [wrap(out)]
    else:
        results = out if out.__class__ in (tuple, list) else (out,)
        made = [wrap(_as_array(xp, a, half)) for a in results]
    if operator.differentiable and is_grad_enabled() and (several or made[0]._array.dtype.kind not in "biu"):
        edges = [(t._node if t._view is None else node_of(t)) if isinstance(t, Variable) else None for t in inputs]
        if edges.count(None) < len(edges):
            _attach(operator, inputs, attrs, edges, made, aux, half)
    if operator.view:
        share(operator, inputs[0], attrs, made)
    if out.__class__ in (tuple, list):
        return tuple(made)
    return made[0]


def _attach(operator: Operator, inputs, attrs: dict, edges: list, made: list, aux, half) -> None:
    """Give the differentiable results their node."""
    shapes = None
    if operator.broadcasts:
        shape = made[0]._array.shape
        inputs_shapes = [t._array.shape if isinstance(t, Variable) else () for t in inputs]
        if any([s != shape and isinstance(t, Variable) for s, t in zip(inputs_shapes, inputs)]):
            shapes = tuple(inputs_shapes)
    several = operator.outputs is None
    node = record(operator, inputs, attrs, edges, made if several else made[0], aux, shapes, half)
    if node is None:
        return
    if several:
        node.results = [(t._array.shape, t._array.dtype) for t in made]
        for i, t in enumerate(made):
            t._node = OutputOf(node, i)
    else:
        made[0]._node = node


FLOAT32_ON_GPUS = frozenset(
    "acos asin cosh sinh tan erfinv exp expm1 log log10 log1p log2 pow reciprocal rsqrt softplus softmax log_softmax "
    "logsumexp layer_norm group_norm norm sum sum_along prod prod_along cumsum cumprod cross_entropy nll_loss mse_loss "
    "smooth_l1_loss huber_loss kl_div binary_cross_entropy_with_logits".split()
)
"""Operators that compute half precision in float32, and return it, where autocast is on for GPUs: PyTorch's choice."""


def _in_float32(t):
    return apply(astype, t, dtype=F32) if isinstance(t, Variable) and t._array.dtype in dtypes.HALF else t


def _half_of(arrays: list):
    """The dtype of the first array in half precision, None without one."""
    for a in arrays:
        dtype = getattr(a, "dtype", None)
        if dtype is not F32 and dtype in dtypes.HALF:
            return dtype
    return None


def _as_array(xp, value, half):
    cls = value.__class__
    if cls is not ndarray and (cls not in NAMESPACES or isinstance(value, generic)):
        value = xp.asarray(value)
    return xp.astype(value, half) if half is not None and value.dtype == F32 else value


def promoted(operator: Operator, inputs: tuple) -> Sequence:
    """The inputs in the dtype in which the operator computes; tensors are converted by the recorded `astype`."""
    if is_settled(inputs) and not (operator.refuses and "f" in operator.refuses):
        return inputs
    plain = [t._array if isinstance(t, Variable) else value_of(number(operator, t)) for t in inputs if t is not None]
    common = dtypes.result_type(plain)
    if operator.promote is FLOAT and dtypes.category(common) < dtypes.FLOATING:
        common = dtypes.get_default_dtype().np
    if operator.refuses and (common.kind in operator.refuses or ("h" in operator.refuses and common in dtypes.HALF)):
        raise refused(operator, common)
    made = []
    for t in inputs:
        if t is None:
            made.append(None)
        elif isinstance(t, Variable):
            made.append(t if t._array.dtype == common else apply(astype, t, dtype=common))
        else:
            made.append(scalar(number(operator, t), common))
    return made
