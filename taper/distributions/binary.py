"""Parameters of distributions over 0 and 1 and of counts of successes: probabilities, or their logits."""

from __future__ import annotations

from typing import Any

from ..tensor.size import Size
from .utils import broadcast_all, check_one_of, is_number, lazy_property, logits_to_probs, probs_to_logits


class BinaryParameters:
    """`probs` or `logits`, whichever was not given being computed when asked for."""

    def _given(self, probs, logits) -> Size:
        """Keep what was given; returns the batch shape."""
        check_one_of(probs, logits)
        if probs is not None:
            (self.probs,) = broadcast_all(probs)
            scalar = is_number(probs)
        else:
            (self.logits,) = broadcast_all(logits)
            scalar = is_number(logits)
        return Size() if scalar else self._param.size()

    def _parameters(self) -> dict[str, Any]:
        """What was given, or computed since."""
        return {name: self.__dict__[name] for name in ("probs", "logits") if name in self.__dict__}

    @property
    def _param(self):
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.__dict__["logits"]

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)

    @lazy_property
    def logits(self):  # pyright: ignore
        """The log-odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):  # pyright: ignore
        """The probability of 1."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Size:
        """The parameters' shape."""
        return self._param.size()
