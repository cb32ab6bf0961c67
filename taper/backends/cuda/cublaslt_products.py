"""Matrix products as cuBLASLt has them: what is asked, and what is done to the elements before they are stored.

Nothing here needs CuPy or a GPU. Our matrices stand in rows, and cuBLASLt's in columns: out.T = b.T @ a.T, so that its A is
our b, and its rows are our columns.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from .cublaslt import DESCRIPTION, PREFERENCE, Library

# Numbers of cudaDataType and of cublasComputeType_t.
TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}
COMPUTE, COMPUTE_TF32, COMPUTE_DOUBLE = 68, 77, 70

SIZES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}

# fmt: off
EPILOGUES = {
    "bias": 4, "relu": 2, "gelu": 32, "relu_aux": 2 | 128, "gelu_aux": 32 | 128,
    "relu_bias": 2 | 4, "gelu_bias": 32 | 4, "relu_aux_bias": 2 | 4 | 128, "gelu_aux_bias": 32 | 4 | 128,
    "drelu": 8 | 128, "drelu_bgrad": 8 | 16 | 128, "dgelu": 64 | 128, "dgelu_bgrad": 64 | 16 | 128,
    "bgrada": 512,
}
# fmt: on
"""cublasLtEpilogue_t by what it does to a @ b.

bias: b's columns each get a number. relu, gelu (by tanh): of that. aux: what the gradient needs is kept, for relu which elements
were positive, a bit for each; for gelu the argument. drelu, dgelu: a @ b times that slope, at what was kept. bgrad: its columns
are summed besides. bgrada: the rows of a are (`BGRADB`, since a is its B).
"""

WORKSPACE = 32 << 20
"""Bytes that a product may borrow while it runs."""

ALIGNED = 16
"""Bytes that divide every address: what the widest loads take."""


class Product(NamedTuple):
    """out = epilogue(a @ b), (m, k) by (k, n).

    across: whether a matrix lies in memory as its transpose. leading: the step from row to row there. dtype: of a and b, `out`:
    of the result, of the bias and of its gradient.
    """

    m: int
    n: int
    k: int
    a_across: bool
    b_across: bool
    a_leading: int
    b_leading: int
    dtype: str
    out: str
    epilogue: str

    @property
    def aux_leading(self) -> int:
        """The step from row to row of what is kept: bits for relu, elements for gelu; 0 where nothing is."""
        if "relu" in self.epilogue:
            return -(-self.n // 128) * 128
        return self.n

    @property
    def keeps(self) -> bool:
        """Whether something is kept, or looked at, for a gradient."""
        return EPILOGUES[self.epilogue] & 128 != 0

    @property
    def aux_shape(self) -> tuple[int, int]:
        """What is kept, as an array: bytes of bits, or elements."""
        return self.m, self.aux_leading // 8 if "relu" in self.epilogue else self.n

    def is_possible(self) -> bool:
        """Whether the library's rules for types and strides allow it."""
        if self.epilogue not in EPILOGUES or 0 in (self.m, self.n, self.k):
            return False
        if self.dtype not in TYPES or self.out not in (self.dtype, "float32"):
            return False
        return self.dtype != "float64" and ("gelu" not in self.epilogue or not self.keeps or self.n % 8 == 0)


class Described:
    """A product's descriptors: of the operation, of A, B and the result, and of what is preferred."""

    def __init__(self, lt: Library, product: Product, tf32: bool):
        self.lt, self.product = lt, product
        p = product
        compute = COMPUTE_TF32 if tf32 and p.dtype == "float32" else COMPUTE
        self.operation = lt.made("MatmulDesc", compute, TYPES["float32"])
        self.set("trans_a", int(p.b_across))
        self.set("trans_b", int(p.a_across))
        self.set("epilogue", EPILOGUES[p.epilogue])
        if p.keeps:
            self.set("aux_leading", p.aux_leading)
        self.first = self._layout(p.b_across, p.k, p.n, p.b_leading, p.dtype)
        self.second = self._layout(p.a_across, p.m, p.k, p.a_leading, p.dtype)
        self.out = self._layout(False, p.m, p.n, p.n, p.out)
        self.preference = lt.made("MatmulPreference")
        lt.set("MatmulPreference", self.preference, PREFERENCE["workspace"], WORKSPACE)
        for name in ("align_a", "align_b", "align_c", "align_d"):
            lt.set("MatmulPreference", self.preference, PREFERENCE[name], ALIGNED)

    def _layout(self, across: bool, rows: int, columns: int, leading: int, dtype: str):
        """The layout of a matrix of ours: in columns, its transpose."""
        rows, columns = (columns, rows) if across else (rows, columns)
        return self.lt.made("MatrixLayout", TYPES[dtype], columns, rows, leading)

    def set(self, attribute: str, value: int) -> None:
        """Give an attribute of the operation a value."""
        self.lt.set("MatmulDesc", self.operation, DESCRIPTION[attribute], value)

    def point(self, bias: int, aux: int) -> None:
        """Say where the bias, or its gradient, and what is kept are."""
        if bias:
            self.set("bias", bias)
        if aux:
            self.set("aux", aux)

    def close(self) -> None:
        """Give the descriptors back."""
        for layout in (self.first, self.second, self.out):
            self.lt.call("MatrixLayoutDestroy", layout)
        self.lt.call("MatmulDescDestroy", self.operation)
        self.lt.call("MatmulPreferenceDestroy", self.preference)


def scale(value: float) -> ctypes.c_float:
    """A factor in host memory, of the type in which is computed."""
    return ctypes.c_float(value)
