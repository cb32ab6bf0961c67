"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """`module(*args, **kwargs)` with the parameters and buffers of a mapping by path, or of several, for its own.

    tie_weights: what the module uses under two paths is replaced under both. strict: all must be given, and no others.
    The module is as before afterwards. ValueError for a path in two mappings, or for two values of tied parameters.
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, Mapping):
        joined: dict[str, Any] = {}
        for part in given:
            repeated = joined.keys() & part.keys()
            if repeated:
                raise ValueError(
                    f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
                )
            joined.update(part)
        given = joined
    values = _tied(module, given) if tie_weights else dict(given)
    if strict:
        _check_all(module, values)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, values):
        return module(*arguments, **(kwargs or {}))


def _own(module: Module) -> dict[str, Any]:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _tied(module: Module, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and the same ones under the other paths of what the module shares."""
    paths: dict[int, list[str]] = {}
    for path, held in _own(module).items():
        paths.setdefault(id(held), []).append(path)
    values = dict(given)
    for group in paths.values():
        present = [path for path in group if path in given]
        if len({id(given[path]) for path in present}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(present)}, which are tied. Consider using "
                "tie_weights=False"
            )
        if present:
            values.update((path, given[present[0]]) for path in group)
    return values


def _check_all(module: Module, values: Mapping[str, Any]) -> None:
    own = _own(module)
    missing, unexpected = sorted(own.keys() - values.keys()), sorted(values.keys() - own.keys())
    if missing or unexpected:
        raise RuntimeError(
            f"Error(s) in functional_call for {type(module).__name__}: missing key(s): {missing}; unexpected key(s): "
            f"{unexpected}."
        )


@contextmanager
def _replaced(module: Module, values: Mapping[str, Any]) -> Iterator[None]:
    """A block in which the module holds these values."""
    before: list[tuple[dict, str, Any]] = []
    try:
        for path, value in values.items():
            where, _, name = path.rpartition(".")
            holder = module.get_submodule(where)
            held = holder._parameters if name in holder._parameters else holder._buffers
            if name not in held:
                raise AttributeError(f"{holder._get_name()} has no attribute `{name}`")
            before.append((held, name, held[name]))
            held[name] = value
        yield
    finally:
        for held, name, value in reversed(before):
            held[name] = value
