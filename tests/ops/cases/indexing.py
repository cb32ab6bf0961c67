"""Indexing, selection, gathering and scattering."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, INTEGERS, Case, Error, booleans, integers, real

X = real(3, 4, 5)
I, J = integers(2, 3, high=3), integers(2, 3, high=4, seed="j")
MASK = booleans(3, 4)
AT = integers(3, 2, 5, high=4)
EVERY = (*FLOATS, *HALVES, *INTEGERS)


def changed(edit):
    """A case of an assignment: on a result, so that history is kept."""
    def call(T, x, *rest):
        y = x * 1
        edit(T, y, *rest)
        return y
    return call


def _set(index, value):
    def edit(T, y, *rest):
        y[index] = value
    return edit


CASES = [
    Case("slice", lambda T, x: (x[1:], x[:, 1:3], x[..., ::2], x[:, :, -2:], x[5:], x[:]), (X,), dtypes=EVERY),
    Case("select", lambda T, x: (x[0], x[-1, 2], x[1, 2, 3], x[:, 0, 1:], x[..., -1], x.select(1, 2)), (X,)),
    Case("insert_axis", lambda T, x: (x[None], x[:, None, 1], x[..., None], x[0, None, :, None]), (X,)),
    Case("put_part", lambda T, x: x[1:, ::2] ** 2, (X,), ops=("put_part", "slice")),
    Case("index", lambda T, x, i, j: (x[i], x[i, j], x[:, j], x[i, :, j], x[0, :, j], x[..., i[0]]), (X, I, J), dtypes=EVERY),
    Case("index.lists", lambda T, x: (x[[0, 2]], x[[0, 1], [1, 2]], x[:, [1, 1]], x[range(2)], x[[[0, 1], [1, 0]]], x[(0, 1)]), (X,)),
    Case("index.masks", lambda T, x, m: (x[m], x[m[:, 0]], x[:, m[0]], x[True], x[x > 0]), (X, MASK), smooth=False, second=False),
    Case("index.mixed", lambda T, x, i, m: (x[m[:, 0], 1], x[i[0], None], x[None, i[0]], x[1:, i[0]], x[0, i[0], 1:]), (X, I, MASK)),
    Case("index.negative", lambda T, x: (x[T.tensor([-1, 0, -1])], x[T.tensor(1)], x[T.tensor(1), T.tensor([0, 1])]), (X,)),
    Case("index.empty", lambda T, x: (x[[]], x[T.zeros(0, dtype=T.int64)], x[T.zeros(3, dtype=T.bool)]), (X,), grad=False),
    Case("index.scalar_masks", lambda T, x: (x[True], x[False], x[T.tensor(True)], x[None, True]), (real(3),), grad=False),
    Case("add_at", lambda T, x, i, j: x[i, j] ** 2, (X, I, J), ops=("add_at", "index")),
    Case("index_put", changed(lambda T, y, i, j, v: y.__setitem__((i, j), v)), (X, integers(2, 3, high=3, seed="u"), J, real(5)), smooth=False),
    Case("index_put.accumulate", lambda T, x, i, v: x.index_put((i,), v, accumulate=True), (X, I, real(4, 5))),
    Case("index_put.mask", changed(lambda T, y, m: y.__setitem__(m, 2.5)), (X, MASK), ops=("index_put",)),
    Case("index_put.slice", changed(_set((slice(None), 1), 7.0)), (X,), ops=("copy",)),
    Case("index_put.part", changed(lambda T, y, v: y.__setitem__((0, slice(1, 3)), v)), (X, real(5)), ops=("copy",)),
    Case("index_put.whole", changed(lambda T, y, v: y.__setitem__(Ellipsis, v)), (X, real(5)), ops=("copy",)),
    Case("index_put.view", changed(lambda T, y, v: y[0].mul_(v)), (X, real(5)), ops=("mul",)),
    Case("index_put.views", changed(lambda T, y, v: (y[1:].t_() if y.ndim == 2 else y.transpose(0, 1)[1]).add_(v)), (X, real(5)), ops=("add",)),
    Case("where", lambda T, x, y, m: (T.where(m, x, y), T.where(m, x, 0.0), T.where(m, 1.0, y), x.where(m, y)), (real(3, 4), real(4), MASK)),
    Case("where.indices", lambda T, m: (*T.where(m), T.nonzero(m), *T.nonzero(m, as_tuple=True), T.argwhere(m)), (MASK,), grad=False, ops=("nonzero",)),
    Case("where.dtypes", lambda T, m, i, x: (T.where(m, i, 1.5), T.where(m, x.float(), i), T.where(m, 1, 2)), (MASK, integers(3, 4), real(3, 4)), grad=False),
    Case("masked_fill", lambda T, x, m: (x.masked_fill(m, -1.5), x.masked_fill(m, T.tensor(2.0, dtype=x.dtype))), (real(3, 4), MASK)),
    Case("masked_fill.inplace", lambda T, x, m: (x * 2).masked_fill_(m, 0.0) ** 2, (real(3, 4), MASK), ops=("masked_fill",)),
    Case("masked_select", lambda T, x, m: (x.masked_select(m), T.masked_select(x, m[:, :1]) ** 2), (real(3, 4), MASK), ops=("masked_select", "put_masked")),
    Case("put_masked", lambda T, x, m, s: x.masked_scatter(m, s) ** 2, (real(3, 4), MASK, real(12)), ops=("put_masked", "where")),
    Case("gather", lambda T, x, i: (x.gather(1, i), T.take_along_dim(x, i, 1)), (X, AT)),
    Case("gather.small", lambda T, x, i: x.gather(0, i), (X, integers(2, 2, 2, high=3))),
    Case("scatter_along", lambda T, x, i: x.gather(1, i) ** 2, (X, AT), ops=("gather", "scatter_along")),
    Case("scatter", lambda T, x, i, s: (x.scatter(1, i, s) ** 2, x.scatter(1, i, 1.5)), (X, np.tile(np.arange(2).reshape(1, 2, 1), (3, 1, 5)), real(3, 2, 5)), second=True),
    Case("scatter_add", lambda T, x, i, s: x.scatter_add(1, i, s) ** 2, (X, AT, real(3, 2, 5))),
    *[
        Case(f"scatter_reduce.{how}{self}", lambda T, x, i, s, how=how, self=self: x.scatter_reduce(1, i, s, how, include_self=self), (real(3, 4, 5, low=0.5), AT, real(3, 2, 5, low=0.5)), second=False)
        for how in ("sum", "prod", "mean", "amax", "amin") for self in (True, False)
    ],
    Case("index_select", lambda T, x, i: (x.index_select(1, i), T.index_select(x, -1, i) ** 2), (X, integers(6, high=4)), ops=("index_select", "add_rows")),
    Case("index_add", lambda T, x, i, s: (x.index_add(1, i, s), x.index_add(1, i, s, alpha=2)), (X, integers(2, high=4), real(3, 2, 5)), ops=("index_put",)),
    Case("index_copy", lambda T, x, s: x.index_copy(1, T.tensor([2, 0]), s) ** 2, (X, real(3, 2, 5)), ops=("index_put",)),
    Case("index_fill", lambda T, x: x.index_fill(1, T.tensor([2, 0]), 4.0), (X,), ops=("index_put",)),
    Case("take", lambda T, x, i: (x.take(i), T.take(x, i) ** 2), (X, integers(2, 3, high=60)), ops=("index",)),
    Case("narrow", lambda T, x: (x.narrow(1, 1, 2), T.narrow(x, 0, -2, 1)), (X,), ops=("slice",)),
    Case("select_scatter", lambda T, x, s: (T.select_scatter(x, s, 1, 2), T.slice_scatter(x, s.unsqueeze(1), 1, 0, 1)), (X, real(3, 5)), ops=("copy",)),
    Case("embedding", lambda T, w, i: (T.nn.functional.embedding(i, w) ** 2, T.nn.functional.embedding(i, w, padding_idx=1)), (real(5, 3), integers(2, 4, high=5)), smooth=False),
    Case("one_hot", lambda T, i: (T.nn.functional.one_hot(i), T.nn.functional.one_hot(i, 7)), (integers(2, 3),), grad=False),
    Error("index.range", lambda T, x: x[3], IndexError, "index 3 is out of bounds for dimension 0 with size 3", (X,)),
    Error("index.many", lambda T, x: x[0, 0, 0, 0], IndexError, "too many indices for tensor of dimension 3", (X,)),
    Error("index.zero_dim", lambda T, x: x[0], IndexError, "invalid index of a 0-dim tensor", (real(),)),
    Error("index.advanced_range", lambda T, x: x[[0, 9]], IndexError, "index 9 is out of bounds for dimension 0 with size 3", (X,)),
    Error("index.floats", lambda T, x: x[T.tensor([1.0])], IndexError, "must be long, int, byte or bool", (X,)),
    Error("index.string", lambda T, x: x["a"], IndexError, "", (X,), oracle=False),
    Error("index.step", lambda T, x: x[::-1], ValueError, "step must be greater than zero", (X,)),
    Error("index.mask_shape", lambda T, x: x[T.ones(2, dtype=T.bool)], IndexError, "shape of the mask", (X,)),
    Error("index.broadcast", lambda T, x: x[[0, 1], [0, 1, 2]], IndexError, "could not be broadcast", (X,)),
    Error("setitem.shape", lambda T, x: x.__setitem__(0, T.ones(7)), RuntimeError, "", (X,)),
    Error("setitem.leaf", lambda T, x: x.requires_grad_().__setitem__(0, 1.0), RuntimeError, "leaf Variable", (X,)),
    Error("gather.range", lambda T, x: x.gather(0, T.tensor([[[9]]])), RuntimeError, "out of bounds", (X,)),
    Error("gather.dims", lambda T, x: x.gather(0, T.tensor([0])), RuntimeError, "same number of dimensions", (X,)),
    Error("embedding.range", lambda T, w: T.nn.functional.embedding(T.tensor([5]), w), IndexError, "index out of range in self", (real(5, 3),)),
    Error("index_select.range", lambda T, x: x.index_select(0, T.tensor([7])), IndexError, "index out of range", (X,)),
    Error("masked_fill.mask", lambda T, x: x.masked_fill(T.ones(5), 1.0), RuntimeError, "boolean masks", (X,)),
    Error("len.zero_dim", lambda T, x: len(x), TypeError, "0-d tensor", (real(),)),
    Error("iter.zero_dim", lambda T, x: list(x), TypeError, "0-d tensor", (real(),)),
    Error("bool.many", lambda T, x: bool(x), RuntimeError, "ambiguous", (X,)),
]
