"""Symbols: what tensors hold in place of arrays while a step is captured.

A symbol looks like a NumPy array (shape, dtype, strides, views, arithmetic, in-place arithmetic) and records a graph node
for whatever is done to it, through NumPy's own protocols, so kernels written for NumPy are captured as they are. Its
`shadow` is a real array of the same shape and strides whose elements are never looked at: NumPy itself then answers
what a view's strides are and whether a reshape copies.

Writing makes a new node: a `Memory` holds the present value of what would be one block of memory, and views read and
write through the movement that made them.

Arithmetic is in `computing.py`, indexing with arrays of positions in `positions.py`; both give symbols their methods.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np

from .errors import CaptureError
from .evaluate import evaluate
from .graph import LEAVES, Node, reached, value_of
from .recording import graph, recording

_LOOKS = (
    "{name} looks at the values of a tensor, which are not known while a step is captured. Return the tensor and look at it "
    "outside of the compiled function, or choose with taper.where instead of `if`."
)

_LARGE = 1 << 26
"""Elements from which a shadow has no memory."""


class Memory:
    """A block of memory: its present value. `fetch` makes the first one, when it is first read."""

    __slots__ = ("value", "fetch", "changes")

    def __init__(self, value: Node | None, fetch: Callable[[], Node] | None = None):
        self.value = value
        self.fetch = fetch
        self.changes = 0

    def read(self) -> Node:
        if self.value is None:
            assert self.fetch is not None
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
    place = property(lambda self: recording.place)
    """The device of the step's arrays: what `Tensor.device` says."""

    ndim = property(lambda self: self.shadow.ndim)
    size = property(lambda self: self.shadow.size)
    strides = property(lambda self: self.shadow.strides)
    flags = property(lambda self: self.shadow.flags)
    itemsize = property(lambda self: self.shadow.itemsize)
    nbytes = property(lambda self: self.shadow.nbytes)

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
        elif op == "expand" and parent.size == value.size:
            value = g.reshape(value, parent.shape)
        elif op == "slice":
            value = g.update(parent.node(), value, *attrs)
        elif op == "take" and attrs[0].ndim == 0:
            value = _put_one(parent.node(), value, *attrs)
        elif op == "take" and np.unique(at := value_of(attrs[0])).size == at.size:
            value = _put_back(parent.node(), value, at, attrs[1])
        else:
            raise CaptureError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation."
            )
        parent.write(value)

    def view_as(self, shadow: np.ndarray, *movement) -> Symbol:
        return Symbol(self.memory, shadow, self, movement)

    # What cannot be known, unless it is made of constants alone.

    def known(self) -> np.ndarray | None:
        """Its elements, if nothing but constants is behind them; else None."""
        if self.memory.value is None:
            return None
        node = self.node()
        if any(n.op in LEAVES and n.op != "constant" for n in reached([node])):
            return None
        return evaluate([node], {})[0]

    def _looked(self, name: str) -> np.ndarray:
        value = self.known()
        if value is None:
            raise CaptureError(_LOOKS.format(name=name))
        return value

    @property
    def __array_interface__(self):
        raise AttributeError("a symbol's memory has no place")

    def __array__(self, dtype=None, copy=None):
        return np.array(self._looked("Turning it into a NumPy array"), dtype)

    def __bool__(self):
        return bool(self._looked("A condition (`if`, `while`, `and`)"))

    def __int__(self):
        return int(self._looked("int()"))

    def __index__(self):
        return operator.index(self._looked("int()"))

    def __float__(self):
        return float(self._looked("float()"))

    def __complex__(self):
        return complex(self._looked("complex()"))

    def __contains__(self, value):
        return value in self._looked("`in`")

    def get(self) -> np.ndarray:
        return self._looked("Printing")

    def item(self, *args):
        return self._looked(".item()").item(*args)

    def tolist(self):
        return self._looked(".tolist()").tolist()

    def tobytes(self, *args):
        return self._looked(".tobytes()").tobytes(*args)

    def nonzero(self):
        return self._looked("nonzero()").nonzero()

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
            shadow = np.empty(
                self.shadow.reshape(shape).shape if self.size < 1 << 20 else _whole(shape, self.size), self.dtype
            )
            return made(graph().reshape(self.node(), shadow.shape))
        return self.view_as(shadow, "reshape", shadow.shape)

    def ravel(self, order="C") -> Symbol:
        return self.reshape(-1)

    def flatten(self, order="C") -> Symbol:
        return made(graph().reshape(self.node(), (self.size,)))

    def transpose(self, *axes) -> Symbol:
        if len(axes) == 1 and (axes[0] is None or not isinstance(axes[0], int)):
            axes = () if axes[0] is None else tuple(axes[0])
        axes = tuple(a % self.ndim for a in axes) if axes else tuple(range(self.ndim))[::-1]
        return self.view_as(self.shadow.transpose(axes), "permute", axes)

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
        return self.view_as(np.lib.stride_tricks.as_strided(self.shadow, shape, strides), "expand", shape)

    def check_whole(self) -> None:
        """CaptureError for what lies somewhere in the memory of another array: where may be different at each call."""
        memory = self.shadow
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        if memory.nbytes != self.shadow.nbytes:
            raise CaptureError("the storage offset of a tensor that is a view is not captured; clone() it first")

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
        ordered = order == "C" or (order == "K" and self.flags.c_contiguous)
        return made(
            graph().cast(self.node(), dtype), None if ordered else np.empty_like(self.shadow, dtype, order=order)
        )

    def view(self, dtype=None, *args) -> Symbol:
        if dtype is None or np.dtype(dtype) == self.dtype:
            return self.view_as(self.shadow.view(), "reshape", self.shape)
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
            return self.picked(index)
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
        part = sliced(self, tuple(starts), tuple(counts), tuple(steps))
        if part.shape == tuple(shape):
            return part
        shadow = self.shadow[index]
        return part.view_as(shadow, "reshape", shadow.shape)

    def __setitem__(self, index, value) -> None:
        if _parts(index, self.ndim) is None:
            self.put(index, value)
            return
        target = self if index is Ellipsis else self[index]
        g = graph()
        new = operand(value, self.dtype)
        extra = new.ndim - target.ndim
        wrong = extra > 0 and any(n != 1 for n in new.shape[:extra])
        if wrong or any(n not in (1, m) for n, m in zip(new.shape[::-1], target.shape[::-1])):
            raise ValueError(f"could not broadcast input array from shape {new.shape} into shape {target.shape}")
        if extra > 0:
            new = g.reshape(new, new.shape[extra:])
        target.write(g.expand(new, target.shape))

    picked: Callable[[object], Symbol]
    put: Callable[[object, object], None]


def _put_back(x: Node, value: Node, at: np.ndarray, axis: int) -> Node:
    """x with the elements at positions along an axis, all different, replaced by those that were taken there."""
    g = graph()
    n = x.shape[axis]
    where_from, replaced = np.zeros(n, np.int64), np.zeros(n, bool)
    where_from[at.reshape(-1)], replaced[at.reshape(-1)] = np.arange(at.size), True
    flat = g.reshape(value, (*x.shape[:axis], at.size, *x.shape[axis + 1 :]))
    mask = g.constant(replaced.reshape(-1, *(1,) * (x.ndim - axis - 1)))
    return g.elementwise("where", g.expand(mask, x.shape), g.take(flat, g.constant(where_from), axis), x)


def _put_one(x: Node, value: Node, at: Node, axis: int) -> Node:
    """x with the slice at a position along an axis replaced."""
    g = graph()
    numbers = g.constant(np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - axis - 1)))
    there = g.elementwise("equal", numbers, g.expand(at, numbers.shape))
    wide = g.expand(g.reshape(value, (*x.shape[:axis], 1, *x.shape[axis + 1 :])), x.shape)
    return g.elementwise("where", g.expand(there, x.shape), wide, x)


def _whole(shape, size):
    known = math.prod(n for n in shape if n != -1)
    return tuple(size // max(known, 1) if n == -1 else n for n in shape)


def sliced(x: Symbol, starts, counts, steps) -> Symbol:
    """The view that a slice node makes."""
    index = tuple(slice(a, a + n * k if a + n * k >= 0 else None, k) for a, n, k in zip(starts, counts, steps))
    return x.view_as(x.shadow[index], "slice", starts, counts, steps)


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


def made(node: Node, shadow: np.ndarray | None = None) -> Symbol:
    """A symbol of its own memory with a node's value; `shadow` gives other strides than C order."""
    return Symbol(Memory(node), _blank(node.shape, node.dtype) if shadow is None else shadow)


def _blank(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A shadow in C order. Any number of long rows would be terabytes, so there is no memory behind a large one."""
    size = math.prod(shape)
    if size < _LARGE:
        return np.empty(shape, dtype)
    strides, step = [], size * dtype.itemsize
    for n in shape:
        step //= n
        strides.append(step)
    return np.lib.stride_tricks.as_strided(np.empty((), dtype), shape, strides)


def symbol_of(value) -> Symbol:
    """A constant as a symbol; a symbol as it is."""
    return value if isinstance(value, Symbol) else constant_symbol(np.asarray(value))


def constant_symbol(array: np.ndarray) -> Symbol:
    """A symbol of its own memory with an array's elements; what was drawn is a symbol already."""
    if isinstance(array, Symbol):
        return array
    if array.dtype.kind == "c":
        raise CaptureError("complex numbers are not captured")
    g = graph()
    if array.size > 1 and array.tobytes() == array.reshape(-1)[:1].tobytes() * array.size:
        node = g.expand(g.constant(array.reshape(-1)[0]), array.shape)
    else:
        node = g.constant(array)
    return made(node, np.empty_like(array))


def node_for(value) -> Node:
    return value.node() if isinstance(value, Symbol) else graph().constant(value)


def operand(value, dtype) -> Node:
    """An operand as a node of a dtype (None: its own)."""
    if hasattr(value, "node_as"):
        return value.node_as(graph(), np.dtype(dtype or np.float64))
    g = graph()
    if isinstance(value, (bool, int, float)):
        return g.scalar(value, dtype)
    node = node_for(value)
    return node if dtype is None else g.cast(node, dtype)


def kind_of(value):
    """The dtype of an operand, or its type if it is a Python number."""
    if isinstance(value, (Symbol, np.ndarray, np.generic)):
        return value.dtype
    if getattr(value, "node_as", None) is not None:
        return float
    return type(value)
