"""`vmap`: a function of single examples as a function of batches.

The function is called once for each example and the results are stacked, so anything that it may do is allowed; it
is not faster than the loop that it stands for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd.tape import Variable
from ..backends.making import making
from ..tensor import stack, zeros
from ..tensor.random import default_generator
from ..utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_map, tree_unflatten


def vmap(
    func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Callable:
    """The function that maps `func` over a dimension of its arguments and stacks what it returns.

    in_dims: an int for all arguments, or a tree of ints and None (not mapped) that fits them. out_dims: where the new
    dimension goes, likewise. randomness: "error" (random numbers are refused), "different" or "same" for all examples.
    ValueError for arguments without the dimension, of different sizes there, or results that are no tensors.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and not (chunk_size == "auto" or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None, 'auto', or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args, **kwargs):
        size, dims, leaves, spec = _batched_inputs(in_dims, args, func)
        if size == 0:
            return _of_nothing(func, dims, leaves, spec, out_dims, kwargs)
        before = _drawn() if randomness != "different" else None
        rows, out_spec = [], None
        for i in range(size):
            if randomness == "same" and i:
                default_generator.stream.set_state(before)
            example = [leaf if dim is None else leaf.select(dim, i) for leaf, dim in zip(leaves, dims)]
            row, out_spec = tree_flatten(func(*tree_unflatten(example, spec), **kwargs))
            rows.append(_checked(row, func))
        if randomness == "error" and _differ(before, _drawn()):
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )
        return _stacked(rows, out_spec, out_dims, func)

    return mapped


def _drawn():
    """Something that changes when random numbers are drawn: the generator's state, or what a captured step has drawn."""
    stream = default_generator.stream
    return stream.get_state() if making.constant is None else stream.drawn()


def _differ(a, b) -> bool:
    return bytes(bytearray(a)) != bytes(bytearray(b))


def _name(func) -> str:
    return getattr(func, "__name__", repr(func))


def _batched_inputs(in_dims, args: tuple, func):
    """The batch's size, the mapped dimension of each leaf of the arguments, the leaves and their structure."""
    start = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"{start}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: "
            f"{type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"{start}got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no inputs."
        )
    leaves, spec = tree_flatten(args)
    wanted = tuple(in_dims) if isinstance(in_dims, list) else in_dims
    dims = _broadcast_to_and_flatten(wanted, spec)
    if dims is None:
        raise ValueError(
            f"{start}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(wanted)[1]} but inputs has structure {spec}."
        )
    found = []
    for leaf, dim in zip(leaves, dims):
        if dim is not None and not isinstance(dim, int):
            raise ValueError(
                f"{start}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
            )
        if isinstance(dim, int) and not isinstance(leaf, Variable):
            raise ValueError(
                f"{start}Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if dim is not None and not -leaf.dim() <= dim < leaf.dim():
            raise ValueError(
                f"{start}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {leaf.dim()} so "
                f"expected in_dim to satisfy -{leaf.dim()} <= in_dim < {leaf.dim()}."
            )
        found.append(dim)
    sizes = [leaf.size(dim) for leaf, dim in zip(leaves, found) if dim is not None]
    if not sizes:
        raise ValueError("vmap: at least one of the in_dims must be an integer dimension")
    if any(s != sizes[0] for s in sizes):
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0], found, leaves, spec


def _checked(row: list, func) -> list:
    for leaf in row:
        if not isinstance(leaf, Variable):
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(leaf)}. Did you "
                "mean to set out_dims= to None for output?"
            )
    return row


def _out_dims(out_dims, spec, func) -> list:
    wanted = tuple(out_dims) if isinstance(out_dims, list) else out_dims
    if isinstance(wanted, tuple) and len(wanted) == 1 and spec.is_leaf():
        wanted = wanted[0]
    found = _broadcast_to_and_flatten(wanted, spec)
    if found is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {tree_flatten(wanted)[1]} but outputs has structure {spec}."
        )
    return found


def _stacked(rows: list, spec, out_dims, func):
    columns = []
    for column, dim in zip(zip(*rows), _out_dims(out_dims, spec, func)):
        columns.append(column[0] if dim is None else stack(list(column), dim))
    return tree_unflatten(columns, spec)


def _of_nothing(func, dims, leaves, spec, out_dims, kwargs):
    """A batch without examples: the function says the results' shapes for an example of zeros."""
    example = []
    for leaf, dim in zip(leaves, dims):
        if dim is None:
            example.append(leaf)
        else:
            shape = [n for i, n in enumerate(leaf.shape) if i != dim % leaf.dim()]
            example.append(zeros(shape, dtype=leaf.dtype))
    row, out_spec = tree_flatten(func(*tree_unflatten(example, spec), **kwargs))
    empty = _stacked([_checked(row, func)], out_spec, out_dims, func)
    found = iter(_out_dims(out_dims, out_spec, func))

    def cut(t):
        dim = next(found)
        return t if dim is None else t.narrow(dim, 0, 0)

    return tree_map(cut, empty)


def functionalize(func: Callable, *, remove: str = "mutations") -> Callable:
    """The function itself: a tape needs no rewriting of in-place operations."""
    return func
