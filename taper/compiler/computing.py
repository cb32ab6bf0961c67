"""Arithmetic and reductions of symbols: what NumPy computes, in the dtypes in which NumPy computes it.

NumPy's own protocols bring kernels here that were written for arrays.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np

from ..backends import cpu
from .elementwise import UFUNCS
from .errors import CaptureError
from .host import host
from .layouts import last_to_second, second_to_last
from .recording import graph, recording
from .symbol import Symbol, kind_of, made, operand, symbol_of

FUNCTIONS: dict[Callable, Callable] = {}
"""What NumPy's functions that are not ufuncs do with symbols; `arrays.py` fills it. Others become host nodes."""


def applied(ufunc, inputs, dtype=None) -> Symbol:
    """A ufunc on symbols, arrays and numbers, in the dtypes that NumPy would compute in."""
    if ufunc is np.matmul:
        return matmul(*inputs)
    if ufunc is np.vecdot:
        return (inputs[0] * inputs[1]).sum(-1)
    if ufunc is np.positive:
        return symbol_of(inputs[0]).copy()
    if ufunc is np.conjugate:
        return inputs[0].copy()
    name = UFUNCS.get(ufunc)
    if name is None:
        return host(ufunc, *inputs) if dtype is None else host(ufunc, *inputs, dtype=dtype)
    kinds = tuple(kind_of(v) for v in inputs)
    loop = _loop(ufunc, kinds, dtype)
    if any(t.kind in "cOSUMm" for t in loop):
        raise CaptureError(f"numpy.{ufunc.__name__} in {loop[-1]} is not captured")
    g, operands = graph(), [operand(v, t) for v, t in zip(inputs, loop)]
    ndim = max(n.ndim for n in operands)
    symbols = [v for v in inputs if isinstance(v, Symbol)]
    if ndim > 3 and any(cpu.is_channels_last(s) for s in symbols):
        shadow = _ordered(symbols, np.broadcast_shapes(*[n.shape for n in operands]), loop[-1])
        if shadow is not None and cpu.is_channels_last(shadow):
            # Computed in the order of memory, so that what is stored lies so.
            full = [n if n.ndim == 0 else g.reshape(n, (*(1,) * (ndim - n.ndim), *n.shape)) for n in operands]
            node = g.elementwise(name, *[n if n.ndim == 0 else second_to_last(g, n) for n in full])
            return made(last_to_second(g, node), shadow)
    node = g.elementwise(name, *operands)
    return made(node, _ordered(symbols, node.shape, node.dtype) if node.ndim > 1 else None)


def _ordered(inputs: list[Symbol], shape: tuple[int, ...], dtype):
    """NumPy keeps the memory order of its inputs where they agree: the shadow of such a result, or None for C order."""
    same = [s for s in inputs if s.shape == shape]
    if not same or any(s.flags.c_contiguous for s in same):
        return None
    return np.empty_like(same[0].shadow, dtype)


_loops: dict = {}


def _loop(ufunc, kinds: tuple, dtype) -> tuple:
    """The dtypes in which a ufunc computes for operands of these kinds (dtypes, or Python's number types)."""
    key = ufunc, kinds, dtype
    found = _loops.get(key)
    if found is None:
        if ufunc in (np.logical_and, np.logical_or, np.logical_xor, np.logical_not):
            common = np.result_type(*[np.zeros(1, k) if isinstance(k, np.dtype) else k(0) for k in kinds])
            found = (*[common] * len(kinds), np.dtype(bool))
        elif dtype is not None:
            found = (*[np.dtype(dtype)] * len(kinds), np.dtype(dtype))
        else:
            try:
                found = ufunc.resolve_dtypes((*[bool if k is bool else k for k in kinds], None))
            except (TypeError, ValueError):
                # dtypes that are not NumPy's own do not resolve: ask by computing on nothing.
                samples = [np.zeros(0, k) if isinstance(k, np.dtype) else k(0) for k in kinds]
                common = np.result_type(*samples)
                result = ufunc(*[np.zeros(0, common) for _ in kinds])
                found = (*[common] * len(kinds), result.dtype)
        _loops[key] = found
    return found


def matmul(x, y) -> Symbol:
    """NumPy's matmul: vectors are matrices of one row or column."""
    g = graph()
    a, b = kind_of(x), kind_of(y)
    common = np.result_type(a, b)
    x, y = operand(x, common), operand(y, common)
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(f"matmul: sizes of the inner dimensions differ: {x.shape} and {y.shape}")
    row, column = x.ndim == 1, y.ndim == 1
    if row:
        x = g.reshape(x, (1, *x.shape))
    if column:
        y = g.reshape(y, (*y.shape, 1))
    if common.kind == "b":
        raise CaptureError("matmul of bools is not captured")
    out = g.matmul(x, y)
    if row or column:
        shape = list(out.shape)
        if column:
            del shape[-1]
        if row:
            del shape[-1 if column else -2]
        out = g.reshape(out, tuple(shape))
    return made(out)


_REDUCERS = {
    np.add: "sum",
    np.multiply: "prod",
    np.maximum: "max",
    np.minimum: "min",
    np.logical_or: "any",
    np.logical_and: "all",
}


def _ufunc_reduced(ufunc, x, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True) -> Symbol:
    name = _REDUCERS.get(ufunc)
    if name is None or out is not None or where is not True:
        raise CaptureError(f"numpy.{ufunc.__name__}.reduce with these arguments is not captured")
    return reduced(name, x, axis, keepdims, dtype, initial)


def reduced(name: str, x: Symbol, axis, keepdims: bool, dtype=None, initial=None) -> Symbol:
    """A reduction as NumPy's, with NumPy's widening of small integers and bools; `initial` is one more element."""
    g = graph()
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(operator.index(a) % x.ndim for a in axes)
    node = x.node()
    if x.dtype.kind == "c":
        raise CaptureError("complex numbers are not captured")
    if name in ("sum", "prod"):
        if dtype is None and x.dtype.kind in "biu":
            dtype = np.result_type(x.dtype, np.int64) if x.dtype.kind != "u" else np.result_type(x.dtype, np.uint64)
        node = node if dtype is None else g.cast(node, dtype)
    elif name in ("any", "all"):
        node = g.cast(node, bool)
    empty = math.prod(x.shape[a] for a in axes) == 0
    if name in ("max", "min", "argmax", "argmin") and empty and initial is None:
        raise ValueError("zero-size array to reduction operation which has no identity")
    if name.startswith("arg") and axis is None:
        node, axes, kept = g.reshape(node, (x.size,)), (0,), (1,) * x.ndim
    else:
        kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    out = g.scalar(initial, node.dtype) if empty and initial is not None else g.reduce(name, node, axes)
    out = g.expand(out, tuple(n for i, n in enumerate(node.shape) if i not in axes)) if out.ndim == 0 else out
    result = made(g.reshape(out, kept) if keepdims else out)
    if initial is None or empty:
        return result
    return applied({v: k for k, v in _REDUCERS.items()}[name], (result, result.dtype.type(initial)))


def found(condition) -> bool:
    """Whether any element is true: asked when the program runs, which then leaves the call to the eager engine."""
    value = condition.known() if isinstance(condition, Symbol) else condition
    if value is not None:
        return cpu.found(value)
    if condition.size:
        recording.checks.append(condition.node())
    return False


def outside(index, limit: int) -> bool:
    """Whether some position is not in [0, limit)."""
    return found(applied(np.logical_or, (index < 0, index >= limit)))


def operators() -> None:
    """Give symbols Python's operators, each the NumPy function of its name."""
    table = dict(
        add=np.add, sub=np.subtract, mul=np.multiply, truediv=np.true_divide, floordiv=np.floor_divide, mod=np.remainder,
        pow=np.power, matmul=np.matmul, lshift=np.left_shift, rshift=np.right_shift,
        and_=np.bitwise_and, or_=np.bitwise_or, xor=np.bitwise_xor,
    )  # fmt: skip
    foreign = (str, bytes, list, tuple, dict, type(None))
    for name, ufunc in table.items():
        name = name.rstrip("_")

        def forward(self, other, ufunc=ufunc):
            return NotImplemented if isinstance(other, foreign) else applied(ufunc, (self, other))

        def backward(self, other, ufunc=ufunc):
            return NotImplemented if isinstance(other, foreign) else applied(ufunc, (other, self))

        def inplace(self, other, ufunc=ufunc):
            return self.__array_ufunc__(ufunc, "__call__", self, other, out=(self,))

        setattr(Symbol, f"__{name}__", forward)
        setattr(Symbol, f"__r{name}__", backward)
        setattr(Symbol, f"__i{name}__", inplace)
    compared = dict(lt=np.less, le=np.less_equal, gt=np.greater, ge=np.greater_equal, eq=np.equal, ne=np.not_equal)
    for name, ufunc in compared.items():
        setattr(Symbol, f"__{name}__", lambda self, other, ufunc=ufunc: applied(ufunc, (self, other)))
    Symbol.__neg__ = lambda self: applied(np.negative, (self,))
    Symbol.__pos__ = lambda self: self.copy()
    Symbol.__abs__ = lambda self: applied(np.absolute, (self,))
    Symbol.__invert__ = lambda self: applied(np.invert, (self,))


def _protocol(self, ufunc, method, *inputs, out=None, **options):
    """What NumPy's ufuncs do with symbols."""
    if method == "reduce":
        return _ufunc_reduced(ufunc, *inputs, out=out, **options)
    if method != "__call__" and out is None and method != "at":
        return host(getattr(ufunc, method), *inputs, **options)
    if method != "__call__" or options.pop("where", True) is not True:
        raise CaptureError(f"numpy.{ufunc.__name__}.{method} is not captured")
    options.pop("casting", None)
    dtype = options.pop("dtype", None)
    if options:
        raise CaptureError(f"numpy.{ufunc.__name__} with {', '.join(options)} is not captured")
    result = applied(ufunc, inputs, dtype)
    if out is None:
        return result
    (target,) = out
    if not isinstance(target, Symbol):
        raise CaptureError(
            "a tensor made of constants inside the step is changed in place by captured values; make it from them "
            "instead (zeros_like, new_zeros, stack)"
        )
    g = graph()
    target.write(g.expand(g.cast(result.node(), target.dtype), target.shape))
    return target


def _function_protocol(self, function, types, args, kwargs):
    """What NumPy's other functions do with symbols."""
    found = FUNCTIONS.get(function)
    return host(function, *args, **kwargs) if found is None else found(*args, **kwargs)


def _reduction(name: str):
    def method(self, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True) -> Symbol:
        if out is not None or where is not True:
            raise CaptureError(f"{name} with out= or where= is not captured")
        return reduced(name, self, axis, keepdims, dtype, initial)

    return method


def _without_dtype(name: str):
    def method(self, axis=None, out=None, keepdims=False, initial=None, where=True) -> Symbol:
        if out is not None or where is not True:
            raise CaptureError(f"{name} with out= or where= is not captured")
        return reduced(name, self, axis, keepdims, None, initial)

    return method


def _mean(self, axis=None, dtype=None, out=None, keepdims=False) -> Symbol:
    total = reduced("sum", self, axis, keepdims, dtype or (np.float64 if self.dtype.kind in "biu" else None))
    return total / total.dtype.type(self.size // max(total.size, 1))


def _in_order(name: str):
    def method(self, *args, **kwargs) -> Symbol:
        return host(getattr(np, name), self, *args, **kwargs)

    return method


operators()
Symbol.__hash__ = object.__hash__
Symbol.__array_ufunc__ = _protocol
Symbol.__array_function__ = _function_protocol
Symbol.mean = _mean
for _name in ("sum", "prod"):
    setattr(Symbol, _name, _reduction(_name))
for _name in ("max", "min", "any", "all", "argmax", "argmin"):
    setattr(Symbol, _name, _without_dtype(_name))
for _name in (
    "cumsum",
    "cumprod",
    "argsort",
    "round",
    "var",
    "std",
    "take",
    "diagonal",
    "trace",
    "searchsorted",
    "repeat",
):
    setattr(Symbol, _name, _in_order(_name))
