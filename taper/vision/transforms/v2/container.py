"""Transforms made of transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ....tensor import multinomial, tensor
from ....tensor.random import rand, randperm
from .transform import Transform


def _lines(transforms) -> str:
    return "\n".join(f"    {t}" for t in transforms)


class _Container(Transform):
    """Several transforms. TypeError for no sequence, ValueError for an empty one."""

    def __init__(self, transforms: Sequence[Callable]):
        super().__init__()
        if not isinstance(transforms, (Sequence, nn.ModuleList)):
            raise TypeError("Argument transforms should be a sequence of callables")
        if len(transforms) == 0:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    def _one_by_one(self, transforms, inputs: tuple) -> Any:
        several = len(inputs) > 1
        for t in transforms:
            out = t(*inputs)
            inputs = out if several else (out,)
        return inputs if several else inputs[0]


class Compose(_Container):
    """Transforms one after the other."""

    def forward(self, *inputs: Any) -> Any:
        """The sample after all of them."""
        return self._one_by_one(self.transforms, inputs)

    def extra_repr(self) -> str:
        """One line for each transform."""
        return _lines(self.transforms)


class RandomApply(_Container):
    """Transforms, all of them with probability p, or none. ValueError for a p outside [0, 1]."""

    def __init__(self, transforms: Sequence[Callable] | nn.ModuleList, p: float = 0.5):
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """The sample after all of them, or as it is."""
        if rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return self._one_by_one(self.transforms, inputs)

    def extra_repr(self) -> str:
        """One line for each transform."""
        return _lines(self.transforms)


class RandomChoice(_Container):
    """One of several transforms, with the weights p. ValueError for another number of weights."""

    def __init__(self, transforms: Sequence[Callable], p: list[float] | None = None):
        super().__init__(transforms)
        if p is None:
            p = [1] * len(transforms)
        elif len(p) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}")
        total = sum(p)
        self.p = [weight / total for weight in p]

    def forward(self, *inputs: Any) -> Any:
        """The sample after one of them."""
        return self.transforms[int(multinomial(tensor(self.p), 1))](*inputs)


class RandomOrder(_Container):
    """Transforms in a random order."""

    def forward(self, *inputs: Any) -> Any:
        """The sample after all of them."""
        return self._one_by_one((self.transforms[i] for i in randperm(len(self.transforms)).tolist()), inputs)
