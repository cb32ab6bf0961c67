"""`save` and `load`: objects of tensors and containers in PyTorch's file format."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import archive, legacy
from .atomic import replacing
from .damage import Damaged, name_of, reported
from .location import Place, placing
from .memory import Storage, StorageClass, reference
from .objects import Whole
from .pickler import Pickler
from .plain import Plain
from .unpickler import Source, Unpickler

PROTOCOL = 2
_NEWEST_VERSION = 10

MapLocation = Callable[[Storage, str], Any] | dict | str | int | None


def save(
    obj: object,
    f,
    pickle_module=None,
    pickle_protocol: int = PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write an object to a file that `load` and PyTorch read: tensors, state dicts, containers of them, whole modules.

    f: a path, or an object with `write`. A path is replaced when all has been written, or left as it was.
    Tensors that share memory share it after loading too: the whole memory of a view is saved. Gradients, hooks and
    history are not. RuntimeError if the directory does not exist or if one memory is held under two dtypes;
    PicklingError or AttributeError for what cannot be pickled (lambdas, local classes, open files).
    `_use_new_zipfile_serialization=False` writes PyTorch's format from before 1.6.
    """
    _check_module(pickle_module)
    if not isinstance(f, (str, os.PathLike)) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if not _use_new_zipfile_serialization:
        _to(f, lambda file: legacy.write(obj, file, pickle_protocol))
        return
    content = io.BytesIO()
    pickler = Pickler(content, pickle_protocol)
    pickler.dump(obj)
    folder = "archive"
    if isinstance(f, (str, os.PathLike)):
        folder = os.path.splitext(os.path.basename(os.fsdecode(f)))[0] or folder
    _to(f, lambda file: _write_archive(file, folder, content.getbuffer(), pickler))


class Snapshot:
    """An object as it is now, in memory of its own, to be written later. `memory` is that of a former snapshot, for reuse."""

    def __init__(self, obj: object, memory: dict[str, np.ndarray] | None = None):
        content = io.BytesIO()
        self._pickler = Pickler(content, PROTOCOL)
        self._pickler.dump(obj)
        self._content = content.getbuffer()
        self.memory: dict[str, np.ndarray] = {}
        for key, held in self._pickler.storages.items():
            kept = None if memory is None else memory.get(key)
            if kept is None or kept.nbytes != held.memory.nbytes:
                kept = np.empty(held.memory.nbytes, np.uint8)
            kept[...] = held.memory
            self.memory[key] = held.memory = kept

    def write(self, path: str | os.PathLike) -> None:
        """Write it to a file as `save` does."""
        folder = os.path.splitext(os.path.basename(os.fsdecode(path)))[0] or "archive"
        _to(path, lambda file: _write_archive(file, folder, self._content, self._pickler))


def _to(f, write: Callable) -> None:
    if not isinstance(f, (str, os.PathLike)):
        write(f)
        return
    with replacing(f) as file:
        write(file)


def _write_archive(file, folder: str, content, pickler: Pickler) -> None:
    made = archive.Writer(file, folder)
    made.record("data.pkl", content)
    made.record(".format_version", b"1")
    made.record(".storage_alignment", str(archive.ALIGNMENT).encode())
    made.record("byteorder", sys.byteorder.encode())
    for key, held in pickler.storages.items():
        made.record(f"data/{key}", held.memory)
    made.record("version", b"3\n")
    made.close()


def load(
    f,
    map_location: Any = None,
    pickle_module=None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
    encoding: str = "utf-8",
) -> Any:
    """Read an object that `save` or PyTorch wrote. Reading never executes code that is in, or named by, the file.

    f: a path, or a binary file that can seek. map_location: "cpu", a device, a dict from saved locations, or a function
    of a storage and its location; a checkpoint of GPU tensors needs it. mmap: tensors are pages of the file, read when
    first used and without checksums; needs a path. encoding: how the strings of Python 2 are read.

    weights_only=True builds tensors, parameters and plain containers only; what else a file names is an UnpicklingError
    that names it, unless `add_safe_globals` allowed it. weights_only=False also builds modules and other objects that
    were saved whole, from classes that the program has loaded already (Taper's, the program's own, and subclasses of
    `nn.Module` anywhere): each is an empty instance given its attributes, without `__init__`, `__reduce__` or the
    class's `__setstate__`. It takes NumPy's scalars and arrays, slices, ranges, paths and namespaces as well.

    Raises FileNotFoundError for a missing file, CheckpointError (a RuntimeError) for one that is damaged, truncated
    or of another kind.
    """
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    _check_module(pickle_module)
    place = placing(map_location)
    vocabulary = Plain() if weights_only or weights_only is None else Whole()
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _read(file, f"'{os.fsdecode(f)}'", vocabulary, place, encoding, bool(mmap))
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    for needed in ("read", "seek", "tell", "readline"):
        if not hasattr(f, needed):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{needed}'. You can only torch.load from a file that is "
                "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    return _read(f, name_of(f), vocabulary, place, encoding, False)


def _check_module(pickle_module) -> None:
    if pickle_module not in (None, pickle):
        raise NotImplementedError(
            f"Taper reads and writes pickles itself and does not run {pickle_module.__name__}: leave pickle_module out"
        )


def _read(file, name: str, vocabulary: Plain, place: Place, encoding: str, mapped: bool):
    with reported(name):
        start = file.tell()
        head = file.read(512)
        if not isinstance(head, bytes):
            raise TypeError(f"{name} is opened as text: open it with mode 'rb'")
        file.seek(start)
        if head.startswith(archive.SIGNATURE):
            return _from_archive(file, vocabulary, place, encoding, mapped)
        if not head.startswith(legacy.START):
            raise _foreign(head)
        if mapped:
            raise RuntimeError(
                f"mmap can only be used with files saved with _use_new_zipfile_serialization=True, and {name} was not: "
                "please torch.save your checkpoint with this option in order to use mmap."
            )
        size = file.seek(0, 2) - start
        file.seek(start)
        return legacy.read(Source(file, size), vocabulary, place, encoding)


def _from_archive(file, vocabulary: Plain, place: Place, encoding: str, mapped: bool):
    found = archive.Reader(file)
    if "constants.pkl" in found:
        raise Damaged(
            "the file is a TorchScript archive, which Taper does not run", "Save the model's state_dict() instead"
        )
    if "version" in found and not 0 < _whole(found.text("version")) <= _NEWEST_VERSION:
        raise Damaged(f"the file has format version {found.text('version')}, newer than {_NEWEST_VERSION}")
    swapped = "byteorder" in found and found.text("byteorder") != sys.byteorder
    if mapped:
        found.map()
    storages: dict[str, Storage] = {}

    def storage_of(pid: tuple) -> Storage:
        cls, key, location, numel = reference(pid)
        if key not in storages:
            memory = found.storage(f"data/{key}")
            if swapped and cls.itemsize > 1:
                memory = _turned(memory, cls)
            storages[key] = place(Storage(memory, cls.dtype, location), location)
        storage = storages[key]
        if numel * cls.itemsize > storage.memory.nbytes:
            raise Damaged(f"the record 'data/{key}' has {storage.memory.nbytes} bytes, too few for {numel} elements")
        return storage if storage.dtype is cls.dtype else Storage(storage.memory, cls.dtype, storage.location)

    content = found.record("data.pkl")
    return Unpickler(Source(io.BytesIO(content.data), content.nbytes), vocabulary, storage_of, encoding).load()


def _turned(memory, cls: StorageClass):
    """The bytes of a storage from a machine of the other byte order."""
    width = cls.itemsize // (2 if cls.dtype is not None and cls.dtype.is_complex else 1)
    return memory.reshape(-1, width)[:, ::-1].copy().reshape(-1)


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _foreign(head: bytes) -> Damaged:
    """What a file is that does not begin as a checkpoint."""
    if not head:
        return Damaged("the file is empty (0 bytes)")
    if head[257:262] == b"ustar":
        return Damaged(
            "the file is a tar archive, the format of PyTorch 0.1, which Taper does not read",
            "Load it with an older PyTorch and save it again",
        )
    if head[:1] == b"\x80":
        return Damaged(
            "the file is a pickle, but not a checkpoint: Invalid magic number; corrupt file?",
            "Read a plain pickle with Python's pickle module, if you trust it",
        )
    if len(head) > 9 and head[8:10] == b'{"':
        return Damaged(
            "the file is in the safetensors format", "Load it with taper.serialization.safetensors.load_file"
        )
    for start, kind in (
        (b"\x89HDF", "an HDF5 file"),
        (b"\x1f\x8b", "compressed by gzip"),
        (b"\x93NUMPY", "a NumPy array"),
    ):
        if head.startswith(start):
            return Damaged(f"the file is {kind}, not a checkpoint")
    return Damaged("the file is no checkpoint: it begins with neither a zip archive nor PyTorch's magic number")
