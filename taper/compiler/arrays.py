"""The array namespace of symbols: operators written over `xp` are captured through these functions.

A function of `backends/cpu` is captured in one of three ways: it is here, because it moves data or makes arrays; it is
one of TRACED, whose NumPy code runs on symbols as it stands; or it becomes a host node, which calls it at each run.
"""

from __future__ import annotations

import functools
import math
import sys
from builtins import any as any_of
from builtins import max as largest

import numpy as np

from ..backends import NAMESPACES, cpu
from ..ops import attention as _attention
from . import halved, heads
from . import routines as _routines
from .computing import FUNCTIONS, applied, found, matmul, outside, reduced  # noqa: F401
from .convolution import *
from .elementwise import ELEMENTWISE
from .host import host, values_decide
from .memory_views import *
from .movement import *
from .normalization import *
from .numbers import Number
from .pooling import *
from .positions import *
from .recording import graph, recording
from .resampling import *
from .symbol import Symbol, kind_of, made, node_for, operand, symbol_of

_xp = sys.modules[__name__]

TRACED = frozenset(
    "softmax log_softmax logsumexp variance mean_of vector_norm squared_error channel_sums batch_norm_grad "
    "batch_norm_by batch_norm_by_grad layer_norm layer_norm_grad layer_norm_slope rms_norm rms_norm_grad "
    "class_exponentials affine add_product isneginf isposinf".split()
)
"""Functions of the CPU namespace that are plain array code."""


def __getattr__(name: str):
    found = getattr(cpu, name, None)
    if found is None:
        raise AttributeError(f"arrays have no function {name!r}")
    if isinstance(found, np.ufunc):
        return functools.partial(_ufunc, found)
    if name in ELEMENTWISE:
        return functools.partial(_elementwise, name)
    if not callable(found) or isinstance(found, type):
        return found
    if name in TRACED:
        return found
    return functools.partial(host, found)


def _ufunc(ufunc, *inputs, **options):
    if not any_of(isinstance(v, Symbol) for v in inputs) and not any_of(hasattr(v, "node_as") for v in inputs):
        return ufunc(*inputs, **options)
    return applied(ufunc, inputs, options.get("dtype"))


def _elementwise(name, *inputs):
    if not any_of(isinstance(v, Symbol) for v in inputs):
        return getattr(cpu, name)(*inputs)
    g = graph()
    (x,) = inputs
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        return host(getattr(cpu, name), x)
    return made(g.elementwise(name, x.node()), None if x.flags.c_contiguous else np.empty_like(x.shadow))


# Making arrays.


def on_gpu() -> bool:
    """Whether a GPU computes with these arrays."""
    return recording.gpu


def asarray(x, dtype=None, **options):
    if not isinstance(x, Symbol):
        return np.asarray(x, dtype)
    return x if dtype is None else x.astype(dtype, copy=False)


def array(x, dtype=None, copy=True, order="K", **options):
    if not isinstance(x, Symbol):
        return np.array(x, dtype, copy=copy, order=order)
    if dtype is not None and np.dtype(dtype) != x.dtype:
        return x.astype(dtype, order=order)
    return x.copy(order=order)


def ascontiguousarray(x, dtype=None):
    if not isinstance(x, Symbol):
        return np.ascontiguousarray(x, dtype)
    x = x if dtype is None else x.astype(dtype, copy=False)
    return x if x.flags.c_contiguous else x.copy()


def astype(x, dtype, copy=True, order="K"):
    return x.astype(dtype, copy=copy, order=order)


def full_like(x, value, dtype=None, shape=None, **options):
    dtype = np.dtype(dtype or x.dtype)
    if shape is not None:
        return full(shape, value, dtype)
    g = graph()
    node = value.node_as(g, dtype) if hasattr(value, "node_as") else g.cast(node_for(value), dtype)
    turned = isinstance(x, Symbol) and not x.flags.c_contiguous
    return made(g.expand(node, x.shape), np.empty_like(x.shadow, dtype) if turned else None)


def full(shape, value, dtype=None, **options):
    """Elements that are all one number, in a shape."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if dtype is None:
        dtype = value.dtype if hasattr(value, "dtype") else np.result_type(kind_of(value))
    return made(graph().expand(operand(value, np.dtype(dtype)), shape))


def zeros(shape, dtype=None, **options):
    return full(shape, 0, dtype or np.float64)


def ones(shape, dtype=None, **options):
    return full(shape, 1, dtype or np.float64)


empty = zeros


def zeros_beside(x, shape):
    return full(shape, 0, x.dtype)


def triangle_beside(x):
    return _xp.tri(*x.shape[-2:], dtype=bool)


def zeros_like(x, dtype=None, shape=None, **options):
    return full_like(x, 0, dtype, shape)


def ones_like(x, dtype=None, shape=None, **options):
    return full_like(x, 1, dtype, shape)


def empty_like(x, dtype=None, shape=None, **options):
    return full_like(x, 0, dtype, shape)


# Computing.


def tril(x, k=0):
    return where(np.tri(*x.shape[-2:], k=k, dtype=bool), x, x.dtype.type(0))


def triu(x, k=0):
    return where(np.tri(*x.shape[-2:], k=k - 1, dtype=bool), x.dtype.type(0), x)


def number(x):
    """The element of an array without dimensions, as a number that the program computes."""
    value = x.known()
    return value.item() if value is not None else Number(graph().cast(graph().reshape(x.node(), ()), np.float64))


def where(condition, *choices):
    if not choices:
        raise values_decide("where")
    g = graph()
    kinds = [kind_of(v) for v in choices]
    dtype = np.result_type(*[k if isinstance(k, np.dtype) else k(0) for k in kinds])
    return made(g.elementwise("where", g.cast(node_for(condition), bool), *[operand(v, dtype) for v in choices]))


def kept(x, condition):
    return where(condition, x, x.dtype.type(0))


def dropped(x, condition):
    return where(condition, x.dtype.type(0), x)


def _kind(*operands) -> str:
    return np.result_type(*[v.dtype if hasattr(v, "dtype") else getattr(v, "value", v) for v in operands]).kind


def sign(x):
    signs = applied(np.sign, (x,))
    return where(signs == signs, signs, signs.dtype.type(0)) if signs.dtype.kind == "f" else signs


def remainder(x, y):
    if _kind(x, y) != "f":
        return applied(np.remainder, (x, y))
    rest = applied(np.fmod, (x, y))
    return where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


def trunc_divide(x, y):
    if _kind(x, y) == "f":
        return applied(np.trunc, (x / y,))
    q = applied(np.floor_divide, (x, y))
    return q + astype((q < 0) & (q * y != x), q.dtype)


def logaddexp(x, y):
    return applied(np.logaddexp, (x, y))


def clip(x, low=None, high=None, **options):
    if low is not None:
        x = applied(np.maximum, (x, low))
    return x if high is None else applied(np.minimum, (x, high))


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    if x.dtype.kind != "f":
        return x.copy()
    facts, number = np.finfo(x.dtype), x.dtype.type
    x = where(applied(np.isnan, (x,)), number(nan), x)
    x = where(x == np.inf, number(facts.max if posinf is None else posinf), x)
    return where(x == -np.inf, number(facts.min if neginf is None else neginf), x)


def isneginf(x):
    return x == -np.inf


def isposinf(x):
    return x == np.inf


def real(x):
    return x


def conj(x):
    return x


def _reduction(name):
    def reduction(x, axis=None, keepdims=False, dtype=None, **options):
        if name in ("sum", "prod") and dtype is None and x.dtype.kind in "biu":
            dtype = np.int64
        return reduced(name, x, axis, keepdims, dtype)

    reduction.__name__ = name
    return reduction


sum, prod, max, min = (_reduction(n) for n in ("sum", "prod", "max", "min"))
any, all, argmax, argmin = (_reduction(n) for n in ("any", "all", "argmax", "argmin"))


def count_nonzero(x, axis=None, keepdims=False):
    return reduced("sum", (x != 0).astype(np.int64), axis, keepdims)


def column_sums(x):
    return reduced("sum", x, 0, False)


def einsum(spec, *operands, **options):
    """Sums of products: transposed to stacks of matrices where there are two operands, else element by element."""
    if len(operands) == 1 or "." in spec:
        return _einsum_dots(spec, operands)
    return host(np.einsum, spec, *operands)


def _einsum_dots(spec, operands):
    left, _, right = spec.replace(" ", "").partition("->")
    terms = left.split(",")
    if any_of(not t.startswith("...") for t in [*terms, right]) or len(set(spec)) > 12:
        return host(np.einsum, spec, *operands)
    letters = sorted(set(left) - set(".,"))
    ndim = largest(o.ndim - len(t) + 3 for o, t in zip(operands, terms))
    out = None
    for o, t in zip(operands, terms):
        own = t[3:]
        lead = o.ndim - len(own)
        order = [*range(lead), *(lead + own.index(c) for c in letters if c in own)]
        o = o.transpose(order)
        shape = [*(1,) * (ndim - lead), *o.shape[:lead]]
        sizes = iter(o.shape[lead:])
        shape += [next(sizes) if c in own else 1 for c in letters]
        o = o.reshape(tuple(shape))
        out = o if out is None else out * o
    gone = tuple(ndim + i for i, c in enumerate(letters) if c not in right)
    out = reduced("sum", out, gone, False) if gone else out
    left_over = [c for c in letters if c in right]
    return out.transpose([*range(ndim), *(ndim + left_over.index(c) for c in right[3:])])


# Attention: by blocks where the weights would be large, else with weights (..., L, S), which fuse with what is beside them.


def attention(q, k, v, mask, drop, scale, causal):
    made = heads.attention(q, k, v, mask, drop, scale, causal)
    made = _routines.attention(q, k, v, mask, drop, scale, causal) if made is None else made
    if made is not None:
        return made
    weights = _attention.weights_of(_xp, q, k, mask, scale, causal)
    return halved.matmul(weights if drop is None else weights * drop, v), weights


def attention_grad(g, q, k, v, mask, drop, out, kept, scale, causal, needs):
    if kept.ndim < out.ndim:
        if heads.is_by_library(q):
            made = heads.attention_grad(g, q, k, v, out, kept, scale, causal)
            return (*(d if need else None for d, need in zip(made, needs)), None, None)
        if not needs[3]:
            made = _routines.attention_grad(g, q, k, v, mask, drop, out, kept, scale, causal)
            return (*(d if need else None for d, need in zip(made, needs)), None, None)
        kept = _attention.weights_of(_xp, q, k, mask, scale, causal)
    return _attention.slopes(halved if recording.gpu else _xp, g, q, k, v, drop, kept, scale, needs)


def rejoined(parts):
    return _attention.beside(_xp, parts)


def recurrence(cell, x, h, c, w, b, project, sizes, reverse):
    return _routines.recurrence(_xp, cell, x, h, c, w, b, project, sizes, reverse)


def recurrence_grad(cell, gradients, before_h, before_c, saved, w, project, sizes, reverse):
    return _routines.recurrence_grad(_xp, cell, gradients, before_h, before_c, saved, w, project, sizes, reverse)


# Losses of class indices: a target is found by comparing, which fuses with what is taken off there.


def class_targets(target, classes, ignore):
    target = symbol_of(target)
    counted = target != ignore
    wrong = applied(np.logical_or, (target < 0, target >= classes))
    found(applied(np.logical_and, (wrong, counted)))
    return where(counted, target, target.dtype.type(0)), counted


def class_scores(x):
    return x.reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def class_scores_back(x, shape):
    return x.reshape(shape)


def class_picked(x, at):
    g = graph()
    return made(g.reshape(g.pick(x.node(), g.cast(expand_dims(at, 1).node(), np.int64), 1), at.shape))


def class_lowered(x, at, strength):
    hit = expand_dims(at, 1) == np.arange(x.shape[1], dtype=at.dtype).reshape(1, -1, 1)
    return x - where(hit, expand_dims(strength, 1) if strength.ndim else strength, x.dtype.type(0))


# What NumPy's own functions do when kernels call them with symbols.

FUNCTIONS.update(
    {
        getattr(np, name): function
        for name, function in dict(globals()).items()
        if callable(getattr(np, name, None)) and callable(function) and not isinstance(getattr(np, name), np.ufunc)
    }
)
FUNCTIONS[np.transpose] = permute_dims
FUNCTIONS[np.shape] = lambda x: x.shape
FUNCTIONS[np.ndim] = lambda x: x.ndim
FUNCTIONS[np.size] = lambda x: x.size
FUNCTIONS[np.copy] = lambda x, **options: x.copy()


def _copyto(target, source, **options):
    target[...] = source


FUNCTIONS[np.copyto] = _copyto
FUNCTIONS[np.result_type] = lambda *xs: np.result_type(*[x.dtype if isinstance(x, Symbol) else x for x in xs])

NAMESPACES[Symbol] = _xp
