"""`taper.compile`: a function, a step or a module that runs as one native program.

The first call with arguments of new shapes captures and compiles; later calls run the program. What cannot be captured
runs eagerly, with one warning that says why, or raises CaptureError with `fullgraph=True`.
"""

from __future__ import annotations

import copy
import functools
import sys
import warnings
import weakref
from collections.abc import Callable
from ctypes import ArgumentError
from typing import TYPE_CHECKING

import numpy as np

from ..autograd.shortage import out_of_memory
from .attempts import captured
from .calling import EAGER, MISS
from .capture import capturing
from .engine import look_at_machine
from .errors import CaptureError, Uninitialised
from .places import ORDINARY, located
from .reach import Wrapper, reach
from .recording import recording
from .step import Step
from .trees import flatten
from .undo import Undo

if TYPE_CHECKING:
    from .stages import Stages

LIMIT = 16
"""Programs that one compiled function keeps: the one used longest ago goes first."""


_alive: weakref.WeakSet[Compiled] = weakref.WeakSet()

watched: list[Compiled] | None = None
"""The compiled functions made since `explain.watching` began; None while nobody asks."""


class Compiled(Wrapper):
    """A function with its programs. Call it as the function."""

    def __init__(self, function: Callable, fullgraph: bool = False, dynamic: bool | None = None):
        self.function = function
        self.fullgraph, self.dynamic = fullgraph, dynamic
        self.steps: list[Step] = []
        self.compilations = 0
        self.eager_reason: str | None = None
        self._tried = 0
        self._stages: tuple[Step, Stages] | None = None
        if watched is not None:
            watched.append(self)
        _alive.add(self)
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args, **kwargs):
        if set_stance.eager:
            return self.function(*args, **kwargs)
        try:
            try:
                for i, step in enumerate(self.steps):
                    result = step.call(args, kwargs)
                    if result is not MISS:
                        if i:
                            self.steps.insert(0, self.steps.pop(i))
                        return step.eagerly(self.function, args, kwargs) if result is EAGER else result
            except ArgumentError:
                # Another thread captures, and has put something else in place of a learning rate.
                pass
            return self._missed(args, kwargs)
        except MemoryError as error:
            raise out_of_memory(f"the compiled {self._name()}", error) from None

    def __copy__(self) -> Compiled:
        return Compiled(self.function, self.fullgraph, self.dynamic)

    def __deepcopy__(self, memo: dict) -> Compiled:
        return Compiled(copy.deepcopy(self.function, memo), self.fullgraph, self.dynamic)

    def __reduce__(self):
        """By name, if that stands for this object in its module; else the function, to be compiled again."""
        name, found = getattr(self, "__qualname__", ""), sys.modules.get(getattr(self, "__module__", None) or "")
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (Compiled, (self.function, self.fullgraph, self.dynamic))

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return functools.partial(self, instance)

    @property
    def stages(self) -> Stages:
        """The texts of the program that was used last, by stage, from the captured graph to assembly.

        RuntimeError if there is none.
        """
        if not self.steps:
            why = self.eager_reason or "call it first"
            raise RuntimeError(f"taper.compile: {self._name()} has no program: {why}")
        step = self.steps[0]
        if self._stages is None or self._stages[0] is not step:
            from .stages import stages

            self._stages = step, stages(step, self.function)
        return self._stages[1]

    def stages_for(self, device: str) -> Stages:
        """The texts of the program that was used last as it is for GPUs of an architecture, such as "sm_90", PTX included.

        No GPU is needed. RuntimeError if there is no program, ValueError for an architecture that is not known.
        """
        if not self.steps:
            return self.stages
        from .stages import stages

        return stages(self.steps[0], self.function, device)

    def _missed(self, args: tuple, kwargs: dict):
        """No program fits: make one, or run eagerly."""
        if self.eager_reason is not None or recording.graph is not None:
            return self.function(*args, **kwargs)
        with capturing:
            # Perhaps another thread has made the program meanwhile, or hid what is needed as long as it captured.
            for step in list(self.steps):
                result = step.call(args, kwargs)
                if result is not MISS:
                    return step.eagerly(self.function, args, kwargs) if result is EAGER else result
            try:
                step = self.compile_for(args, kwargs)
            except Uninitialised as problem:
                return self._uninitialised(problem, args, kwargs)
            except CaptureError as problem:
                return self._not_captured(problem, args, kwargs)
            result = step.call(args, kwargs)
            if result is MISS:
                problem = CaptureError("the arguments do not fit the program made for them")
                return self._not_captured(problem, args, kwargs)
        return step.eagerly(self.function, args, kwargs) if result is EAGER else result

    def compile_for(self, args: tuple, kwargs: dict) -> Step:
        """Capture and compile for these arguments."""
        look_at_machine()
        try:
            step = Step(captured(self.function, args, kwargs, not self._tried), args, kwargs)
        except CaptureError:
            raise
        except ORDINARY as error:
            raise located(error, self.function) from error
        self.steps.insert(0, step)
        self.compilations += 1
        self._tried = 0
        if len(self.steps) > LIMIT:
            self.steps.pop()
            warnings.warn(
                f"taper.compile: {self._name()} was compiled {self.compilations} times; its programs replace one another. "
                "Keep shapes and plain arguments the same from call to call, or pass numbers as floats.",
                stacklevel=4,
            )
        return step

    def _name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    def _uninitialised(self, problem: CaptureError, args, kwargs):
        """An optimizer's first step fills its state: let it, and capture the next call."""
        self._tried += 1
        if self._tried > 2:
            return self._not_captured(problem, args, kwargs, 5)
        return self.function(*args, **kwargs)

    def _tried_eagerly(self, args: tuple, kwargs: dict):
        """The function's result; if it fails, all tensors behind it hold what they held."""
        try:
            arrays = [t._array for t in reach([self.function, *flatten((args, kwargs))[0]]).tensors]
        except CaptureError:
            arrays = []
        arrays = [a for a in arrays if a.__class__ is np.ndarray and a.flags.writeable]
        undo = Undo(arrays, [np.empty_like(a) for a in arrays])
        try:
            return self.function(*args, **kwargs)
        except BaseException:
            undo.put_back()
            raise

    def _not_captured(self, problem: CaptureError, args, kwargs, stacklevel: int = 4):
        if self.fullgraph:
            raise problem
        if isinstance(problem.__cause__, ORDINARY) and not isinstance(problem.__cause__, CaptureError):
            # Perhaps the function is wrong for these arguments: then the eager engine says so, and later calls may fit.
            result = self._tried_eagerly(args, kwargs)
        else:
            result = MISS
        self.eager_reason = str(problem)
        warnings.warn(
            f"taper.compile: {self._name()} runs eagerly, since it cannot be captured: {problem}",
            stacklevel=stacklevel,
        )
        return self.function(*args, **kwargs) if result is MISS else result


def compile(
    model=None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend="native",
    mode=None,
    options=None,
    disable=False,
):
    """A function or module that runs as a native program: `taper.compile(f)`, or as a decorator.

    A step that calls the model, `loss.backward()` and `optimizer.step()` becomes one program. fullgraph: raise
    CaptureError where the function cannot be captured; by default it then runs eagerly, with a warning. dynamic, backend,
    mode and options are accepted as in PyTorch and have no effect: every new shape compiles its own program.
    disable: return the function as it is.
    """
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if disable:
        return model
    if not callable(model):
        raise TypeError(f"taper.compile takes a function or a module, not {type(model).__name__}")
    wrapped = getattr(type(model), "_as_compiled", None)
    if wrapped is not None:
        return wrapped(model, lambda f: Compiled(f, fullgraph, dynamic))
    return Compiled(model, fullgraph, dynamic)


def is_compiling() -> bool:
    """Whether the code that asks is being captured."""
    return recording.graph is not None


def disable(fn=None, recursive: bool = True):
    """A function that is never captured: a step that calls it runs eagerly. Also a decorator, with or without arguments."""
    if fn is None:
        return functools.partial(disable, recursive=recursive)

    @functools.wraps(fn)
    def outside(*args, **kwargs):
        if recording.graph is not None:
            raise CaptureError(
                f"{getattr(fn, '__qualname__', fn)} is disabled for the compiler (taper.compiler.disable)"
            )
        return fn(*args, **kwargs)

    return outside


def is_exporting() -> bool:
    """Whether a program is made for use outside: False."""
    return False


class set_stance:
    """Whether what is compiled is compiled: "default", or "force_eager" to run it as it is; at once, or as a scope or decorator.

    NotImplementedError for PyTorch's other stances: eager_on_recompile, fail_on_recompile, eager_then_compile.
    """

    eager = False

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend=None):
        known = ("eager_on_recompile", "fail_on_recompile", "eager_then_compile")
        if stance in known or force_backend is not None:
            raise NotImplementedError(
                f"set_stance: {force_backend or stance!r} is not part of Taper: use default or force_eager"
            )
        if stance not in ("default", "force_eager"):
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")
        self._before, self._now = set_stance.eager, stance == "force_eager"
        set_stance.eager = self._now

    def __enter__(self) -> None:
        set_stance.eager = self._now

    def __exit__(self, *error) -> None:
        set_stance.eager = self._before

    def __call__(self, fn: Callable) -> Callable:
        set_stance.eager = self._before

        @functools.wraps(fn)
        def inside(*args, **kwargs):
            with self:
                return fn(*args, **kwargs)

        return inside


def cudagraph_mark_step_begin() -> None:
    """Say that a step begins: nothing to do without a GPU."""


def reset() -> None:
    """Forget all programs of all compiled functions; they are made again when they are needed."""
    for compiled in list(_alive):
        compiled.steps.clear()
        compiled.eager_reason, compiled._tried = None, 0
