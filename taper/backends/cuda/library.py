"""NumPy's names over CuPy: what kernels call `np` on a GPU.

The library *is* CuPy, with what kernels use and CuPy lacks, or has under another condition, added or put right: reductions
and scattering by ufuncs, `vecdot`, failures of cuSOLVER as exceptions.
"""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import functools
from contextlib import contextmanager
from types import SimpleNamespace

import cupy
import cupyx
import numpy

from ..determinism import REQUIRED

globals().update({name: value for name, value in vars(cupy).items() if not name.startswith("_")})

ndarray = cupy.ndarray
bool_ = bool = numpy.bool_
longdouble = float64 = numpy.float64  # GPUs have nothing wider


def array(x, dtype=None, copy=True, order="K", **options):
    """A new array; one on the GPU from NumPy's too."""
    return cupy.array(x, dtype=dtype, copy=copy, order=order)


def matmul(a, b, **options):
    """The matrix product. Stacks of matrices in half precision are multiplied in float32: CuPy 14 does so only for some."""
    if (a.ndim > 2 or b.ndim > 2) and a.dtype.itemsize == 2 and a.dtype.kind in "fV" and not options:
        return cupy.matmul(a.astype(numpy.float32), b.astype(numpy.float32)).astype(a.dtype)
    return cupy.matmul(a, b, **options)


def astype(x, dtype, copy=True):
    """x with another element type."""
    return x.astype(dtype, copy=copy)


def _sortable(x):
    """x in a type that CuPy surely sorts: half precision as float32, bools as bytes."""
    if x.dtype.kind == "b":
        return x.view(numpy.uint8)
    return x.astype(numpy.float32) if x.itemsize == 2 and x.dtype.kind in "fV" else x


def _again(x, dtype):
    """What was sorted in its own type."""
    return x if x.dtype == dtype else x.astype(dtype)


def argsort(x, axis=-1, kind=None):
    """The positions that sort x; equal elements keep their order."""
    return cupy.argsort(_sortable(x), axis=axis, kind="stable")


def sort(x, axis=-1, kind=None):
    return _again(cupy.sort(_sortable(x), axis=axis), x.dtype)


def argpartition(x, kth, axis=-1):
    return cupy.argpartition(_sortable(x), kth, axis=axis)


def partition(x, kth, axis=-1):
    return _again(cupy.partition(_sortable(x), kth, axis=axis), x.dtype)


def unique(x, **options):
    """`cupy.unique`; the values come in x's type."""
    found = cupy.unique(_sortable(x), **options)
    return (_again(found[0], x.dtype), *found[1:]) if found.__class__ is tuple else _again(found, x.dtype)


def vecdot(x, y):
    """The products of the vectors along the last axis, conj(x) @ y."""
    return ((x.conj() if x.dtype.kind == "c" else x) * y).sum(axis=-1)


def shape(x):
    return x.shape if hasattr(x, "shape") else numpy.shape(x)


@contextmanager
def errstate(**how):
    """GPUs do not warn."""
    yield


def frombuffer(buffer, dtype=float, count=-1, offset=0):
    """Bytes of the CPU's as an array."""
    return cupy.asarray(numpy.frombuffer(buffer, dtype, count, offset))


def as_strided(x, shape=None, strides=None, writeable=True):
    """A view by shape and strides in bytes, for reading: it does not tell whose memory it looks at."""
    return cupy.lib.stride_tricks.as_strided(x, shape, strides)


lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=as_strided))


def _told(function):
    """A function of `cupy.linalg` that raises LinAlgError where cuSOLVER reports a failure, as NumPy's do."""

    @functools.wraps(function)
    def call(*args, **options):
        with cupyx.errstate(linalg="raise"):
            return function(*args, **options)

    return call


linalg = SimpleNamespace(
    LinAlgError=numpy.linalg.LinAlgError,
    **{
        name: _told(getattr(cupy.linalg, name))
        for name in (
            *("cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matrix_power", "norm", "pinv"),
            *("qr", "slogdet", "solve", "svd"),
        )
    },
)


class Ufunc:
    """A ufunc with the methods of NumPy's that CuPy's has not, or for few element types.

    reduction: CuPy's function that reduces by it. running: the one that accumulates, if there is one.
    """

    def __init__(self, ufunc, reduction, running=None):
        self.__name__ = ufunc.__name__
        self._ufunc, self._reduction, self._running = ufunc, reduction, running

    def __call__(self, *args, **options):
        return self._ufunc(*args, **options)

    def reduce(self, x, axis=0, dtype=None, out=None, keepdims=False, initial=None):
        """x reduced along an axis, or several, or (None) all; of nothing, `initial`."""
        options = {} if dtype is None else {"dtype": dtype}
        if initial is None:
            return self._reduction(x, axis=axis, keepdims=keepdims, **options)
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        axes = {i % x.ndim for i in axes}
        if 0 in [x.shape[i] for i in axes]:
            kept = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
            return cupy.full(kept, initial, x.dtype)
        return self._ufunc(self._reduction(x, axis=axis, keepdims=keepdims, **options), x.dtype.type(initial))

    def accumulate(self, x, axis=0, dtype=None):
        """The running reductions along an axis."""
        x = x if dtype is None else x.astype(dtype)
        if self._running is not None:
            return self._running(x, axis=axis, dtype=x.dtype)
        n, step = x.shape[axis], 1
        lead = (slice(None),) * (axis % x.ndim)
        while step < n:  # each round doubles how many elements a result covers
            after = self._ufunc(x[(*lead, slice(None, n - step))], x[(*lead, slice(step, None))])
            x = cupy.concatenate((x[(*lead, slice(None, step))], after), axis=axis)
            step *= 2
        return x

    def at(self, x, where, values):
        """x[where] = ufunc(x[where], values), every one of positions that repeat.

        Sums of floating-point numbers by atomic operations come in any order; where that must not be, positions are sorted.
        """
        if self._ufunc is cupy.add and x.dtype in _ATOMIC and not (REQUIRED[0] and x.dtype.kind == "f"):
            cupyx.scatter_add(x, where, values)
            return
        if self._ufunc is cupy.add and x.dtype == numpy.int64:
            # The bits of a sum do not depend on the sign.
            values = cupy.asarray(values, dtype=numpy.int64)
            cupyx.scatter_add(x.view(numpy.uint64), where, values.view(numpy.uint64))
            return
        if self._ufunc is cupy.add and x.dtype.kind == "c":
            values = cupy.asarray(values, dtype=x.dtype)
            self.at(x.real, where, values.real)
            self.at(x.imag, where, values.imag)
            return
        self._by_runs(x, where, values)

    def _by_runs(self, x, where, values):
        """`at` by sorting: values of one position stand together and are reduced in rounds that double their reach."""
        places = cupy.arange(x.size).reshape(x.shape)[where]
        shape, places = places.shape, places.reshape(-1)
        if not places.size:
            return
        values = cupy.broadcast_to(cupy.asarray(values, dtype=x.dtype), shape).reshape(-1)
        order = argsort(places)  # earlier values come first
        places, values = places[order], values[order]
        n, step = places.size, 1
        longest = int(cupy.bincount(cupy.unique(places, return_inverse=True)[1].reshape(-1)).max())
        while step < longest:
            joined = self._ufunc(values[:-step], values[step:])
            together = places[:-step] == places[step:]
            values = cupy.concatenate((values[:step], cupy.where(together, joined, values[step:])))
            step *= 2
        last = cupy.ones(n, dtype=numpy.bool_)
        last[:-1] = places[1:] != places[:-1]
        places, values = places[last], values[last]
        if x.flags.c_contiguous:
            flat = x.reshape(-1)
            flat[places] = self._ufunc(flat[places], values)
        else:
            at = cupy.unravel_index(places, x.shape)
            x[at] = self._ufunc(x[at], values)


_ATOMIC = tuple(map(numpy.dtype, (numpy.int32, numpy.float32, numpy.float64, numpy.uint32, numpy.uint64)))

add = Ufunc(cupy.add, cupy.sum, cupy.cumsum)


def bincount(x, weights=None, minlength=None):
    """How often each number occurs in x, or the sums of its weights."""
    if weights is None or not REQUIRED[0]:
        return cupy.bincount(x, weights, minlength)
    least = int(x.max()) + 1 if x.size else 0
    out = cupy.zeros(least if minlength is None or minlength < least else minlength, dtype=numpy.float64)
    add.at(out, (x,), weights)
    return out


multiply = Ufunc(cupy.multiply, cupy.prod, cupy.cumprod)
maximum = Ufunc(cupy.maximum, cupy.max)
minimum = Ufunc(cupy.minimum, cupy.min)
logical_or = Ufunc(cupy.logical_or, cupy.any)
logical_and = Ufunc(cupy.logical_and, cupy.all)
logaddexp = Ufunc(cupy.logaddexp, None)
