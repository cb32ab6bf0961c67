"""Legacy files, PyTorch's format before 1.6: pickles one after the other, then the bytes of the storages."""

from __future__ import annotations

import pickle
import struct
import sys

import numpy as np

from .archive import write_all
from .damage import Damaged
from .memory import Storage, reference
from .pickler import Pickler
from .plain import Plain
from .unpickler import Source, Unpickler

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
START = pickle.dumps(MAGIC, 2)
_COUNT = struct.Struct("<q")


def write(obj, file, protocol: int) -> None:
    """Write an object in the legacy format."""
    sizes = {"short": struct.calcsize("h"), "int": struct.calcsize("i"), "long": struct.calcsize("l")}
    system = {"protocol_version": VERSION, "little_endian": sys.byteorder == "little", "type_sizes": sizes}
    parts = _Parts()
    for value in (MAGIC, VERSION, system):
        pickle.dump(value, parts, protocol)
    pickler = Pickler(parts, protocol, legacy=True)
    pickler.dump(obj)
    stored = pickler.storages
    pickle.dump(list(stored), parts, protocol)
    for part in parts:
        write_all(file, part)
    for held in stored.values():
        write_all(file, _COUNT.pack(held.numel))
        write_all(file, held.memory)


class _Parts(list):
    """A file in memory: an object that cannot be pickled is known before the first byte is written."""

    def write(self, data) -> int:
        self.append(bytes(data))
        return len(data)


def read(source: Source, vocabulary: Plain, place, encoding: str):
    """Read an object. `place(storage, location)` says where each storage goes."""
    reader = _Legacy(source, vocabulary, place, encoding)
    # Its indices, which are checked when it is made, come after the object.
    vocabulary.leave_out(
        "torch._utils._rebuild_sparse_tensor",
        "the file is of the old format and holds a sparse tensor, which Taper reads from the zip format only",
        "Save it again with PyTorch 1.6 or later, without _use_new_zipfile_serialization=False",
    )
    magic, version = reader.plain(), reader.plain()
    if magic != MAGIC:
        raise Damaged("the file is a pickle, but not a checkpoint: Invalid magic number; corrupt file?")
    if version != VERSION:
        raise Damaged(f"the file has protocol version {version}, not {VERSION}")
    reader.plain()
    found = Unpickler(source, vocabulary, reader.storage, encoding).load()
    reader.fill(reader.plain())
    return found


class _Legacy:
    """The storages of a legacy file: announced by the pickle, filled afterwards."""

    def __init__(self, source: Source, vocabulary: Plain, place, encoding: str):
        self._source, self._vocabulary, self._place, self._encoding = source, vocabulary, place, encoding
        self._storages: dict[str, tuple[Storage, int]] = {}
        self._views: dict[str, Storage] = {}
        self._announced = 0

    def plain(self):
        """One of the pickles around the object."""
        return Unpickler(self._source, Plain(), _no_storage, self._encoding).load()

    def storage(self, pid: tuple):
        """The storage, or the class, that the pickle refers to."""
        pid = tuple(part.decode() if type(part) is bytes else part for part in pid)
        if len(pid) > 1 and type(pid[0]) is str and pid[0] == "module":
            return pid[1]
        cls, key, location, numel = reference(pid)
        if key not in self._storages:
            nbytes = numel * cls.itemsize
            self._announced += nbytes
            if self._announced > self._source.left:
                raise Damaged("the tensors of the file are larger than the file: it is truncated or damaged")
            made = Storage(np.zeros(nbytes, np.uint8), cls.dtype, location)
            self._storages[key] = (self._place(made, location), cls.itemsize)
        whole, itemsize = self._storages[key]
        return self._view(whole, itemsize, pid[5]) if len(pid) == 6 and pid[5] is not None else whole

    def _view(self, whole: Storage, itemsize: int, metadata) -> Storage:
        if type(metadata) is not tuple or [type(part) for part in metadata] != [str, int, int]:
            raise Damaged("a view of a storage is damaged")
        key, offset, size = metadata
        if key not in self._views:
            start, stop = offset * itemsize, (offset + size) * itemsize
            if not 0 <= start <= stop <= whole.memory.nbytes:
                raise Damaged("a view of a storage reaches outside it")
            self._views[key] = Storage(whole.memory[start:stop], whole.dtype, whole.location)
        return self._views[key]

    def fill(self, keys) -> None:
        """Read the bytes of the storages."""
        keys = [_text(key) for key in keys] if type(keys) is list else []
        if sorted(keys) != sorted(self._storages):
            raise Damaged("the list of storages does not fit the object")
        for key in keys:
            storage, itemsize = self._storages[key]
            if _COUNT.unpack(self._source.take(_COUNT.size))[0] * itemsize != storage.memory.nbytes:
                raise Damaged("a storage has another size than the object says")
            self._source.into(storage.memory.data)


def _text(value) -> str:
    if type(value) not in (str, bytes):
        raise Damaged("the key of a storage is no text")
    return value.decode() if type(value) is bytes else value


def _no_storage(pid: tuple):
    raise Damaged("there is a storage where none belongs")
