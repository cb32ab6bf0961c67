"""What every optimizer shares: parameter groups, state, hooks, checkpoints, and the loop that applies an update rule.

An optimizer is its hyperparameters and one pure rule, `update`. The rule is written over an array namespace and is
elementwise, so large parameters are updated block by block: all temporaries of a block stay in the cache.
"""

from __future__ import annotations

import copy
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autograd.hooks import Handle
from ..autograd.modes import enable_grad
from ..autograd.shortage import out_of_memory
from ..autograd.tape import changed, elsewhere, wrap
from ..backends import namespace_of
from ..backends.cpu.large import LARGE_PARAMETER, Native
from ..backends.quiet import QUIET, enter, leave
from ..backends.transfer import moved, place_of
from ..distributed.tensor.dtensor import DTensor, opened
from ..tensor.complex_numbers import view_as_complex, view_as_real
from ..tensor.core import Tensor
from .direct import SHORT, direct, updated

BLOCK = 16384
"""Elements updated at a time: the dozen arrays of a rule then share a core's L2 cache."""


class _Required:
    """The default of a hyperparameter that a parameter group must give itself."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_global_pre_hooks: OrderedDict = OrderedDict()
_global_post_hooks: OrderedDict = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> Handle:
    """Call `hook(optimizer, args, kwargs)` before every step of every optimizer."""
    return Handle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> Handle:
    """Call `hook(optimizer, args, kwargs)` after every step of every optimizer."""
    return Handle(_global_post_hooks, hook)


class Optimizer:
    """The base class: `params` are tensors, (name, tensor) pairs, or dicts with a "params" entry and their own options.

    A subclass gives `slots` (names of the state tensors of one parameter), `coefficients` (numbers of one step) and
    `update` (the rule), or overrides `step`.
    """

    slots: tuple[str, ...] = ()
    counts_steps = True
    """Whether the state holds "step", the number of updates of the parameter."""
    elementwise = True
    """Whether `step` treats every element by itself, so that each process can take it for its part of a sharded parameter.
    Not assumed of a subclass with a `step` of its own."""
    _sharded = False

    def __init__(self, params, defaults: dict[str, Any]):
        self.defaults = defaults
        self.state: defaultdict = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + params.type()
            )
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _hooks(self) -> None:
        self._step_pre_hooks: OrderedDict = OrderedDict()
        self._step_post_hooks: OrderedDict = OrderedDict()
        self._state_dict_pre_hooks: OrderedDict = OrderedDict()
        self._state_dict_post_hooks: OrderedDict = OrderedDict()
        self._load_state_dict_pre_hooks: OrderedDict = OrderedDict()
        self._load_state_dict_post_hooks: OrderedDict = OrderedDict()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.elementwise = cls.__dict__.get("elementwise", False)
            cls.step = _with_hooks(cls.__dict__["step"])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize more parameters, with options of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
                "in sets will change between runs. Please use a list instead."
            )
        params = list(params)
        param_group["params"] = params
        if params and isinstance(params[0], tuple):
            param_group["param_names"] = [name for name, _ in params]
            param_group["params"] = params = [p for _, p in params]
        named = "param_names" in param_group
        if self.param_groups and ("param_names" in self.param_groups[0]) != named:
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + type(p).__name__)
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len(set(map(id, params))):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
                "github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(map(id, params)):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)
        self._sharded = self._sharded or any(isinstance(p, DTensor) for p in params)

    @contextmanager
    def on_shards(self) -> Iterator[None]:
        """A scope in which sharded parameters, their gradients and their state stand for this process's parts; the state
        that is made in it is sharded as they are."""
        shards = [p for group in self.param_groups for p in group["params"] if isinstance(p, DTensor)]
        states = [v for p in shards if p in self.state for v in self.state[p].values()]
        with opened([*shards, *(p._grad for p in shards), *states]):
            yield
        for p in shards:
            shape = p.to_local()._array.shape
            for name, value in self.state[p].items() if p in self.state else ():
                if type(value) is Tensor and value._array.ndim and value._array.shape == shape:
                    self.state[p][name] = p.like(value)

    def _step_on_shards(self, step: Callable, closure: Callable | None = None, **kwargs: Any):
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with self.on_shards():
            step(self, **kwargs)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros if not `set_to_none`."""
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is None:
                    continue
                if set_to_none:
                    p._grad = None
                else:
                    p._grad.detach_().zero_()

    def step(self, closure: Callable | None = None):
        """Update all parameters that have a gradient. `closure`, if given, computes the loss again and is called first.

        Returns the closure's loss, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        token = enter(QUIET)
        try:
            for group in self.param_groups:
                stateless = not self.counts_steps and not self.slots_of(group)
                for p in self._update_stateless(group) if stateless else group["params"]:
                    g = p._grad
                    if g is None:
                        continue
                    if p._array.__class__ is g._array.__class__ is np.ndarray:
                        self._update_parameter(p, g._array, group)
                    elif g.is_sparse:
                        self.update_rows(p, g, group)
                    else:
                        with elsewhere((p._array,)):
                            self._update_parameter(p, g._array, group)
        finally:
            leave(token)
        return loss

    def _update_parameter(self, p: Tensor, g: np.ndarray, group: dict[str, Any]) -> None:
        """Run the rule for one parameter and store what it returns."""
        array = p._array
        if array.dtype.kind == "c":
            self._update_complex(p, g, group)
            return
        slots = self.slots_of(group)
        state = self.state[p] if slots or self.counts_steps else {}
        if not state and (slots or self.counts_steps):
            self.init_state(state, p, group)
        step = 0
        if self.counts_steps:
            counter = state["step"]._array
            counter += 1
            step = namespace_of(counter).number(counter)
        numbers = self.coefficients(group, step, state)
        held = [state[name]._array if state[name] is not None else None for name in slots]
        if array.size <= SHORT and updated(type(self).update, [array, g, *held], numbers):
            changed(p)
            return
        xp = namespace_of(array)
        if array.size >= LARGE_PARAMETER and self._updated_natively(array, g, held, numbers):
            changed(p)
            return
        in_one_kernel = getattr(xp, "update", None)
        if in_one_kernel is not None and in_one_kernel(type(self).update, [array, g, *held], numbers):
            changed(p)
            return
        if array.size <= BLOCK or array.__class__ is not np.ndarray or not _flat((array, g, *held)):
            values = self.update(xp, array, g, *held, **numbers)
            _store(array, values[0])
            for name, old, new in zip(slots, held, values[1:]):
                if old is None:
                    state[name] = wrap(xp.asarray(new).copy())
                else:
                    _store(old, new)
        else:
            for name, old in zip(slots, held):
                if old is None:
                    state[name] = wrap(xp.empty_like(array))
            fresh = [old is None for old in held]
            flat = [a.reshape(-1) for a in (array, g, *[state[name]._array for name in slots])]
            for start in range(0, array.size, BLOCK):
                parts = [a[start : start + BLOCK] for a in flat]
                given = [None if f else part for f, part in zip(fresh, parts[2:])]
                values = self.update(xp, parts[0], parts[1], *given, **numbers)
                _store(parts[0], values[0])
                for old, new in zip(parts[2:], values[1:]):
                    _store(old, new)
        changed(p)

    def _update_stateless(self, group: dict[str, Any]) -> list[Tensor]:
        """Update the small parameters of a group without state, each in one call; returns the others."""
        numbers = self.coefficients(group, 0, {})
        rest, ways = [], {}
        for p in group["params"]:
            g = p._grad
            if g is None:
                continue
            array, slope = p._array, g._array
            dtype = array.dtype
            if array.__class__ is slope.__class__ is np.ndarray and array.size <= SHORT and dtype.kind == "f":
                found = ways.get(dtype)
                if found is None:
                    found = ways[dtype] = direct(type(self).update, [array, slope], numbers)
                way, changing = found
                if way is not None and array.shape == slope.shape and way(array, slope, *changing, array):
                    changed(p)
                    continue
            rest.append(p)
        return rest

    def update_rows(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """The update of a parameter whose gradient is sparse. RuntimeError for a rule that has none of its own."""
        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")

    def _update_complex(self, p: Tensor, g: np.ndarray, group: dict[str, Any]) -> None:
        """Run the rule for the real and the imaginary parts, which are parameters of their own, as in PyTorch."""
        real, state = view_as_real(p), self.state[p]
        kept = {name: v for name, v in state.items() if v is not None and v._array.dtype.kind == "c"}
        self.state[real] = {**state, **{name: view_as_real(v) for name, v in kept.items()}}
        self._update_parameter(real, view_as_real(wrap(g))._array, group)
        for name, v in self.state.pop(real).items():
            if name not in kept:
                state[name] = v if v is None or v._array.shape != real._array.shape else view_as_complex(v)
        if not state:
            del self.state[p]
        changed(p)

    def _updated_natively(self, array, g, held: list, numbers: dict[str, Any]) -> bool:
        """Whether a native program could update a large parameter and its state in one pass over memory."""
        every = [array, g, *held]
        if Native.update is None or any(a.__class__ is not np.ndarray or a.dtype != array.dtype for a in every):
            return False
        if array.dtype.kind != "f" or array.dtype.itemsize < 4 or not _flat(every):
            return False
        return Native.update(type(self).update, [a.reshape(-1) for a in every], numbers) is not NotImplemented

    def changing_numbers(self) -> list[tuple[dict, str]]:
        """(group, name) of the hyperparameters that may change from step to step: a compiled step reads them each time."""
        kinds = (float, tuple)
        return [
            (group, name)
            for group in self.param_groups
            for name, value in group.items()
            if name in self.defaults and value.__class__ in kinds
        ]

    def awaits_state(self) -> bool:
        """Whether the first step is still to come and will make the state."""
        return not any(self.state.values()) and any(self.counts_steps or self.slots_of(g) for g in self.param_groups)

    def begin(self, without: Container[int] = ()) -> list[Tensor]:
        """Make the state that the first step would make, of all parameters that need a gradient but those whose ids are
        `without`, and return these; none where it cannot be known before the step."""
        kind = type(self)
        plain = kind.step is Optimizer.step and kind._update_parameter is Optimizer._update_parameter
        if self._sharded or not plain or not all(self.starts_from_zero(g) for g in self.param_groups):
            return []
        begun = []
        for group in self.param_groups:
            for p in group["params"] if self.counts_steps or self.slots_of(group) else ():
                if p.requires_grad and id(p) not in without:
                    state = self.state[p]
                    self.init_state(state, p, group)
                    for name in self.slots_of(group):
                        if state[name] is None:
                            state[name] = wrap(namespace_of(p._array).zeros_like(p._array))
                    begun.append(p)
        return begun

    def starts_from_zero(self, group: dict[str, Any]) -> bool:
        """Whether a slot that the first step makes becomes what it would from zeros."""
        return True

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of the state tensors that a parameter of this group has."""
        return self.slots

    def init_state(self, state: dict[str, Any], p: Tensor, group: dict[str, Any]) -> None:
        """Fill a parameter's empty state: the step counter and a zero tensor for each slot."""
        if self.counts_steps:
            state["step"] = wrap(np.zeros((), np.float32))
        for name in self.slots_of(group):
            state[name] = wrap(namespace_of(p._array).zeros_like(p._array))

    def coefficients(self, group: dict[str, Any], step: int, state: dict[str, Any]) -> dict[str, Any]:
        """The numbers that `update` takes by name, for the `step`-th update of a parameter (from 1)."""
        raise NotImplementedError(f"{type(self).__name__} has no coefficients(): define it, or override step()")

    @staticmethod
    def update(xp, p, g, *state, **numbers) -> tuple:
        """The rule: the new parameter and the new state of a parameter `p` with gradient `g`. Pure and elementwise."""
        raise NotImplementedError("an Optimizer defines update(), or overrides step()")

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, with parameters replaced by their numbers in order of the groups."""
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        found = {"state": state, "param_groups": groups}
        for hook in self._state_dict_post_hooks.values():
            found = hook(self, found) or found
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave. ValueError if the groups or their sizes differ."""
        state_dict = dict(state_dict)
        for hook in self._load_state_dict_pre_hooks.values():
            state_dict = hook(self, state_dict) or state_dict
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(self.param_groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        by_number = dict(
            zip(
                itertools.chain.from_iterable(g["params"] for g in saved),
                itertools.chain.from_iterable(g["params"] for g in self.param_groups),
            )
        )
        state: defaultdict = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = by_number.get(key)
            state[key if p is None else p] = copy.deepcopy(value) if p is None else _fitted(p, value)
        groups = []
        for mine, loaded in zip(self.param_groups, saved):
            loaded["params"] = mine["params"]
            if "param_names" in mine and "param_names" not in loaded:
                loaded["param_names"] = mine["param_names"]
            for name, default in mine.items():
                loaded.setdefault(name, default)
            groups.append(loaded)
        self.state, self.param_groups = state, groups
        for hook in self._load_state_dict_post_hooks.values():
            hook(self)

    def register_step_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return other (args, kwargs)."""
        return Handle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Handle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` before `state_dict`."""
        return _registered(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; what it returns is used instead."""
        return _registered(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict`; what it returns is used instead."""
        return _registered(self._load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return _registered(self._load_state_dict_post_hooks, hook, prepend)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hooks()

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {i}"] if i == 0 else ["", f"Parameter Group {i}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _with_hooks(step: Callable) -> Callable:
    """`step` without recording, between the hooks that are registered."""

    def hooked(self, *args, **kwargs):
        if "_step_pre_hooks" not in self.__dict__:
            return step(
                self, *args, **kwargs
            )  # a wrapper around another optimizer, which left out this class's __init__
        for hook in (*_global_pre_hooks.values(), *self._step_pre_hooks.values()):
            replaced = hook(self, args, kwargs)
            if replaced is not None:
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
        try:
            if self._sharded and self.elementwise:
                result = self._step_on_shards(step, *args, **kwargs)
            else:
                result = step(self, *args, **kwargs)
        except MemoryError as error:
            raise out_of_memory(f"{type(self).__name__}.step", error) from None
        for hook in (*self._step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    hooked.__name__, hooked.__doc__ = "step", step.__doc__
    hooked.__wrapped__ = step
    return hooked


Optimizer.step = _with_hooks(Optimizer.step)


def _registered(hooks: OrderedDict, hook: Callable, prepend: bool) -> Handle:
    handle = Handle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _flat(arrays: Iterable) -> bool:
    """Whether all arrays lie in C order, so that they can be walked as vectors."""
    return all(a is None or a.flags.c_contiguous for a in arrays)


def _store(old, new) -> None:
    """Write a new value where the old one is."""
    if new is not old:
        old[...] = new


def _fitted(p: Tensor, value):
    """Loaded state of a parameter: tensors copied in the parameter's dtype, the step counter as it is."""
    if isinstance(p, DTensor) and isinstance(value, Tensor) and value.ndim:
        # The whole state of one process, or the shards that this run saved.
        return value.clone() if isinstance(value, DTensor) else p.layout_of(value)
    if isinstance(value, Tensor):
        array = value._array
        # Counters and running products are numbers of their own precision, not of the parameter's.
        same = array.dtype == p._array.dtype or array.dtype.kind in "biu" or (array.ndim == 0 and p._array.ndim > 0)
        array = array.copy() if same else array.astype(p._array.dtype)
        return wrap(moved(array, place_of(p._array)) if array.ndim else array)
    if isinstance(value, dict):
        return {
            k: wrap(v._array.copy()) if k == "step" and isinstance(v, Tensor) else _fitted(p, v)
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_fitted(p, v) for v in value)
    return copy.deepcopy(value)
