"""Module: the base class of everything with parameters. Its attributes, its call, its text.

A module keeps parameters, buffers and child modules in three dictionaries; assigning an attribute puts it into
the right one. The walks over the tree, its state, hooks and conversions are mixed in from the files beside this one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..autograd.tape import Variable
from .casts import CastMethods
from .hooks import EVERYWHERE, HookMethods
from .parameter import Buffer, Parameter
from .state import StateMethods
from .tree import TreeMethods
from .trouble import located

_everywhere = EVERYWHERE.calls


def _forward_missing(self, *input: Any) -> None:
    """What calling the module computes: every subclass writes its own."""
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(TreeMethods, StateMethods, CastMethods, HookMethods):
    """The base class of layers and models: subclass it, make the parts in `__init__`, compute in `forward`.

    Parameters, buffers and modules assigned as attributes are registered: `parameters()`, `to()`, `state_dict()`
    and the like find them. Call `super().__init__()` before the first assignment.
    """

    dump_patches = False
    _version: int = 1
    call_super_init = False
    training: bool
    _compiled_call: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            name = type(self).__name__
            if kwargs:
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        self.__dict__.update(_empty())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # A variable, so that subclasses may give forward whatever parameters they need.
    forward: Callable[..., Any] = _forward_missing

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if (
                self._forward_hooks
                or self._forward_pre_hooks
                or self._backward_hooks
                or self._backward_pre_hooks
                or _everywhere
            ):
                return self._call_with_hooks(args, kwargs)
            if self._compiled_call is not None:
                return self._compiled_call(*args, **kwargs)
            return self.forward(*args, **kwargs)
        except (RuntimeError, ValueError, IndexError) as error:
            located(error, self, args)
            raise

    def compile(self, *, fullgraph: bool = False, dynamic: bool | None = None, **ignored: Any) -> None:
        """Run this module's `forward` as a compiled program from now on (see `taper.compile`)."""
        from ..compiler.api import Compiled

        self.__dict__["_compiled_call"] = Compiled(self.forward, fullgraph, dynamic)

    def _as_compiled(self, compiled: Callable[[Callable], Callable]) -> Module:
        """What `taper.compile` makes of this module; `compiled` compiles a function."""
        from .compiled import OptimizedModule

        return OptimizedModule(self, compiled)

    def __getstate__(self) -> dict:
        """What is pickled or copied: all but a compiled program, which stays in its process."""
        return {k: v for k, v in self.__dict__.items() if k != "_compiled_call"}

    def __setstate__(self, state: dict) -> None:
        """Restore from a pickle; what older versions did not store is filled in."""
        self.__dict__.update({**_empty(), **state})

    def __getattr__(self, name: str) -> Any:
        held = self.__dict__
        if "_modules" in held:
            # Written out: every `self.fc1` in a forward comes through here.
            kind = held["_parameters"]
            if name in kind:
                return kind[name]
            kind = held["_modules"]
            if name in kind:
                return kind[name]
            kind = held["_buffers"]
            if name in kind:
                return kind[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in held:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
            return
        if name in held.get("_parameters", ()):
            if value is not None:
                raise _wrong_kind(value, "parameter", name, "torch.nn.Parameter")
            self.register_parameter(name, None)
            return
        if isinstance(value, Module):
            if "_modules" not in held:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            self._modules[name] = EVERYWHERE.registered("module", self, name, value)
            return
        if name in held.get("_modules", ()):
            if value is not None:
                raise _wrong_kind(value, "child module", name, "torch.nn.Module")
            self._modules[name] = EVERYWHERE.registered("module", self, name, None)
            return
        buffers = held.get("_buffers", ())
        if name in buffers:
            if value is not None and not isinstance(value, Variable):
                raise _wrong_kind(value, "buffer", name, "torch.nn.Buffer, torch.Tensor")
            buffers[name] = EVERYWHERE.registered("buffer", self, name, value)
        elif isinstance(value, Buffer):
            if "_buffers" not in held:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for kind in (self._parameters, self._buffers, self._modules):
            if name in kind:
                del kind[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def _forget(self, name: str, keep: str) -> None:
        """Make room for an attribute that moves to the dictionary `keep`."""
        held = self.__dict__
        held.pop(name, None)
        for kind in ("_parameters", "_buffers", "_modules"):
            if kind != keep:
                held[kind].pop(name, None)
        if keep != "_buffers":
            self._non_persistent_buffers_set.discard(name)

    def __dir__(self) -> list[str]:
        names = [*super().__dir__(), *self._parameters, *self._modules, *self._buffers]
        return sorted({name for name in names if not name[0].isdigit()})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (None: a name whose parameter is absent). KeyError for a bad or taken name."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name(name, "parameter", self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None "
                    "required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    "explicitly. "
                    f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
                )
        self._parameters[name] = EVERYWHERE.registered("parameter", self, name, param)

    def register_buffer(self, name: str, tensor, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter. One that is not persistent is left out of `state_dict()`."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name(name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Variable):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = EVERYWHERE.registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under a name. KeyError for a bad or taken name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_name(name, "module", self._modules)
        self._modules[name] = EVERYWHERE.registered("module", self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """`add_module` under its other name."""
        self.add_module(name, module)

    def _check_name(self, name: str, kind: str, where: dict) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if hasattr(self, name) and name not in where:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(
                f'{kind} name can\'t contain ".", got: {name}'
                if kind == "module"
                else f'{kind} name can\'t contain "."'
            )
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def apply(self, fn: Callable[[Module], None]):
        """Call `fn` on every submodule, children before parents, and on this module; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True):
        """Set training mode (dropout drops, batch norm uses the batch) here and below; returns the module."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Set evaluation mode, the same as `train(False)`."""
        return self.train(False)

    def get_extra_state(self) -> Any:
        """What else belongs into `state_dict()`; a subclass that overrides it overrides `set_extra_state` too."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Define get_extra_state and "
            "set_extra_state together."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Define get_extra_state and "
            "set_extra_state together."
        )

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands in the brackets of this module's text, before its children."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        return bracketed(self._get_name(), lines, children)


def bracketed(name: str, lines: list[str], children: list[str]) -> str:
    """The text of a module: on one line if it has no children and at most one line about itself."""
    if len(lines) == 1 and not children:
        return f"{name}({lines[0]})"
    if not lines and not children:
        return f"{name}()"
    return f"{name}(\n  " + "\n  ".join(lines + children) + "\n)"


def indented(text: str) -> str:
    """The text with all lines but the first indented by two columns."""
    return text.replace("\n", "\n  ")


def _empty() -> dict[str, Any]:
    """The attributes of a module that has nothing yet."""
    return {
        "training": True,
        "_parameters": {},
        "_buffers": {},
        "_non_persistent_buffers_set": set(),
        "_backward_pre_hooks": OrderedDict(),
        "_backward_hooks": OrderedDict(),
        "_is_full_backward_hook": None,
        "_forward_hooks": OrderedDict(),
        "_forward_hooks_with_kwargs": OrderedDict(),
        "_forward_hooks_always_called": OrderedDict(),
        "_forward_pre_hooks": OrderedDict(),
        "_forward_pre_hooks_with_kwargs": OrderedDict(),
        "_state_dict_hooks": OrderedDict(),
        "_state_dict_pre_hooks": OrderedDict(),
        "_load_state_dict_pre_hooks": OrderedDict(),
        "_load_state_dict_post_hooks": OrderedDict(),
        "_modules": {},
    }


def _typename(value: Any) -> str:
    """A value's type as messages name it: with its module, unless it is a builtin."""
    cls = type(value)
    if isinstance(value, Variable) and cls.__name__ == "Tensor":
        return "torch.FloatTensor" if str(value.dtype) == "torch.float32" else value.type()
    module = cls.__module__
    return cls.__qualname__ if module in ("builtins", None) else f"{module}.{cls.__qualname__}"


def _wrong_kind(value: Any, kind: str, name: str, expected: str) -> TypeError:
    return TypeError(f"cannot assign '{_typename(value)}' as {kind} '{name}' ({expected} or None expected)")
