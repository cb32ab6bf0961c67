"""The callables of elementwise operators: float32, float64 and int64 without any conversion.

A small operation is mostly dispatch. What these do not handle they leave to `apply`.
"""

from __future__ import annotations

import numbers

from numpy import asarray, generic, ndarray

from .. import dtypes
from ..backends import cpu
from ..backends.quiet import QUIET, enter, leave
from ..ops.operator import FLOAT, Operator, Plan
from .dispatch import apply
from .modes import is_grad_enabled
from .nodes import node_class
from .outputs import into
from .promotion import BOOL, F32, F64, I64, SCALARS, scalar_array
from .recording import node_of, record
from .refusals import cannot_broadcast, no_combination, not_a_tensor
from .shortage import out_of_memory
from .tape import SavedOutput, Variable, kept_version, wrap


def unary(operator: Operator, doc: str = "", *, check=None, exact: str = ""):
    """The callable of an elementwise operator of one input: `f(input, *, out=None)`, a function and a method.

    check: called with a tensor that is neither float32 nor float64, to refuse it, or to return another to compute from.
    exact: as for `into`, where the result has the input's dtype.
    """
    forward = operator.forward
    plan = operator.plan(1)
    saves = _pattern(plan)

    def call(input, *, out=None):
        try:
            array = input._array
        except AttributeError:
            raise not_a_tensor(operator, input) from None
        if out is not None:
            return placed(input, call(input), out)
        x = input
        if array.__class__ is not ndarray or (array.dtype is not F32 and array.dtype is not F64):
            return apply(operator, x if check is None else check(x))
        token = enter(QUIET)
        try:
            made = forward(cpu, array)
        except MemoryError as error:
            raise out_of_memory(operator.name, error, (array,)) from None
        finally:
            leave(token)
        result = wrap(made if made.__class__ is ndarray else asarray(made))
        node = x._node if x._view is None else node_of(x)
        if node is not None and is_grad_enabled():
            if saves is None:
                result._node = record(operator, (x,), {}, (node,), result, ())
            else:
                cls = plan.node_class or node_class(operator.grad_name)
                saved = [SavedOutput(result) if k else x for k in saves]
                result._node = cls(plan, (node,), saved, [None if k else kept_version(x) for k in saves], None, None)
        return result

    def general(input, *, out=None):
        if not isinstance(input, Variable):
            raise not_a_tensor(operator, input)
        result = apply(operator, input)
        return result if out is None else placed(input, result, out)

    def placed(input, result, out):
        return into(out, result, exact if result._array.dtype == input._array.dtype else "")

    return named(general if "f" in operator.refuses else call, operator, doc)


def named(call, operator: Operator, doc: str):
    """Give a made callable the operator's name and its documentation."""
    call.__name__ = call.__qualname__ = operator.name
    call.__doc__ = doc or None
    call.operator = operator
    return call


def _pattern(plan: Plan):
    """For the usual rules, that name the input or the output only: a tuple of booleans (is it the output?)."""
    if not plan.steps or any(kind not in (Plan.INPUT, Plan.OUTPUT) for kind, _ in plan.keep):
        return None
    return tuple(kind == Plan.OUTPUT for kind, _ in plan.keep)


def binary(
    operator: Operator,
    doc: str = "",
    *,
    swapped: bool = False,
    protocol: bool = False,
    scalars: str = "either",
    names: tuple[str, str] = ("input", "other"),
    check=None,
    grad_name: str | None = None,
    exact: str = "",
):
    """The callable of an elementwise operator of two inputs, tensors or Python numbers: `f(input, other, *, out=None)`.

    swapped: it computes `operator(other, input)`. protocol: it stands for Python's `+` and the like, and returns
    NotImplemented for an operand that is neither a tensor, a number nor an array. scalars: which of the operands may be
    numbers: "both", "either" one, the "second", "none". check: called with the operator's operands, unless they are
    float32 or float64, to refuse them. grad_name: what its nodes are called, if not as the operator's.
    exact: as for `into`.
    """
    grad_class = None if grad_name is None else node_class(grad_name)
    forward = operator.forward
    number_fits, floats = scalars != "none", "f" not in operator.refuses
    whole = operator.promote is not FLOAT and "i" not in operator.refuses and "b" not in operator.refuses
    plans = [operator.plan(mask) for mask in range(4)]
    simple = all(kind == Plan.INPUT for plan in plans for kind, _ in plan.keep)
    differentiable = operator.differentiable

    def slow(x, y):
        if protocol and not isinstance(y, (Variable, numbers.Number, ndarray, generic)):
            return NotImplemented
        if y is None or (y.__class__ is ndarray and not protocol):
            raise not_a_tensor(operator, y, names[1], 2)
        if x is None:
            raise not_a_tensor(operator, x, names[0])
        if y.__class__ is ndarray:
            y = wrap(y)
        elif isinstance(y, generic):
            y = y.item()
        if not isinstance(x, Variable):
            alone = not isinstance(y, Variable)
            if scalars == "none":
                raise not_a_tensor(operator, x, names[0])
            if scalars == "second" or (alone and scalars != "both"):
                raise no_combination(operator, x, y)
            if alone:
                x = wrap(asarray(x, dtypes.result_type([x])))
        if scalars == "none" and not isinstance(y, Variable):
            raise not_a_tensor(operator, y, names[1], 2)
        if swapped:
            x, y = y, x
        if check is not None:
            check(x, y)
        made = apply(operator, x, y)
        if grad_class is not None and made._node is not None:
            made._node.__class__ = grad_class
        return made

    def call(input, other, *, out=None):
        x, y = input, other
        if out is not None:
            return into(out, slow(x, y), exact)
        try:
            a = x._array
            dtype = a.dtype
            if a.__class__ is not ndarray:
                return slow(x, y)
            if (dtype is not F32 or not floats) and (dtype is not F64 or not floats):
                if not whole or y.__class__ is float or not (dtype is I64 or dtype is BOOL and y.__class__ is not int):
                    return slow(x, y)
                if check is not None and (y.__class__ is int or y._array.dtype is dtype):
                    check(*((y, x) if swapped else (x, y)))
            if number_fits and (y.__class__ is int or y.__class__ is float):
                b, ny = scalar_array(y, dtype), None
            else:
                b = y._array
                if b.dtype is not dtype or b.__class__ is not ndarray:
                    return slow(x, y)
                ny = y._node if y._view is None else node_of(y)
        except (AttributeError, OverflowError):
            return slow(x, y)
        nx = x._node if x._view is None else node_of(x)
        if swapped:
            x, y, a, b, nx, ny = y, x, b, a, ny, nx
        token = enter(QUIET)
        try:
            array = forward(cpu, a, b)
        except MemoryError as error:
            raise out_of_memory(operator.name, error, (a, b)) from None
        except ValueError as error:
            raise cannot_broadcast(operator, error, a, b) from None
        finally:
            leave(token)
        result = wrap(array if array.__class__ is ndarray else asarray(array))
        if differentiable:
            if (nx is not None or ny is not None) and is_grad_enabled():
                mask = (nx is not None) | (ny is not None) << 1
                shape = array.shape
                shapes = None
                if (nx is not None and a.shape != shape) or (ny is not None and b.shape != shape):
                    shapes = (a.shape, b.shape)
                if simple:
                    plan = plans[mask]
                    if not plan.steps:
                        return result
                    cls = grad_class or plan.node_class
                    if cls is None:
                        cls = plan.node_class = node_class(operator.grad_name)
                    saved, versions = [], []
                    for _, i in plan.keep:
                        t = y if i else x
                        saved.append(t)
                        versions.append(kept_version(t) if t.__class__ not in SCALARS else None)
                    result._node = cls(plan, (nx, ny), saved, versions, shapes, None)
                else:
                    node = result._node = record(operator, (x, y), {}, (nx, ny), result, (), shapes)
                    if grad_class is not None:
                        node.__class__ = grad_class
        return result

    return named(call, operator, doc)
