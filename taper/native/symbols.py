"""Which functions an object file calls that it does not define: what cannot be found must not be loaded.

LLVM ends the process when code that it loads calls a function that is nowhere.
"""

from __future__ import annotations

import struct

_SYMBOLS = 2
"""The type of a section that is a table of symbols."""


def undefined(code: bytes) -> list[str]:
    """The names that an object file expects from elsewhere; none are known of files other than 64-bit ELF."""
    if code[:6] != b"\x7fELF\x02\x01":
        return []
    (sections,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    names = []
    for i in range(count):
        kind, at, length, link = _section(code, sections + i * size)
        if kind != _SYMBOLS:
            continue
        _, texts, _, _ = _section(code, sections + link * size)
        for symbol in range(at, at + length, 24):
            name, _, _, home = struct.unpack_from("<IBBH", code, symbol)
            if name and home == 0:
                start = texts + name
                names.append(code[start : code.index(b"\0", start)].decode())
    return names


def _section(code: bytes, at: int) -> tuple[int, int, int, int]:
    """A section's type, where it begins, its length, and the section that it refers to."""
    _, kind, _, _, start, length, link = struct.unpack_from("<IIQQQQI", code, at)
    return kind, start, length, link
