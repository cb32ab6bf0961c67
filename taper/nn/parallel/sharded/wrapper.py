"""`FullyShardedDataParallel`: `fully_shard` as a wrapper, which is the older of PyTorch's two spellings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ....autograd.modes import no_grad
from ....distributed import broadcast
from ....distributed.device_mesh import DeviceMesh
from ....distributed.groups import ProcessGroup, default_group
from ....distributed.tensor import DTensor
from ....tensor.factory import place
from ...module import Module
from ...utils.clip_grad import clip_grad_norm_
from .fully_shard import attach, own_parameters, scopes_in
from .policies import MixedPrecisionPolicy
from .settings import (
    CONFIGURATIONS,
    FullOptimStateDictConfig,
    FullStateDictConfig,
    MixedPrecision,
    OptimStateDictConfig,
    ShardingStrategy,
    StateDictConfig,
    StateDictSettings,
    StateDictType,
)
from .unit import Unit
from .wrapping import wrap_below

__all__ = ["FullyShardedDataParallel"]

PREFIX = "_fsdp_wrapped_module."


class FullyShardedDataParallel(Module):
    """Holds a module as `.module`, whose parameters are shared out among processes as by `fully_shard`.

    auto_wrap_policy: which modules below become wrappers of their own. sharding_strategy: see `ShardingStrategy`
    (FULL_SHARD). sync_module_states: begin with the first process's values. ignored_modules and ignored_states
    (parameters) stay as they are. Parameters are always their own tensors, as with use_orig_params=True: rows of each, not
    of one flat vector. cpu_offload, backward_prefetch, forward_prefetch and limit_all_gathers have no effect.
    NotImplementedError for param_init_fn.
    """

    def __init__(
        self,
        module: Module,
        process_group: ProcessGroup | None = None,
        sharding_strategy: ShardingStrategy | None = None,
        cpu_offload: Any = None,
        auto_wrap_policy: Callable | None = None,
        backward_prefetch: Any = None,
        mixed_precision: MixedPrecision | None = None,
        ignored_modules: Iterable[Module] | None = None,
        param_init_fn: Callable | None = None,
        device_id: Any = None,
        sync_module_states: bool = False,
        forward_prefetch: bool = False,
        limit_all_gathers: bool = True,
        use_orig_params: bool = False,
        ignored_states: Iterable[Any] | None = None,
        device_mesh: DeviceMesh | None = None,
    ):
        super().__init__()
        if param_init_fn is not None:
            raise NotImplementedError(
                "FullyShardedDataParallel: param_init_fn is not supported. Make the module on the CPU."
            )
        if device_id is not None:
            place(device_id)
        strategy = sharding_strategy or ShardingStrategy.FULL_SHARD
        precision = mixed_precision or MixedPrecision()
        if precision.keep_low_precision_grads:
            raise NotImplementedError("MixedPrecision: keep_low_precision_grads is not supported. Leave it out.")
        mesh = device_mesh if device_mesh is not None else _mesh(process_group or default_group(), strategy)
        states = list(ignored_states or ())
        ignored = {
            m for given in (*(ignored_modules or ()), *states) if isinstance(given, Module) for m in given.modules()
        }
        frozen = {p for p in states if not isinstance(p, Module)} | {p for m in ignored for p in m.parameters()}
        if auto_wrap_policy is not None:
            options = dict(
                process_group=process_group,
                sharding_strategy=strategy,
                mixed_precision=mixed_precision,
                ignored_states=list(frozen),
                device_mesh=mesh,
                sync_module_states=sync_module_states,
            )
            wrap_below(module, auto_wrap_policy, FullyShardedDataParallel, ignored, options)
        self._fsdp_wrapped_module = module
        self.sharding_strategy, self.process_group = strategy, mesh.get_group(mesh.ndim - 1)
        held = own_parameters([module], frozen, mesh) if not sync_module_states else _synced(module, frozen, mesh)
        if precision.buffer_dtype is not None:
            for b in module.buffers():
                if b.is_floating_point():
                    b.data = b.to(precision.buffer_dtype)
        policy = MixedPrecisionPolicy(
            precision.param_dtype,
            precision.reduce_dtype,
            None,
            precision.cast_forward_inputs or precision.cast_root_forward_inputs,
        )
        unit = Unit(type(module).__name__, held, mesh, policy)
        reshards = strategy in (ShardingStrategy.FULL_SHARD, ShardingStrategy.HYBRID_SHARD)
        attach([self], unit, None if reshards else False)
        self._settings = _settings(StateDictType.FULL_STATE_DICT, None, None)
        self._register_state_dict_hook(_named_as_the_module)
        self.register_load_state_dict_pre_hook(_named_as_here)

    @property
    def module(self) -> Module:
        """The wrapped module."""
        return self._fsdp_wrapped_module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._fsdp_wrapped_module(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_fsdp_wrapped_module"), name)

    def __getitem__(self, key: Any) -> Any:
        return self._fsdp_wrapped_module[key]

    def __deepcopy__(self, memo: dict) -> Any:
        raise AssertionError("FSDP does not support deepcopy. Please use state dict for serialization.")

    @staticmethod
    def fsdp_modules(module: Module, root_only: bool = False) -> list[FullyShardedDataParallel]:
        """The wrappers in a module; with root_only those that are in no other."""
        found = [m for m in module.modules() if isinstance(m, FullyShardedDataParallel)]
        inner = {b for a in found for b in a.module.modules()}
        return [m for m in found if m not in inner] if root_only else found

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A scope whose backward passes exchange no gradients: they add up whole in each process."""
        units = [scope.unit for scope in scopes_in(self)]
        before = [unit.syncs for unit in units]
        for unit in units:
            unit.syncs = False
        try:
            yield
        finally:
            for unit, syncs in zip(units, before):
                unit.syncs = syncs

    def clip_grad_norm_(self, max_norm: float, norm_type: float = 2.0) -> Any:
        """Scale all gradients down so that their common norm is at most `max_norm`; returns the norm before."""
        return clip_grad_norm_(self.parameters(), max_norm, norm_type)

    @staticmethod
    @contextmanager
    def summon_full_params(
        module: Module,
        recurse: bool = True,
        writeback: bool = True,
        rank0_only: bool = False,
        offload_to_cpu: bool = False,
        with_grads: bool = False,
    ) -> Iterator[None]:
        """A scope in which modules have their whole parameters, in all processes; changes to them are kept with writeback.

        NotImplementedError for with_grads.
        """
        if with_grads:
            raise NotImplementedError(
                "summon_full_params: with_grads is not supported. Use p.grad.full_tensor() outside."
            )
        units = [scope.unit for scope in scopes_in(module)][: None if recurse else 1]
        for unit in units:
            unit.unshard()
        try:
            yield
        finally:
            for unit in units:
                for one in unit.held if writeback else ():
                    with no_grad():
                        one.shard.copy_(one.full.detach())
                unit.reshard()

    @staticmethod
    def set_state_dict_type(
        module: Module,
        state_dict_type: StateDictType,
        state_dict_config: StateDictConfig | None = None,
        optim_state_dict_config: OptimStateDictConfig | None = None,
    ) -> StateDictSettings:
        """Say how the state dicts of all wrappers in a module are made; returns how they were."""
        wrappers = FullyShardedDataParallel.fsdp_modules(module)
        if not wrappers:
            raise ValueError(f"state_dict_type: there is no FullyShardedDataParallel in {type(module).__name__}")
        before = wrappers[0]._settings
        for one in wrappers:
            one.__dict__["_settings"] = _settings(state_dict_type, state_dict_config, optim_state_dict_config)
        return before

    @staticmethod
    def get_state_dict_type(module: Module) -> StateDictSettings:
        """How the state dicts of the wrappers in a module are made."""
        return FullyShardedDataParallel.fsdp_modules(module)[0]._settings

    @staticmethod
    @contextmanager
    def state_dict_type(
        module: Module,
        state_dict_type: StateDictType,
        state_dict_config: StateDictConfig | None = None,
        optim_state_dict_config: OptimStateDictConfig | None = None,
    ) -> Iterator[None]:
        """A scope of `set_state_dict_type`."""
        before = FullyShardedDataParallel.set_state_dict_type(
            module, state_dict_type, state_dict_config, optim_state_dict_config
        )
        try:
            yield
        finally:
            for one in FullyShardedDataParallel.fsdp_modules(module):
                one.__dict__["_settings"] = before

    @staticmethod
    def optim_state_dict(model: Module, optim: Any, optim_state_dict: Any = None, group: Any = None) -> dict[str, Any]:
        """The optimizer's state by the parameters' names, whole or sharded as `state_dict_type` says; all processes call it."""
        settings = FullyShardedDataParallel.get_state_dict_type(model)
        names = {id(p): _clean(name) for name, p in _sharded_parameters(model)}
        groups, numbers = [], {}
        for group_of in optim.param_groups:
            for p in group_of["params"]:
                numbers[len(numbers)] = names[id(p)]
            options = {k: v for k, v in group_of.items() if k not in ("params", "param_names")}
            groups.append({**options, "params": [names[id(p)] for p in group_of["params"]]})
        given = optim.state_dict() if optim_state_dict is None else optim_state_dict
        state = {numbers[n]: {k: _shown(v, settings) for k, v in one.items()} for n, one in given["state"].items()}
        if not _kept(settings.optim_state_dict_config):
            return {}
        return {"state": state, "param_groups": groups}

    full_optim_state_dict = sharded_optim_state_dict = optim_state_dict

    @staticmethod
    def optim_state_dict_to_load(
        model: Module,
        optim: Any,
        optim_state_dict: dict[str, Any],
        is_named_optimizer: bool = False,
        load_directly: bool = False,
        group: Any = None,
    ) -> dict[str, Any]:
        """What `optim.load_state_dict` takes, from what `optim_state_dict` gave on any number of processes."""
        names = {id(p): _clean(name) for name, p in _sharded_parameters(model)}
        flat = [names[id(p)] for group_of in optim.param_groups for p in group_of["params"]]
        numbers = {name: n for n, name in enumerate(flat)}
        groups = [{**g, "params": [numbers[name] for name in g["params"]]} for g in optim_state_dict["param_groups"]]
        state = {numbers[name]: one for name, one in optim_state_dict["state"].items()}
        made = {"state": state, "param_groups": groups}
        if load_directly:
            optim.load_state_dict(made)
        return made


def _mesh(group: ProcessGroup, strategy: ShardingStrategy) -> DeviceMesh:
    """The mesh of a group: a line; for replicas a row of them, each of one process or of those of a machine."""
    if strategy in (ShardingStrategy.FULL_SHARD, ShardingStrategy.SHARD_GRAD_OP):
        return DeviceMesh.from_group(group, "cpu")
    size = 1 if strategy == ShardingStrategy.NO_SHARD else int(os.environ.get("LOCAL_WORLD_SIZE", group.size()))
    if group.size() % size:
        raise ValueError(
            f"HYBRID_SHARD: {group.size()} processes do not divide into machines of {size}: give device_mesh"
        )
    rows = [group.ranks[start : start + size] for start in range(0, group.size(), size)]
    return DeviceMesh("cpu", rows)


def _synced(module: Module, frozen: set, mesh: DeviceMesh) -> list:
    """The parameters to hold, with the first process's values, as buffers have them afterwards."""
    with no_grad():
        for t in (*module.parameters(), *module.buffers()):
            if not isinstance(t, DTensor):
                for dim in range(mesh.ndim):
                    broadcast(t.detach(), group=mesh.get_group(dim), group_src=0)
    return own_parameters([module], frozen, mesh)


def _sharded_parameters(model: Module) -> Iterator[tuple[str, Any]]:
    for scope in scopes_in(model):
        scope.unit.reshard()
    return model.named_parameters()


def _settings(kind: StateDictType, config: Any, optim_config: Any) -> StateDictSettings:
    if kind == StateDictType.LOCAL_STATE_DICT:
        raise NotImplementedError("LOCAL_STATE_DICT is not supported. Use SHARDED_STATE_DICT.")
    of_model, of_optimizer = CONFIGURATIONS[kind]
    return StateDictSettings(kind, config or of_model(), optim_config or of_optimizer())


def _clean(name: str) -> str:
    return name.replace(PREFIX, "")


def _shown(value: Any, settings: StateDictSettings) -> Any:
    whole = settings.state_dict_type == StateDictType.FULL_STATE_DICT and isinstance(value, DTensor)
    return value.full_tensor() if whole else value


def _kept(config: StateDictConfig | OptimStateDictConfig) -> bool:
    """Whether this process gets a state dict."""
    only_first = isinstance(config, (FullStateDictConfig, FullOptimStateDictConfig)) and config.rank0_only
    return not only_first or default_group().rank() == 0


def _named_as_the_module(wrapper: Any, state: dict[str, Any], prefix: str, metadata: Any) -> dict[str, Any]:
    """After `state_dict`: names without the wrapper, tensors whole if they are to be."""
    settings = wrapper._settings
    for name in [n for n in state if n.startswith(prefix + PREFIX)]:
        state[prefix + name[len(prefix + PREFIX) :]] = _shown(state.pop(name), settings)
    if not _kept(settings.state_dict_config):
        for name in [n for n in state if n.startswith(prefix)]:
            del state[name]
    return state


def _named_as_here(wrapper: Any, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before `load_state_dict`: names with the wrapper."""
    for name in [n for n in state if n.startswith(prefix)]:
        state[prefix + PREFIX + name[len(prefix) :]] = state.pop(name)
