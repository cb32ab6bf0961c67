"""`fully_shard`: a module whose parameters, gradients and optimizer state are shared out among processes.

Source: Zhao et al. 2023, "PyTorch FSDP", and Rajbhandari et al. 2019, "ZeRO", stage 3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .... import dtypes
from ....autograd.modes import is_grad_enabled
from ....autograd.naming import PACKAGES
from ....autograd.recording import needs
from ....autograd.tape import Variable
from ....distributed.captured import refuse
from ....distributed.device_mesh import DeviceMesh
from ....distributed.groups import get_world_size
from ....distributed.tensor import DTensor, Shard
from ...module import Module
from ...parameter import is_lazy
from ..reducer import tensors_in
from .passes import PASSES
from .policies import MixedPrecisionPolicy, OffloadPolicy
from .unit import Held, Unit

__all__ = ["FSDPModule", "UnshardHandle", "fully_shard", "register_fsdp_forward_method"]


class Scope:
    """What one call of `fully_shard` made: the unit of parameters, its modules, and when it is resharded."""

    def __init__(self, unit: Unit, modules: list[Module], reshard: bool | None):
        self.unit, self.modules, self.reshard = unit, modules, reshard
        self.ahead: list[Scope] = []
        self.behind: list[Scope] = []
        self.root = False
        self.waiting = 0
        unit.on_gradient = PASSES.gradient

    def before(self, module: Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """Before forward: gather."""
        refuse(
            "sharded modules gather their parameters as they go, which a program cannot do: compile the layers in them"
        )
        if PASSES.depth == 0:
            PASSES.begin()
            self.root = True
        PASSES.depth += 1
        if self.waiting == 0:
            self.waiting = len(self.modules)
        self.unit.unshard()
        for scope in self.ahead:
            scope.unit.gather()
        policy = self.unit.policy
        if policy.param_dtype is not None and policy.cast_forward_inputs:
            return cast(args, policy.param_dtype), cast(kwargs, policy.param_dtype)
        return args, kwargs

    def after(self, module: Module, args: tuple, kwargs: dict, output: Any) -> Any:
        """After forward, or its failure: share out again, and know when backward comes back."""
        PASSES.depth = max(PASSES.depth - 1, 0)
        self.waiting = max(self.waiting - 1, 0)
        if PASSES.entered(self.unit):
            return output
        if is_grad_enabled() and output is not None:
            for t in tensors_in(output):
                if needs(t):
                    t.register_hook(lambda _: self.backward())
            if self.unit not in PASSES.order:
                PASSES.order.append(self.unit)
        # The outermost module's backward comes first: sharing its parameters out would save nothing.
        if self.waiting == 0 and (not self.root if self.reshard is None else self.reshard):
            self.unit.reshard()
        cast_to = self.unit.policy.output_dtype
        return output if cast_to is None else cast(output, cast_to)

    def backward(self) -> None:
        """The gradient of an output has come."""
        PASSES.enter(self.unit)
        for scope in self.behind:
            scope.unit.gather()


def scopes_in(module: Any) -> list[Scope]:
    """The scopes of all sharded modules in a module, outer ones first."""
    found = (m.__dict__.get("_scope") for m in module.modules())
    return list(dict.fromkeys(scope for scope in found if scope is not None))


class UnshardHandle:
    """What `unshard(async_op=True)` returns: `wait()` for it."""

    def __init__(self, unit: Unit):
        self._unit = unit

    def wait(self) -> None:
        """Wait until the parameters are whole."""
        self._unit.unshard()


class FSDPModule:
    """What `fully_shard` adds to a module's class."""

    _scope: Scope

    def unshard(self, async_op: bool = False) -> UnshardHandle | None:
        """Let this module (not those below that are sharded by themselves) have its whole parameters, until `reshard`."""
        if async_op:
            self._scope.unit.gather()
            return UnshardHandle(self._scope.unit)
        self._scope.unit.unshard()
        return None

    def reshard(self) -> None:
        """Keep only this process's shards of this module's parameters."""
        self._scope.unit.reshard()

    def _scopes(self, recurse: bool) -> list[Scope]:
        return scopes_in(self) if recurse else [self._scope]

    def set_requires_gradient_sync(self, requires_gradient_sync: bool, *, recurse: bool = True) -> None:
        """Whether backward exchanges gradients. Without, they add up whole in each process until it does."""
        for scope in self._scopes(recurse):
            scope.unit.syncs = requires_gradient_sync

    def set_requires_all_reduce(self, requires_all_reduce: bool, *, recurse: bool = True) -> None:
        """Whether replicas exchange gradients. NotImplementedError for False."""
        if not requires_all_reduce:
            raise NotImplementedError("set_requires_all_reduce(False): use set_requires_gradient_sync(False)")

    def set_is_last_backward(self, is_last_backward: bool) -> None:
        """No effect: every backward pass finishes its reductions."""

    def set_reshard_after_forward(self, reshard_after_forward: bool, recurse: bool = True) -> None:
        """Whether parameters are shared out again between forward and backward."""
        for scope in self._scopes(recurse):
            scope.reshard = reshard_after_forward

    def set_reshard_after_backward(self, reshard_after_backward: bool, *, recurse: bool = True) -> None:
        """Whether parameters are shared out again after backward."""
        for scope in self._scopes(recurse):
            scope.unit.reshards = reshard_after_backward

    def set_modules_to_forward_prefetch(self, modules: list[FSDPModule]) -> None:
        """The modules whose parameters begin to travel when this one's forward begins."""
        self._scope.ahead = [m._scope for m in modules]

    def set_modules_to_backward_prefetch(self, modules: list[FSDPModule]) -> None:
        """The modules whose parameters begin to travel when this one's backward begins, besides the one before it."""
        self._scope.behind = [m._scope for m in modules]

    def set_gradient_divide_factor(self, factor: float) -> None:
        """By what summed gradients are divided: by the number of processes, unless this says otherwise."""
        for scope in self._scopes(True):
            scope.unit.factor = float(factor)

    set_reduce_scatter_divide_factor = set_gradient_divide_factor

    def __deepcopy__(self, memo: dict) -> Any:
        raise AssertionError("FSDP does not support deepcopy. Please use state dict for serialization.")


def fully_shard(
    module: Any,
    *,
    mesh: DeviceMesh | None = None,
    reshard_after_forward: bool | int | None = None,
    shard_placement_fn: Callable[[Any], Any] | None = None,
    mp_policy: MixedPrecisionPolicy | None = None,
    offload_policy: OffloadPolicy | None = None,
    ignored_params: set[Any] | None = None,
) -> Any:
    """Share a module's parameters out among processes, row by row, and return it; all processes call this.

    The parameters become DTensors: each process holds, optimizes and saves its rows. They are gathered for the module's
    forward, given back after it (reshard_after_forward; None: unless it is the outermost), gathered for its backward, and
    given back; gradients become the processes' mean, of which each keeps its rows. Parameters of modules below that are
    sharded already are theirs: shard the layers first, and then the model. Make the optimizer afterwards.

    module: a module, or a list of them that are gathered together. mesh: of one dimension; of two, the first of which
    holds replicas; None: all processes. mp_policy: see `MixedPrecisionPolicy`. ignored_params stay as they are.
    ValueError for containers without forward and for parameters without dimensions; NotImplementedError for other
    placements than Shard(0) and for reshard_after_forward as a number.
    """
    modules = list(module) if isinstance(module, (list, tuple)) else [module]
    name = ", ".join(type(m).__name__ for m in modules)
    for m in modules:
        if type(m).__name__ in ("ModuleList", "ModuleDict") and type(m).__module__.partition(".")[0] in PACKAGES:
            raise ValueError(f"fully_shard does not support containers that do not implement forward: {m}")
        if isinstance(m, FSDPModule):
            raise AssertionError(f"Each distinct module may be sharded once: {type(m).__name__} is sharded already")
    if reshard_after_forward.__class__ is int:
        raise NotImplementedError("fully_shard: reshard_after_forward must be True, False or None, not a number")
    found = DeviceMesh("cpu", list(range(get_world_size()))) if mesh is None else mesh
    if found.ndim not in (1, 2):
        raise ValueError(f"fully_shard expects a 1D or 2D DeviceMesh but got {found}")
    held = own_parameters(modules, ignored_params or set(), found)
    for one in held:
        placement = None if shard_placement_fn is None else shard_placement_fn(one.shard)
        if placement not in (None, Shard(0)):
            raise NotImplementedError(f"fully_shard: {one.name} cannot be sharded as {placement}, but only as Shard(0)")
    attach(modules, Unit(name, held, found, mp_policy or MixedPrecisionPolicy()), reshard_after_forward)
    for m in modules:
        m.__class__ = type(f"FSDP{type(m).__name__}", (FSDPModule, type(m)), {"__module__": type(m).__module__})
    return module


def attach(modules: list[Module], unit: Unit, reshard: bool | None) -> None:
    """Let a unit be whole while these modules compute."""
    scope = Scope(unit, modules, reshard)
    for m in modules:
        m.__dict__["_scope"] = scope
        m.register_forward_pre_hook(scope.before, prepend=True, with_kwargs=True)
        m.register_forward_hook(scope.after, with_kwargs=True, always_call=True)
        m.register_state_dict_pre_hook(lambda *_: unit.reshard())
        m._register_load_state_dict_pre_hook(lambda *_: unit.reshard())


def own_parameters(modules: list[Module], ignored: set[Any], mesh: DeviceMesh) -> list[Held]:
    """The parameters of modules that are nobody else's yet, each once, with all its places."""
    left_out = {id(p) for p in ignored}
    places: dict[int, tuple[str, Any, list]] = {}
    for scope in (scope for top in modules for scope in scopes_in(top)):
        scope.unit.reshard()
    for top in modules:
        for path, m in top.named_modules():
            for name, p in m._parameters.items():
                if p is None or id(p) in left_out or isinstance(p, DTensor):
                    continue
                if is_lazy(p):
                    raise RuntimeError(f"fully_shard: {path}.{name} has no shape yet. Run a forward pass first.")
                places.setdefault(id(p), (f"{path}.{name}" if path else name, p, []))[2].append((m, name))
    return [Held(name, p, where, mesh) for name, p, where in places.values()]


def cast(value: Any, dtype: dtypes.dtype) -> Any:
    """The value with the floating tensors in its containers cast."""
    if isinstance(value, Variable):
        return value.to(dtype) if value.is_floating_point() else value  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return type(value)((k, cast(v, dtype)) for k, v in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(cast(v, dtype) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)(cast(v, dtype) for v in value)
    return value


def register_fsdp_forward_method(module: Any, method_name: str) -> None:
    """Let another method of a sharded module have the whole parameters as forward has them. Of other modules nothing."""
    if not isinstance(module, FSDPModule):
        return
    method = getattr(module, method_name)

    @wraps(method)
    def gathered(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = module._scope.before(module, args, kwargs)  # type: ignore[arg-type]
        output = None
        try:
            output = method(*args, **kwargs)
        finally:
            output = module._scope.after(module, args, kwargs, output)  # type: ignore[arg-type]
        return output

    module.__dict__[method_name] = gathered
