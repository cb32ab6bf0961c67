"""The unpickler: an interpreter of pickle's opcodes that builds what a vocabulary lets it, and calls nothing else."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable

from .archive import filled
from .damage import MALFORMED, Damaged
from .plain import Plain, hashable

_NAME_LIMIT = 1000


class Source:
    """Bytes of a file, never more than it has. `position` is where the next come from."""

    def __init__(self, file, size: int):
        self._file = file
        self.left = size

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Damaged if the file ends before."""
        if not 0 <= count <= self.left:
            raise Damaged("the file ends in the middle of an object: it is truncated or damaged")
        data = self._file.read(count)
        if len(data) != count:
            raise Damaged("the file ends in the middle of an object: it is truncated or damaged")
        self.left -= count
        return data

    def line(self) -> str:
        """The next line, without its end."""
        data = self._file.readline(_NAME_LIMIT)
        self.left -= len(data)
        if not data.endswith(b"\n"):
            raise Damaged("a name in the pickle has no end")
        return data[:-1].decode("utf-8")

    def into(self, view: memoryview) -> None:
        """Fill a buffer with the next bytes."""
        if view.nbytes > self.left or not filled(self._file, view):
            raise Damaged("the file ends within the values of a tensor: it is truncated")
        self.left -= view.nbytes


class Unpickler:
    """Reads one object.

    `vocabulary` says what globals mean and what may be called; `storage_of` makes a storage of its persistent id;
    `encoding` is that of Python 2's strings ("bytes" leaves them).
    """

    def __init__(self, source: Source, vocabulary: Plain, storage_of: Callable, encoding: str = "utf-8"):
        self._source = source
        self._vocabulary = vocabulary
        self._storage_of = storage_of
        self._encoding = encoding
        self._stack: list = []
        self._below: list[list] = []
        self._memo: dict[int, object] = {}

    def load(self):
        """The object. Damaged if the bytes are no pickle; UnpicklingError if they name what is not allowed."""
        take = self._source.take
        try:
            while True:
                code = take(1)
                if code == pickle.STOP:
                    return self._stack.pop()
                step = _STEPS.get(code)
                if step is None:
                    raise Damaged(f"the pickle has an unknown operation {code!r}")
                step(self)
        except MALFORMED as error:
            raise Damaged(f"the pickle in it is damaged ({type(error).__name__}: {error})") from error

    def _push(self, value) -> None:
        self._stack.append(value)

    def _since_mark(self) -> list:
        items, self._stack = self._stack, self._below.pop()
        return items

    def _number(self, layout: str) -> int:
        return struct.unpack(layout, self._source.take(struct.calcsize(layout)))[0]

    def _proto(self) -> None:
        protocol = self._source.take(1)[0]
        if protocol > pickle.HIGHEST_PROTOCOL:
            raise Damaged(f"the pickle has protocol {protocol}, which this Python does not know")

    def _frame(self) -> None:
        self._source.take(8)

    def _mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _drop_to_mark(self) -> None:
        self._since_mark()

    def _global(self) -> None:
        self._push(self._vocabulary.find(self._source.line(), self._source.line()))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise Damaged("a name in the pickle is no text")
        self._push(self._vocabulary.find(module, name))

    def _reduce(self) -> None:
        args = self._stack.pop()
        self._stack[-1] = self._vocabulary.call(self._stack[-1], args)

    def _new(self) -> None:
        args = self._stack.pop()
        self._stack[-1] = self._vocabulary.new(self._stack[-1], args)

    def _new_with_names(self) -> None:
        names = self._stack.pop()
        if type(names) is not dict or names:
            raise Damaged("the pickle makes an object with named arguments")
        self._new()

    def _build(self) -> None:
        state = self._stack.pop()
        self._vocabulary.build(self._stack[-1], state)

    def _append(self) -> None:
        item = self._stack.pop()
        self._vocabulary.sequence(self._stack[-1])(self._stack[-1], [item])

    def _appends(self) -> None:
        items = self._since_mark()
        self._vocabulary.sequence(self._stack[-1])(self._stack[-1], items)

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._vocabulary.dictionary(self._stack[-1])(self._stack[-1], hashable(key), value)

    def _set_items(self) -> None:
        items = self._since_mark()
        target = self._stack[-1]
        put = self._vocabulary.dictionary(target)
        for key, value in _pairs(items):
            put(target, hashable(key), value)

    def _add_items(self) -> None:
        items, target = self._since_mark(), self._stack[-1]
        if type(target) is not set:
            raise Damaged("the pickle adds to what is no set")
        target.update(map(hashable, items))

    def _frozenset(self) -> None:
        self._push(frozenset(map(hashable, self._since_mark())))

    def _dict(self) -> None:
        self._push({hashable(key): value for key, value in _pairs(self._since_mark())})

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise Damaged("the pickle's stack is empty")
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _bytes(self, layout: str) -> bytes:
        return self._source.take(self._number(layout))

    def _long(self, layout: str) -> None:
        self._push(int.from_bytes(self._bytes(layout), "little", signed=True))

    def _text(self, layout: str) -> None:
        self._push(self._bytes(layout).decode("utf-8", "surrogatepass"))

    def _old_text(self, layout: str) -> None:
        data = self._bytes(layout)
        self._push(data if self._encoding == "bytes" else data.decode(self._encoding))

    def _put(self, layout: str) -> None:
        self._memo[self._number(layout)] = self._stack[-1]

    def _get(self, layout: str) -> None:
        self._push(self._memo[self._number(layout)])

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _persistent(self) -> None:
        pid = self._stack.pop()
        if type(pid) is not tuple:
            raise Damaged("a reference to a storage is no tuple")
        self._push(self._storage_of(pid))


def _pairs(items: list):
    if len(items) % 2:
        raise Damaged("a dictionary in the pickle has a key without a value")
    return zip(items[::2], items[1::2])


# fmt: off
_STEPS: dict[bytes, Callable[[Unpickler], None]] = {
    pickle.PROTO:            Unpickler._proto,
    pickle.FRAME:            Unpickler._frame,
    pickle.MARK:             Unpickler._mark,
    pickle.POP:              Unpickler._pop,
    pickle.POP_MARK:         Unpickler._drop_to_mark,
    pickle.DUP:              lambda u: u._push(u._stack[-1]),
    pickle.NONE:             lambda u: u._push(None),
    pickle.NEWTRUE:          lambda u: u._push(True),
    pickle.NEWFALSE:         lambda u: u._push(False),
    pickle.BININT:           lambda u: u._push(u._number("<i")),
    pickle.BININT1:          lambda u: u._push(u._number("<B")),
    pickle.BININT2:          lambda u: u._push(u._number("<H")),
    pickle.LONG1:            lambda u: u._long("<B"),
    pickle.LONG4:            lambda u: u._long("<i"),
    pickle.BINFLOAT:         lambda u: u._push(u._number(">d")),
    pickle.BINSTRING:        lambda u: u._old_text("<i"),
    pickle.SHORT_BINSTRING:  lambda u: u._old_text("<B"),
    pickle.SHORT_BINUNICODE: lambda u: u._text("<B"),
    pickle.BINUNICODE:       lambda u: u._text("<I"),
    pickle.BINUNICODE8:      lambda u: u._text("<Q"),
    pickle.SHORT_BINBYTES:   lambda u: u._push(u._bytes("<B")),
    pickle.BINBYTES:         lambda u: u._push(u._bytes("<I")),
    pickle.BINBYTES8:        lambda u: u._push(u._bytes("<Q")),
    pickle.BYTEARRAY8:       lambda u: u._push(bytearray(u._bytes("<Q"))),
    pickle.EMPTY_TUPLE:      lambda u: u._push(()),
    pickle.EMPTY_LIST:       lambda u: u._push([]),
    pickle.EMPTY_DICT:       lambda u: u._push({}),
    pickle.EMPTY_SET:        lambda u: u._push(set()),
    pickle.TUPLE1:           lambda u: u._tuple_of(1),
    pickle.TUPLE2:           lambda u: u._tuple_of(2),
    pickle.TUPLE3:           lambda u: u._tuple_of(3),
    pickle.TUPLE:            lambda u: u._push(tuple(u._since_mark())),
    pickle.LIST:             lambda u: u._push(u._since_mark()),
    pickle.DICT:             Unpickler._dict,
    pickle.FROZENSET:        Unpickler._frozenset,
    pickle.APPEND:           Unpickler._append,
    pickle.APPENDS:          Unpickler._appends,
    pickle.SETITEM:          Unpickler._set_item,
    pickle.SETITEMS:         Unpickler._set_items,
    pickle.ADDITEMS:         Unpickler._add_items,
    pickle.GLOBAL:           Unpickler._global,
    pickle.STACK_GLOBAL:     Unpickler._stack_global,
    pickle.REDUCE:           Unpickler._reduce,
    pickle.NEWOBJ:           Unpickler._new,
    pickle.NEWOBJ_EX:        Unpickler._new_with_names,
    pickle.BUILD:            Unpickler._build,
    pickle.BINGET:           lambda u: u._get("<B"),
    pickle.LONG_BINGET:      lambda u: u._get("<I"),
    pickle.BINPUT:           lambda u: u._put("<B"),
    pickle.LONG_BINPUT:      lambda u: u._put("<I"),
    pickle.MEMOIZE:          Unpickler._memoize,
    pickle.BINPERSID:        Unpickler._persistent,
}
# fmt: on
