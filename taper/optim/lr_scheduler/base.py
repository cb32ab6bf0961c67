"""What every schedule shares: the count of steps, the groups' learning rates, checkpoints."""

from __future__ import annotations

import functools
import types
import warnings
from typing import Any

from ..optimizer import Optimizer


class LRScheduler:
    """Sets the learning rates of an optimizer's groups; `step()` is called once an epoch, after `optimizer.step()`.

    A subclass gives `get_lr()`, the rates after the current step, computed from the groups' rates (`group["lr"]`),
    `self.base_lrs` and `self.last_epoch`, and may give `_get_closed_form_lr()`, the rates at a step given by number.
    TypeError for what is no optimizer; KeyError if resumed (last_epoch >= 0) with groups that lack "initial_lr".
    """

    _get_lr_called_within_step = False
    beside_steps = True
    """Whether its counters change between compiled steps, which do not use them."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _value(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming an optimizer: set it, or "
                    "load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._watch()
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def _watch(self) -> None:
        """Let the optimizer note that it has stepped, so that a wrong order can be reported."""
        step = self.optimizer.step
        if hasattr(step, "_wrapped_by_lr_sched"):
            return
        function = step.__func__

        @functools.wraps(function)
        def counted(self, *args, **kwargs):
            self._opt_called = True
            return function(self, *args, **kwargs)

        counted._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
        self.optimizer.step = types.MethodType(counted, self.optimizer)  # type: ignore[method-assign]

    def get_last_lr(self) -> list[float]:
        """The rates set by the last step."""
        return self._last_lr

    def get_lr(self) -> list[float]:
        """The rates for the current `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step, or (deprecated) to step `epoch`, and set the optimizer's rates."""
        if self._step_count == 1 and not self._is_initial and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should "
                "call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this will "
                "result in PyTorch skipping the first value of the learning rate schedule.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(
                "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please "
                "use `scheduler.step()` to step the scheduler.",
                UserWarning,
                stacklevel=2,
            )
        self._set(epoch)

    def _set(self, epoch: int | None = None) -> None:
        """Advance the counter, compute the rates and write them to the groups."""
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                values = closed() if closed is not None else self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        self._write(values)

    def _write(self, values: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, values):
            _assign(group, "lr", lr)
        self._last_lr = [_value(group["lr"]) for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    @property
    def _rates(self) -> list[float]:
        return [_value(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        self.__dict__.update(state_dict)


def _value(lr):
    return float(lr) if hasattr(lr, "_array") else lr


def _assign(group: dict[str, Any], key: str, value) -> None:
    """Set an option of a group; one that is a tensor is written into."""
    if hasattr(group[key], "_array"):
        group[key].fill_(value)
    else:
        group[key] = value


def for_each_group(optimizer: Optimizer, name: str, value) -> list:
    """One value for each group: a list of them, or one for all. ValueError for a list of another length."""
    if not isinstance(value, (list, tuple)):
        return [value] * len(optimizer.param_groups)
    if len(value) != len(optimizer.param_groups):
        if name == "lr_lambda":
            raise ValueError(f"Expected {len(optimizer.param_groups)} lr_lambdas, but got {len(value)}")
        if name == "min_lr":
            raise ValueError(f"expected {len(optimizer.param_groups)} min_lrs, got {len(value)}")
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {len(optimizer.param_groups)}."
        )
    return list(value)


class StatefulFunctions:
    """Checkpoints of schedules made from the user's functions: only objects' attributes are stored, functions never."""

    _functions: tuple[str, ...] = ()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and the functions; a callable object's attributes are kept."""
        name = self._functions[0]
        state = {k: v for k, v in self.__dict__.items() if k not in ("optimizer", name)}
        state[name] = [None if isinstance(f, types.FunctionType) else dict(f.__dict__) for f in getattr(self, name)]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        name = self._functions[0]
        self.__dict__.update({k: v for k, v in state_dict.items() if k != name})
        for f, kept in zip(getattr(self, name), state_dict[name]):
            if kept is not None:
                f.__dict__.update(kept)
