"""Trees of containers."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest

from taper.utils import _pytree as pytree

Point = namedtuple("Point", "x y")


def test_flattened_and_built_again():
    tree = {"a": [1, (2, None)], "b": OrderedDict(c=Point(3, [4]), d=())}
    leaves, spec = pytree.tree_flatten(tree)
    assert leaves == [1, 2, None, 3, 4] and spec.num_leaves == 5
    again = pytree.tree_unflatten(leaves, spec)
    assert again == tree and type(again["b"]["c"]) is Point and type(again["b"]) is OrderedDict
    assert pytree.tree_structure(again) == spec != pytree.tree_structure([1])
    with pytest.raises(ValueError, match="length 1"):
        pytree.tree_unflatten([1], spec)


def test_maps():
    assert pytree.tree_map(lambda a, b: a + b, [1, (2,)], [10, (20,)]) == [11, (22,)]
    assert pytree.tree_map_only(int, lambda x: x + 1, [1, "a"]) == [2, "a"]
    assert pytree.tree_all(lambda x: x > 0, {"a": 1, "b": [2]}) and not pytree.tree_any(lambda x: x > 2, [1, 2])
    with pytest.raises(ValueError, match="structure"):
        pytree.tree_map(lambda a, b: a, [1], (1,))


def test_own_containers():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    pytree.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda children, _: Pair(*children))
    made = pytree.tree_map(lambda x: x * 2, Pair(1, [2]))
    assert (made.a, made.b) == (2, [4])
    with pytest.raises(ValueError, match="already"):
        pytree.register_pytree_node(Pair, None, None)
