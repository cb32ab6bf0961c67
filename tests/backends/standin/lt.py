"""A strict stand-in for cuBLASLt's C library: descriptors are kept as they are told, and products of host memory computed from
them alone.

Sizes and numbers are those of NVIDIA's cublasLt.h. What the library would refuse is refused with its status: an attribute of
another size, matrices that do not fit, a leading dimension that is too short, an epilogue without what it reads or writes.
`has_none` makes the heuristics find nothing for a product, as they do for many.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Callable
from types import SimpleNamespace

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

SUCCESS, INVALID, NOT_SUPPORTED = 0, 7, 15
# Bytes of each attribute that is used, by number.
SIZES = {
    "MatmulDesc": {0: 4, 1: 4, 3: 4, 4: 4, 7: 4, 8: 8, 11: 8, 12: 8},
    "MatrixLayout": {0: 4, 1: 4, 2: 8, 3: 8, 4: 8, 5: 4, 6: 8},
    "MatmulPreference": {0: 4, 1: 8, 5: 4, 6: 4, 7: 4, 8: 4},
}
START = {
    "MatmulDesc": {3: 0, 4: 0, 7: 1, 8: 0, 11: 0, 12: 0},
    "MatrixLayout": {1: 0, 5: 1, 6: 0},
    "MatmulPreference": {0: 0, 1: 0, 5: 256, 6: 256, 7: 256, 8: 256},
}
TYPES = {0: np.float32, 1: np.float64, 2: np.float16, 14: ml_dtypes.bfloat16}
RELU, BIAS, DRELU, BGRAD, GELU, DGELU, AUX, SUM_A, SUM_B = 2, 4, 8, 16, 32, 64, 128, 256, 512


def _value(held) -> int:
    """What a ctypes object, a reference to one, an address or None is as a number."""
    held = getattr(held, "_obj", held)
    return getattr(held, "value", held) or 0


def _at(address: int, shape: tuple[int, ...], steps: tuple[int, ...], dtype) -> np.ndarray:
    dtype = np.dtype(dtype)
    reach = sum((n - 1) * s for n, s in zip(shape, steps)) + 1
    raw = (ctypes.c_uint8 * (reach * dtype.itemsize)).from_address(address)
    return as_strided(np.frombuffer(raw, dtype), shape, [s * dtype.itemsize for s in steps])


class Lt:
    """The state of the stand-in; `loaded` is what `ctypes.CDLL` would give. asked: epilogues of the heuristics asked for."""

    def __init__(self, has_none: Callable[[int], bool] = lambda epilogue: False):
        self.has_none = has_none
        self.numbers = itertools.count(1000)
        self.held: dict[int, tuple[str, dict[int, int]]] = {}
        self.asked: list[int] = []
        self.run: list[int] = []
        functions = {
            "GetVersion": lambda: 120903,
            "GetStatusString": lambda status: b"CUBLAS_STATUS_%d" % status,
            "Create": lambda handle: self.make(handle, "Handle", {}),
            "Destroy": self.destroy,
            "MatmulAlgoGetHeuristic": self.heuristic,
            "Matmul": self.matmul,
            "MatmulDescCreate": lambda made, compute, scale: self.make(made, "MatmulDesc", {0: compute, 1: scale}),
            "MatrixLayoutCreate": self.layout,
            "MatmulPreferenceCreate": lambda made: self.make(made, "MatmulPreference", {}),
        }
        for kind in SIZES:
            functions[f"{kind}Destroy"] = self.destroy
            functions[f"{kind}SetAttribute"] = self._setter(kind)
            functions[f"{kind}GetAttribute"] = self._getter(kind)
        # Functions, whose argtypes and restype can be set.
        self.loaded = SimpleNamespace(**{f"cublasLt{n}": (lambda *a, f=f: f(*a)) for n, f in functions.items()})

    def make(self, made, kind: str, values: dict[int, int]) -> int:
        number = next(self.numbers)
        self.held[number] = kind, {**START.get(kind, {}), **values}
        made._obj.value = number
        return SUCCESS

    def destroy(self, handle) -> int:
        return SUCCESS if self.held.pop(_value(handle), None) else INVALID

    def layout(self, made, kind, rows, columns, leading) -> int:
        if leading < rows or kind not in TYPES:
            return INVALID
        return self.make(made, "MatrixLayout", {0: kind, 2: rows, 3: columns, 4: leading})

    def _setter(self, kind: str):
        def set_attribute(handle, number, value, size) -> int:
            if self.held[_value(handle)][0] != kind or SIZES[kind].get(number) != size:
                return INVALID
            assert ctypes.sizeof(value._obj) == size
            self.held[_value(handle)][1][number] = _value(value)
            return SUCCESS

        return set_attribute

    def _getter(self, kind: str):
        def get_attribute(handle, number, value, size, written) -> int:
            if SIZES[kind].get(number) != size:
                return INVALID
            value._obj.value = self.held[_value(handle)][1][number]
            written._obj.value = size
            return SUCCESS

        return get_attribute

    def facts(self, handle, kind: str) -> dict[int, int]:
        found, values = self.held[_value(handle)]
        assert found == kind, f"a {found} where a {kind} is wanted"
        return values

    def fits(self, d, a, b, c, out) -> bool:
        """Whether the matrices can be multiplied, and the epilogue has what it needs."""
        m, k = (a[2], a[3]) if not d[3] else (a[3], a[2])
        k2, n = (b[2], b[3]) if not d[4] else (b[3], b[2])
        if k != k2 or (out[2], out[3]) != (m, n) or c != out or d[1] != 0:
            return False
        epilogue = d[7]
        aux, bias = epilogue & AUX, epilogue & (BIAS | BGRAD | SUM_A | SUM_B)
        if bool(d[8]) < bool(bias) or bool(d[11]) < bool(aux):
            return False
        multiple = 128 if epilogue & (RELU | DRELU) else 8
        return not aux or (d[12] >= m and d[12] % multiple == 0)

    def heuristic(self, handle, operation, a, b, c, out, preference, wanted, found, count) -> int:
        self.facts(handle, "Handle")
        d = self.facts(operation, "MatmulDesc")
        if not self.fits(d, *(self.facts(x, "MatrixLayout") for x in (a, b, c, out))):
            return INVALID
        assert self.facts(preference, "MatmulPreference")[5] == 16 and wanted == 1
        self.asked.append(d[7])
        if self.has_none(d[7]):
            return NOT_SUPPORTED
        found._obj.algorithm.data[0] = 0xA160 + d[7]
        found._obj.workspace = 64
        count._obj.value = 1
        return SUCCESS

    def matmul(
        self, handle, operation, alpha, a, la, b, lb, beta, c, lc, out, lout, algorithm, room, size, stream
    ) -> int:
        d = self.facts(operation, "MatmulDesc")
        la, lb, lc, lout = (self.facts(x, "MatrixLayout") for x in (la, lb, lc, lout))
        if not self.fits(d, la, lb, lc, lout) or algorithm._obj.data[0] != 0xA160 + d[7]:
            return INVALID
        assert _value(alpha) == 1 and _value(beta) == 0 and size == 64 and room
        addresses = [x for x in (a, b, out, d[8], d[11]) if x]
        assert not any(x % 16 for x in addresses), "claimed to be aligned to 16 bytes"
        self.run.append(d[7])
        first, second, target = (
            _at(x, (layout[2], layout[3]), (1, layout[4]), TYPES[layout[0]])
            for x, layout in ((a, la), (b, lb), (out, lout))
        )
        first, second = (x.astype(np.float32) for x in (first, second))
        self.finish(d, first.T if d[3] else first, second.T if d[4] else second, target)
        return SUCCESS

    def finish(self, d, a, b, target) -> None:
        epilogue, kind = d[7], target.dtype
        made, (m, n) = a @ b, target.shape
        if epilogue & BIAS:
            made = made + _at(d[8], (m,), (1,), kind).astype(np.float32)[:, None]
        bits = epilogue & AUX and epilogue & (RELU | DRELU)
        if bits:
            kept = _at(d[11], (n, d[12] // 8), (d[12] // 8, 1), np.uint8)
        elif epilogue & AUX:
            kept = _at(d[11], (m, n), (1, d[12]), kind)
        if epilogue & RELU:
            if bits:
                kept[:, : math.ceil(m / 8)] = np.packbits(made.T > 0, axis=1)
            made = np.maximum(made, 0)
        if epilogue & GELU:
            if epilogue & AUX:
                kept[...] = made
            made = 0.5 * made * (1 + np.tanh(math.sqrt(2 / math.pi) * (made + 0.044715 * made**3)))
        if epilogue & DRELU:
            made = np.where(np.unpackbits(kept, axis=1, count=m).T != 0, made, 0)
        if epilogue & DGELU:
            x = kept.astype(np.float64)
            t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
            made = made * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x))
        target[...] = made.astype(kind)
        sums = (
            made.sum(1)
            if epilogue & BGRAD
            else a.sum(1)
            if epilogue & SUM_A
            else b.sum(0)
            if epilogue & SUM_B
            else None
        )
        if sums is not None:
            _at(d[8], sums.shape, (1,), kind)[...] = sums.astype(kind)
