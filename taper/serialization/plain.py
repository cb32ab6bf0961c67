"""The plain vocabulary: the globals that a file of tensors and containers may name, and what each may do.

A name that is not in the table is an UnpicklingError. What is in it are functions of this package, which check what
they are given, and types without side effects. Programs extend it with `add_safe_globals`.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any

from .. import dtypes
from ..autograd.tape import Variable
from ..backends.device import device
from ..nn.parameter import Parameter
from ..tensor import formats
from ..tensor.core import Tensor
from ..tensor.size import Size
from . import rebuild
from .damage import Damaged
from .memory import STORAGE_CLASSES, StorageClass
from .safe_globals import allowed_by_user
from .sparse import sparse_tensor

_HASH_LIMIT = 10_000
_RENAMED = {
    ("__builtin__", "xrange"): ("builtins", "range"),
    ("__builtin__", "unicode"): ("builtins", "str"),
    ("__builtin__", "long"): ("builtins", "int"),
    ("copy_reg", "_reconstructor"): ("copyreg", "_reconstructor"),
}


def set_of(items=()) -> set:
    """A set of the items of a list."""
    return set(hashable(x) for x in _sequence(items))


def counter_of(counts=None) -> Counter:
    """A Counter with the contents of a dictionary."""
    made: Counter = Counter()
    for key, count in ({} if counts is None else _exactly(dict, counts)).items():
        dict.__setitem__(made, key, count)
    return made


def ordered_dict(pairs=()) -> OrderedDict:
    """An OrderedDict; Python 2 gives it its items."""
    return OrderedDict((hashable(key), value) for key, value in map(_sequence, _sequence(pairs)))


def encoded(text, encoding="utf-8") -> bytes:
    """Bytes, which protocol 2 writes as text."""
    return _exactly(str, text).encode(_exactly(str, encoding))


def bytearray_of(content=b"", encoding=None) -> bytearray:
    """A bytearray of bytes, or of the text that stands for them."""
    return bytearray(_exactly(bytes, content) if encoding is None else encoded(content, encoding))


def no_bytes() -> bytes:
    """Protocol 2 has empty bytes as `bytes()`."""
    return b""


def complex_of(real, imag) -> complex:
    """A complex number of its parts."""
    return complex(_exactly(float, real), _exactly(float, imag))


def size_of(sizes=()) -> Size:
    """A Size of integers."""
    if any(type(n) is not int for n in _sequence(sizes)):
        raise Damaged("a torch.Size has elements that are no integers")
    return Size(sizes)


def device_of(kind, index=None) -> device:
    """A device, which need not be present."""
    return device(_exactly(str, kind)) if index is None else device(_exactly(str, kind), _exactly(int, index))


def layout_of(name) -> formats.layout:
    """A layout by its name."""
    found = getattr(formats, _exactly(str, name).removeprefix("torch."), None)
    if type(found) is not formats.layout:
        raise Damaged(f"there is no layout '{name}'")
    return found


def _unsupported(kind: str) -> Callable:
    def refuse(*args):
        raise Damaged(f"the file holds a {kind} tensor, which Taper does not have", "Save it as a dense tensor")

    return refuse


# fmt: off
_REBUILDERS: dict[str, Callable] = {
    "torch._utils._rebuild_tensor":               rebuild.tensor_v1,
    "torch._utils._rebuild_tensor_v2":            rebuild.tensor_v2,
    "torch._utils._rebuild_tensor_v3":            rebuild.tensor_v3,
    "torch._utils._rebuild_parameter":            rebuild.parameter,
    "torch._utils._rebuild_parameter_with_state": rebuild.parameter_with_state,
    "torch._utils._rebuild_sparse_tensor":        sparse_tensor,
    "torch._utils._rebuild_qtensor":              _unsupported("quantized"),
    "torch._utils._rebuild_meta_tensor_no_storage": _unsupported("meta"),
    "torch._utils._rebuild_nested_tensor":        _unsupported("nested"),
    "torch.serialization._get_layout":            layout_of,
    "_codecs.encode":                             encoded,
}
_TYPES: dict[str, tuple[Any, Callable | None]] = {
    "collections.OrderedDict":      (OrderedDict, ordered_dict),
    "collections.Counter":          (Counter, counter_of),
    "builtins.set":                 (set, set_of),
    "builtins.bytearray":           (bytearray, bytearray_of),
    "builtins.complex":             (complex, complex_of),
    "builtins.bytes":               (bytes, no_bytes),
    "torch.Size":                   (Size, size_of),
    "torch.device":                 (device, device_of),
    "torch.Tensor":                 (Tensor, None),
    "torch._tensor.Tensor":         (Tensor, None),
    "torch.nn.parameter.Parameter": (Parameter, None),
}
# fmt: on
_WITH_TYPE = "torch._tensor._rebuild_from_type_v2"
_STORAGES = {name: StorageClass(name, dtype) for name, dtype in STORAGE_CLASSES.items()}
_UNTYPED = StorageClass("UntypedStorage", None)
_CALLABLE = (type, FunctionType, BuiltinFunctionType)


class Plain:
    """What the opcodes of a pickle may do when only tensors and plain containers are wanted."""

    rebuilders = _REBUILDERS
    types = _TYPES

    def __init__(self) -> None:
        self.user = allowed_by_user()
        self.user_objects = {id(obj) for obj in self.user.values()}
        self.calls = {make: make for make in self.rebuilders.values()}
        self.calls.update({cls: make for cls, make in self.types.values() if make is not None})
        self.calls[with_type] = self._with_type

    def leave_out(self, path: str, problem: str, fix: str) -> None:
        """Refuse calls of one of the functions."""

        def refuse(*args):
            raise Damaged(problem, fix)

        self.rebuilders = {**self.rebuilders, path: refuse}
        self.calls[refuse] = refuse

    def find(self, module: str, name: str):
        """What a GLOBAL stands for. UnpicklingError for a name outside the vocabulary."""
        module, name = _RENAMED.get((module, name), ("builtins" if module == "__builtin__" else module, name))
        path = f"{module}.{name}"
        if path in self.user:
            return self.user[path]
        if path in self.rebuilders:
            return self.rebuilders[path]
        if path in self.types:
            return self.types[path][0]
        if path == _WITH_TYPE:
            return with_type
        if module in ("torch", "torch.cuda") and name in _STORAGES:
            return _STORAGES[name]
        if module == "torch" and name in dtypes.BY_NAME:
            return dtypes.BY_NAME[name]
        if path in ("torch.storage.UntypedStorage", "torch.UntypedStorage"):
            return _UNTYPED
        return self.other(module, name)

    def other(self, module: str, name: str) -> Any:
        """What a name outside the tables stands for."""
        raise refusal(module, name)

    def call(self, function, args):
        """What a REDUCE gives: the result of a function of the vocabulary, or of one that the user allowed."""
        if type(args) is not tuple or not issubclass(type(function), _CALLABLE):
            raise Damaged("the pickle calls what is no function")
        if id(function) in self.user_objects:
            return function(*args)
        make = self.calls.get(function)
        if make is None:
            raise pickle.UnpicklingError(
                f"Weights only load failed: the file calls {_path(function)}, and reading a file calls nothing that it "
                f"names. If you trust it, use `torch.serialization.add_safe_globals([{_path(function)}])` first."
            )
        return make(*args)

    def new(self, cls: Any, args) -> Any:
        """What a NEWOBJ gives: an object of a class, before its state."""
        if type(args) is not tuple or not issubclass(type(cls), type):
            raise Damaged("the pickle makes an object of what is no class")
        if id(cls) in self.user_objects:
            return cls.__new__(cls, *args)
        if cls is OrderedDict and not args:
            return OrderedDict()
        raise pickle.UnpicklingError(
            f"Weights only load failed: the file makes an object of {_path(cls)}, which is not allowed. If you trust "
            f"the file, allow it with `torch.serialization.add_safe_globals([{_path(cls)}])`."
        )

    def build(self, obj, state) -> None:
        """Give an object its state, as BUILD asks."""
        cls = type(obj)
        if cls is OrderedDict and type(state) is dict:
            obj.__dict__.update(state)
        elif issubclass(cls, Variable):
            rebuild.with_attributes(obj, state)
        elif id(cls) in self.user_objects:
            _set_state(obj, state)
        else:
            raise Damaged(f"the pickle gives a state to an object of {cls.__qualname__}, which has none")

    def dictionary(self, obj) -> Callable:
        """The function that sets an item of a dictionary of the vocabulary."""
        if type(obj) in (dict, Counter):
            return dict.__setitem__
        if type(obj) is OrderedDict:
            return OrderedDict.__setitem__
        raise Damaged(f"the pickle sets items of an object of {type(obj).__qualname__}")

    def sequence(self, obj) -> Callable:
        """The function that extends a list of the vocabulary."""
        if type(obj) is not list:
            raise Damaged(f"the pickle appends to an object of {type(obj).__qualname__}")
        return list.extend

    def _with_type(self, function, cls, args, state):
        t = self.call(function, args)
        if not issubclass(type(t), Variable):
            raise Damaged("a tensor with attributes is no tensor")
        return rebuild.with_attributes(rebuild.as_class(t, cls), state)


def with_type(function, cls, args, state):
    """Stands for PyTorch's function of tensors with a class and attributes; `Plain.call` gives it a meaning."""
    raise Damaged("the pickle calls a function outside a vocabulary")


def _path(obj) -> str:
    return f"{obj.__module__}.{obj.__qualname__}"


def refusal(module: str, name: str) -> pickle.UnpicklingError:
    """The error for a global that a file of weights may not name."""
    path = f"{module.removeprefix('builtins')}.{name}".lstrip(".")
    return pickle.UnpicklingError(
        "Weights only load failed. The file names something that is neither a tensor nor a plain container: "
        f"Unsupported global: GLOBAL {path} was not an allowed global by default. If you trust the file, allow it with "
        f"`torch.serialization.add_safe_globals([{path}])` or `torch.serialization.safe_globals([{path}])`, or, for a "
        "module or object that was saved whole, use `torch.load(..., weights_only=False)`."
    )


def hashable(key):
    """A key of a dictionary or set, if hashing it runs only Python's own code and ends soon."""
    pending, seen = [key], 0
    while pending:
        value, seen = pending.pop(), seen + 1
        kind = type(value)
        if issubclass(kind, tuple) and kind.__hash__ is tuple.__hash__ and seen < _HASH_LIMIT:
            pending.extend(tuple.__iter__(value))
        elif not _plain_hash(kind):
            raise Damaged(f"a dictionary or set has a key of {kind.__qualname__}, which Taper does not hash")
    return key


def _plain_hash(kind: type) -> bool:
    if kind.__hash__ is object.__hash__:
        return kind.__eq__ is object.__eq__
    return kind.__hash__ in _HASHES or issubclass(kind, (type, Variable))


_HASHES = (
    *(str.__hash__, int.__hash__, float.__hash__, complex.__hash__, bytes.__hash__, type(None).__hash__),
    *(Enum.__hash__, frozenset.__hash__, range.__hash__, device.__hash__, dtypes.dtype.__hash__),
)


def _set_state(obj, state) -> None:
    """Restore an object of a class that the user allowed, as pickle does."""
    if hasattr(obj, "__setstate__"):
        obj.__setstate__(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    obj.__dict__.update(state or {})
    for name, value in (slots or {}).items():
        setattr(obj, name, value)


def _exactly(kind: type, value):
    if type(value) is not kind:
        raise Damaged(f"the pickle has an object of {type(value).__qualname__} where {kind.__name__} belongs")
    return value


def _sequence(value):
    if type(value) not in (list, tuple):
        raise Damaged(f"the pickle has an object of {type(value).__qualname__} where a list belongs")
    return value
