"""Changing a float32 or float64 tensor in place where nothing is recorded: NumPy writes into its memory at once.

That is what optimizers do all day. Everything else (a recorded change, other dtypes, other arguments) goes the general
way: the function's result is written into the tensor by `assign`, which also makes every complaint.
"""

from __future__ import annotations

from collections.abc import Callable

from numpy import ndarray

from ..backends.quiet import QUIET, enter, leave
from .inplace import assign, check_apart, check_writable
from .modes import is_grad_enabled
from .promotion import F32, F64, scalar_array
from .recording import needs, node_of
from .tape import Variable, changed, next_sequence


def unary_inplace(kernel: Callable, function: Callable, name: str | None = None):
    """The in-place method of a function of one tensor; `kernel(array, array)` is NumPy's way to write its values."""

    def method(self, *args, **options):
        array = self._array
        if (
            not (args or options)
            and array.__class__ is ndarray
            and (array.dtype is F32 or array.dtype is F64)
            and (not is_grad_enabled() or node_of(self) is None)
        ):
            check_writable(self)
            token = enter(QUIET)
            try:
                kernel(array, array)
            finally:
                leave(token)
            changed(self)
            return self
        since = next_sequence()
        return assign(self, function(self, *args, **options), since)

    return _named(method, function, name)


def binary_inplace(ufunc: Callable, function: Callable, name: str | None = None):
    """The in-place method `x.name_(y)` of an arithmetic function, `ufunc(array, other, array)` where nothing is recorded.

    It takes what `function` takes, `alpha=` included where that does, and returns the tensor.
    """

    scales = "alpha" in (function.__kwdefaults__ or ())

    def method(self, other, **options):
        array = self._array
        if other.__class__ is not float:
            check_apart(self, (other,))
        dtype = array.dtype
        if array.__class__ is ndarray and (dtype is F32 or dtype is F64):
            y = _operand(array, other)
            if options and y is not None:
                alpha = options.get("alpha")
                if scales and len(options) == 1 and (alpha.__class__ is float or alpha.__class__ is int):
                    y = y * scalar_array(alpha, dtype)
                else:
                    y = None
            if y is not None and (not is_grad_enabled() or (node_of(self) is None and not needs(other))):
                check_writable(self)
                token = enter(QUIET)
                try:
                    ufunc(array, y, array)
                finally:
                    leave(token)
                changed(self)
                return self
        since = next_sequence()
        result = function(self, other, **options)
        return result if result is NotImplemented else assign(self, result, since)

    return _named(method, function, name)


def update(kernel: Callable, function: Callable, name: str | None = None):
    """The in-place method of a function of several tensors and numbers.

    `kernel(array, *operands, **options)` writes into the array; operands are arrays of its shape and dtype (or without
    dimensions), and numbers. It returns False, having written nothing, for arguments that it leaves to the function.
    """

    def method(self, *args, **options):
        check_apart(self, args)
        array = self._array
        if array.__class__ is ndarray and (array.dtype is F32 or array.dtype is F64):
            operands = [a if a is None else _operand(array, a) for a in args]
            numbers = {k: v if v is None else _operand(array, v) for k, v in options.items()}
            direct = all(o is not None or a is None for o, a in zip(operands, args)) and all(
                o is not None or options[k] is None for k, o in numbers.items()
            )
            if direct and (
                not is_grad_enabled()
                or (node_of(self) is None and not any(map(needs, args)) and not any(map(needs, options.values())))
            ):
                check_writable(self)
                token = enter(QUIET)
                try:
                    done = kernel(array, *operands, **numbers)
                finally:
                    leave(token)
                if done is not False:
                    changed(self)
                    return self
        since = next_sequence()
        return assign(self, function(self, *args, **options), since)

    return _named(method, function, name)


def _operand(array, value):
    """A tensor's array or a number as one, where it fits `array` without conversion; else None."""
    if value.__class__ is float or value.__class__ is int:
        return scalar_array(value, array.dtype)
    if isinstance(value, Variable):
        y = value._array
        if y.dtype is array.dtype and y.__class__ is ndarray and (y.shape == array.shape or not y.ndim):
            return y
    return None


def _named(method, function, name: str | None):
    method.__name__ = method.__qualname__ = name or function.__name__ + "_"
    method.__doc__ = f"`{function.__name__}`, written into this tensor; returns it."
    method.__wrapped__ = function  # whose arguments it takes
    return method
