"""Messages between a DataLoader and its workers.

A message is pickled; the memory of large arrays, wherever in it they are, goes round the pickle into a file without a name
(a memfd on Linux, an unlinked temporary file elsewhere), whose descriptor travels with the message and which the receiver
reads into fresh arrays and closes. So nothing is left behind, however either process ends, and /dev/shm may be small.
Where descriptors cannot travel (Windows) the memory goes through the pipe.
"""

from __future__ import annotations

import io
import os
import pickle
import socket
import struct
import tempfile
import traceback
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler

import numpy as np

INLINE = 1 << 15
"""Memory of fewer bytes than this stays in the pickle, and a pickle of fewer bytes in the pipe."""

TASK_INLINE = 1 << 10
"""The same for what a worker is sent: tasks that wait must not fill the pipe."""

FILES = hasattr(socket, "send_fds")
"""Whether open files can travel between processes."""

_COUNT = struct.Struct("<q")


def encoded(message, inline: int = INLINE) -> tuple[bytes, list[memoryview]]:
    """A message as what goes through the pipe and what goes beside it."""
    beside: list[memoryview] = []

    def stays(buffer: pickle.PickleBuffer) -> bool:
        memory = buffer.raw()
        if memory.nbytes >= inline:
            beside.append(memory)
            return False
        return True

    stream = io.BytesIO()
    ForkingPickler(stream, 5, True, stays).dump(message)
    body = stream.getbuffer()
    outside = FILES and body.nbytes >= inline
    if outside:
        beside.append(body)
    sizes = [memory.nbytes for memory in beside]
    head = _COUNT.pack(-len(sizes) if outside else len(sizes)) + b"".join(_COUNT.pack(size) for size in sizes)
    return (head if outside else head + body), beside


def transmit(pipe: Connection, head: bytes, beside: list[memoryview]) -> None:
    """Send an encoded message. OSError where nobody listens any more."""
    if not beside or not FILES:
        pipe.send_bytes(head)
        for memory in beside:
            pipe.send_bytes(memory)
        return
    with _nameless_file() as file, socket.socket(fileno=os.dup(pipe.fileno())) as line:
        for memory in beside:
            while memory.nbytes:
                memory = memory[file.write(memory) :]
        pipe.send_bytes(head)
        socket.send_fds(line, [b"f"], [file.fileno()])


def receive(pipe: Connection):
    """The next message. EOFError or OSError where the sender has ended."""
    head = memoryview(pipe.recv_bytes())
    (count,) = _COUNT.unpack_from(head)
    start = _COUNT.size * (1 + abs(count))
    sizes = [size for (size,) in _COUNT.iter_unpack(head[_COUNT.size : start])]
    memories = [np.empty(size, np.uint8) for size in sizes]
    if FILES and memories:
        with socket.socket(fileno=os.dup(pipe.fileno())) as line:
            letter, descriptors, _, _ = socket.recv_fds(line, 1, 1)
        if not letter:
            raise EOFError
        if not descriptors:
            raise RuntimeError(
                "Too many open files: a DataLoader worker's batch could not be received. Increase the limit with "
                "`ulimit -n` in the shell."
            )
        with os.fdopen(descriptors[0], "rb", buffering=0) as file:
            file.seek(0)
            for memory in memories:
                rest = memoryview(memory)
                while rest.nbytes:
                    rest = rest[file.readinto(rest) :]
    else:
        for memory in memories:
            pipe.recv_bytes_into(memory)
    body = memories.pop() if count < 0 else head[start:]
    return pickle.loads(body, buffers=memories)


def _nameless_file() -> io.RawIOBase:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("taper-batch"), "wb", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


class _Text(str):
    """A message that KeyError, which shows its argument's repr, shows as it is."""

    __slots__ = ()
    __repr__ = str.__str__


class Failure:
    """An exception of a worker: its class, and its text with the worker's traceback."""

    def __init__(self, error: Exception, where: str):
        self.kind = type(error)
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.text = f"Caught {self.kind.__name__} {where}.\nOriginal {trace}"

    def portable(self) -> Failure:
        """The same, in a class that can be pickled."""
        try:
            pickle.dumps(self.kind)
        except (pickle.PicklingError, AttributeError):  # a class made inside a function
            self.kind = RuntimeError
        return self

    def reraise(self) -> None:
        """Raise the exception again, as a RuntimeError if its class cannot be made from a text."""
        text = _Text(self.text) if issubclass(self.kind, KeyError) else self.text
        try:
            error = self.kind(text)
        except Exception:  # a constructor of the user's may raise anything
            error = RuntimeError(text)
        raise error
