"""Applying operators to tensors: promotion, the forward call, recording. The one way from an operator to its result.

`apply` does everything for every operator. `unary` and `binary` make the callables of elementwise operators: they handle
float32, float64 and int64 without any conversion (a small operation is mostly dispatch) and leave the rest to `apply`.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence

import numpy as np
from numpy import asarray, generic, ndarray

from .. import dtypes
from ..backends import NAMESPACES, cpu, namespace_of
from ..backends.cuda import driver
from ..backends.making import making
from ..backends.quiet import QUIET, enter, leave
from ..errors import OutOfMemoryError, warn
from ..ops.movement import astype
from ..ops.operator import AS_IS, FLOAT, Operator, Plan
from .inplace import cannot_cast, check_single, legacy_name
from .modes import gpu_autocast, is_grad_enabled
from .shortage import out_of_memory
from .tape import (
    OutputOf,
    SavedOutput,
    Variable,
    View,
    address,
    changed,
    counter_of,
    elsewhere,
    node_class,
    node_of,
    record,
    version,
    wrap,
)

F32, F64, I64, BOOL = dtypes.float32.np, dtypes.float64.np, dtypes.int64.np, dtypes.bool_.np
SHORTCUTS: dict = {}
"""Functions that run an operator without `apply`, as code: operator's name. A profile looks for them."""

_SCALARS = frozenset((bool, int, float, complex))
_REAL = frozenset((bool, int, float))


class Parts(Exception):
    """What `apply` met in an array's place: several arrays, whose `each` runs an operator on every one of them."""

    def __init__(self, array):
        super().__init__(type(array).__name__)
        self.array = array


def apply(operator: Operator, *inputs, **attrs):
    """Run an operator on tensors (or None, or Python numbers) and record it. Returns a tensor or a tuple of tensors."""
    # The usual case in one look at each input: arrays of NumPy's that need no conversion.
    arrays, common, alike = [], None, operator.promote is not AS_IS
    for t in inputs:
        if isinstance(t, Variable):
            array = t._array
            if array.__class__ is not ndarray:
                return _apply(operator, inputs, attrs)
            dtype = array.dtype
            if dtype is not common:
                if (alike and common is not None) or not (
                    dtype is F32 or dtype is F64 or (not alike and dtype in _WHOLE)
                ):
                    return _apply(operator, inputs, attrs)
                common = dtype
            arrays.append(array)
        elif t is None or t.__class__ in _REAL:
            arrays.append(t)
        else:
            return _apply(operator, inputs, attrs)
    if common is None or "f" in operator.refuses:
        return _apply(operator, inputs, attrs)
    token = enter(QUIET)
    try:
        out = operator.forward(cpu, *arrays, **attrs)
    except (ValueError, MemoryError) as error:
        raise _failure(operator, arrays, error) from None
    finally:
        leave(token)
    if out.__class__ is not ndarray or operator.view:
        return _finished(operator, inputs, attrs, cpu, out, None)
    made = wrap(out)
    if operator.differentiable and is_grad_enabled():
        edges = [(t._node if t._view is None else node_of(t)) if isinstance(t, Variable) else None for t in inputs]
        if edges.count(None) < len(edges) and out.dtype.kind not in "biu":
            shape, shapes = out.shape, None
            if operator.broadcasts:
                for a in arrays:
                    if a.__class__ is ndarray and a.shape != shape:
                        shapes = tuple([a.shape if a.__class__ is ndarray else () for a in arrays])
                        break
            made._node = record(operator, inputs, attrs, edges, made, (), shapes)
    return made


_WHOLE = frozenset(np.dtype(c) for c in "?bBhHiIlLqQ")
"""Dtypes of integers and bools."""


def _apply(operator: Operator, inputs: tuple, attrs: dict):
    """`apply` for all that it does not do itself."""
    if operator.promote is not AS_IS:
        inputs = promoted(operator, inputs)
    arrays = [t._array if isinstance(t, Variable) else t for t in inputs]
    try:
        xp = _common_namespace(operator, arrays)
    except Parts as found:
        return found.array.each(operator, inputs, attrs)
    if xp is not cpu:
        enter_device = getattr(xp, "elsewhere", None)
        scope = None if enter_device is None else enter_device(arrays)
        if scope is not None:
            with scope:
                return apply(operator, *inputs, **attrs)
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
        raise _failure(operator, arrays, error) from None
    finally:
        leave(token)
    return _finished(operator, inputs, attrs, xp, out, half)


def _failure(operator: Operator, arrays: list, error: ValueError | MemoryError) -> RuntimeError:
    """PyTorch's error for what went wrong in an operator's forward function."""
    if isinstance(error, MemoryError):
        if driver.is_out_of_memory(error):
            return OutOfMemoryError(
                f"CUDA out of memory ({operator.name}). {error} Use smaller batches, or taper.cuda.empty_cache()."
            )
        return out_of_memory(operator.name, error, arrays)
    together = [a for a in arrays if hasattr(a, "shape")] if operator.promote is not AS_IS else []
    return cannot_broadcast(operator, error, *together)


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
        _share(operator, inputs[0], attrs, made)
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


def _common_namespace(operator: Operator, arrays: list):
    """The namespace of an operation's arrays; all must be of one kind, that is, on one device."""
    cls = None
    for a in arrays:
        if a is None or a.__class__ is cls or a.__class__ in _SCALARS:
            continue
        if a.__class__ is ndarray and cls is None:
            cls = ndarray
            continue
        return _mixed_namespace(operator, arrays)
    return cpu


def _mixed_namespace(operator: Operator, arrays: list):
    """The namespace of arrays of several kinds. A captured step turns arrays that it meets into constants."""
    found = None
    for a in arrays:
        if a is None or a.__class__ in _SCALARS:
            continue
        if hasattr(a, "each"):
            raise Parts(a)
        if hasattr(a, "node_as"):
            continue
        xp = namespace_of(a)
        if found is None or xp is found or found is cpu:
            found = xp
        elif xp is not cpu:
            raise RuntimeError(f"{operator.name}: expected all tensors to be on the same device")
    if found is not cpu:
        if hasattr(found, "brought"):
            _bring(operator, found, arrays)
        elif making.constant is not None:
            arrays[:] = [making.constant(a) if a.__class__ is ndarray else a for a in arrays]
    return found


def _bring(operator: Operator, xp, arrays: list) -> None:
    """Let the CPU's numbers, and its positions for indexing, come to where an operation's other arrays are."""
    at = next(a for a in arrays if a.__class__ in NAMESPACES and NAMESPACES[a.__class__] is xp)
    first = _POSITIONS.get(operator.name, len(arrays))
    for i, a in enumerate(arrays):
        if isinstance(a, (ndarray, generic)):
            if a.ndim and i < first:
                there = xp.device_of(at)
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but found at least two devices, {there} and cpu! "
                    f"({operator.name}: argument {i} has shape {tuple(a.shape)} and is on the CPU: move it with "
                    f".to('{there}').)"
                )
            plain = not a.ndim and a.dtype.kind != "V" and operator.promote is not AS_IS
            arrays[i] = a[()] if plain else xp.brought(a, at)


_POSITIONS = {"index": 1, "add_at": 1, "index_put": 2}
"""From which input on an operator's arrays are positions, which may be the CPU's."""


def beside(t: Variable, array) -> Variable:
    """A tensor over an array of the CPU's, brought to where `t` is."""
    return wrap(brought(t._array, array))


def brought(there, array):
    """An array of the CPU's, brought to where another array is."""
    if there.__class__ is ndarray:
        return array
    bring = getattr(namespace_of(there), "brought", None)
    return array if bring is None else bring(array, there)


def _share(operator: Operator, source: Variable, attrs: dict, made: list) -> None:
    """Tie views to their source: one counter, and how each was made. A result that was copied is no view."""
    owner = memory_owner(source._array)
    for i, t in enumerate(made):
        if memory_owner(t._array) is owner:
            t._counter = counter_of(source)
            how, its_attrs = (operator, attrs) if operator.outputs is not None else operator.part(attrs, i, made)
            t._view = View(source, how, its_attrs, t._counter[0], is_grad_enabled())


def viewed(operator: Operator, x: Variable, **attrs) -> Variable:
    """Run a view operator on one tensor, where the result surely shares memory: `apply` without what views do not need."""
    array = x._array
    if array.__class__ is ndarray:
        made = wrap(operator.forward(cpu, array, **attrs))
    else:
        with elsewhere((array,)):
            made = wrap(operator.forward(namespace_of(array), array, **attrs))
    grad_enabled = is_grad_enabled()
    if grad_enabled:
        node = x._node if x._view is None else node_of(x)
        if node is not None:
            plan = operator.plans.get(1) or operator.plan(1)
            if plan.steps:
                # The rules of views name attributes, the shape and the dtype only.
                saved = [
                    attrs[where] if kind == Plan.ATTR else array.shape if kind == Plan.SHAPE else array.dtype
                    for kind, where in plan.keep
                ]
                cls = plan.node_class
                if cls is None:
                    cls = plan.node_class = node_class(operator.grad_name)
                made._node = cls(plan, (node,), saved, _UNVERSIONED[: len(saved)], None, None)
    counter = x._counter
    if counter is None:
        counter = x._counter = [0]
    made._counter = counter
    made._view = View(x, operator, attrs, counter[0], grad_enabled)
    return made


_UNVERSIONED = [None] * 10


def memory_owner(array):
    """The array that owns the memory which `array` looks at; on a GPU, the block of memory."""
    if array.__class__ is not ndarray and hasattr(namespace_of(array), "owner"):
        return namespace_of(array).owner(array)
    while array.base is not None and isinstance(array.base, (ndarray, array.__class__)):
        array = array.base
    return array


def memory_of(array):
    """An array that covers the memory of which `array` is a view, and where in it that starts, in bytes."""
    if array.__class__ is not ndarray and hasattr(namespace_of(array), "whole"):
        whole = namespace_of(array).whole(array)
    else:
        whole = memory_owner(array)
        if hasattr(whole, "check_whole"):
            whole.check_whole()
    return whole, address(array) - address(whole) if array.size and whole is not array else 0


def promoted(operator: Operator, inputs: tuple) -> Sequence:
    """The inputs in the dtype in which the operator computes; tensors are converted by the recorded `astype`."""
    if _is_settled(inputs) and not (operator.refuses and "f" in operator.refuses):
        return inputs
    plain = [t._array if isinstance(t, Variable) else _value(_number(operator, t)) for t in inputs if t is not None]
    common = dtypes.result_type(plain)
    if operator.promote is FLOAT and dtypes.category(common) < dtypes.FLOATING:
        common = dtypes.get_default_dtype().np
    if operator.refuses and common.kind in operator.refuses:
        raise refused(operator, common)
    made = []
    for t in inputs:
        if t is None:
            made.append(None)
        elif isinstance(t, Variable):
            made.append(t if t._array.dtype == common else apply(astype, t, dtype=common))
        else:
            made.append(_scalar(_number(operator, t), common))
    return made


def _is_settled(inputs: tuple) -> bool:
    """Whether all tensors have float32, or all float64, and numbers are real: nothing is to be converted."""
    common = None
    for t in inputs:
        if isinstance(t, Variable):
            dtype = t._array.dtype
            if dtype is not common:
                if common is not None or (dtype is not F32 and dtype is not F64):
                    return False
                common = dtype
        elif t is not None and t.__class__ not in _REAL:
            return False
    return common is not None


def refused(operator: Operator, np_dtype) -> NotImplementedError:
    """PyTorch's words for an operator that does not compute in a dtype."""
    name = operator.name
    more = f": {name} is not supported for complex types" if np_dtype.kind == "c" else ""
    return NotImplementedError(
        f"\"{name}_cpu\" not implemented for '{legacy_name(np_dtype)}'{more}. Convert the input to another dtype first."
    )


def _number(operator: Operator, value):
    """A Python number for what stands in a number's place; TypeError for what cannot."""
    if value.__class__ in _SCALARS or hasattr(value, "node_as"):
        return value
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", 1) == 0:
        return item()
    for cls in (bool, int, float, complex):
        if isinstance(value, cls):
            return cls(value)
    if hasattr(value, "__index__"):
        return int(value)
    raise TypeError(
        f"{operator.name}(): argument 'other' must be Tensor or Number, not {value.__class__.__name__}. "
        "Make it a tensor first: taper.as_tensor(value)."
    )


def _value(number):
    """A number that a captured step reads at each call is, for promotion, what it is now."""
    return number.value if hasattr(number, "node_as") else number


def _scalar(value, common):
    """A number as an operand of arrays of dtype `common`, wrapped around where an integer type is too small for it."""
    if hasattr(value, "node_as"):
        return value
    if common.kind in "biu" and value.__class__ is not bool:
        return asarray(int(value)).astype(common) if common.kind != "b" else asarray(bool(value))
    return asarray(value, dtype=common) if common in dtypes.HALF else value


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
                result._node = cls(plan, (node,), saved, [None if k else version(x) for k in saves], None, None)
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


def not_a_tensor(operator: Operator, value, name: str = "input", position: int = 1) -> TypeError:
    return TypeError(
        f"{operator.name}(): argument '{name}' (position {position}) must be Tensor, not {value.__class__.__name__}. "
        "Make it a tensor first: taper.as_tensor(value)."
    )


def only_tensors(function: str, **arguments) -> None:
    """TypeError for the first argument that is no tensor; arguments are given in the order of the parameters."""
    for position, (name, value) in enumerate(arguments.items(), start=1):
        if not isinstance(value, Variable):
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be Tensor, not {value.__class__.__name__}. "
                "Make it a tensor first: taper.as_tensor(value)."
            )


FOUND = "Found dtype {1} but expected {0}"
EXPECTED = "Expected out tensor to have dtype {2}, but got {3} instead"
"""What operators say that take an `out` of their result's dtype only: {0} and {2}, for another one, {1} and {3}."""


def into(out: Variable, result: Variable, exact: str = "", warns: bool = True) -> Variable:
    """Put a result where `out=` says: `out` is resized to the result's shape, with a warning, and keeps its dtype.

    exact: the words with which an `out` of another dtype is refused, `FOUND` for example. warns: False for functions
    that resize without a word.
    """
    if not isinstance(out, Variable):
        raise TypeError(f"argument 'out' must be Tensor, not {out.__class__.__name__}.")
    if is_grad_enabled() and (node_of(out) is not None or node_of(result) is not None):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if exact and result._array.dtype != out._array.dtype:
        words = [legacy_name(t._array.dtype) for t in (result, out)]
        raise RuntimeError(exact.format(*words, *[word.lower() for word in words]))
    if dtypes.category(result._array.dtype) > dtypes.category(out._array.dtype):
        raise cannot_cast(result._array.dtype, out._array.dtype)
    if out._array.shape != result._array.shape:
        if warns and out._array.size:
            warn(
                f"An output with one or more elements was resized since it had shape {list(out._array.shape)}, which does "
                f"not match the required output shape {list(result._array.shape)}. Give an `out` of that shape, or of no "
                "elements: out.resize_(0)."
            )
        token = enter(QUIET)
        try:
            out._array = namespace_of(result._array).astype(result._array, out._array.dtype, copy=True)
        finally:
            leave(token)
    else:
        check_single(out._array)
        token = enter(QUIET)
        try:
            out._array[...] = result._array
        finally:
            leave(token)
    changed(out)
    return out


def _pattern(plan: Plan):
    """For the usual rules, that name the input or the output only: a tuple of booleans (is it the output?)."""
    if not plan.steps or any(kind not in (Plan.INPUT, Plan.OUTPUT) for kind, _ in plan.keep):
        return None
    return tuple(kind == Plan.OUTPUT for kind, _ in plan.keep)


_scalar_arrays: dict = {}


def scalar_array(value, dtype):
    """A Python number as a zero-dimensional array: NumPy takes twice as long over the number itself."""
    made = _scalar_arrays.get((value, dtype))
    if made is None:
        made = asarray(value, dtype)
        if value:  # 0.0 and -0.0 are one key
            if len(_scalar_arrays) > 1000:
                _scalar_arrays.clear()
            _scalar_arrays[value, dtype] = made
    return made


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
):
    """The callable of an elementwise operator of two inputs, tensors or Python numbers: `f(input, other, *, out=None)`.

    swapped: it computes `operator(other, input)`. protocol: it stands for Python's `+` and the like, and returns
    NotImplemented for an operand that is neither a tensor, a number nor an array. scalars: which of the operands may be
    numbers: "both", "either" one, the "second", "none". check: called with the operator's operands, unless they are
    float32 or float64, to refuse them. grad_name: what its nodes are called, if not as the operator's.
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
            if scalars in ("second", "none") or (alone and scalars != "both"):
                raise not_a_tensor(operator, x, names[0])
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
            return into(out, slow(x, y))
        try:
            a = x._array
            dtype = a.dtype
            if a.__class__ is not ndarray:
                return slow(x, y)
            if dtype is not F32 and dtype is not F64 or not floats:
                if not whole or y.__class__ is float or not (dtype is I64 or dtype is BOOL and y.__class__ is not int):
                    return slow(x, y)
            if number_fits and (y.__class__ is int or y.__class__ is float):
                b, ny = scalar_array(y, dtype), None
            else:
                b = y._array
                if b.dtype is not dtype or b.__class__ is not ndarray:
                    return slow(x, y)
                ny = y._node if y._view is None else node_of(y)
            if check is not None and dtype is not F32 and dtype is not F64:
                check(*((y, x) if swapped else (x, y)))
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
                        versions.append(version(t) if t.__class__ not in _SCALARS else None)
                    result._node = cls(plan, (nx, ny), saved, versions, shapes, None)
                else:
                    node = result._node = record(operator, (x, y), {}, (nx, ny), result, (), shapes)
                    if grad_class is not None:
                        node.__class__ = grad_class
        return result

    return named(call, operator, doc)


def cannot_broadcast(operator: Operator, error: ValueError, *arrays) -> RuntimeError:
    """PyTorch's words for shapes that do not broadcast, with the operator and all shapes; else the error's own."""
    common: tuple[int, ...] = ()
    for shape in [tuple(a.shape) for a in arrays]:
        for dim in range(1, min(len(common), len(shape)) + 1):
            if common[-dim] != shape[-dim] and 1 not in (common[-dim], shape[-dim]):
                where = max(len(common), len(shape)) - dim
                shapes = " and ".join(str(tuple(a.shape)) for a in arrays)
                return RuntimeError(
                    f"The size of tensor a ({common[-dim]}) must match the size of tensor b ({shape[-dim]}) at "
                    f"non-singleton dimension {where}; {operator.name} got shapes {shapes}."
                )
        wide = max(len(common), len(shape))
        padded = [(1,) * (wide - len(s)) + s for s in (common, shape)]
        common = tuple(m if n == 1 else n for n, m in zip(*padded))
    return RuntimeError(f"{operator.name}: {error}")
