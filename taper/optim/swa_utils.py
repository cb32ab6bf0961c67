"""Averages of a model's weights over training: stochastic weight averaging, and exponential moving averages.

Source: arXiv 1803.05407, "Averaging weights leads to wider optima and better generalization".
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.modes import no_grad
from ..nn.module import Module
from ..tensor import tensor
from .lr_scheduler import LRScheduler

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """The function of (average, parameter, count) that gives decay * average + (1 - decay) * parameter."""
    _check_decay(decay)

    @no_grad()
    def average(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return average


def get_swa_avg_fn() -> Callable:
    """The function of (average, parameter, count) that gives the mean over count + 1 parameters."""

    @no_grad()
    def average(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return average


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """`get_ema_avg_fn` for lists of parameters, in place."""
    _check_decay(decay)

    @no_grad()
    def average(ema_param_list, current_param_list, _):
        for ema, current in zip(ema_param_list, current_param_list):
            ema.lerp_(current.to(ema.dtype), 1 - decay)

    return average


def get_swa_multi_avg_fn() -> Callable:
    """`get_swa_avg_fn` for lists of parameters, in place."""

    @no_grad()
    def average(averaged_param_list, current_param_list, num_averaged):
        weight = 1 / (float(num_averaged) + 1)
        for averaged, current in zip(averaged_param_list, current_param_list):
            if averaged.is_floating_point():
                averaged.lerp_(current.to(averaged.dtype), weight)
            else:
                averaged += (current - averaged) // (int(num_averaged) + 1)

    return average


class AveragedModel(Module):
    """A copy of a model whose parameters are averages: `update_parameters(model)` takes the model's into them.

    avg_fn(average, parameter, count) or multi_avg_fn(averages, parameters, count) say how; by default the equal mean.
    use_buffers: buffers are averaged too, else they are copied.
    """

    n_averaged: Any

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the parameters of a model into the averages."""
        with_buffers = lambda m: [*m.parameters(), *(m.buffers() if self.use_buffers else ())]
        own, theirs = with_buffers(self.module), [p.detach() for p in with_buffers(model)]
        own = [p.detach() for p in own]
        count = self.n_averaged.item()
        if count == 0:
            for a, b in zip(own, theirs):
                a.copy_(b)
        elif self.avg_fn is None:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(own, theirs, self.n_averaged)
        else:
            for a, b in zip(own, theirs):
                a.copy_(self.avg_fn(a, b, self.n_averaged))
        if not self.use_buffers:
            for a, b in zip(self.module.buffers(), model.buffers()):
                a.detach().copy_(b.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Let a model's batch norms take their running statistics anew from the batches of a loader."""
    momenta = {}
    for module in model.modules():
        if hasattr(module, "reset_running_stats") and hasattr(module, "momentum") and hasattr(module, "running_mean"):
            module.running_mean.zero_()
            module.running_var.fill_(1.0)
            momenta[module] = module.momentum
    if not momenta:
        return
    before = model.training
    model.train()
    for module in momenta:
        module.momentum = None
        if module.num_batches_tracked is not None:
            module.num_batches_tracked.zero_()
    for batch in loader:
        model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(before)


class SWALR(LRScheduler):
    """The learning rate goes to `swa_lr` in `anneal_epochs` steps, by a cosine or in a line, and stays there."""

    def __init__(
        self, optimizer: Any, swa_lr: float, anneal_epochs: int = 10, anneal_strategy: str = "cos", last_epoch: int = -1
    ):
        rates = swa_lr if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(optimizer.param_groups)
        for group, rate in zip(optimizer.param_groups, rates):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal = self._cosine if anneal_strategy == "cos" else self._line
        self.anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _line(t: float) -> float:
        return t

    @staticmethod
    def _cosine(t: float) -> float:
        return (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[float]:
        """The groups' rates after this step."""
        if not getattr(self, "_get_lr_called_within_step", True):
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", stacklevel=2
            )
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        share = lambda s: self._anneal(max(0.0, min(1.0, s / max(1, self.anneal_epochs))))
        before, now = share(step - 1), share(step)
        rates = []
        for group in self.optimizer.param_groups:
            goal, rate = group["swa_lr"], group["lr"]
            start = goal if before == 1 else (rate - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates
