"""The gradient scaler: losses are multiplied so that small float16 gradients do not vanish, and steps skipped on overflow."""

from __future__ import annotations

import warnings
from enum import Enum
from typing import Any

import numpy as np

from ..autograd.tape import Variable, changed, elsewhere, wrap
from ..backends.cuda import driver
from ..dtypes import float16

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """How far an optimizer is between two updates of the scale."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class _Pending:
    """What is known of one optimizer since the last update."""

    __slots__ = ("stage", "overflow")

    def __init__(self):
        self.stage = OptState.READY
        self.overflow: bool | None = None


class GradScaler:
    """Scales losses up, gradients down again, and skips steps whose gradients are not finite.

        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    The scale is multiplied with `growth_factor` after `growth_interval` steps without overflow and with
    `backoff_factor` after one with. device: with "cuda" (the default) and no GPU it warns and does nothing, so that
    `scale` returns its argument and `step` is the optimizer's. Source: arXiv 1710.03740.
    """

    beside_steps = True
    """Its counts change between the calls of a captured step, which reads the scale alone."""

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        self._device = device
        self._enabled = enabled
        if device == "cuda" and enabled and not driver.count():
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            self._enabled = False
        self._pending: dict[int, _Pending] = {}
        if self._enabled:
            if growth_factor <= 1.0:
                raise AssertionError("The growth factor must be > 1.0.")
            if backoff_factor >= 1.0:
                raise AssertionError("The backoff factor must be < 1.0.")
            self._init_scale = init_scale
            self._scale = wrap(np.array(init_scale, np.float32))
            self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
            self._growth_interval = growth_interval
            self._growth_tracker = 0

    def scale(self, outputs):
        """A tensor, or a nested sequence of tensors, multiplied with the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Variable):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(o) for o in outputs)
        if hasattr(outputs, "__iter__"):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    @property
    def _scale_value(self) -> float:
        return float(self._scale._array)

    @_scale_value.setter
    def _scale_value(self, value: float) -> None:
        # In place: a captured step goes on to read it.
        self._scale._array[...] = value
        changed(self._scale)

    def _of(self, optimizer) -> _Pending:
        return self._pending.setdefault(id(optimizer), _Pending())

    def _unscale_grads(self, optimizer, allow_fp16: bool) -> bool:
        """Divide an optimizer's gradients by the scale; whether one was not finite."""
        overflow, seen = False, False
        inverse = np.float32(1.0 / np.float64(self._scale_value))
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad
                if g.dtype is float16 and not allow_fp16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                seen = True
                g = g._values() if g.is_sparse else g
                with elsewhere((g._array,)):
                    overflow |= not bool(np.isfinite(g._array).all())
                    g._array[...] = (g._array * inverse).astype(g._array.dtype, copy=False)
                changed(g)
        self._of(optimizer).overflow = overflow if seen else None
        return overflow

    def unscale_(self, optimizer) -> None:
        """Divide the optimizer's gradients by the scale now, to clip or look at them before `step`.

        RuntimeError if that was already done, or after `step`, since the last `update`; ValueError for float16 gradients.
        """
        if not self._enabled:
            return
        pending = self._of(optimizer)
        if pending.stage is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if pending.stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        self._unscale_grads(optimizer, False)
        pending.stage = OptState.UNSCALED

    def step(self, optimizer, *args, **kwargs):
        """Unscale if that is still to do, then the optimizer's step unless a gradient is not finite.

        Returns what the optimizer returns, or None for a skipped step. RuntimeError for a closure, a second step since
        `update`, or an optimizer none of whose parameters has a gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        pending = self._of(optimizer)
        if pending.stage is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if pending.stage is OptState.READY:
            self.unscale_(optimizer)
        if pending.overflow is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None if pending.overflow else optimizer.step(*args, **kwargs)
        pending.stage = OptState.STEPPED
        return result

    def update(self, new_scale=None) -> None:
        """Change the scale after the steps of an iteration, or set it to `new_scale`, a number or a tensor of one."""
        if not self._enabled:
            return
        if new_scale is not None:
            value = new_scale.item() if isinstance(new_scale, Variable) else new_scale
            self._scale_value = value
        else:
            found = [p.overflow for p in self._pending.values() if p.overflow is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(found):
                self._scale_value = self._scale_value * self._backoff_factor
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    grown = float(np.float32(self._scale_value * self._growth_factor))
                    self._scale_value = grown if np.isfinite(grown) else self._scale_value
                    self._growth_tracker = 0
        self._pending.clear()

    def get_scale(self) -> float:
        """The scale; 1.0 if disabled."""
        return self._scale_value if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale is multiplied with after `growth_interval` steps without overflow."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the growth factor."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied with after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the backoff factor."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """The number of steps without overflow before the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set the growth interval."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether this scaler scales."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and its settings; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave. RuntimeError for an empty one; a disabled scaler ignores it."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._scale_value = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
