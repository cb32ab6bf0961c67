"""Capture, as often as it takes: again with numbers that must be plain, with gradients that are not there yet, with the state
of an optimizer that has none."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from .capture import Capture, capturing
from .captured import Captured
from .errors import CaptureError, Uninitialised, Unstepped
from .numbers import FixedNumberNeeded
from .places import ORDINARY, located


def captured(function: Callable, args: tuple, kwargs: dict, patient: bool = False) -> Captured:
    """A function's run with these arguments as a graph. CaptureError with the user's line where it cannot be one.

    patient: where an optimizer has no state yet, which the step would probably make, that is made before; Uninitialised
    where it cannot be.
    """
    with capturing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begun = Begun()
        try:
            step = _captured(function, args, kwargs, patient, begun)
        except BaseException:
            begun.forget()
            raise
        return step


class Begun:
    """State that optimizers have made before their first step, for a program that will change it."""

    def __init__(self):
        self.optimizers: list = []
        self.states: list[tuple] = []
        self.without: set[int] = set()

    def make(self, optimizers: list) -> bool:
        """Let them make their state; False where one cannot."""
        self.optimizers = optimizers
        for optimizer in optimizers:
            parameters = optimizer.begin(self.without)
            self.states += [(optimizer.state, p) for p in parameters]
            if not parameters:
                self.forget()
                return False
        return True

    def forget(self) -> None:
        for state, p in self.states:
            state.pop(p, None)
        self.states = []

    def is_needed(self, step: Captured) -> bool:
        """Whether a captured step changes the state of all parameters; if not, it is forgotten, and not made again of those
        that it leaves alone: they have none, as long as they get no gradient."""
        written = {id(e.source.tensor) for e in step.effects if e.source.kind == "tensor"}
        idle = {id(p) for state, p in self.states if written.isdisjoint(map(id, state[p].values()))}
        if idle:
            self.without |= idle
            self.forget()
        return not idle


def _captured(function: Callable, args: tuple, kwargs: dict, patient: bool, begun: Begun) -> Captured:
    fixed: frozenset = frozenset()
    assume = True
    while True:
        capture = Capture(function, args, kwargs, fixed, assume, patient)
        try:
            step = capture.run()
        except Unstepped as error:
            if not begun.make(error.optimizers):
                raise Uninitialised(str(located(error, function))) from error
            continue
        except FixedNumberNeeded as error:
            wanted = capture.behind(error.node)
            if wanted <= fixed:
                raise located(error, function) from error
            fixed |= wanted
            continue
        except Uninitialised as error:
            raise Uninitialised(str(located(error, function))) from error
        except CaptureError as error:
            raise located(error, function) from error
        except ORDINARY as error:
            if not capture.numbered:
                raise located(error, function) from error
            # Perhaps something takes plain numbers alone: then the program is for their present values.
            fixed |= capture.numbered
            continue
        if assume and any(
            s.kind == "grad" and id(s.tensor) in step.grads_assumed and s.tensor._grad is None
            for s in capture.sources.values()
        ):
            assume = False
            continue
        if begun.is_needed(step):
            return step
        patient = False
        begun.make(begun.optimizers)
