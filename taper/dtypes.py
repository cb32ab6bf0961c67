"""Element types: the table of dtypes, what two of them promote to, and their ranges.

A dtype is Taper's name for a NumPy dtype. `bfloat16` is ml_dtypes' NumPy extension type.
Promotion follows PyTorch: bool < integer < floating < complex, and within a category the smallest type that holds both;
an integer never widens a float (int64 with float32 is float32, where NumPy says float64).
"""

from __future__ import annotations

import ml_dtypes
import numpy as np

BOOL, INTEGER, FLOATING, COMPLEX = range(4)


class Titled(type):
    """The class of classes that print as PyTorch's do: `_title` is the name. Classes derived from them print as usual."""

    def __repr__(cls) -> str:
        title = cls.__dict__.get("_title")
        return type.__repr__(cls) if title is None else f"<class '{title}'>"


class dtype(metaclass=Titled):
    """The type of a tensor's elements, such as `taper.float32`.

    `np` is the NumPy dtype, `kind` its letter (so that rules may ask arrays and tensors alike), `itemsize` its size in bytes, `category` one of BOOL, INTEGER, FLOATING, COMPLEX.
    """

    _title = "torch.dtype"
    __slots__ = (
        "name",
        "np",
        "kind",
        "itemsize",
        "category",
        "is_floating_point",
        "is_complex",
        "is_signed",
        "__weakref__",
    )

    def __init__(self, name: str, np_dtype: np.dtype, category: int):
        self.name = name
        self.np = np_dtype
        self.kind = np_dtype.kind
        self.itemsize = np_dtype.itemsize
        self.category = category
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.is_signed = category >= FLOATING or (category == INTEGER and np_dtype.kind == "i")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return self.name

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def to_real(self) -> dtype:
        """The type of the real part: float32 for complex64, itself for a real type."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> dtype:
        """The complex type whose parts are of this type (complex64 for float32 and narrower)."""
        return complex128 if self.name in ("float64", "complex128") else complex64


# fmt: off
bool_      = dtype("bool",       np.dtype(np.bool_),            BOOL)
uint8      = dtype("uint8",      np.dtype(np.uint8),            INTEGER)
uint16     = dtype("uint16",     np.dtype(np.uint16),           INTEGER)
uint32     = dtype("uint32",     np.dtype(np.uint32),           INTEGER)
uint64     = dtype("uint64",     np.dtype(np.uint64),           INTEGER)
int8       = dtype("int8",       np.dtype(np.int8),             INTEGER)
int16      = dtype("int16",      np.dtype(np.int16),            INTEGER)
int32      = dtype("int32",      np.dtype(np.int32),            INTEGER)
int64      = dtype("int64",      np.dtype(np.int64),            INTEGER)
float16    = dtype("float16",    np.dtype(np.float16),          FLOATING)
bfloat16   = dtype("bfloat16",   np.dtype(ml_dtypes.bfloat16),  FLOATING)
float32    = dtype("float32",    np.dtype(np.float32),          FLOATING)
float64    = dtype("float64",    np.dtype(np.float64),          FLOATING)
complex64  = dtype("complex64",  np.dtype(np.complex64),        COMPLEX)
complex128 = dtype("complex128", np.dtype(np.complex128),       COMPLEX)
# fmt: on


class AbsentType(dtype):
    """A type that programs name and tensors cannot have: making or converting one raises NotImplementedError."""

    __slots__ = ("instead",)

    def __init__(self, name: str, bits: int, category: int, signed: bool, instead: str):
        self.name, self.itemsize, self.category = name, max(bits // 8, 1), category
        self.is_floating_point, self.is_complex, self.is_signed = category == FLOATING, category == COMPLEX, signed
        self.instead = instead

    def _refuse(self):
        raise NotImplementedError(f"torch.{self.name} is not part of Taper. {self.instead}")

    np = property(_refuse)  # pyright: ignore
    kind = property(_refuse)  # pyright: ignore


def _absent():
    floats = "Use bfloat16, or float32."
    for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"):
        yield AbsentType(name, 8, FLOATING, name != "float8_e8m0fnu", floats)
    yield AbsentType("float4_e2m1fn_x2", 8, FLOATING, True, floats)
    yield AbsentType("complex32", 32, COMPLEX, True, "Use complex64.")
    for n in range(1, 8):
        yield AbsentType(f"uint{n}", 8, INTEGER, False, "Use uint8.")
        yield AbsentType(f"int{n}", 8, INTEGER, True, "Use int8.")
    for name, bits, signed in (
        ("qint8", 8, 1),
        ("quint8", 8, 0),
        ("qint32", 32, 1),
        ("quint4x2", 8, 0),
        ("quint2x4", 8, 0),
    ):
        yield AbsentType(name, bits, INTEGER, bool(signed), "Taper does not quantize: compute in float32 or bfloat16.")


ABSENT = {d.name: d for d in _absent()}
"""PyTorch's other types, by name."""

ALL = (
    *(bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64),
    *(float16, bfloat16, float32, float64, complex64, complex128),
)
BY_NAME = {d.name: d for d in ALL}
_FROM_NUMPY = {d.np: d for d in ALL}
HALF = frozenset((float16.np, bfloat16.np))
"""NumPy dtypes that are computed in float32 and rounded once."""

_default = float32


def from_numpy(np_dtype: np.dtype) -> dtype:
    """The Taper dtype of a NumPy dtype; byte order is ignored. TypeError for one that tensors cannot hold."""
    found = _FROM_NUMPY.get(np_dtype)
    if found is None:
        found = _FROM_NUMPY.get(np.dtype(np_dtype).newbyteorder("="))
    if found is None:
        held = ", ".join(d.name for d in ALL)
        raise TypeError(f"can't convert np.ndarray of type {np.dtype(np_dtype)}. The only supported types are: {held}.")
    return found


def to_numpy(d: dtype | type | np.dtype) -> np.dtype:
    """The NumPy dtype meant by a Taper dtype or by Python's `float`, `int`, `bool`, `complex`."""
    if isinstance(d, dtype):
        return d.np
    if d is float:
        return float64.np
    if d is int:
        return int64.np
    if d is bool:
        return bool_.np
    if d is complex:
        return complex128.np
    if isinstance(d, np.dtype):
        return d
    raise TypeError(f"dtype must be torch.dtype, not {type(d).__name__}")


def get_default_dtype() -> dtype:
    """The floating type that factories and Python floats get: float32 unless `set_default_dtype` says otherwise."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d` (a floating type) the type of new floating tensors. TypeError for any other type."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d}")
    _default = d


def category(np_dtype: np.dtype) -> int:
    """BOOL, INTEGER, FLOATING or COMPLEX."""
    return _FROM_NUMPY[np_dtype].category


def promote_types(a: np.dtype, b: np.dtype) -> np.dtype:
    """The smallest NumPy dtype to which both convert in PyTorch's lattice."""
    if a == b:
        return a
    ca, cb = category(a), category(b)
    if ca < cb:
        a, b, ca, cb = b, a, cb, ca
    if ca == cb:
        if a in HALF and b in HALF:
            return float32.np
        if ca == FLOATING:
            return a if a.itemsize > b.itemsize else b
        if ca == INTEGER and np.uint64 in (a, b):
            raise RuntimeError(f"Promotion for uint16, uint32, uint64 types is not supported, attempted {a} and {b}")
        return np.promote_types(a, b)
    if ca == COMPLEX and cb == FLOATING:
        return complex128.np if b == float64.np or a == complex128.np else complex64.np
    return a


_SCALAR_CATEGORY = {bool: BOOL, int: INTEGER, float: FLOATING, complex: COMPLEX}


def _scalar_dtype(value) -> np.dtype:
    kind = _SCALAR_CATEGORY[type(value)]
    return (bool_.np, int64.np, _default.np, _default.to_complex().np)[kind]


def result_type(operands) -> np.dtype:
    """The NumPy dtype of an operation over arrays and Python numbers.

    Arrays with dimensions decide; zero-dimensional arrays count only where they are of a higher category, and Python
    numbers only where they are of a higher category than both.
    """
    dimensioned = zero_dim = scalar = None
    for x in operands:
        d = getattr(x, "dtype", None)
        if d is None:
            d = _scalar_dtype(x)
            scalar = d if scalar is None else promote_types(scalar, d)
        elif x.ndim:
            dimensioned = d if dimensioned is None else promote_types(dimensioned, d)
        else:
            zero_dim = d if zero_dim is None else promote_types(zero_dim, d)
    result = dimensioned
    for weaker in (zero_dim, scalar):
        if weaker is None:
            continue
        if result is None:
            result = weaker
        elif category(weaker) > category(result):
            lifted = weaker is scalar or category(result) == FLOATING
            result = _lifted(result, weaker) if lifted else promote_types(result, weaker)
    assert result is not None
    return result


def _lifted(strong: np.dtype, scalar: np.dtype) -> np.dtype:
    """A tensor of a lower category with a number: the number's type, but the complex type of a floating tensor's width."""
    if category(scalar) == COMPLEX and category(strong) == FLOATING:
        return complex128.np if strong == float64.np else complex64.np
    return scalar


class finfo:
    """Range and precision of a floating type: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type: dtype | None = None):
        d = type or _default
        if not (d.is_floating_point or d.is_complex):
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{d}'")
        real = d.to_real()
        info = ml_dtypes.finfo(real.np)
        self.dtype = real.name
        self.bits = real.itemsize * 8
        self.eps = float(info.eps)
        self.max = float(info.max)
        self.min = float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(info.resolution)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Range of an integer type: bits, min, max."""

    def __init__(self, type: dtype):
        if type.category != INTEGER:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        info = np.iinfo(type.np)
        self.dtype = type.name
        self.bits, self.min, self.max = type.itemsize * 8, int(info.min), int(info.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether an in-place operation may store `from_` in `to`: never to a lower category."""
    return from_.category <= to.category
