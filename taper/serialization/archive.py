"""The archive: PyTorch's container, a zip file of uncompressed records, each starting at a multiple of 64 bytes."""

from __future__ import annotations

import mmap
import struct
import zipfile
import zlib

import numpy as np

from .damage import Damaged

SIGNATURE = b"PK\x03\x04"
ALIGNMENT = 64
_PIECE = 1 << 22
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_UTF8 = 0x800
_DATE = 0x21  # 1980-01-01, the first day of zip's calendar: equal contents give equal files
_FULL = 0xFFFFFFFF
_NAME_LIMIT = 0xFFFF


def write_all(file, data) -> None:
    """Write all of a buffer of bytes, also to an unbuffered file that takes part of it at a time."""
    view = memoryview(data)
    while len(view):
        taken = file.write(view)
        if not isinstance(taken, int) or taken >= len(view):
            return
        view = view[taken:]


def filled(file, view: memoryview) -> bool:
    """Fill a buffer with the next bytes of a file; False if it has too few."""
    while len(view):
        data = file.read(min(len(view), _PIECE))
        if not data:
            return False
        view[: len(data)] = data
        view = view[len(data) :]
    return True


class Writer:
    """Writes records to a file that needs nothing but `write`."""

    def __init__(self, file, folder: str):
        self._file = file
        self._folder = folder
        self._position = 0
        self._directory: list[tuple[bytes, int, int, int]] = []

    def record(self, name: str, data) -> None:
        """Add a record; `data` is a buffer of bytes."""
        raw = f"{self._folder}/{name}".encode()
        view = memoryview(data)
        size, crc = view.nbytes, zlib.crc32(view)
        large = struct.pack("<2H2Q", 1, 16, size, size) if size >= _FULL else b""
        start = self._position + _LOCAL.size + len(raw) + len(large) + 4
        gap = -start % ALIGNMENT
        padding = struct.pack("<2sH", b"FB", gap) + b"Z" * gap
        told = _FULL if large else size
        self._directory.append((raw, crc, size, self._position))
        need = 45 if large else 0
        self._write(
            _LOCAL.pack(SIGNATURE, need, _UTF8, 0, 0, _DATE, crc, told, told, len(raw), len(large) + len(padding))
        )
        self._write(raw + large + padding)
        self._write(view)

    def close(self) -> None:
        """Write the identity of the contents and the directory. The archive is complete then."""
        names = zlib.crc32(b"\0".join(raw for raw, *_ in self._directory))
        sums = zlib.crc32(b"".join(struct.pack("<I", crc) for _, crc, *_ in self._directory))
        self.record(".data/serialization_id", f"{names:020d}{sums:020d}".encode())
        begin = self._position
        for raw, crc, size, where in self._directory:
            beyond = [n for n in (size, size, where) if n >= _FULL]
            extra = struct.pack(f"<2H{len(beyond)}Q", 1, 8 * len(beyond), *beyond) if beyond else b""
            told, at, need = min(size, _FULL), min(where, _FULL), 45 if beyond else 0
            head = (b"PK\x01\x02", need, need, _UTF8, 0, 0, _DATE, crc, told, told)
            self._write(_CENTRAL.pack(*head, len(raw), len(extra), 0, 0, 0, 0, at) + raw + extra)
        size, count = self._position - begin, len(self._directory)
        if begin >= _FULL or count >= _NAME_LIMIT:
            at = self._position
            self._write(_END_64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, begin))
            self._write(_LOCATOR_64.pack(b"PK\x06\x07", 0, at, 1))
        told = min(count, _NAME_LIMIT)
        self._write(_END.pack(b"PK\x05\x06", 0, 0, told, told, min(size, _FULL), min(begin, _FULL), 0))

    def _write(self, data) -> None:
        write_all(self._file, data)
        self._position += len(data)


class Reader:
    """Reads records of an archive in a seekable file; every checksum is checked, every size is held against the file.

    Raises Damaged for what is no whole archive of a checkpoint.
    """

    def __init__(self, file):
        self._file = file
        self._mapped: mmap.mmap | None = None
        try:
            with zipfile.ZipFile(file) as directory:
                entries = directory.infolist()
        except (zipfile.BadZipFile, NotImplementedError, *_UNREADABLE) as error:
            raise Damaged(
                f"the file begins as a zip archive, but its directory cannot be read ({error}): it is truncated or "
                "overwritten"
            ) from error
        self._size = file.seek(0, 2)
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise Damaged("two records of the archive have the same name")
        if sum(entry.file_size for entry in entries) > self._size:
            raise Damaged("the records of the archive claim to be larger than the file")
        self._folder = self._find_folder()

    def _find_folder(self) -> str:
        found = [name for name in self._entries if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(found) != 1:
            raise Damaged(
                "the file is a zip archive, but not one of PyTorch's checkpoints: it has no record 'data.pkl'",
                "NumPy's .npz files are read by numpy.load",
            )
        return found[0].removesuffix("data.pkl")

    def __contains__(self, name: str) -> bool:
        return self._folder + name in self._entries

    def map(self) -> None:
        """Let records be pages of the file from now on, copied only where they are written to; not checksummed."""
        self._mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)

    def text(self, name: str) -> str:
        """A short record of text."""
        return bytes(self.record(name)).decode("utf-8", "replace").strip()

    def record(self, name: str) -> np.ndarray:
        """The bytes of a record, in memory of their own."""
        entry, start = self._locate(name)
        data = np.empty(entry.file_size, np.uint8)
        self._file.seek(start)
        if not filled(self._file, data.data):
            raise Damaged(f"the file ends within the record '{name}'")
        if zlib.crc32(data.data) != entry.CRC:
            raise Damaged(f"the record '{name}' is damaged: its checksum differs from its bytes")
        return data

    def storage(self, name: str) -> np.ndarray:
        """The bytes of a record as tensors' memory: pages of the file if it is mapped, else as `record` gives them."""
        if self._mapped is None:
            return self.record(name)
        entry, start = self._locate(name)
        return np.frombuffer(self._mapped, np.uint8, entry.file_size, start)

    def _locate(self, name: str) -> tuple[zipfile.ZipInfo, int]:
        entry = self._entries.get(self._folder + name)
        if entry is None:
            raise Damaged(f"the record '{name}' is missing")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise Damaged(
                f"the record '{name}' is compressed, which checkpoints never are",
                "Unpack the archive and pack it again without compression (zip -0)",
            )
        if entry.header_offset < 0:
            raise Damaged("the archive's directory points before its beginning")
        self._file.seek(entry.header_offset)
        head = self._file.read(_LOCAL.size)
        if len(head) != _LOCAL.size or not head.startswith(SIGNATURE):
            raise Damaged(f"the record '{name}' is not where the archive's directory says")
        fields = _LOCAL.unpack(head)
        start = entry.header_offset + _LOCAL.size + fields[-2] + fields[-1]
        if fields[2] & 1:
            raise Damaged(f"the record '{name}' is encrypted")
        if start + entry.file_size > self._size:
            raise Damaged(f"the record '{name}' reaches beyond the end of the file")
        return entry, start


_UNREADABLE = (EOFError, IndexError, OSError, OverflowError, RuntimeError, ValueError, struct.error)
