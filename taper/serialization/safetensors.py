"""The safetensors format: a JSON table of names, dtypes, shapes and offsets, then the bytes of the tensors.

Source: https://github.com/huggingface/safetensors (the format's description).
"""

from __future__ import annotations

import json
import math
import os
import struct
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Variable, wrap
from ..backends.device import CPU
from ..backends.transfer import moved
from ..tensor.factory import place
from .archive import filled
from .atomic import replacing
from .damage import MALFORMED, Damaged, reported
from .memory import Held

# fmt: off
_DTYPES = {
    "BOOL": dtypes.bool_,    "U8":   dtypes.uint8,    "I8":  dtypes.int8,    "U16": dtypes.uint16,
    "I16":  dtypes.int16,    "U32":  dtypes.uint32,   "I32": dtypes.int32,   "U64": dtypes.uint64,
    "I64":  dtypes.int64,    "F16":  dtypes.float16,  "F32": dtypes.float32, "F64": dtypes.float64,
    "BF16": dtypes.bfloat16, "C64":  dtypes.complex64,
}
# fmt: on
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_HEADER_LIMIT = 100_000_000
_LENGTH = struct.Struct("<Q")
_METADATA = "__metadata__"


def save_file(tensors: dict[str, Any], filename: str | os.PathLike, metadata: dict[str, str] | None = None) -> None:
    """Write tensors by name to a file, atomically. Arguments and errors are those of `save`."""
    header, arrays = _laid_out(tensors, metadata)
    with replacing(filename) as file:
        file.write(header)
        for array in arrays:
            file.write(_raw(array).data)


def save(tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file with these tensors by name, and texts about them.

    ValueError for what is no dictionary of contiguous tensors; RuntimeError for tensors that share memory, since the
    format has no word for it: save clones; TypeError for a dtype that the format does not have (complex128).
    """
    header, arrays = _laid_out(tensors, metadata)
    return b"".join((header, *(_raw(array).tobytes() for array in arrays)))


def load_file(filename: str | os.PathLike, device="cpu") -> dict[str, Any]:
    """The tensors of a file by name. CheckpointError if it is damaged."""
    with safe_open(filename, "pt", device) as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def load(data: bytes) -> dict[str, Any]:
    """The tensors by name from the bytes of a file. CheckpointError if they are damaged."""
    with reported("<bytes>"):
        table, _, start = _table(data[: _LENGTH.size], len(data), lambda n: data[_LENGTH.size : _LENGTH.size + n])
        made = {}
        for name, entry in table.items():
            array = np.empty(entry.shape, entry.dtype.np)
            _raw(array)[:] = np.frombuffer(data, np.uint8, entry.stop - entry.start, start + entry.start)
            made[name] = wrap(array)
        return made


class safe_open:
    """`with safe_open(filename, framework="pt") as f:` reads a file tensor by tensor.

    `f.keys()` are the names, `f.get_tensor(name)` reads one, `f.get_slice(name)[rows]` a part of one, `f.metadata()`
    the texts that were saved with them.
    """

    def __init__(self, filename: str | os.PathLike, framework: str = "pt", device="cpu"):
        if framework not in ("pt", "torch", "pytorch"):
            raise ValueError(f"framework must be 'pt', not '{framework}': Taper makes tensors")
        self._place = place(device)
        self._name = f"'{os.fsdecode(filename)}'"
        self._file = open(filename, "rb")
        try:
            with reported(self._name):
                size = self._file.seek(0, 2)
                self._file.seek(0)
                self._table, self._metadata, self._start = _table(self._file.read(_LENGTH.size), size, self._file.read)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *error) -> None:
        self._file.close()

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return list(self._table)

    def offset_keys(self) -> list[str]:
        """The names of the tensors in the order of their bytes."""
        return sorted(self._table, key=lambda name: (self._table[name].start, self._table[name].stop))

    def metadata(self) -> dict[str, str] | None:
        """The texts that were saved with the tensors, or None."""
        return self._metadata

    def get_tensor(self, name: str):
        """One tensor, in memory of its own. KeyError for a name that the file does not have."""
        entry = self._entry(name)
        array = np.empty(entry.shape, entry.dtype.np)
        with reported(self._name):
            self._file.seek(self._start + entry.start)
            if not filled(self._file, _raw(array).data):
                raise Damaged(f"the file ends within the tensor '{name}'")
        return wrap(moved(array, self._place))

    def get_slice(self, name: str) -> Part:
        """A tensor of which an index reads a part."""
        entry = self._entry(name)
        pages = np.empty(0, np.uint8)
        if entry.stop > entry.start:
            pages = np.memmap(self._file, np.uint8, "r", self._start + entry.start, (entry.stop - entry.start,))
        return Part(entry, np.asarray(pages))

    def _entry(self, name: str) -> Entry:
        if name not in self._table:
            raise KeyError(f"{self._name} has no tensor '{name}'; it has {', '.join(list(self._table)[:8])}")
        return self._table[name]


class Entry:
    """A line of the table: a tensor's dtype and shape, and where its bytes are."""

    __slots__ = ("dtype", "shape", "start", "stop")

    def __init__(self, name: str, fields: dict):
        code = fields["dtype"]
        if code not in _DTYPES:
            raise Damaged(
                f"the tensor '{name}' has dtype {code}, which Taper does not have", "Convert it to another dtype"
            )
        self.dtype, self.shape = _DTYPES[code], tuple(fields["shape"])
        self.start, self.stop = fields["data_offsets"]
        if any(type(n) is not int or n < 0 for n in (*self.shape, self.start, self.stop)):
            raise Damaged(f"the tensor '{name}' has a size or offset that is no whole number")
        if self.stop - self.start != math.prod(self.shape) * self.dtype.itemsize:
            raise Damaged(
                f"the tensor '{name}' of shape {list(self.shape)} and dtype {code} has {self.stop - self.start} bytes"
            )


class Part:
    """A tensor in a file: indexing it reads and returns that part."""

    def __init__(self, entry: Entry, pages: np.ndarray):
        self._entry = entry
        self._array = np.ndarray(entry.shape, entry.dtype.np, pages)

    def get_shape(self) -> list[int]:
        """The tensor's sizes."""
        return list(self._entry.shape)

    def get_dtype(self) -> str:
        """The tensor's dtype, as the format calls it."""
        return _CODES[self._entry.dtype]

    def __getitem__(self, index):
        return wrap(np.array(self._array[index], order="C"))


def _raw(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


def _laid_out(tensors: dict, metadata: dict | None) -> tuple[bytes, list[np.ndarray]]:
    """The header, and the arrays in the order of their bytes: wide elements first, so that all are aligned."""
    if not isinstance(tensors, dict) or not all(isinstance(t, Variable) for t in tensors.values()):
        raise ValueError(f"expected a dict of [str, tensor] but received {type(tensors).__name__} of other values")
    if not all(isinstance(text, str) for pair in (metadata or {}).items() for text in pair):
        raise TypeError("metadata must be a dict of str to str")
    _check_apart(tensors)
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    position, arrays = 0, []
    for name, t in sorted(tensors.items(), key=lambda item: (-item[1]._array.itemsize, item[0])):
        array = moved(t._array, CPU)
        if t.dtype not in _CODES:
            raise TypeError(f"the tensor '{name}' is {t.dtype}, which the safetensors format does not have")
        if not array.flags.c_contiguous:
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. Call `.contiguous()` "
                "on it before saving, or, if it is a view of another tensor, save that one and slice it after loading."
            )
        stop = position + array.nbytes
        header[name] = {"dtype": _CODES[t.dtype], "shape": list(array.shape), "data_offsets": [position, stop]}
        position = stop
        arrays.append(array)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return _LENGTH.pack(len(text)) + text, arrays


def _check_apart(tensors: dict) -> None:
    """RuntimeError if two tensors share memory."""
    seen: dict[tuple[int, int], str] = {}
    for name, t in tensors.items():
        if not t._array.size:
            continue
        first = seen.setdefault(Held(t._array).key, name)
        if first is not name:
            raise RuntimeError(
                f"Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
                f"loading them again: {{'{first}', '{name}'}}. Save clones, or only one of them."
            )


def _table(length: bytes, size: int, read) -> tuple[dict[str, Entry], dict[str, str] | None, int]:
    """The table of a file of `size` bytes, the texts in it, and where the tensors' bytes begin."""
    if len(length) < _LENGTH.size:
        raise Damaged("the file is too short for a safetensors header")
    count = _LENGTH.unpack(length)[0]
    if count > min(_HEADER_LIMIT, size - _LENGTH.size):
        raise Damaged(f"the header claims to have {count} bytes: the file is truncated, or not a safetensors file")
    try:
        header = json.loads(bytes(read(count)).decode("utf-8"), object_pairs_hook=_unique)
        metadata = header.pop(_METADATA, None)
        table = {name: Entry(name, fields) for name, fields in header.items()}
    except MALFORMED as error:
        raise Damaged(f"the header is damaged, or this is not a safetensors file ({error})") from error
    texts = metadata if metadata is None or type(metadata) is dict else {"": metadata}
    if texts and not all(type(text) is str for text in texts.values()):
        raise Damaged("the metadata are no texts")
    position = 0
    for entry in sorted(table.values(), key=lambda entry: (entry.start, entry.stop)):
        if entry.start != position:
            raise Damaged("the tensors in the file overlap, or there are bytes between them that belong to none")
        position = entry.stop
    start = _LENGTH.size + count
    if start + position != size:
        raise Damaged(
            f"the tensors end at byte {start + position}, but the file has {size}: it is truncated or damaged"
        )
    return table, texts, start


def _unique(pairs: list) -> dict:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("two entries have the same name")
    return made
