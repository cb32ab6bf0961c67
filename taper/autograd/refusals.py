"""What operators refuse, in PyTorch's classes and words: no tensor, a dtype, shapes that do not broadcast, short memory."""

from __future__ import annotations

from ..backends.cuda import driver
from ..errors import OutOfMemoryError
from ..ops.operator import AS_IS, Operator
from .inplace import legacy_name
from .shortage import out_of_memory
from .tape import Variable


def failure(operator: Operator, arrays: list, error: ValueError | MemoryError) -> RuntimeError:
    """PyTorch's error for what went wrong in an operator's forward function."""
    if isinstance(error, MemoryError):
        if driver.is_out_of_memory(error):
            return OutOfMemoryError(
                f"CUDA out of memory ({operator.name}). {error} Use smaller batches, or taper.cuda.empty_cache()."
            )
        return out_of_memory(operator.name, error, arrays)
    together = [a for a in arrays if hasattr(a, "shape")] if operator.promote is not AS_IS else []
    return cannot_broadcast(operator, error, *together)


def refused(operator: Operator, np_dtype) -> NotImplementedError:
    """PyTorch's words for an operator that does not compute in a dtype."""
    name = operator.name
    more = f": {name} is not supported for complex types" if np_dtype.kind == "c" else ""
    return NotImplementedError(
        f"\"{name}_cpu\" not implemented for '{legacy_name(np_dtype)}'{more}. Convert the input to another dtype first."
    )


def not_a_tensor(operator: Operator, value, name: str = "input", position: int = 1) -> TypeError:
    return TypeError(
        f"{operator.name}(): argument '{name}' (position {position}) must be Tensor, not {value.__class__.__name__}. "
        "Make it a tensor first: taper.as_tensor(value)."
    )


def no_combination(operator: Operator, *values) -> TypeError:
    """The error for operands of which none, or not the first, is a tensor."""
    kinds = ", ".join("Tensor" if isinstance(v, Variable) else v.__class__.__name__ for v in values)
    return TypeError(
        f"{operator.name}() received an invalid combination of arguments - got ({kinds}), but expected (Tensor input, "
        "Tensor or Number other, *, Tensor out). Make a number a tensor first: taper.as_tensor(value)."
    )


def only_tensors(function: str, **arguments) -> None:
    """TypeError for the first argument that is no tensor; arguments are given in the order of the parameters."""
    for position, (name, value) in enumerate(arguments.items(), start=1):
        if not isinstance(value, Variable):
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be Tensor, not {value.__class__.__name__}. "
                "Make it a tensor first: taper.as_tensor(value)."
            )


def cannot_broadcast(operator: Operator, error: ValueError, *arrays) -> RuntimeError:
    """PyTorch's words for shapes that do not broadcast, with the operator and all shapes; else the error's own."""
    common: tuple[int, ...] = ()
    for shape in [tuple(a.shape) for a in arrays]:
        for dim in range(1, min(len(common), len(shape)) + 1):
            if common[-dim] != shape[-dim] and 1 not in (common[-dim], shape[-dim]):
                where = max(len(common), len(shape)) - dim
                shapes = " and ".join(str(tuple(a.shape)) for a in arrays)
                return RuntimeError(
                    f"The size of tensor a ({common[-dim]}) must match the size of tensor b ({shape[-dim]}) at "
                    f"non-singleton dimension {where}; {operator.name} got shapes {shapes}."
                )
        wide = max(len(common), len(shape))
        padded = [(1,) * (wide - len(s)) + s for s in (common, shape)]
        common = tuple(m if n == 1 else n for n, m in zip(*padded))
    return RuntimeError(f"{operator.name}: {error}")
