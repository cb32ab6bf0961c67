"""The modules `cupy`, `cupyx` and their rooms, made of NumPy's functions under CuPy's names and signatures."""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
import types

import numpy as np

from . import devices
from .arrays import CUPY, bare, check_kind, here, made, ndarray, scattered
from .names import inside, names

TYPES = (
    *("bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "intp", "float16", "float32"),
    *("float64", "complex64", "complex128", "number", "integer", "signedinteger", "unsignedinteger", "inexact"),
    *("floating", "complexfloating", "generic", "dtype", "finfo", "iinfo", "ndindex", "broadcast_shapes"),
    *("promote_types", "isscalar", "issubdtype", "newaxis", "inf", "nan", "pi", "e"),
)
FROM_HOST = ("array", "asarray", "asanyarray")


class ufunc:
    """`cupy.ufunc`: NumPy's, on arrays of the stand-in."""

    def __init__(self, name: str, function, nin: int, nout: int):
        self.__name__ = self.name = name
        self._function, self.nin, self.nout = function, nin, nout

    def __call__(self, *args, out=None, casting="same_kind", dtype=None):
        if len(args) > self.nin:
            *args, out = args
        inputs = [bare(a) for a in args]
        with np.errstate(all="ignore"):
            result = self._function(*inputs, **({} if dtype is None else {"dtype": dtype}))
        if out is None:
            return made(result)
        here(out)
        if not np.can_cast(result.dtype, out.dtype, casting):
            raise TypeError(f"Cannot cast from {result.dtype} to {out.dtype} according to the rule {casting!r}")
        out._host[...] = result
        return out

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        return made(self._function.reduce(bare(array), axis, dtype, None, keepdims))

    def accumulate(self, array, axis=0, dtype=None, out=None):
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")
        return made(self._function.accumulate(bare(array), axis, dtype))

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        if self.name != "add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        return made(self._function.reduceat(bare(array), bare(indices), axis, dtype))

    def at(self, a, indices, b=None):
        if self.name not in ("add", "subtract", "maximum", "minimum"):
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        scattered(self._function, a, indices, b)

    def outer(self, A, B, **options):
        return made(self._function.outer(bare(A), bare(B), **options))


def function(path: str, found, from_host: bool = False):
    """NumPy's function with CuPy's parameters, on arrays of the stand-in."""
    signature = names()[path].signature
    name = path.rpartition(".")[2]

    def call(*args, **options):
        if signature is not None:
            signature.bind(*args, **options)
        check_kind(name, options)
        options.pop("blocking", None)
        out = options.pop("out", None)
        plain = _either if from_host else bare
        with np.errstate(all="ignore"):
            result = found(*[plain(a) for a in args], **{k: plain(v) for k, v in options.items()})
        if out is not None:
            out._host[...] = result
            return out
        source = args[0] if args and isinstance(args[0], ndarray) else None
        return made(result, source)

    call.__name__ = call.__qualname__ = name
    call.__module__ = path.rpartition(".")[0]
    return call


def _either(value):
    """As `bare`, of NumPy's arrays too, and of nested sequences of either."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, ndarray):
        return value._host  # of any device: it is copied to the current one
    if isinstance(value, (list, tuple)):
        return type(value)(map(_either, value))
    return bare(value)


def _room(path: str, numpy_room, skip: tuple = ()) -> types.ModuleType:
    """A module with those of NumPy's functions that CuPy has."""
    made_room = types.ModuleType(path)
    made_room.__path__ = []
    for name, known in inside(path).items():
        found = getattr(numpy_room, name, None)
        if name in skip or found is None or known.kind not in ("function", "ufunc"):
            continue
        if known.kind == "ufunc" or (isinstance(found, np.ufunc) and name not in ("matmul",)):
            value = ufunc(name, found, getattr(found, "nin", 1), getattr(found, "nout", 1))
        else:
            value = function(f"{path}.{name}", found, name in FROM_HOST)
        setattr(made_room, name, value)
    return made_room


class ElementwiseKernel:
    """`cupy.ElementwiseKernel` of statements `const type name = expression;` and `result = name;`, in the arrays' own dtype."""

    FUNCTIONS = {
        **{"sqrt": np.sqrt, "fabs": np.abs, "larger": np.maximum, "smaller": np.minimum},
        **{"pick": np.where, "signum": np.sign},
    }

    def __init__(self, in_params, out_params, operation, name="kernel", preamble=""):
        self.given, self.results = ([p.split() for p in params.split(", ")] for params in (in_params, out_params))
        self.lines = [line.rstrip(";").split(" = ") for line in operation.split("\n")]
        called = {word for _, text in self.lines for word in re.findall(r"(\w+)\(", text)}
        assert all(f in ("sqrt", "fabs") or f"{f}(" in preamble for f in called), called

    def __call__(self, *args):
        assert len(args) == len(self.given) + len(self.results)
        scope = dict(self.FUNCTIONS)
        for (kind, name), value in zip(self.given, args):
            assert not isinstance(value, ndarray) or value.dtype == kind
            scope[name] = np.dtype(kind).type(value) if isinstance(value, float) else bare(value).copy()
        outs = {name: out for (_, name), out in zip(self.results, args[len(self.given) :])}
        with np.errstate(all="ignore"):
            for target, text in self.lines:
                value = eval(text, {"__builtins__": {}}, scope)
                if target in outs:
                    assert value.dtype == outs[target].dtype and value.shape == outs[target].shape
                    here(outs[target])
                    outs[target]._host[...] = value
                else:
                    scope[target.split()[-1]] = value


def _take(a, indices, axis=None, out=None):
    """`cupy.take`: positions out of range come round."""
    plain = bare(indices)
    return made(np.take(bare(a), plain, axis, mode="wrap"))


def _matmul(a, b, *, out=None):
    """`cupy.matmul`: of half precision too, added up in float32."""
    x, y = bare(a), bare(b)
    dtype = np.result_type(x, y)
    wide = np.float32 if dtype.itemsize == 2 and dtype.kind in "fV" else dtype
    result = np.matmul(x.astype(wide, copy=False), y.astype(wide, copy=False)).astype(dtype, copy=False)
    if out is None:
        return made(result)
    out._host[...] = result
    return out


def _as_strided(x, shape=None, strides=None):
    return ndarray(x.shape if shape is None else shape, x.dtype, x.data, x.strides if strides is None else strides)


def _cupy() -> types.ModuleType:
    cupy = _room("cupy", np, skip=(*TYPES, "from_dlpack", "take", "show_config", "fromfile", "load", "save", "savez"))
    cupy.__version__ = "14.2.0"
    cupy.ndarray, cupy.ufunc = ndarray, ufunc
    for name in TYPES:
        assert f"cupy.{name}" in names(), f"cupy has no {name}"
        setattr(cupy, name, getattr(np, name))
    cupy.bool = np.bool_
    cupy.take, cupy.matmul, cupy.ElementwiseKernel = _take, _matmul, ElementwiseKernel
    cupy.asnumpy = lambda a, stream=None, order="C", out=None, *, blocking=True: a.get(stream, order, out)
    cupy.get_default_memory_pool = devices.PoolOfCurrent
    cupy.from_dlpack = _from_dlpack
    cupy.cuda = devices.cuda()
    cupy.linalg = _checked_linalg()
    cupy.fft = _room("cupy.fft", np.fft)
    cupy.lib = types.ModuleType("cupy.lib")
    cupy.lib.__path__ = []
    cupy.lib.stride_tricks = types.ModuleType("cupy.lib.stride_tricks")
    cupy.lib.stride_tricks.as_strided = _as_strided
    cupy.random = _random()
    return cupy


def _from_dlpack(array, *, device=None, copy=None):
    kind, number = array.__dlpack_device__()
    if kind != 2:
        raise ValueError("the object is not on a GPU")
    if isinstance(array, ndarray):
        return array.view()
    with devices.Device(number):
        shared = ndarray.__new__(ndarray)
        host = np.from_dlpack(_AsOfCPU(array))
        memory = (ctypes.c_char * host.nbytes).from_address(host.__array_interface__["data"][0])
        memory.owner = host
        shared._own(np.frombuffer(memory, host.dtype).reshape(host.shape))
        return shared


class _AsOfCPU:
    """What holds its elements in the CPU's memory, after all."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return 1, 0


class _LinalgChecks:
    raises = False


@contextlib.contextmanager
def _errstate(*, divide=None, over=None, under=None, invalid=None, linalg=None):
    before, _LinalgChecks.raises = _LinalgChecks.raises, linalg == "raise"
    try:
        yield
    finally:
        _LinalgChecks.raises = before


def _checked_linalg() -> types.ModuleType:
    """`cupy.linalg`, which tells of failures only inside errstate(linalg="raise")."""
    room = _room("cupy.linalg", np.linalg)
    for name, found in list(vars(room).items()):
        if callable(found):
            setattr(room, name, _telling(found))
    room.LinAlgError = np.linalg.LinAlgError
    return room


def _telling(found):
    def call(*args, **options):
        try:
            return found(*args, **options)
        except np.linalg.LinAlgError:
            if _LinalgChecks.raises:
                raise
            raise AssertionError(
                "cuSOLVER failed, and nobody would have noticed: use cupyx.errstate(linalg='raise')"
            ) from None

    call.__name__, call.__module__ = found.__name__, found.__module__
    return call


class Philox4x3210:
    """`cupy.random.Philox4x3210`."""

    def __init__(self, seed=None, *, size=-1):
        self.generator = np.random.Generator(np.random.Philox(seed))


class Generator:
    """`cupy.random.Generator`, with NumPy's numbers."""

    def __init__(self, bit_generator):
        self._generator = bit_generator.generator

    def __getattr__(self, name):
        if f"cupy.random.Generator.{name}" not in names():
            raise AttributeError(name)
        return lambda *args, **options: made(
            np.asarray(getattr(self._generator, name)(*map(bare, args), **{k: bare(v) for k, v in options.items()}))
        )


def _random() -> types.ModuleType:
    room = types.ModuleType("cupy.random")
    room.Generator, room.Philox4x3210 = Generator, Philox4x3210
    return room


def _special() -> types.ModuleType:
    import scipy.special

    room = types.ModuleType("cupyx.scipy.special")
    for name, known in inside("cupyx.scipy.special").items():
        found = getattr(scipy.special, name, None)
        if known.kind == "ufunc" and isinstance(found, np.ufunc):
            setattr(room, name, ufunc(name, found, found.nin, found.nout))
    return room


def _cupyx() -> types.ModuleType:
    cupyx = types.ModuleType("cupyx")
    cupyx.__path__ = []
    cupyx.errstate = _errstate
    cupyx.scatter_add = lambda a, slices, value: scattered(np.add, a, slices, value)
    cupyx.scatter_max = lambda a, slices, value: scattered(np.maximum, a, slices, value)
    cupyx.scatter_min = lambda a, slices, value: scattered(np.minimum, a, slices, value)
    cupyx.rsqrt = ufunc("rsqrt", lambda x, **options: 1 / np.sqrt(x, **options), 1, 1)
    cupyx.empty_like_pinned = devices.empty_like_pinned
    for name in [n for n in vars(cupyx) if not n.startswith("_")]:
        assert f"cupyx.{name}" in names(), f"cupyx has no {name}"
    cupyx.scipy = types.ModuleType("cupyx.scipy")
    cupyx.scipy.__path__ = []
    cupyx.scipy.special = _special()
    return cupyx


def modules() -> dict[str, types.ModuleType]:
    """Every module by the name under which it is imported."""
    cupy, cupyx = _cupy(), _cupyx()
    CUPY.clear()
    for room, lead in ((cupy, ""), (cupy.linalg, "linalg."), (cupy.fft, "fft.")):
        CUPY.update({lead + n: f for n, f in vars(room).items() if isinstance(f, ufunc) or hasattr(f, "__code__")})
    return {
        **{"cupy": cupy, "cupy.cuda": cupy.cuda, "cupy.cuda.runtime": cupy.cuda.runtime},
        **{"cupy.cuda.memory": cupy.cuda.memory, "cupy.linalg": cupy.linalg, "cupy.fft": cupy.fft},
        **{"cupy.random": cupy.random, "cupy.lib": cupy.lib, "cupy.lib.stride_tricks": cupy.lib.stride_tricks},
        **{"cupyx": cupyx, "cupyx.scipy": cupyx.scipy, "cupyx.scipy.special": cupyx.scipy.special},
    }


@contextlib.contextmanager
def installed(devices_there: int = 1):
    """The stand-in where `import cupy` finds it, with a number of devices; what was imported before is put back."""
    devices.restart(devices_there)
    made_modules = modules()
    before = {name: sys.modules.get(name) for name in made_modules}
    sys.modules.update(made_modules)
    try:
        yield made_modules["cupy"]
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
