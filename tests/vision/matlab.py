"""Writes files as MATLAB does, from their documented layout."""

from __future__ import annotations

import struct
import zlib

import numpy as np

TYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9, "i8": 12, "u8": 13}
CLASSES = {"f8": 6, "f4": 7, "i1": 8, "u1": 9, "i2": 10, "u2": 11, "i4": 12, "u4": 13, "i8": 14, "u8": 15}


def element(kind: int, content: bytes) -> bytes:
    if kind != 15 and 0 < len(content) <= 4:
        return struct.pack("<HH", kind, len(content)) + content.ljust(4, b"\0")
    padding = 0 if kind == 15 else -len(content) % 8
    return struct.pack("<II", kind, len(content)) + content + b"\0" * padding


def numbers(array) -> bytes:
    array = np.asarray(array)
    return element(TYPES[array.dtype.str[1:]], array.tobytes(order="F"))


def matrix(name: str, value) -> bytes:
    """One variable: an array, a list for a column of cells, a dict for a structure, or ("sparse", dense array)."""
    head = lambda kind, shape, flags=0: (
        numbers(np.array([kind | flags << 8, 0], np.uint32))
        + numbers(np.array(shape, np.int32))
        + element(1, name.encode())
    )
    if isinstance(value, tuple):
        dense = value[1]
        rows, starts = [], [0]
        for column in dense.T:
            rows += list(np.flatnonzero(column))
            starts.append(len(rows))
        data = np.array([dense[r, c] for c in range(dense.shape[1]) for r in np.flatnonzero(dense[:, c])], np.float64)
        body = (
            head(5, dense.shape)
            + numbers(np.array(rows, np.int32))
            + numbers(np.array(starts, np.int32))
            + numbers(data)
        )
    elif isinstance(value, dict):
        names = b"".join(key.encode().ljust(32, b"\0") for key in value)
        body = head(2, (1, 1)) + numbers(np.array([32], np.int32)) + element(1, names)
        body += b"".join(matrix("", v) for v in value.values())
    elif isinstance(value, list):
        body = head(1, (len(value), 1)) + b"".join(matrix("", v) for v in value)
    else:
        value = np.atleast_2d(value)
        body = head(CLASSES[value.dtype.str[1:]], value.shape) + numbers(value)
    return element(14, body)


def mat(variables: dict, packed: bool = True) -> bytes:
    """The content of a file."""
    parts = [matrix(name, value) for name, value in variables.items()]
    body = b"".join(element(15, zlib.compress(part)) if packed else part for part in parts)
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + body
