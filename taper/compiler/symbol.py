"""Symbols: what tensors hold in place of arrays while a step is captured.

A symbol looks like a NumPy array (shape, dtype, strides, views, arithmetic, in-place arithmetic) and records a graph node
for whatever is done to it, through NumPy's own protocols, so kernels written for NumPy are captured as they are. Its
`shadow` is a real array of the same shape and strides whose elements are never looked at: NumPy itself then answers
what a view's strides are and whether a reshape copies.

Writing makes a new node: a `Memory` holds the present value of what would be one block of memory, and views read and
write through the movement that made them.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable

import numpy as np

from .elementwise import UFUNCS
from .errors import CaptureError
from .graph import Graph, Node, value_of

_LOOKS = (
    "{name} looks at the values of a tensor, which are not known while a step is captured. Return the tensor and look at it "
    "outside of the compiled function, or choose with taper.where instead of `if`."
)


class Recording(threading.local):
    """The capture of this thread, if any: its graph, the present value of a number, and what was asked about numbers."""

    graph: Graph | None = None
    present: Callable[[Node], float]
    questions: list
    checks: list


recording = Recording()


def graph() -> Graph:
    """The graph being captured. RuntimeError in a thread that captures nothing."""
    if recording.graph is None:
        raise RuntimeError("a tensor is being captured by taper.compile in another thread; wait until that is done")
    return recording.graph


class Memory:
    """A block of memory: its present value. `fetch` makes the first one, when it is first read."""

    __slots__ = ("value", "fetch", "changes")

    def __init__(self, value: Node | None, fetch: Callable[[], Node] | None = None):
        self.value = value
        self.fetch = fetch
        self.changes = 0

    def read(self) -> Node:
        if self.value is None:
            self.value = self.fetch()
        return self.value


class Symbol:
    """An array whose elements are not known yet."""

    __slots__ = ("memory", "shadow", "parent", "movement", "_seen", "_node", "__weakref__")
    __array_priority__ = 1000

    def __init__(self, memory: Memory, shadow: np.ndarray, parent: Symbol | None = None, movement: tuple = ()):
        self.memory, self.shadow, self.parent, self.movement = memory, shadow, parent, movement
        self._seen, self._node = -1, None

    # What it is.

    shape = property(lambda self: self.shadow.shape)
    dtype = property(lambda self: self.shadow.dtype)
    ndim = property(lambda self: self.shadow.ndim)
    size = property(lambda self: self.shadow.size)
    strides = property(lambda self: self.shadow.strides)
    flags = property(lambda self: self.shadow.flags)
    itemsize = property(lambda self: self.shadow.itemsize)
    nbytes = property(lambda self: self.shadow.nbytes)
    __array_interface__ = property(lambda self: self._looked("__array_interface__"))

    @property
    def base(self) -> Symbol | None:
        """The symbol whose memory this one looks at; None if it is its own."""
        return self.parent

    def node(self) -> Node:
        """Its present value."""
        if self.parent is None:
            return self.memory.read()
        if self._seen != self.memory.changes or self._node is None:
            op, *attrs = self.movement
            self._node = getattr(graph(), op)(self.parent.node(), *attrs)
            self._seen = self.memory.changes
        return self._node

    def write(self, value: Node) -> None:
        """Give it another value of its shape and dtype; whatever shares its memory sees it."""
        g = graph()
        assert value.shape == self.shape and value.dtype == self.dtype, f"{value!r} into {self.shape} {self.dtype}"
        if self.parent is None:
            if self.memory.fetch is not None:
                self.memory.read()
            self.memory.value = value
            self.memory.changes += 1
            return
        op, *attrs = self.movement
        parent = self.parent
        if op == "reshape":
            value = g.reshape(value, parent.shape)
        elif op == "permute":
            value = g.permute(value, tuple(np.argsort(attrs[0]).tolist()))
        elif op == "slice":
            value = g.update(parent.node(), value, *attrs)
        else:
            raise CaptureError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation."
            )
        parent.write(value)

    def _view(self, shadow: np.ndarray, *movement) -> Symbol:
        return Symbol(self.memory, shadow, self, movement)

    # What cannot be known.

    def _looked(self, name: str):
        raise CaptureError(_LOOKS.format(name=name))

    def __array__(self, *args, **kwargs):
        return self._looked("Turning it into a NumPy array")

    def __bool__(self):
        return self._looked("A condition (`if`, `while`, `and`)")

    def __int__(self):
        return self._looked("int()")

    __index__ = __int__

    def __float__(self):
        return self._looked("float()")

    def __complex__(self):
        return self._looked("complex()")

    def __contains__(self, value):
        return self._looked("`in`")

    def item(self, *args):
        return self._looked(".item()")

    def tolist(self):
        return self._looked(".tolist()")

    def tobytes(self, *args):
        return self._looked(".tobytes()")

    def nonzero(self):
        return self._looked("nonzero()")

    def __format__(self, spec):
        return self._looked("Printing")

    def __repr__(self) -> str:
        return f"Symbol({list(self.shape)}, {self.dtype})"

    def __len__(self) -> int:
        return len(self.shadow)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    # Views and copies.

    def reshape(self, *shape, order="C", copy=None) -> Symbol:
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if order != "C":
            raise CaptureError(f"reshape in order {order!r} is not captured")
        try:
            shadow = self.shadow.view()
            shadow.shape = shape
        except (AttributeError, ValueError):
            shadow = np.empty(self.shadow.reshape(shape).shape if self.size < 1 << 20 else _filled(shape, self.size), self.dtype)
            return made(graph().reshape(self.node(), shadow.shape))
        return self._view(shadow, "reshape", shadow.shape)

    def ravel(self, order="C") -> Symbol:
        return self.reshape(-1)

    def flatten(self, order="C") -> Symbol:
        return made(graph().reshape(self.node(), (self.size,)))

    def transpose(self, *axes) -> Symbol:
        if len(axes) == 1 and (axes[0] is None or not isinstance(axes[0], int)):
            axes = () if axes[0] is None else tuple(axes[0])
        axes = tuple(a % self.ndim for a in axes) if axes else tuple(range(self.ndim))[::-1]
        return self._view(self.shadow.transpose(axes), "permute", axes)

    def swapaxes(self, a, b) -> Symbol:
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.transpose(axes)

    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))

    def squeeze(self, axis=None) -> Symbol:
        return self.reshape(self.shadow.squeeze(axis).shape)

    def expand_to(self, shape) -> Symbol:
        """A view in a larger shape, with strides of 0."""
        shape = tuple(shape)
        # As the eager engine's `expanded`: strides of repeated dimensions are 0.
        lead = len(shape) - self.ndim
        strides = (0,) * lead + tuple(
            s if n == have else 0 for n, have, s in zip(shape[lead:], self.shape, self.strides)
        )
        np.broadcast_shapes(self.shape, shape)
        return self._view(np.lib.stride_tricks.as_strided(self.shadow, shape, strides), "expand", shape)

    def copy(self, order="C") -> Symbol:
        shadow = np.empty_like(self.shadow, order=order) if order != "C" else None
        return made(self.node(), shadow)

    def __copy__(self) -> Symbol:
        return self.copy()

    def __deepcopy__(self, memo) -> Symbol:
        return self.copy()

    def astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True) -> Symbol:
        dtype = np.dtype(dtype)
        if dtype == self.dtype and not copy:
            return self
        if dtype.kind == "c" or self.dtype.kind == "c":
            raise CaptureError("complex numbers are not captured")
        return made(graph().cast(self.node(), dtype), np.empty_like(self.shadow, dtype, order=order))

    def view(self, dtype=None, *args) -> Symbol:
        if dtype is None or np.dtype(dtype) == self.dtype:
            return self._view(self.shadow.view(), "reshape", self.shape)
        raise CaptureError(f"reading {self.dtype} memory as {np.dtype(dtype)} is not captured")

    def fill(self, value) -> None:
        self[...] = value

    real = property(lambda self: self)

    @property
    def imag(self):
        return made(graph().expand(graph().scalar(0, self.dtype), self.shape))

    def conj(self) -> Symbol:
        return self

    conjugate = conj

    # Indexing.

    def __getitem__(self, index) -> Symbol:
        parts = _parts(index, self.ndim)
        if parts is None:
            return _picked(self, index)
        found = self
        starts, counts, steps, shape, position = [], [], [], [], 0
        for part in parts:
            if part is None:
                shape.append(1)
                continue
            n = self.shape[position]
            if isinstance(part, slice):
                start, stop, step = part.indices(n)
                count = len(range(start, stop, step))
                shape.append(count)
            else:
                start, count, step = operator.index(part), 1, 1
                if not -n <= start < n:
                    raise IndexError(f"index {start} is out of bounds for axis {position} with size {n}")
                start %= n
            starts.append(start if count else 0)
            counts.append(count)
            steps.append(step)
            position += 1
        sliced = graph_slice(found, tuple(starts), tuple(counts), tuple(steps))
        if sliced.shape == tuple(shape):
            return sliced
        shadow = self.shadow[index]
        return sliced._view(shadow, "reshape", shadow.shape)

    def __setitem__(self, index, value) -> None:
        if isinstance(index, Symbol) and index.dtype == bool:
            chosen = index.node()
            g = graph()
            for _ in range(self.ndim - index.ndim):
                chosen = g.reshape(chosen, (*chosen.shape, 1))
            new = _operand(value, self.dtype)
            if new.ndim and new.size != 1:
                raise CaptureError("writing where a mask holds takes one number, or use taper.where")
            new = g.reshape(new, ()) if new.size == 1 else new
            self.write(g.elementwise("where", g.expand(chosen, self.shape), g.expand(new, self.shape), self.node()))
            return
        if _parts(index, self.ndim) is None:
            raise CaptureError("writing at positions that are given by an array is not captured; use taper.where or scatter")
        target = self if index is Ellipsis else self[index]
        g = graph()
        new = _operand(value, self.dtype)
        extra = new.ndim - target.ndim
        if extra > 0:
            new = g.reshape(new, new.shape[extra:])
        target.write(g.expand(new, target.shape))

    # Reductions.

    def _reduce(self, name, axis=None, dtype=None, keepdims=False) -> Symbol:
        return reduced(name, self, axis, keepdims, dtype)

    def sum(self, axis=None, dtype=None, out=None, keepdims=False) -> Symbol:
        return self._reduce("sum", axis, dtype, keepdims)

    def prod(self, axis=None, dtype=None, out=None, keepdims=False) -> Symbol:
        return self._reduce("prod", axis, dtype, keepdims)

    def max(self, axis=None, out=None, keepdims=False) -> Symbol:
        return self._reduce("max", axis, None, keepdims)

    def min(self, axis=None, out=None, keepdims=False) -> Symbol:
        return self._reduce("min", axis, None, keepdims)

    def any(self, axis=None, out=None, keepdims=False) -> Symbol:
        return self._reduce("any", axis, None, keepdims)

    def all(self, axis=None, out=None, keepdims=False) -> Symbol:
        return self._reduce("all", axis, None, keepdims)

    def argmax(self, axis=None, out=None, *, keepdims=False) -> Symbol:
        return self._reduce("argmax", axis, None, keepdims)

    def argmin(self, axis=None, out=None, *, keepdims=False) -> Symbol:
        return self._reduce("argmin", axis, None, keepdims)

    def mean(self, axis=None, dtype=None, out=None, keepdims=False) -> Symbol:
        total = self._reduce("sum", axis, dtype, keepdims)
        return total / total.dtype.type(self.size // max(total.size, 1))

    # Arithmetic.

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method == "reduce":
            return _ufunc_reduced(ufunc, *inputs, out=out, **options)
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

    def __array_function__(self, function, types, args, kwargs):
        found = FUNCTIONS.get(function)
        if found is None:
            raise CaptureError(f"numpy.{function.__name__} is not captured")
        return found(*args, **kwargs)


def _filled(shape, size):
    known = math.prod(n for n in shape if n != -1)
    return tuple(size // max(known, 1) if n == -1 else n for n in shape)


def graph_slice(x: Symbol, starts, counts, steps) -> Symbol:
    """The view that a slice node makes."""
    index = tuple(
        slice(a, a + n * k if a + n * k >= 0 else None, k) for a, n, k in zip(starts, counts, steps)
    )
    return x._view(x.shadow[index], "slice", starts, counts, steps)


def _parts(index, ndim: int):
    """A basic index as a list with an entry for every axis and every None; None if arrays are in it."""
    index = index if isinstance(index, tuple) else (index,)
    known = 0
    for part in index:
        if isinstance(part, (Symbol, np.ndarray, list)) or isinstance(part, (bool, np.bool_)):
            return None
        known += part is not None and part is not Ellipsis
    if known > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    made_parts: list = []
    for part in index:
        if part is Ellipsis:
            made_parts += [slice(None)] * (ndim - known)
        else:
            made_parts.append(part)
    if Ellipsis not in index:
        made_parts += [slice(None)] * (ndim - known)
    return made_parts


def _picked(x: Symbol, index) -> Symbol:
    """x[index] where one integer array stands in the index, every other place being taken whole."""
    index = index if isinstance(index, tuple) else (index,)
    arrays = [i for i, p in enumerate(index) if isinstance(p, (Symbol, np.ndarray, list))]
    others = [p for i, p in enumerate(index) if i not in arrays]
    if len(arrays) == 1 and all(isinstance(p, slice) and p == slice(None) for p in others):
        at = index[arrays[0]]
        at = at if isinstance(at, Symbol) else np.asarray(at)
        if at.dtype.kind in "iu":
            return taken(x, at, arrays[0])
    raise CaptureError(
        "indexing whose result depends on values (a mask), or with several arrays, is not captured; use taper.where, "
        "gather or take_along_dim"
    )


def taken(x: Symbol, index, axis: int) -> Symbol:
    """x with the positions of `index` picked along an axis; negative ones count from the end."""
    g = graph()
    at = g.cast(_operand(index, None), np.int64)
    n = x.shape[axis]
    if at.op == "constant":
        if at.size and not -n <= value_of(at).min() <= value_of(at).max() < n:
            raise IndexError(f"index out of range for an axis of size {n}")
    elif at.size:
        recording.checks.append(
            g.elementwise(
                "logical_or",
                g.elementwise("less", at, g.scalar(-n, np.int64)),
                g.elementwise("greater_equal", at, g.scalar(n, np.int64)),
            )
        )
    if not (at.op == "constant" and at.size and value_of(at).min() >= 0):
        at = g.elementwise(
            "where",
            g.elementwise("less", at, g.scalar(0, np.int64)),
            g.elementwise("add", at, g.scalar(n, np.int64)),
            at,
        )
    return made(g.take(node_for(x), at, axis % x.ndim))


def made(node: Node, shadow: np.ndarray | None = None) -> Symbol:
    """A symbol of its own memory with a node's value; `shadow` gives other strides than C order."""
    return Symbol(Memory(node), np.empty(node.shape, node.dtype) if shadow is None else shadow)


def symbol_of(value) -> Symbol:
    """A constant as a symbol; a symbol as it is."""
    return value if isinstance(value, Symbol) else made(graph().constant(np.array(value)))


def node_for(value) -> Node:
    return value.node() if isinstance(value, Symbol) else graph().constant(value)


def _operand(value, dtype) -> Node:
    """An operand as a node of a dtype (None: its own)."""
    if hasattr(value, "node_as"):
        return value.node_as(graph(), np.dtype(dtype or np.float64))
    g = graph()
    if isinstance(value, (bool, int, float)):
        return g.scalar(value, dtype)
    node = node_for(value)
    return node if dtype is None else g.cast(node, dtype)


def applied(ufunc, inputs, dtype=None) -> Symbol:
    """A ufunc on symbols, arrays and numbers, in the dtypes that NumPy would compute in."""
    if ufunc is np.matmul:
        return matmul(*inputs)
    if ufunc is np.vecdot:
        return (inputs[0] * inputs[1]).sum(-1)
    if ufunc is np.positive:
        return symbol_of(inputs[0]).copy()
    if ufunc in (np.conjugate,):
        return inputs[0]
    name = UFUNCS.get(ufunc)
    if name is None:
        raise CaptureError(f"numpy.{ufunc.__name__} is not captured")
    kinds = tuple(_kind(v) for v in inputs)
    loop = _loop(ufunc, kinds, dtype)
    if any(t.kind in "cOSUMm" for t in loop):
        raise CaptureError(f"numpy.{ufunc.__name__} in {loop[-1]} is not captured")
    node = graph().elementwise(name, *[_operand(v, t) for v, t in zip(inputs, loop)])
    shadow = None
    if node.ndim > 1:
        shadow = _ordered([v for v in inputs if isinstance(v, Symbol)], node)
    return made(node, shadow)


def _ordered(inputs: list[Symbol], node: Node):
    """NumPy keeps the memory order of its inputs where they agree: the shadow of such a result, or None for C order."""
    same = [s for s in inputs if s.shape == node.shape]
    if not same or any(s.flags.c_contiguous for s in same):
        return None
    return np.empty_like(same[0].shadow, node.dtype)


def _kind(value):
    if isinstance(value, (Symbol, np.ndarray, np.generic)):
        return value.dtype
    if getattr(value, "node_as", None) is not None:
        return float
    return type(value)


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
    a, b = _kind(x), _kind(y)
    common = np.result_type(a, b)
    x, y = _operand(x, common), _operand(y, common)
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
    result = reduced(name, x, axis, keepdims, dtype)
    return result if initial is None else applied(ufunc, (result, result.dtype.type(initial)))


def reduced(name: str, x: Symbol, axis, keepdims: bool, dtype=None) -> Symbol:
    """A reduction as NumPy's, with NumPy's widening of small integers and bools."""
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
    if name in ("max", "min", "argmax", "argmin") and math.prod(x.shape[a] for a in axes) == 0:
        raise ValueError("zero-size array to reduction operation which has no identity")
    if name.startswith("arg") and axis is None:
        node, axes, kept = g.reshape(node, (x.size,)), (0,), (1,) * x.ndim
    else:
        kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    out = g.reduce(name, node, axes)
    return made(g.reshape(out, kept) if keepdims else out)


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


operators()
Symbol.__hash__ = object.__hash__

FUNCTIONS: dict[Callable, Callable] = {}
"""What NumPy's functions that are not ufuncs do with symbols; `arrays.py` fills it."""
