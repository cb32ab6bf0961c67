"""Pruning: a parameter times a mask of zeros and ones, recomputed before each forward.

A pruned parameter `name` becomes `{name}_orig`, which is trained, and the buffer `{name}_mask`; `name` itself is their
product. Pruning again prunes among what is left. `remove` makes the product an ordinary parameter.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from ...tensor import kthvalue, norm, ones_like, rand, rand_like, topk, zeros_like
from ..module import Module
from .convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class BasePruningMethod(ABC):
    """A way to prune: subclasses say in `compute_mask` what is kept, and by `PRUNING_TYPE` of what.

    "unstructured": of the elements that are left; "structured": of the slices along `dim` that are left; "global": of all.
    """

    _tensor_name: str | None = None
    PRUNING_TYPE: str = "unstructured"

    def __call__(self, module: Module, inputs) -> None:
        setattr(module, self._name(), self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask):
        """The mask of `t`, of its shape: what is zero in `default_mask` stays so."""

    def _name(self) -> str:
        if self._tensor_name is None:
            raise AssertionError("Module has to be pruned")
        return self._tensor_name

    def apply_mask(self, module: Module):
        """The original parameter times the mask."""
        name = self._name()
        original = getattr(module, f"{name}_orig")
        return getattr(module, f"{name}_mask").to(original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args, importance_scores=None, **kwargs):
        """Prune the parameter `name` of a module by a method made of the other arguments, which is returned.

        importance_scores: a tensor of the parameter's shape to judge by in its place. If the parameter is pruned already,
        what is returned is the container of both methods.
        """
        present = [(k, hook) for k, hook in module._forward_pre_hooks.items() if _prunes(hook, name)]
        if len(present) > 1:
            raise AssertionError(
                f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a PruningContainer."
            )
        for number, _ in present:
            del module._forward_pre_hooks[number]
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        if present:
            old = present[0][1]
            container = old if isinstance(old, PruningContainer) else PruningContainer(old)
            container.add_pruning_method(method)
            method = container
        parameter = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != parameter.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}: "
                f"{tuple(importance_scores.shape)} is not {tuple(parameter.shape)}"
            )
        if not present:
            module.register_parameter(f"{name}_orig", parameter)
            del module._parameters[name]
            default_mask = ones_like(parameter)
        else:
            default_mask = getattr(module, f"{name}_mask").detach().clone()
        scores = parameter if importance_scores is None else importance_scores
        try:
            mask = method.compute_mask(scores.detach(), default_mask)
        except (ValueError, IndexError, AttributeError):
            if not present:
                module.register_parameter(name, module._parameters.pop(f"{name}_orig"))
            raise
        module.register_buffer(f"{name}_mask", mask.detach())
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """The pruned `t`, which is left as it is."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, mask)

    def remove(self, module: Module) -> None:
        """Make the pruned parameter an ordinary one. The hook itself is the caller's to remove."""
        name = self._name()
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(f"{name}_orig")
        assert original is not None
        original.data = weight.data
        del module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def _prunes(hook: Any, name: str) -> bool:
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


class PruningContainer(BasePruningMethod):
    """Several methods one after the other, on one parameter."""

    def __init__(self, *args):
        self._pruning_methods: tuple = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method. TypeError if it is none, ValueError if it prunes another parameter."""
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer "
                f"{self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, idx):
        return self._pruning_methods[idx]

    def compute_mask(self, t, default_mask):
        """The mask of the latest method among what is left."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype)
        left = _left(method, t, default_mask)
        made = mask.clone()
        made[left] = method.compute_mask(t[left], default_mask=mask[left]).to(t.dtype)
        return made


def _left(method: BasePruningMethod, t, mask):
    """Where a method may still prune, as an index."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * t.dim()
    if method.PRUNING_TYPE != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    if not hasattr(method, "dim"):
        raise AttributeError('Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.')
    wanted: int = method.dim  # pyright: ignore[reportAttributeAccessIssue]
    dim = wanted + t.dim() if wanted < 0 else wanted
    if dim < 0 or dim >= t.dim():
        raise IndexError(f"Index is out of bounds for tensor with dimensions {t.dim()}")
    others = [d for d in range(t.dim()) if d != dim]
    kept = mask.sum(dim=others) != 0 if others else mask != 0
    return (slice(None),) * dim + (kept,)


class Identity(BasePruningMethod):
    """Prunes nothing: it makes the original and the mask."""

    def compute_mask(self, t, default_mask):
        """The mask as it was."""
        return default_mask

    @classmethod
    def apply(cls, module, name):  # pyright: ignore[reportIncompatibleMethodOverride]
        """Prepare the parameter `name` of a module; returns the method."""
        return super().apply(module, name)


class RandomUnstructured(BasePruningMethod):
    """Elements chosen at random. amount: how many, or which part of them in [0, 1]."""

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        """The mask without `amount` elements more."""
        return _without(default_mask, rand_like(t), _how_many(self.amount, t.nelement()), True)

    @classmethod
    def apply(cls, module, name, amount):  # pyright: ignore[reportIncompatibleMethodOverride]
        """Prune the parameter `name` of a module; returns the method."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(BasePruningMethod):
    """The elements of least magnitude. amount: how many, or which part of them in [0, 1]."""

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        """The mask without `amount` elements more."""
        return _without(default_mask, t.abs(), _how_many(self.amount, t.nelement()), False)

    @classmethod
    def apply(cls, module, name, amount, importance_scores=None):  # pyright: ignore[reportIncompatibleMethodOverride]
        """Prune the parameter `name` of a module; returns the method."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class RandomStructured(BasePruningMethod):
    """Slices along `dim` chosen at random. amount: how many, or which part of them in [0, 1]."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim: int = -1):
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def compute_mask(self, t, default_mask):
        """The mask without `amount` slices more."""
        _check_slices(t, self.dim)
        count = _how_many(self.amount, t.shape[self.dim])
        if count == 0:
            return default_mask
        chances = rand(t.shape[self.dim])
        kept = chances > kthvalue(chances, count).values
        return _slices(t, self.dim, kept) * default_mask.to(t.dtype)

    @classmethod
    def apply(cls, module, name, amount, dim=-1):  # pyright: ignore[reportIncompatibleMethodOverride]
        """Prune the parameter `name` of a module; returns the method."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(BasePruningMethod):
    """The slices along `dim` of least n-norm. amount: how many, or which part of them in [0, 1]."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, n, dim: int = -1):
        _check_amount(amount)
        self.amount, self.n, self.dim = amount, n, dim

    def compute_mask(self, t, default_mask):
        """The mask without `amount` slices more."""
        _check_slices(t, self.dim)
        size = t.shape[self.dim]
        count = _how_many(self.amount, size)
        if count == 0:
            return default_mask
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        kept = topk(norm(t, p=self.n, dim=others), k=size - count).indices
        return _slices(t, self.dim, kept) * default_mask.to(t.dtype)

    @classmethod
    def apply(cls, module, name, amount, n, dim, importance_scores=None):  # pyright: ignore[reportIncompatibleMethodOverride]
        """Prune the parameter `name` of a module; returns the method."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """What a mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        """The given mask, and zero where the mask was."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"mask shape {tuple(self.mask.shape)} is not {tuple(default_mask.shape)}")
        return default_mask * self.mask.to(default_mask.dtype)

    @classmethod
    def apply(cls, module, name, mask):  # pyright: ignore[reportIncompatibleMethodOverride]
        """Prune the parameter `name` of a module; returns the method."""
        return super().apply(module, name, mask=mask)


def _without(mask, scores, count: int, largest: bool):
    made = mask.clone().contiguous()
    if count:
        made.view(-1)[topk(scores.reshape(-1), k=count, largest=largest).indices] = 0
    return made


def _slices(t, dim: int, kept):
    made = zeros_like(t)
    made[(slice(None),) * (dim % t.dim()) + (kept,)] = 1
    return made


def _check_amount(amount) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _check_slices(t, dim: int) -> None:
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {t.dim()} dims"
        )
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _how_many(amount, size: int) -> int:
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if amount > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return int(amount)


def identity(module: Module, name: str) -> Module:
    """Prepare a parameter for pruning without pruning anything; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount) -> Module:
    """Prune elements of a parameter at random; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount, importance_scores=None) -> Module:
    """Prune the elements of a parameter that are least in magnitude; returns the module."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount, dim: int) -> Module:
    """Prune slices of a parameter along `dim` at random; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Module, name: str, amount, n, dim: int, importance_scores=None) -> Module:
    """Prune the slices of a parameter along `dim` of least n-norm; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask) -> Module:
    """Prune a parameter where a mask is zero; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs) -> None:
    """Prune several parameters, pairs of module and name, as one: the least of all their elements go.

    importance_scores: tensors to judge by in place of parameters, by pair. TypeError for a method that is not unstructured.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    values = parameters_to_vector([scores.get(pair, getattr(*pair)) for pair in pairs])
    mask = parameters_to_vector([getattr(m, f"{name}_mask", ones_like(getattr(m, name))) for m, name in pairs])
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of type '
            f"{method.PRUNING_TYPE}"
        )
    final = PruningContainer(method).compute_mask(values.detach(), mask)
    start = 0
    for module, name in pairs:
        parameter = getattr(module, name)
        custom_from_mask(module, name, final[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter an ordinary one of the pruned values; returns the module. ValueError if it is not pruned."""
    for number, hook in module._forward_pre_hooks.items():
        if _prunes(hook, name):
            hook.remove(module)
            del module._forward_pre_hooks[number]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Whether a module, or one inside it, has a pruned parameter."""
    return any(isinstance(h, BasePruningMethod) for m in module.modules() for h in m._forward_pre_hooks.values())
