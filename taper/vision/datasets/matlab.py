"""Files that MATLAB writes with `save` (version 5 to 7): arrays, cells, structures and sparse matrices, as NumPy arrays."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
    18: "u4",
}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5


class _Reader:
    """Reads elements one after the other."""

    def __init__(self, data: bytes, order: str):
        self.data, self.order, self.at = data, order, 0

    def more(self) -> bool:
        return self.at + 8 <= len(self.data)

    def element(self) -> tuple[int, bytes]:
        """The type and the content of the next element."""
        word, size = struct.unpack_from(self.order + "II", self.data, self.at)
        if word >> 16:
            # A small element has its size in the upper half of its type's word, and its content in the word after.
            kind, size, start = word & 0xFFFF, word >> 16, self.at + 4
            self.at += 8
        else:
            kind, start = word, self.at + 8
            self.at = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(self.data):
            raise ValueError("it ends within an element")
        return kind, self.data[start : start + size]

    def numbers(self) -> np.ndarray:
        """The next element as a vector of numbers."""
        kind, content = self.element()
        if kind not in _TYPES:
            raise ValueError(f"an element has the type {kind}, which is none of numbers")
        return np.frombuffer(content, np.dtype(_TYPES[kind]).newbyteorder(self.order))

    def matrix(self) -> tuple[str, Any]:
        """The name and the value of a matrix whose content this reads."""
        flags, shape = self.numbers(), tuple(int(n) for n in self.numbers())
        name = self.numbers().tobytes().decode("latin1")
        kind = int(flags[0]) & 0xFF
        if kind == _CELL:
            return name, _in_columns([self._inner() for _ in range(int(np.prod(shape)))], shape)
        if kind == _STRUCT:
            width = int(self.numbers()[0])
            words = self.numbers().tobytes()
            fields = [words[i : i + width].split(b"\0")[0].decode("latin1") for i in range(0, len(words), width)]
            rows = [{f: self._inner() for f in fields} for _ in range(int(np.prod(shape)))]
            return name, _in_columns(rows, shape)
        if kind == _CHAR:
            return name, "".join(map(chr, self.numbers()))
        if kind == _SPARSE:
            rows, starts, values = self.numbers(), self.numbers(), self.numbers()
            dense = np.zeros(shape, bool if int(flags[0]) >> 9 & 1 else values.dtype.newbyteorder("="))
            dense[rows[: len(values)], np.repeat(np.arange(shape[1]), np.diff(starts))] = values[: starts[-1]]
            return name, dense
        if kind not in _CLASSES:
            raise ValueError(f"a variable has the class {kind}, which is neither array, cell, structure nor text")
        return name, self.numbers().astype(_CLASSES[kind]).reshape(shape, order="F")

    def _inner(self):
        kind, content = self.element()
        if kind != _MATRIX:
            raise ValueError(f"a cell or field holds an element of the type {kind}")
        return _Reader(content, self.order).matrix()[1] if content else np.zeros((0, 0))


def _in_columns(items: list, shape: tuple) -> np.ndarray:
    made = np.empty(len(items), object)
    made[:] = items
    return made.reshape(shape, order="F")


def read_mat(path: str | Path) -> dict[str, Any]:
    """The variables of a file by name: arrays, sparse ones made dense, cells and structures as arrays of objects and dicts.

    RuntimeError that names the file if it is damaged or of another version.
    """
    content = Path(path).read_bytes()
    try:
        if content[126:128] not in (b"IM", b"MI"):
            raise ValueError("it is no file of MATLAB 5 to 7")
        order = "<" if content[126:128] == b"IM" else ">"
        reader, found = _Reader(content[128:], order), {}
        while reader.more():
            kind, inner = reader.element()
            if kind == _COMPRESSED:
                kind, inner = _Reader(zlib.decompress(inner), order).element()
            if kind == _MATRIX:
                name, value = _Reader(inner, order).matrix()
                found[name] = value
        return found
    except (struct.error, ValueError, IndexError, zlib.error) as error:
        raise RuntimeError(f"{path} is damaged ({error}). Delete it and download it again.") from None
