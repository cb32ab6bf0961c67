"""State dicts of models and optimizers by the parameters' names, whatever wraps them and however many processes share them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..autograd.tape import Variable, wrap
from ..backends import namespace_of
from ..distributed import broadcast_object_list, get_rank, is_initialized
from ..distributed.tensor import DTensor
from ..nn.module import Module
from ..nn.parallel import DataParallel, DistributedDataParallel
from ..nn.parallel.sharded import FullyShardedDataParallel, StateDictType
from ..nn.parallel.sharded.fully_shard import scopes_in
from ..nn.parallel.sharded.wrapper import PREFIX
from ..optim import Optimizer
from ..optim.zero import ZeroRedundancyOptimizer


@dataclass
class StateDictOptions:
    """How state dicts are made and loaded.

    full_state_dict: sharded tensors whole, in all processes, or with cpu_offload in the first, and {} in the others.
    broadcast_from_rank0: the first process has what is loaded. ignore_frozen_params: leave out parameters that do not
    require grad. strict: models must find all their names. The others have no effect.
    """

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False


def _bare(model: Module) -> Module:
    while isinstance(model, (DistributedDataParallel, DataParallel)):
        model = model.module
    for scope in scopes_in(model):
        scope.unit.reshard()
    return model


def _names(model: Module) -> dict[int, str]:
    return {id(p): name.replace(PREFIX, "") for name, p in _bare(model).named_parameters()}


def _whole(state: dict, options: StateDictOptions | None) -> dict:
    """The state as the options want it: with sharded tensors as they are, or whole."""
    if options is None or not options.full_state_dict:
        return state

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: shown(v) for k, v in value.items()}
        return value.full_tensor() if isinstance(value, DTensor) else value

    made = shown(state)
    return {} if options.cpu_offload and is_initialized() and get_rank() else made


def _given(state: dict, options: StateDictOptions | None) -> dict:
    """The state that is loaded: this process's, or the first one's."""
    if options is None or not options.broadcast_from_rank0 or not is_initialized():
        return state
    held = [state]
    broadcast_object_list(held, src=0)
    return held[0]


def _listed(optimizers: Optimizer | Iterable[Optimizer]) -> list[Optimizer]:
    return [optimizers] if isinstance(optimizers, Optimizer) else list(optimizers)


def get_model_state_dict(model: Module, *, submodules: Any = None, options: StateDictOptions | None = None) -> dict:
    """The model's state dict, without the prefixes of what wraps it."""
    bare = _bare(model)
    if scopes_in(model) and any(isinstance(m, FullyShardedDataParallel) for m in model.modules()):
        with FullyShardedDataParallel.state_dict_type(model, StateDictType.SHARDED_STATE_DICT):
            found = bare.state_dict()
    else:
        found = bare.state_dict()
    if options is not None and options.ignore_frozen_params:
        frozen = {name.replace(PREFIX, "") for name, p in bare.named_parameters() if not p.requires_grad}
        found = {name: value for name, value in found.items() if name not in frozen}
    return _whole(dict(found), options)


def set_model_state_dict(model: Module, model_state_dict: dict, *, options: StateDictOptions | None = None) -> Any:
    """Load what `get_model_state_dict` gave."""
    return _bare(model).load_state_dict(_given(model_state_dict, options), strict=options is None or options.strict)


def get_optimizer_state_dict(
    model: Module, optimizers: Any, *, submodules: Any = None, options: StateDictOptions | None = None
) -> dict:
    """The optimizers' state by the parameters' names; of a ZeroRedundancyOptimizer this process's share.

    State that is still to be made, before the first step, is made: zeros that a checkpoint can be loaded into.
    """
    names = _names(model)
    state: dict[str, Any] = {}
    groups = []
    for optimizer in _listed(optimizers):
        keeper = optimizer.optim if isinstance(optimizer, ZeroRedundancyOptimizer) else optimizer
        with keeper.on_shards():
            for group in keeper.param_groups:
                for p in group["params"]:
                    if p.requires_grad:
                        state[names[id(p)]] = _made(keeper, p, group)
        for group in optimizer.param_groups:
            options_of = {k: v for k, v in group.items() if k not in ("params", "param_names")}
            groups.append({**options_of, "params": [names[id(p)] for p in group["params"]]})
    return _whole({"state": state, "param_groups": groups}, options)


def _made(optimizer: Optimizer, p: Any, group: dict) -> dict[str, Any]:
    state = optimizer.state[p]
    if not state and (optimizer.counts_steps or optimizer.slots_of(group)):
        optimizer.init_state(state, p, group)
    for name, value in state.items():
        if value is None:
            state[name] = wrap(namespace_of(p._array).zeros_like(p._array))
    return state


def set_optimizer_state_dict(
    model: Module, optimizers: Any, optim_state_dict: dict, *, options: StateDictOptions | None = None
) -> None:
    """Load what `get_optimizer_state_dict` gave. KeyError for a parameter of this process that has no state in it."""
    names, optim_state_dict = _names(model), _given(optim_state_dict, options)
    groups = iter(optim_state_dict["param_groups"])
    for optimizer in _listed(optimizers):
        keeper = optimizer.optim if isinstance(optimizer, ZeroRedundancyOptimizer) else optimizer
        for group in optimizer.param_groups:
            loaded = next(groups)
            group.update({k: v for k, v in loaded.items() if k != "params"})
        for group in keeper.param_groups:
            for p in group["params"]:
                if p.requires_grad:
                    loaded = optim_state_dict["state"][names[id(p)]]
                    keeper.state[p] = {name: _fitting(p, value) for name, value in loaded.items()}
        if isinstance(optimizer, ZeroRedundancyOptimizer):
            optimizer._to_own_groups(optimizer.param_groups, keeper.param_groups)


def _fitting(p: Any, value: Any) -> Any:
    """A value of a parameter's state, sharded as the parameter is."""
    if isinstance(p, DTensor) and isinstance(value, Variable) and value.ndim and not isinstance(value, DTensor):
        return p.layout_of(value)
    return value


def get_state_dict(
    model: Module, optimizers: Any, *, submodules: Any = None, options: StateDictOptions | None = None
) -> tuple[dict, dict]:
    """(the model's, the optimizers') state dicts."""
    return (
        get_model_state_dict(model, options=options),
        get_optimizer_state_dict(model, optimizers, options=options),
    )


def set_state_dict(
    model: Module,
    optimizers: Any,
    *,
    model_state_dict: dict,
    optim_state_dict: dict,
    options: StateDictOptions | None = None,
) -> Any:
    """Load what `get_state_dict` gave."""
    set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return set_model_state_dict(model, model_state_dict, options=options)
