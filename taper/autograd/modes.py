"""Grad modes: whether operations are recorded. Each thread (and each asyncio task) has its own."""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar

_grad: ContextVar[bool] = ContextVar("taper_grad_enabled", default=True)
gpu_autocast: ContextVar[bool] = ContextVar("taper_gpu_autocast", default=False)
"""Whether `autocast` is on for GPUs."""
_inference: ContextVar[bool] = ContextVar("taper_inference_mode", default=False)

is_grad_enabled = _grad.get
is_inference_mode_enabled = _inference.get
inferences: list[inference_mode] = []
"""The scopes of inference mode that are open, in all threads: without one, nobody need ask for this thread's."""


class _Mode:
    """A grad mode as a context manager and as a decorator of functions, generators and classes' methods."""

    def __call__(self, function):
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args, **kwargs):
                # The mode holds while the generator's own code runs, not while its consumer's does.
                inner = function(*args, **kwargs)
                send, value = inner.send, None
                while True:
                    try:
                        with self.clone():
                            item = send(value)
                    except StopIteration as stop:
                        return stop.value
                    try:
                        value = yield item
                        send = inner.send
                    except GeneratorExit:
                        with self.clone():
                            inner.close()
                        raise
                    except BaseException as error:
                        send, value = inner.throw, error

            return generator

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def clone(self):
        return self.__class__()

    def __enter__(self):
        raise NotImplementedError

    def __exit__(self, *error) -> None:
        _grad.set(self._before)


class no_grad(_Mode):
    """Do not record: results of operations do not require grad.

    A context manager (`with no_grad():`) and a decorator (`@no_grad()` or `@no_grad`).
    """

    def __new__(cls, function=None):
        made = object.__new__(cls)
        return made if function is None else made(function)

    def __enter__(self) -> None:
        self._before = _grad.get()
        _grad.set(False)


class enable_grad(_Mode):
    """Record, also inside `no_grad`. A context manager and a decorator."""

    def __new__(cls, function=None):
        made = object.__new__(cls)
        return made if function is None else made(function)

    def __enter__(self) -> None:
        self._before = _grad.get()
        _grad.set(not _inference.get())


class set_grad_enabled(_Mode):
    """Record or not, by `mode`: takes effect at once, and as a context manager ends with the block."""

    def __init__(self, mode: bool):
        self._before = _grad.get()
        self.mode = bool(mode)
        _grad.set(self.mode and not _inference.get())

    def __call__(self, function):
        _grad.set(self._before)
        return super().__call__(function)

    def __enter__(self) -> None:
        _grad.set(self.mode and not _inference.get())

    def clone(self):
        return set_grad_enabled(self.mode)


class inference_mode(_Mode):
    """As `no_grad`, for code whose results never meet autograd. A context manager and a decorator.

    What is made in it stays an inference tensor: outside, RuntimeError where one is changed in place, saved for a backward
    pass, or asked to require grad. Nothing is recorded in it, in no scope of enable_grad either. With mode False,
    operations are recorded in the scope.
    """

    def __new__(cls, mode=True):
        made = object.__new__(cls)
        if isinstance(mode, bool):
            made.mode = mode
            return made
        made.mode = True
        return made(mode)

    def __enter__(self) -> None:
        self._before, self._inference = _grad.get(), _inference.get()
        _grad.set(not self.mode)
        _inference.set(self.mode)
        if self.mode:
            inferences.append(self)

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        _inference.set(self._inference)
        if self.mode:
            inferences.remove(self)

    def clone(self):
        return inference_mode(self.mode)
