"""Nested tuples, lists and dicts as a flat list of leaves and a tree that puts them back."""

from __future__ import annotations


def flatten(value) -> tuple[list, object]:
    """The leaves of nested containers, and their tree; named tuples keep their type."""
    leaves: list = []
    return leaves, _tree(value, leaves)


def _tree(value, leaves: list):
    kind = type(value)
    if kind in (tuple, list) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return kind, [_tree(v, leaves) for v in value]
    if kind is dict:
        return dict, [(k, _tree(v, leaves)) for k, v in value.items()]
    leaves.append(value)
    return None


def rebuild(tree, leaves):
    """The value that `flatten` took apart, with other leaves."""
    return _rebuild(tree, iter(leaves))


def _rebuild(tree, leaves):
    if tree is None:
        return next(leaves)
    kind, parts = tree
    if kind is dict:
        return {k: _rebuild(t, leaves) for k, t in parts}
    made = [_rebuild(t, leaves) for t in parts]
    return kind(*made) if hasattr(kind, "_fields") else kind(made)
