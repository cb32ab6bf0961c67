"""Whether arguments have a `__torch_function__` of their own, which Taper does not call."""

from __future__ import annotations

from typing import Any

from .autograd.tape import Variable
from .refusal import refused

_INSTEAD = "Taper does not call __torch_function__: write functions of your own class."

TorchFunctionMode = refused("overrides.TorchFunctionMode", _INSTEAD)
BaseTorchFunctionMode = refused("overrides.BaseTorchFunctionMode", _INSTEAD)
handle_torch_function = refused("overrides.handle_torch_function", _INSTEAD)


def has_torch_function(relevant_args: Any) -> bool:
    """Whether a function must be left to its arguments' `__torch_function__`: False."""
    return False


def has_torch_function_unary(obj: Any) -> bool:
    """Whether a function must be left to its argument's `__torch_function__`: False."""
    return False


def has_torch_function_variadic(*args: Any) -> bool:
    """Whether a function must be left to its arguments' `__torch_function__`: False."""
    return False


def is_tensor_like(inp: Any) -> bool:
    """Whether this is a tensor, or acts as one."""
    return isinstance(inp, Variable) or hasattr(inp, "__torch_function__")
