"""Atomic writing: a file is replaced when all of it is on the disk, or left as it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A file to write to, which becomes `path` at the end of the block; if the block fails, `path` is untouched.

    What is no regular file (a pipe, a device) is written to directly. RuntimeError if the directory does not exist;
    OSError, with the file's name, where it cannot be written to or is full.
    """
    target = os.path.realpath(os.fsdecode(path))
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(os.fsdecode(path))} does not exist.")
    if os.path.isdir(target):
        raise IsADirectoryError(f"'{os.fsdecode(path)}' is a directory: give the name of a file in it")
    if os.path.exists(target) and not os.path.isfile(target):
        with _named(path), open(target, "wb") as file:
            yield file
        return
    draft = os.path.join(folder, f".{name[:64]}.{os.urandom(6).hex()}.tmp")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    with _named(path):
        file = os.fdopen(os.open(draft, flags, 0o666), "wb")
    try:
        with _named(path), file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(draft, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(draft, target)
        sync_folder(folder)
    except BaseException:
        # Ctrl-C may come when the draft has just taken its place.
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise


@contextmanager
def _named(path: str | os.PathLike) -> Iterator[None]:
    """Let errors of the file system name the file that was to be written."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.strerror is not None:
            raise type(error)(error.errno, error.strerror, os.fsdecode(path)) from None
        raise


def sync_folder(folder: str) -> None:
    """Put a folder's names on the disk: what was renamed stays renamed when the power fails."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
