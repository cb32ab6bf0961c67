"""Functions of devices that are not there: each raises the error which says so."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType


def refusing(name: str, error: Callable[[], Exception]) -> FunctionType:
    """A function `name` that takes anything and raises `error()`."""

    def function(*args, **kwargs):
        raise error()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Needs a device that this installation does not have: raises {type(error()).__name__}."
    return function


def silent(name: str, result=None) -> FunctionType:
    """A function `name` that takes anything, does nothing and returns `result`."""

    def function(*args, **kwargs):
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Nothing to do without the device: returns {result!r}."
    return function


def needing(present: Callable[[], object], error: Callable[[], Exception]) -> Callable:
    """A decorator of functions of a device: without it they raise `error()`."""

    def decorate(function):
        @wraps(function)
        def call(*args, **kwargs):
            if not present():
                raise error()
            return function(*args, **kwargs)

        return call

    return decorate


def idle(present: Callable[[], object], result=None) -> Callable:
    """A decorator of functions of a device: without it they do nothing and return `result`."""

    def decorate(function):
        @wraps(function)
        def call(*args, **kwargs):
            return function(*args, **kwargs) if present() else result

        return call

    return decorate
