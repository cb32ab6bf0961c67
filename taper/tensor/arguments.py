"""What arguments may be: one meaning a parameter's name, checked in one place around the public functions.

PyTorch's names are regular: `dim` is an int, `keepdim` a bool, `out` a tensor, wherever they occur. The table says so
once (`argument_names`), and where a function differs. `check_functions` puts the test around the functions of a
namespace, `check_methods` around those of the tensor's class. What is called most often refuses by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.shortage import out_of_memory
from ..autograd.tape import Variable
from ..backends.cuda import driver
from ..backends.device import device
from ..errors import OutOfMemoryError
from .argument_names import ELSEWHERE, EXACT_OUT, NAMES, UNCHECKED_METHODS
from .core import Tensor
from .formats import layout, memory_format
from .outputs import placed
from .random import Generator
from .size import Size

__all__: list[str] = []


def _type_error(value) -> type[Exception]:
    return TypeError


def _attribute_error(value) -> type[Exception]:
    return AttributeError


def _size_error(value) -> type[Exception]:
    # An array has the attribute, but not to be called.
    return TypeError if isinstance(value, (np.ndarray, np.generic)) else AttributeError


_SURE_ELEMENTS = {"tuple of ints": frozenset((int,)), "tuple of Tensors": frozenset((Tensor,))}
_LISTS = frozenset((tuple, list, Size))


class Kind:
    """What may stand in a place: words for the message, classes that surely may, and a test of all other values.

    plain: makes a plain number, list or dtype of a value that passed the test. error: the exception's class. elements:
    the classes that surely may be in a list.
    """

    __slots__ = ("words", "classes", "test", "plain", "error", "elements")

    def __init__(self, words: str, classes: tuple, test: Callable, plain: Callable | None = None, error=_type_error):
        self.words, self.classes, self.test, self.plain, self.error = words, set(classes), test, plain, error
        self.elements = _SURE_ELEMENTS.get(words, frozenset())

    def or_none(self) -> Kind:
        """The same place where None may stand, too."""
        return Kind(self.words, (*self.classes, type(None)), self.test, self.plain, self.error)


def _number(value):
    """A Python number for NumPy's, and for a tensor without dimensions."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Variable) and value._array.__class__ is np.ndarray and not value._array.ndim:
        return value._array.item()
    return value


def _numbers(value):
    """Python numbers for NumPy's in a list, or for one."""
    return type(value)(map(_number, value)) if type(value) in (list, tuple) else _number(value)


def _dtype(value):
    """Taper's dtype for Python's types."""
    return dtypes.from_numpy(dtypes.to_numpy(value))


def _bare(value, kinds: str) -> bool:
    """Whether this is a tensor without dimensions that records nothing, with a dtype of these kinds."""
    if not isinstance(value, Variable) or value.requires_grad:
        return False
    return value._array.ndim == 0 and value._array.dtype.kind in kinds


def _is_tensor(value) -> bool:
    return isinstance(value, Variable)


def _is_int(value) -> bool:
    if isinstance(value, (int, np.integer)):
        return not isinstance(value, bool)
    return _bare(value, "iu")


def _is_float(value) -> bool:
    return isinstance(value, (int, float, np.floating, np.integer, np.bool_)) or _bare(value, "biuf")


def _is_number(value) -> bool:
    return isinstance(value, (int, float, complex, np.number, np.bool_)) or _bare(value, "biufc")


def _are_ints(value) -> bool:
    return isinstance(value, (list, tuple)) and all(n.__class__ is int or _is_int(n) for n in value)


def _without_gaps(value):
    """A list without its Nones."""
    return [v for v in value if v is not None] if isinstance(value, (list, tuple)) else value


def _are_tensors(value) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(t, Variable) for t in value)


def _nothing(value) -> bool:
    return False


# fmt: off
KINDS = {
    "tensor": Kind("Tensor", (Tensor,), _is_tensor),
    "tensor by its methods": Kind("Tensor", (Tensor,), _is_tensor, None, _attribute_error),
    "tensor by its size": Kind("Tensor", (Tensor,), _is_tensor, None, _size_error),
    "tensors": Kind("tuple of Tensors", (), _are_tensors),
    "tensor or tensors": Kind("tuple of Tensors", (Tensor,), lambda v: _is_tensor(v) or _are_tensors(v)),
    "tensor or number": Kind("Tensor", (Tensor, float, int), lambda v: _is_tensor(v) or _is_number(v)),
    "tensor or float": Kind("Tensor or float", (Tensor, float, int), lambda v: _is_tensor(v) or _is_float(v)),
    "tensor or int": Kind("Tensor or int", (Tensor, int), lambda v: _is_tensor(v) or _is_int(v)),
    "tensor or ints": Kind("tuple of ints", (Tensor, int), lambda v: _is_tensor(v) or _is_int(v) or _are_ints(v)),
    "number": Kind("Number", (float, int, bool), _is_number, _number),
    "float": Kind("float", (float, int, bool), _is_float, _number),
    "floats": Kind("tuple of floats", (), lambda v: isinstance(v, (list, tuple)) and all(map(_is_float, v)), _numbers),
    "int": Kind("int", (int,), _is_int, _number),
    "ints": Kind("tuple of ints", (int,), lambda v: _is_int(v) or _are_ints(v), _numbers),
    "bool or ints": Kind("tuple of ints", (bool, int), lambda v: _is_int(v) or _are_ints(v), _numbers),
    "sequence of ints": Kind("tuple of ints", (), _are_ints, _numbers),
    "ints or gaps": Kind("tuple of ints", (int,), lambda v: _is_int(v) or _are_ints(_without_gaps(v)), _numbers),
    "bool": Kind("bool", (bool,), _nothing),
    "str": Kind("str", (str,), lambda v: isinstance(v, str)),
    "str or ints": Kind("tuple of ints", (str, int), lambda v: isinstance(v, str) or _is_int(v) or _are_ints(v), _numbers),
    "str or number": Kind("str", (str, int, float), lambda v: isinstance(v, str) or _is_number(v)),
    "dtype": Kind("torch.dtype", (dtypes.dtype, dtypes.AbsentType), lambda v: isinstance(v, type) and v in (float, int, bool, complex), _dtype),
    "device": Kind("torch.device", (device, str, int), lambda v: isinstance(v, str) or _is_int(v)),
    "layout": Kind("torch.layout", (layout,), _nothing),
    "memory format": Kind("torch.memory_format", (memory_format,), _nothing),
    "generator": Kind("torch.Generator", (Generator,), _nothing),
    "nothing": Kind("left out", (), _nothing),
}
# fmt: on


def _kind(words: str) -> Kind | None:
    """The kind that a table means; None for what is not checked."""
    if words == "anything":
        return None
    kind = KINDS[words.removesuffix(" or None")]
    return kind.or_none() if words.endswith(" or None") else kind


_BY_NAME = {name: _kind(words) for words, names in NAMES.items() for name in names.split()}
_BY_FUNCTION: dict[str, dict[str, Kind | None]] = {}
for _functions, _places_of in ELSEWHERE:
    for _function in _functions.split():
        for _words, _names in _places_of.items():
            _BY_FUNCTION.setdefault(_function, {}).update(dict.fromkeys(_names.split(), _kind(_words)))


def _plain(function):
    """The function inside its decorators."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _parameters(function) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of a function's parameters in their order, and their defaults."""
    code, defaults = function.__code__, function.__defaults__ or ()
    count = code.co_argcount
    names = code.co_varnames[: count + code.co_kwonlyargcount]
    return names, dict(zip(names[count - len(defaults) : count], defaults)) | (function.__kwdefaults__ or {})


def _kinds_of(function, path: str, method: bool) -> dict[str, Kind | None]:
    """The kind of each parameter."""
    names, given = _parameters(function)
    special = _BY_FUNCTION.get(path.rpartition(".")[2], {}) | _BY_FUNCTION.get(path, {})
    kinds = dict(_BY_NAME, **special)
    for name in names:
        kind = kinds.get(name)
        if kind is not None and name in given and given[name] is None:
            kinds[name] = kind.or_none()
    if method:
        kinds["out"] = KINDS["nothing"].or_none()
    return kinds


HOT = 4
"""Calls after which a function has code written for arguments that surely may stand where they stand."""


class Check:
    """The look at one function's arguments before it runs.

    Its first calls come here. Then the public function gets code of its own, with the function's parameters: it asks
    for the class of each argument, which takes a tenth of the time. What is not surely right comes here still.
    """

    __slots__ = ("function", "exact", "path", "method", "public", "calls", "order", "kinds", "given", "ordered")

    def __init__(self, function, path: str, method: bool, exact: bool):
        self.function, self.path, self.method = function, path, method
        self.exact = _exactly(function) if exact else function
        self.calls = 0

    def learn(self) -> None:
        """Find what the table says of this function."""
        plain = _plain(self.function)
        self.kinds = kinds = _kinds_of(plain, self.path, self.method)
        _, self.given = _parameters(plain)
        code = plain.__code__
        order = code.co_varnames[: code.co_argcount]
        if code.co_flags & CO_VARARGS and code.co_varnames[code.co_argcount + code.co_kwonlyargcount] == "tensors":
            order += ("tensors",) * 100
        self.order = order
        self.ordered = [(kind and kind.classes, kind and kind.elements) for kind in map(kinds.get, order)]

    def call(self, *args, **kwargs):
        """Run the function if the arguments are what they may be."""
        if not self.calls:
            self.learn()
        self.calls += 1
        if self.calls == HOT:
            self.write()
        if not self.sure(args, kwargs):
            args, kwargs = self.settled(args, kwargs)
        try:
            return self.exact(*args, **kwargs)
        except (MemoryError, OverflowError) as error:
            raise _too_large(self.path, error) from None

    def sure(self, args: tuple, kwargs: dict) -> bool:
        """Whether the classes of all arguments surely may stand where they stand."""
        for value, (classes, elements) in zip(args, self.ordered):
            if classes is not None and value.__class__ not in classes:
                if value.__class__ not in _LISTS or not elements or not elements.issuperset(map(type, value)):
                    return False
        kinds = self.kinds
        for name, value in kwargs.items():
            kind = kinds.get(name)
            if kind is not None and value.__class__ not in kind.classes:
                if value.__class__ not in _LISTS or not kind.elements or not kind.elements.issuperset(map(type, value)):
                    return False
        return True

    def settled(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments with plain numbers for NumPy's; the error for the first that may not stand where it stands."""
        kinds, given, order = self.kinds, self.given, self.order
        plain = [*args], {**kwargs}
        for position, (name, value) in enumerate([*zip(order, args), *kwargs.items()]):
            kind = kinds.get(name)
            if kind is None or value.__class__ in kind.classes or (name in given and value is given[name]):
                continue
            # A captured step reads some numbers at each call.
            if not kind.test(value.value if hasattr(value, "node_as") else value):
                at = position if name not in kwargs else order.index(name) if name in order else None
                where = "" if at is None else f" (position {at + (not self.method)})"
                raise kind.error(value)(
                    f"{self.path.rpartition('.')[2]}(): argument '{name}'{where} {_wrong(kind, value)}."
                )
            if isinstance(value, complex) and kind.words == "Number" and not _any_complex(args, kwargs):
                raise RuntimeError(f"{self.path}: value cannot be converted to type float without overflow: {value}")
            if kind.plain is not None:
                plain[name in kwargs][name if name in kwargs else position] = kind.plain(value)
            elif kind.test is _is_tensor:
                kind.classes.add(value.__class__)
        return tuple(plain[0]), plain[1]

    def write(self) -> None:
        """Write the public function's code."""
        plain = _plain(self.function)
        code = plain.__code__
        names, given = _parameters(plain)
        positional, named = names[: code.co_argcount], names[code.co_argcount :]
        scope: dict[str, Any] = {
            "_function": self.function,
            "_too_large": _too_large,
            "_path": self.path,
            "_LISTS": _LISTS,
        }
        tests = ["out is None"] if self.exact is not self.function else []
        heads, passed = [f"{n}=None" if n in given else n for n in positional], [*positional]
        if code.co_posonlyargcount:
            heads.insert(code.co_posonlyargcount, "/")
        several = ""
        if code.co_flags & CO_VARARGS:
            several = code.co_varnames[len(names)]
            heads.append("*" + several)
            passed.append("*" + several)
        elif named:
            heads.append("*")
        heads += [f"{n}=None" if n in given else n for n in named]
        whole = ", ".join([*passed, *[f"{n}={n}" for n in named]])
        if code.co_flags & CO_VARKEYWORDS:
            heads.append("**_more")
            tests.append("not _more")
            whole += ", **_more"
        for name in (*positional, *named, *([several] if several == "tensors" else [])):
            kind = self.kinds.get(name)
            if several and name in named:
                # Python is slow at passing on argument lists beside names.
                scope["_given_" + name] = given.get(name)
                tests.append(f"{name} is _given_{name}" if name in given else "False")
                continue
            if name in named and not (self.method and name == "out"):
                passed.append(f"{name}={name}")
            if kind is None:
                continue
            scope["_classes_" + name], scope["_elements_" + name] = kind.classes, kind.elements
            test = f"{name}.__class__ in _classes_{name}"
            if name == several:
                test = f"_classes_{name}.issuperset(map(type, {name}))"
            elif kind.elements:
                test = f"({test} or {name}.__class__ in _LISTS and _elements_{name}.issuperset(map(type, {name})))"
            if name in given and given[name].__class__ not in kind.classes:
                scope["_given_" + name] = given[name]
                test = f"({name} is _given_{name} or {test})"
            tests.append(test)
        text = f"""\
def call({", ".join(heads)}):
    if {" and ".join(tests) or "True"}:
        try:
            return _function({", ".join(passed)})
        except (MemoryError, OverflowError) as _error:
            raise _too_large(_path, _error) from None
    return _check({whole})
"""
        made: dict[str, Any] = {}
        exec(compile(text, f"{__file__}:{self.path}", "exec"), made)
        public = self.public
        public.__globals__.update(scope)
        # Until the code changes the defaults mean nothing; another thread may be about to call.
        public.__defaults__, public.__kwdefaults__ = plain.__defaults__, plain.__kwdefaults__
        public.__code__ = made["call"].__code__


_check: Callable[..., Any]  # in the scope of each public function


def _first(*args, **kwargs):
    return _check(*args, **kwargs)  # noqa: F821


def checked(function, path: str, method: bool = False, exact: bool = False):
    """The function with a look at its arguments before it runs. exact: `out=` must have the result's dtype."""
    check = Check(function, path, method, exact)
    check.public = public = FunctionType(_first.__code__, {"__name__": __name__, "_check": check.call})
    return _as(function, public)


def _any_complex(args: tuple, kwargs: dict) -> bool:
    """Whether a tensor, or a dtype, among the arguments is complex."""
    tensors = [v for v in (*args, *kwargs.values()) if isinstance(v, Variable)]
    dtype = kwargs.get("dtype")
    return any(t._array.dtype.kind == "c" for t in tensors) or not tensors or getattr(dtype, "is_complex", False)


def _wrong(kind: Kind, value) -> str:
    """What is wrong with a value."""
    if isinstance(value, (list, tuple)) and kind.words in _ELEMENTS:
        for at, odd in enumerate(value):
            if not _ELEMENTS[kind.words](odd):
                return f"must be {kind.words}, but found element of type {odd.__class__.__name__} at pos {at}"
    fix = ". Make it a tensor first: taper.as_tensor(value)" if kind.test is _is_tensor else ""
    return f"must be {kind.words}, not {value.__class__.__name__}{fix}"


_ELEMENTS = {"tuple of ints": _is_int, "tuple of floats": _is_float, "tuple of Tensors": _is_tensor}


def _too_large(path: str, error: MemoryError | OverflowError) -> RuntimeError:
    """PyTorch's class for what memory, or a number's type, does not hold."""
    if isinstance(error, MemoryError) and driver.is_out_of_memory(error):
        return OutOfMemoryError(
            f"CUDA out of memory ({path}). {error} Use smaller batches, or taper.cuda.empty_cache()."
        )
    if isinstance(error, MemoryError):
        return out_of_memory(path, error)
    return RuntimeError(f"{path}: value cannot be converted without overflow: {error}")


def _exactly(function):
    """The function with an `out=` that must have the result's dtype."""

    @wraps(function)
    def call(*args, out=None, **kwargs):
        if out is None:
            return function(*args, **kwargs)
        result = function(*args, **kwargs)
        several = isinstance(result, (tuple, list))
        targets, values = (out, result) if several else ((out,), (result,))
        if len(targets) != len(values):
            raise TypeError(f"{function.__name__}(): argument 'out' must be a tuple of {len(values)} Tensors")
        for target, value in zip(targets, values):
            placed(target, value)
        return (result.__class__(out) if hasattr(result, "_fields") else out) if several else out

    return call


def _as(function, call):
    call.__name__, call.__qualname__, call.__doc__ = function.__name__, function.__qualname__, function.__doc__
    call.__wrapped__ = function
    return call


def _is_open(name: str, value) -> bool:
    """Whether a name stands for a public function that has no check of its own."""
    if not isinstance(value, FunctionType) or name.startswith("_") or hasattr(value, "operator"):
        return False
    return value.__module__.startswith("taper.")


def check_functions(namespace: dict[str, Any], names) -> None:
    """Put the check around the functions of a module that have these names."""
    module = namespace["__name__"]
    room = module.removeprefix("taper").removeprefix(".tensor").lstrip(".")
    for name in names:
        value = namespace[name]
        if _is_open(name, value):
            path = f"{room}.{name}".lstrip(".")
            namespace[name] = made = checked(value, path, exact=path in EXACT_OUT)
            # Files name a function by its module: there it must be the same object.
            made.__module__, made.__qualname__ = module, name


def check_methods(cls: type) -> None:
    """Put the check around the methods of a class and of those that it is mixed from."""
    for owner in cls.__mro__:
        for name, value in list(vars(owner).items()):
            in_place = name.endswith("_") and hasattr(getattr(cls, name[:-1], None), "operator")
            if _is_open(name, value) and name not in UNCHECKED_METHODS and not in_place:
                setattr(owner, name, checked(value, f"Tensor.{name}", method=True))
