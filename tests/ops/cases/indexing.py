"""Indexing: `x[...]` and `x[...] = value`."""

from __future__ import annotations

from ..case import FLOATS, HALVES, INTEGERS, Case, Error, booleans, integers, real

X = real(3, 4, 5)
ROWS, COLUMNS = integers(2, 3, high=3), integers(2, 3, high=4, seed="j")
MASK = booleans(3, 4)
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
    Case("alias", lambda T, x: (x[...], x[()] ** 2), (X,)),
    Case(
        "index",
        lambda T, x, i, j: (x[i], x[i, j], x[:, j], x[i, :, j], x[0, :, j], x[..., i[0]]),
        (X, ROWS, COLUMNS),
        dtypes=EVERY,
    ),
    Case(
        "index.lists",
        lambda T, x: (x[[0, 2]], x[[0, 1], [1, 2]], x[:, [1, 1]], x[range(2)], x[[[0, 1], [1, 0]]], x[(0, 1)]),
        (X,),
    ),
    Case(
        "index.masks",
        lambda T, x, m: (x[m], x[m[:, 0]], x[:, m[0]], x[True], x[x > 0]),
        (X, MASK),
        smooth=False,
        second=False,
    ),
    Case(
        "index.mixed",
        lambda T, x, i, m: (x[m[:, 0], 1], x[i[0], None], x[None, i[0]], x[1:, i[0]], x[0, i[0], 1:]),
        (X, ROWS, MASK),
    ),
    Case(
        "index.negative",
        lambda T, x: (x[T.tensor([-1, 0, -1])], x[T.tensor(1)], x[T.tensor(1), T.tensor([0, 1])]),
        (X,),
    ),
    Case(
        "index.empty", lambda T, x: (x[[]], x[T.zeros(0, dtype=T.int64)], x[T.zeros(3, dtype=T.bool)]), (X,), grad=False
    ),
    Case(
        "index.scalar_masks", lambda T, x: (x[True], x[False], x[T.tensor(True)], x[None, True]), (real(3),), grad=False
    ),
    Case("add_at", lambda T, x, i, j: x[i, j] ** 2, (X, ROWS, COLUMNS), ops=("add_at", "index")),
    Case(
        "index_put",
        changed(lambda T, y, i, j, v: y.__setitem__((i, j), v)),
        (X, integers(2, 3, high=3, seed="u"), COLUMNS, real(5)),
        smooth=False,
    ),
    Case("index_put.accumulate", lambda T, x, i, v: x.index_put((i,), v, accumulate=True), (X, ROWS, real(4, 5))),
    Case("index_put.mask", changed(lambda T, y, m: y.__setitem__(m, 2.5)), (X, MASK), ops=("index_put",)),
    Case("index_put.slice", changed(_set((slice(None), 1), 7.0)), (X,), ops=("copy",)),
    Case("index_put.part", changed(lambda T, y, v: y.__setitem__((0, slice(1, 3)), v)), (X, real(5)), ops=("copy",)),
    Case("index_put.whole", changed(lambda T, y, v: y.__setitem__(Ellipsis, v)), (X, real(5)), ops=("copy",)),
    Case("index_put.view", changed(lambda T, y, v: y[0].mul_(v)), (X, real(5)), ops=("mul",)),
    Case(
        "index_put.views",
        changed(lambda T, y, v: (y[1:].t_() if y.ndim == 2 else y.transpose(0, 1)[1]).add_(v)),
        (X, real(5)),
        ops=("add",),
    ),
    Case(
        "index_put.prefix",
        changed(lambda T, y, v: y.__setitem__(T.tensor([0, 2]), v)),
        (X, real(1, 1, 4, 5)),
        ops=("index_put",),
    ),
    Case("index_put.row", changed(lambda T, y, v: y.__setitem__(1, v)), (X, real(1, 1, 5)), ops=("copy",)),
    Case(
        "index_put.masked_row",
        changed(lambda T, y, m, v: y.__setitem__(m, v)),
        (X, MASK, real(1, 5)),
        ops=("index_put",),
    ),
    Case(
        "index_put.composed",
        changed(lambda T, y, v: y[0].t().put_(T.tensor([0, 3]), v)),
        (X, real(2)),
        ops=("index_put",),
    ),
    Case(
        "index_put.dtypes",
        changed(lambda T, y, i: (y.__setitem__(i[0], 3), y.__setitem__((..., 0), 2.5), y.__setitem__(y > 2, True))),
        (X, ROWS),
        ops=("index_put",),
        dtypes=(*HALVES, *INTEGERS),
        grad=False,
    ),
    Case(
        "index.listed",
        lambda T, x: (x[[slice(1), 0]], x[[T.tensor(0), T.tensor(1)]], x[[None, 0]], x[[0.9, 1.2]]),
        (X,),
        second=False,
    ),
    Case(
        "index.contiguous", lambda T, x, i: (x[:, i].view(-1), x[..., i[0]].view(-1), x.mT[i, :, i].view(-1)), (X, ROWS)
    ),
    Error("index.int16", lambda T, x: x[T.tensor([1], dtype=T.int16)], IndexError, "must be long", (X,)),
    Error(
        "setitem.dtype", lambda T, x: x.__setitem__([0], T.ones(1, dtype=T.int8)), RuntimeError, "dtypes match", (X,)
    ),
    Error("setitem.value", lambda T, x: x.__setitem__(0, "a"), TypeError, "can't assign a str", (X,)),
    Error("setitem.complex", lambda T, x: x.__setitem__(0, 1j), RuntimeError, "without overflow", (X,)),
    Error(
        "setitem.values",
        lambda T, x: x.__setitem__([0, 1], T.ones(3, 5, dtype=x.dtype)),
        RuntimeError,
        "shape mismatch",
        (X,),
    ),
    Error(
        "setitem.overlap",
        lambda T, x: x[0, 0, :1].expand(3, 1).__setitem__((slice(None), 0), T.ones(3)),
        RuntimeError,
        "single memory location",
        (X,),
    ),
    Error(
        "index_put.dtype",
        lambda T, x: x.index_put((T.tensor([0]),), T.tensor(1, dtype=T.int8)),
        RuntimeError,
        "dtypes match",
        (X,),
    ),
    Error("index.range", lambda T, x: x[3], IndexError, "index 3 is out of bounds for dimension 0 with size 3", (X,)),
    Error("index.many", lambda T, x: x[0, 0, 0, 0], IndexError, "too many indices for tensor of dimension 3", (X,)),
    Error("index.zero_dim", lambda T, x: x[0], IndexError, "invalid index of a 0-dim tensor", (real(),)),
    Error(
        "index.advanced_range",
        lambda T, x: x[[0, 9]],
        IndexError,
        "index 9 is out of bounds for dimension 0 with size 3",
        (X,),
    ),
    Error("index.floats", lambda T, x: x[T.tensor([1.0])], IndexError, "must be long, int, byte or bool", (X,)),
    Error("index.string", lambda T, x: x["a"], TypeError, "invalid data type", (X,)),
    Error("index.step", lambda T, x: x[::-1], ValueError, "step must be greater than zero", (X,)),
    Error("index.mask_shape", lambda T, x: x[T.ones(2, dtype=T.bool)], IndexError, "shape of the mask", (X,)),
    Error("index.broadcast", lambda T, x: x[[0, 1], [0, 1, 2]], IndexError, "could not be broadcast", (X,)),
    Error("setitem.shape", lambda T, x: x.__setitem__(0, T.ones(7)), RuntimeError, "", (X,)),
    Error("setitem.leaf", lambda T, x: x.requires_grad_().__setitem__(0, 1.0), RuntimeError, "leaf Variable", (X,)),
    Error("len.zero_dim", lambda T, x: len(x), TypeError, "0-d tensor", (real(),)),
    Error("iter.zero_dim", lambda T, x: list(x), TypeError, "0-d tensor", (real(),)),
    Error("bool.many", lambda T, x: bool(x), RuntimeError, "ambiguous", (X,)),
]
