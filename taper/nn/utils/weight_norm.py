"""Weight normalisation: a weight as a length and a direction (arXiv 1602.07868), recomputed before each forward."""

from __future__ import annotations

import warnings

from ..module import Module
from ..parameter import Parameter


def norm_except(v, dim: int | None):
    """The norm of a tensor over all dimensions but one, which keep size 1; over all of them for None."""
    if dim is None:
        return (v * v).sum().sqrt()
    others = tuple(d for d in range(v.dim()) if d != dim % v.dim())
    return (v * v).sum(dim=others, keepdim=True).sqrt() if others else v.abs()


class WeightNorm:
    """The hook that computes the weight from `{name}_g` and `{name}_v`."""

    def __init__(self, name: str, dim: int | None):
        self.name, self.dim = name, dim

    def compute_weight(self, module: Module):
        """The weight of the present length and direction."""
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / norm_except(v, self.dim))

    def __call__(self, module: Module, inputs) -> None:
        setattr(module, self.name, self.compute_weight(module))


def _hook_on(module: Module, name: str) -> int | None:
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            return number
    return None


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Replace a parameter by `{name}_g`, its length (for each index of `dim`, or one for None), and `{name}_v`.

    Deprecated for `parametrizations.weight_norm`. Returns the module. RuntimeError if it is there already.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if _hook_on(module, name) is not None:
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, None if dim == -1 else dim)
    weight = getattr(module, name)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(norm_except(weight, hook.dim).data))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the present weight an ordinary parameter again. ValueError if it was not normalised."""
    number = _hook_on(module, name)
    if number is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    weight = module._forward_pre_hooks.pop(number).compute_weight(module)
    for part in (name, f"{name}_g", f"{name}_v"):
        delattr(module, part)
    setattr(module, name, Parameter(weight.data))
    return module
