"""Nested tuples, lists, dicts and dataclasses as a flat list of leaves and a tree that puts them back."""

from __future__ import annotations

from collections import OrderedDict


def flatten(value) -> tuple[list, object]:
    """The leaves of nested containers, and their tree; named tuples and dataclasses keep their type."""
    leaves: list = []
    return leaves, _tree(value, leaves, ())


def _tree(value, leaves: list, inside: tuple):
    """inside: the dataclasses that the value is in. Where it is one of them, the tree is its place among them."""
    kind = type(value)
    if kind in (tuple, list) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return kind, [_tree(v, leaves, inside) for v in value]
    if kind is dict or kind is OrderedDict:
        return kind, [(k, _tree(v, leaves, inside)) for k, v in value.items()]
    if hasattr(kind, "__dataclass_fields__") and not isinstance(value, (tuple, list, dict)):
        for place, outer in enumerate(inside):
            if outer is value:
                return place
        names = getattr(value, "__dict__", kind.__dataclass_fields__)
        inside = (*inside, value)
        return kind, [(n, _tree(getattr(value, n), leaves, inside)) for n in names if hasattr(value, n)]
    leaves.append(value)
    return None


def rebuild(tree, leaves):
    """The value that `flatten` took apart, with other leaves."""
    return _rebuild(tree, iter(leaves), ())


def _rebuild(tree, leaves, inside: tuple):
    if tree is None:
        return next(leaves)
    if tree.__class__ is int:
        return inside[tree]
    kind, parts = tree
    if kind is dict or kind is OrderedDict:
        return kind((k, _rebuild(t, leaves, inside)) for k, t in parts)
    if hasattr(kind, "__dataclass_fields__") and not issubclass(kind, tuple):
        made = object.__new__(kind)
        for name, part in parts:
            object.__setattr__(made, name, _rebuild(part, leaves, (*inside, made)))
        return made
    made = [_rebuild(t, leaves, inside) for t in parts]
    return kind(*made) if hasattr(kind, "_fields") else kind(made)
