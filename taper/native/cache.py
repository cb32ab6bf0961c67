"""Object code on disk, keyed by what it was made from. Safe for processes that write at the same time.

An entry is a digest of its name and its code, followed by the code; one whose digest does not fit is thrown away and made
again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import llvmlite

from .machine import Machine

LIMIT = 256 << 20
"""Bytes that the cache may take (TAPER_CACHE_SIZE, in megabytes, says otherwise); the least recently used go first."""


@lru_cache(None)
def folder() -> Path | None:
    """Where entries lie: TAPER_CACHE_DIR, else the user's cache folder; None where nothing can be written."""
    given = os.environ.get("TAPER_CACHE_DIR")
    try:
        base = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "taper"
        path = base / "native"
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        # RuntimeError: there is no home folder, as in containers for users that have no name.
        return None
    return path if os.access(path, os.W_OK) else None


def key(text: str, machine: Machine) -> str:
    """The name of an entry: a digest of the module, the machine and the compiler's version."""
    what = "\0".join((text, machine.triple, machine.cpu, machine.features, llvmlite.__version__))
    return hashlib.blake2b(what.encode(), digest_size=20).hexdigest()


def get(name: str) -> bytes | None:
    """An entry's code, or None if it is not there or damaged."""
    where = folder()
    if where is None:
        return None
    path = where / name
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, code = data[:20], data[20:]
    if _digest(name, code) != digest:
        _remove(path)
        return None
    try:
        os.utime(path)
    except OSError:
        pass
    return code


def _digest(name: str, code: bytes) -> bytes:
    return hashlib.blake2b(code, digest_size=20, key=name.encode()[-64:]).digest()


def has(name: str) -> bool:
    """Whether there is an entry of this name."""
    where = folder()
    return where is not None and (where / name).exists()


def put(name: str, code: bytes) -> None:
    """Keep an entry. A disk that is full or read-only is no error: the code is made again next time."""
    where = folder()
    if where is None:
        return
    data = _digest(name, code) + code
    try:
        handle, draft = tempfile.mkstemp(dir=where, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(draft, where / name)
        except OSError:
            _remove(Path(draft))
            return
    except OSError:
        return
    _trim(where)


_written = 0


def _trim(where: Path) -> None:
    """Remove the entries used longest ago while there are too many bytes; looked at every 64 writes."""
    global _written
    _written += 1
    if _written % 64 != 1:
        return
    given = os.environ.get("TAPER_CACHE_SIZE", "")
    limit = int(given) << 20 if given.isdecimal() and int(given) else LIMIT
    entries = []
    try:
        paths = list(where.iterdir())
    except OSError:
        return
    for path in paths:
        try:
            facts = path.stat()
        except OSError:
            continue
        entries.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries, key=lambda e: e[0]):
        if total <= limit:
            break
        _remove(path)
        total -= size


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass
