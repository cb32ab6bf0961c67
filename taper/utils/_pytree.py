"""Trees of containers: flattening lists, tuples, dicts and the like into their leaves, and building them again."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

__all__ = [
    "LeafSpec",
    "PyTree",
    "TreeSpec",
    "register_pytree_node",
    "tree_all",
    "tree_any",
    "tree_flatten",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any


class _Kind(NamedTuple):
    """How one class of containers is taken apart and put together."""

    flatten: Callable[[Any], tuple[list, Any]]
    unflatten: Callable[[Iterable, Any], Any]


SUPPORTED_NODES: dict[type, _Kind] = {}


def register_pytree_node(cls: type, flatten_fn, unflatten_fn, **options) -> None:
    """Let trees contain `cls`: flatten_fn(obj) -> (children, context), unflatten_fn(children, context) -> obj.

    ValueError for a class that is known already.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = _Kind(flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _is_namedtuple(value) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields") and type(value) is not tuple


def _kind_of(value) -> type | None:
    cls = type(value)
    if cls in SUPPORTED_NODES:
        return cls
    return namedtuple if _is_namedtuple(value) else None


class namedtuple:
    """Stands for all named tuples."""


def _mapping(cls):
    return _Kind(lambda d: (list(d.values()), list(d.keys())), lambda values, keys: cls(zip(keys, values)))


register_pytree_node(list, lambda x: (x, None), lambda values, _: list(values))
register_pytree_node(tuple, lambda x: (list(x), None), lambda values, _: tuple(values))
SUPPORTED_NODES[dict] = _mapping(dict)
SUPPORTED_NODES[OrderedDict] = _mapping(OrderedDict)
register_pytree_node(
    defaultdict,
    lambda d: (list(d.values()), (d.default_factory, list(d.keys()))),
    lambda values, context: defaultdict(context[0], zip(context[1], values)),
)
register_pytree_node(deque, lambda d: (list(d), d.maxlen), lambda values, maxlen: deque(values, maxlen=maxlen))
register_pytree_node(namedtuple, lambda x: (list(x), type(x)), lambda values, cls: cls(*values))


class TreeSpec:
    """The structure of a tree: the class of its root, that class's context, and its children's structures."""

    __slots__ = ("type", "context", "children_specs", "num_leaves")

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]):
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves = sum(c.num_leaves for c in children_specs) if type is not None else 1

    @property
    def num_children(self) -> int:
        """The number of the root's children."""
        return len(self.children_specs)

    @property
    def num_nodes(self) -> int:
        """The number of nodes, leaves included."""
        return 1 + sum(c.num_nodes for c in self.children_specs)

    def is_leaf(self) -> bool:
        """Whether this stands for a leaf."""
        return self.type is None

    def unflatten(self, leaves: Iterable) -> PyTree:
        """A tree of this structure."""
        return tree_unflatten(leaves, self)

    def __eq__(self, other) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        mine, theirs = (self.type, self.context), (other.type, other.context)
        return mine == theirs and self.children_specs == other.children_specs

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves))

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        inner = ", ".join(map(repr, self.children_specs))
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inner}])"


class LeafSpec(TreeSpec):
    """The structure of a leaf."""

    __slots__ = ()

    def __init__(self):
        super().__init__(None, None, [])


def tree_flatten(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list, TreeSpec]:
    """The leaves of a tree, in order, and its structure. is_leaf: what to take for a leaf besides."""
    leaves: list = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree, leaves: list, is_leaf) -> TreeSpec:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind_of(tree)
    if kind is None:
        leaves.append(tree)
        return LeafSpec()
    children, context = SUPPORTED_NODES[kind].flatten(tree)
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_unflatten(leaves: Iterable, treespec: TreeSpec) -> PyTree:
    """The tree of a structure with these leaves. ValueError for another number of them than it has."""
    leaves = list(leaves)
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of TreeSpec but got item of type {type(treespec)}.")
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
            f"{treespec.num_leaves} items ({treespec})."
        )
    return _unflatten(iter(leaves), treespec)


def _unflatten(leaves: Iterator, spec: TreeSpec):
    if spec.type is None:
        return next(leaves)
    return SUPPORTED_NODES[spec.type].unflatten([_unflatten(leaves, c) for c in spec.children_specs], spec.context)


def tree_leaves(tree: PyTree, is_leaf=None) -> list:
    """The leaves of a tree."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf=None) -> Iterator:
    """The leaves of a tree, one by one."""
    yield from tree_leaves(tree, is_leaf)


def tree_structure(tree: PyTree, is_leaf=None) -> TreeSpec:
    """The structure of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable, tree: PyTree, *rests: PyTree, is_leaf=None) -> PyTree:
    """The tree of `func(leaf, ...)` over trees of one structure."""
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves]
    for rest in rests:
        other, its_spec = tree_flatten(rest, is_leaf)
        if its_spec != spec:
            raise ValueError(f"tree_map: the trees differ in structure: {spec} and {its_spec}")
        columns.append(other)
    return tree_unflatten([func(*row) for row in zip(*columns)], spec)


def tree_map_(func: Callable, tree: PyTree, *rests: PyTree, is_leaf=None) -> PyTree:
    """Call `func` on every leaf; returns the tree."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(kind, func: Callable, tree: PyTree, is_leaf=None) -> PyTree:
    """The tree with `func(leaf)` for leaves of a class, a tuple of classes or a predicate; others as they are."""
    wanted = kind if callable(kind) and not isinstance(kind, type) else lambda leaf: isinstance(leaf, kind)
    return tree_map(lambda leaf: func(leaf) if wanted(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf=None) -> bool:
    """Whether all leaves fulfil a condition."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf=None) -> bool:
    """Whether a leaf fulfils a condition."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def _broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec, is_leaf=None) -> list | None:
    """A tree that is a prefix of a structure, one leaf for each of the structure's; None if it is no prefix."""
    if is_leaf is not None and is_leaf(tree) or _kind_of(tree) is None:
        return [tree] * treespec.num_leaves
    if treespec.is_leaf() or _kind_of(tree) is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[treespec.type].flatten(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    found: list = []
    for child, spec in zip(children, treespec.children_specs):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found += part
    return found
