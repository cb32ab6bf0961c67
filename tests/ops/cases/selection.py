"""Selection by masks and positions, scattering."""

from __future__ import annotations

import numpy as np

from ..case import HALVES, Case, Error, booleans, distinct, integers, real

X = real(3, 4, 5)
MASK = booleans(3, 4)
AT = integers(3, 2, 5, high=4)

CASES = [
    Case(
        "where",
        lambda T, x, y, m: (T.where(m, x, y), T.where(m, x, 0.0), T.where(m, 1.0, y), x.where(m, y)),
        (real(3, 4), real(4), MASK),
    ),
    Case(
        "where.indices",
        lambda T, m: (*T.where(m), T.nonzero(m), *T.nonzero(m, as_tuple=True), T.argwhere(m)),
        (MASK,),
        grad=False,
        ops=("nonzero",),
    ),
    Case(
        "where.dtypes",
        lambda T, m, i, x: (T.where(m, i, 1.5), T.where(m, x.float(), i), T.where(m, 1, 2)),
        (MASK, integers(3, 4), real(3, 4)),
        grad=False,
    ),
    Case(
        "masked_fill",
        lambda T, x, m: (x.masked_fill(m, -1.5), x.masked_fill(m, T.tensor(2.0, dtype=x.dtype))),
        (real(3, 4), MASK),
    ),
    Case(
        "masked_fill.inplace",
        lambda T, x, m: (x * 2).masked_fill_(m, 0.0) ** 2,
        (real(3, 4), MASK),
        ops=("masked_fill",),
    ),
    Case(
        "masked_select",
        lambda T, x, m: (x.masked_select(m), T.masked_select(x, m[:, :1]) ** 2),
        (real(3, 4), MASK),
        ops=("masked_select", "put_masked"),
    ),
    Case(
        "put_masked",
        lambda T, x, m, s: x.masked_scatter(m, s) ** 2,
        (real(3, 4), MASK, real(12)),
        ops=("put_masked", "where"),
    ),
    Case("gather", lambda T, x, i: (x.gather(1, i), T.take_along_dim(x, i, 1)), (X, AT)),
    Case("gather.small", lambda T, x, i: x.gather(0, i), (X, integers(2, 2, 2, high=3))),
    Case("scatter_along", lambda T, x, i: x.gather(1, i) ** 2, (X, AT), ops=("gather", "scatter_along")),
    Case(
        "scatter",
        lambda T, x, i, s: (x.scatter(1, i, s) ** 2, x.scatter(1, i, 1.5)),
        (X, np.tile(np.arange(2).reshape(1, 2, 1), (3, 1, 5)), real(3, 2, 5)),
        second=True,
    ),
    Case("scatter_add", lambda T, x, i, s: x.scatter_add(1, i, s) ** 2, (X, AT, real(3, 2, 5))),
    *[
        Case(
            f"scatter_reduce.{how}{self}",
            lambda T, x, i, s, how=how, self=self: x.scatter_reduce(1, i, s, how, include_self=self),
            (real(3, 4, 5, low=0.5), AT, real(3, 2, 5, low=0.5)),
            second=False,
        )
        for how in ("sum", "prod", "mean", "amax", "amin")
        for self in (True, False)
    ],
    Case(
        "scatter_reduce.zeros",
        lambda T, x, s: (x * 0).scatter_reduce(0, T.tensor([0, 0, 1, 2]), s * T.tensor([0.0, 1.0, 0.0, 1.0]), "prod"),
        (real(3), real(4)),
        second=False,
        smooth=False,
    ),
    Case(
        "scatter_reduce.ints",
        lambda T, x, i, s: [x.scatter_reduce(1, i, s, how) for how in ("sum", "prod", "mean", "amax", "amin")],
        (integers(3, 4, 5), AT, integers(3, 2, 5, low=1, high=4, seed="s")),
        grad=False,
    ),
    Case(
        "scatter.reduce",
        lambda T, x, i: (x.scatter(1, i, 2.0, reduce="multiply"), x.scatter(1, i, x[:, :2] + 1, reduce="add")),
        (X, AT),
        ops=("scatter_reduce",),
        grad=False,
    ),
    Case(
        "scatter.halves",
        lambda T, x, i: (x.scatter(1, i, 1), x.gather(1, i), x.scatter_add(1, i * 0, x[:, :2] / 4)),
        (X, AT),
        ops=("scatter", "gather"),
        dtypes=HALVES,
        grad=False,
    ),
    Case(
        "put",
        lambda T, x, v: (x.put(T.tensor([1, -1]), v), x.put(T.tensor([0, 0]), v, accumulate=True)),
        (X, real(2)),
        ops=("index_put",),
    ),
    Case(
        "index_reduce",
        lambda T, x, s: x.index_reduce(0, T.tensor([1, 0, 1]), s, "prod", include_self=False),
        (real(2, 3, low=0.5), real(3, 3, low=0.5)),
        ops=("scatter_reduce",),
        second=False,
    ),
    Case("diagonal_scatter", lambda T, x, s: T.diagonal_scatter(x, s, 1) ** 2, (real(3, 4), real(3)), ops=("copy",)),
    Error(
        "take_along_dim.beyond",
        lambda T, x: T.take_along_dim(x, T.tensor([0, 99])),
        RuntimeError,
        "index 99 is out of bounds",
        (X,),
    ),
    Case(
        "take_along_dim",
        lambda T, x: (T.take_along_dim(x, T.tensor([[0], [3], [-1]]), 1), T.take_along_dim(x, T.tensor([5, 0]))),
        (real(3, 4),),
        ops=("gather",),
    ),
    Case("repeat_interleave.counts", lambda T: (T.repeat_interleave(T.tensor([2, 0, 3])),), (), ops=(), grad=False),
    Case(
        "index_select",
        lambda T, x, i: (x.index_select(1, i), T.index_select(x, -1, i) ** 2),
        (X, integers(6, high=4)),
        ops=("index_select", "add_rows"),
    ),
    Case(
        "index_add",
        lambda T, x, i, s: (x.index_add(1, i, s), x.index_add(1, i, s, alpha=2)),
        (X, integers(2, high=4), real(3, 2, 5)),
        ops=("index_put",),
    ),
    Case(
        "index_copy", lambda T, x, s: x.index_copy(1, T.tensor([2, 0]), s) ** 2, (X, real(3, 2, 5)), ops=("index_put",)
    ),
    Case("index_fill", lambda T, x: x.index_fill(1, T.tensor([2, 0]), 4.0), (X,), ops=("index_put",)),
    Case("take", lambda T, x, i: (x.take(i), T.take(x, i) ** 2), (X, integers(2, 3, high=60)), ops=("index",)),
    Case("narrow", lambda T, x: (x.narrow(1, 1, 2), T.narrow(x, 0, -2, 1)), (X,), ops=("slice",)),
    Case(
        "select_scatter",
        lambda T, x, s: (T.select_scatter(x, s, 1, 2), T.slice_scatter(x, s.unsqueeze(1), 1, 0, 1)),
        (X, real(3, 5)),
        ops=("copy",),
    ),
    Case(
        "embedding",
        lambda T, w, i: (T.nn.functional.embedding(i, w) ** 2, T.nn.functional.embedding(i, w, padding_idx=1)),
        (real(5, 3), integers(2, 4, high=5)),
        smooth=False,
    ),
    Case(
        "one_hot",
        lambda T, i: (T.nn.functional.one_hot(i), T.nn.functional.one_hot(i, 7)),
        (integers(2, 3),),
        grad=False,
    ),
    Error(
        "index_add.shapes",
        lambda T, x: x.index_add(0, T.tensor([0]), x[:1, :1]),
        RuntimeError,
        "source tensor shape",
        (X,),
    ),
    Error(
        "index_add.range", lambda T, x: x.index_add(0, T.tensor([9]), x[:1]), RuntimeError, "index 9 is out of", (X,)
    ),
    Error("index_add.vector", lambda T, x: x[0, 0].index_add(0, T.tensor([9]), x[0, 0, :1]), IndexError, "range", (X,)),
    Error("index_add.middle", lambda T, x: x.index_add(1, T.tensor([9]), x[:, :1]), IndexError, "range", (X,)),
    Error(
        "index_copy.dims", lambda T, x: x[0].index_copy(0, T.tensor([0]), x[0, 0]), IndexError, "dimensionality", (X,)
    ),
    Error(
        "index_select.number", lambda T, x: x[0, 0, 0].index_select(0, T.tensor([0, 0])), RuntimeError, "scalar", (X,)
    ),
    Error(
        "index_add.number", lambda T, x: x[0, 0, 0].index_add(0, T.tensor([1]), x[0, 0, 0]), IndexError, "range", (X,)
    ),
    *[
        Error(
            f"index_put.shape.{add}",
            lambda T, x, add=add: x[0].index_put((T.tensor([0, 1]),), x[0, 0, :4], accumulate=add),
            RuntimeError,
            "value tensor of shape .4. cannot be broadcast to indexing result of shape .2, 5.",
            (X,),
        )
        for add in (False, True)
    ],
    Error("where.overflow", lambda T, x: T.where(x > 0, x.byte(), 300), RuntimeError, "overflow", (X,)),
    Error("where.condition", lambda T, x: T.where(x, x, x), RuntimeError, "boolean", (X,)),
    Error(
        "where.shapes", lambda T, x: T.where(T.ones(7, dtype=T.bool), x, x), RuntimeError, "must match the size", (X,)
    ),
    Error("masked_fill.value", lambda T, x: x.masked_fill(x > 0, T.ones(2)), RuntimeError, "0-dimensional", (X,)),
    Error(
        "masked_fill.overflow",
        lambda T, x: x.to(T.uint8).masked_fill(x > 0, 300),
        RuntimeError,
        "without overflow",
        (X,),
    ),
    Error(
        "masked_scatter.few",
        lambda T, x: x.masked_scatter(x == x, x[0]),
        RuntimeError,
        "Number of elements of source",
        (X,),
    ),
    Error("gather.dtype", lambda T, x: x.gather(0, T.zeros(1, 1, 1)), RuntimeError, "Expected dtype int", (X,)),
    Error("scatter.range", lambda T, x: x.scatter(0, T.tensor([[[9]]]), 1.0), RuntimeError, "out of bounds", (X,)),
    Error(
        "scatter.dtype",
        lambda T, x: x.scatter_add(0, T.tensor([[[0]]]), T.ones(1, 1, 1, dtype=T.int8)),
        RuntimeError,
        "self.dtype to be equal to src.dtype",
        (X,),
    ),
    Error(
        "scatter_reduce.how",
        lambda T, x: x.scatter_reduce(0, T.tensor([[[0]]]), x, "median"),
        RuntimeError,
        "reduce argument must be",
        (X,),
    ),
    Error("index_add.count", lambda T, x: x.index_add(0, T.tensor([0]), x), RuntimeError, "Number of indices", (X,)),
    Error("index_copy.range", lambda T, x: x.index_copy(0, T.tensor([9]), x[:1]), IndexError, "out of range", (X,)),
    Error("take.range", lambda T, x: x.take(T.tensor([60])), IndexError, "out of range", (X,)),
    Error("narrow.long", lambda T, x: x.narrow(0, 2, 2), RuntimeError, "exceeds dimension size", (X,)),
    Error("narrow.start", lambda T, x: x.narrow(0, 5, 0), IndexError, "start out of range", (X,)),
    Error("select.range", lambda T, x: x.select(0, 3), IndexError, "out of range", (X,)),
    Error(
        "repeat_interleave.count",
        lambda T, x: x.repeat_interleave(T.tensor([1, 2]), 0),
        RuntimeError,
        "same size as input",
        (X,),
    ),
    Error("one_hot.negative", lambda T: T.nn.functional.one_hot(T.tensor([-1])), RuntimeError, "non-negative"),
    Error(
        "one_hot.small", lambda T: T.nn.functional.one_hot(T.tensor([3]), 3), RuntimeError, "smaller than num_classes"
    ),
    Error("gather.range", lambda T, x: x.gather(0, T.tensor([[[9]]])), RuntimeError, "out of bounds", (X,)),
    Error("gather.dims", lambda T, x: x.gather(0, T.tensor([0])), RuntimeError, "same number of dimensions", (X,)),
    Error(
        "embedding.range",
        lambda T, w: T.nn.functional.embedding(T.tensor([5]), w),
        IndexError,
        "index out of range in self",
        (real(5, 3),),
    ),
    Error("index_select.range", lambda T, x: x.index_select(0, T.tensor([7])), IndexError, "index out of range", (X,)),
    Error("masked_fill.mask", lambda T, x: x.masked_fill(T.ones(5), 1.0), RuntimeError, "boolean masks", (X,)),
    Case(
        "gather.nothing",
        lambda T, x: T.gather(x, 0, T.zeros(2, 0, 1, dtype=T.uint8)),
        (X,),
        ops=("gather",),
        smooth=False,
    ),
    Case(
        "index_fill.twice",
        lambda T, x, v: (x.index_fill(1, T.tensor([0, 2, 0, 3]), v), v.index_fill(0, T.tensor([0]), v)),
        (X, real()),
        ops=("masked_fill",),
    ),
    Case(
        "index_reduce.number",
        lambda T, v: (
            v.index_reduce(0, T.tensor([0]), v * 2, "prod"),
            v.reshape(1).index_reduce(0, T.tensor([0, 0]), T.stack([v, v * 3]), "mean"),
        ),
        (real(),),
        ops=("scatter_reduce",),
    ),
    # Zeros among the factors: their products with others still have second derivatives.
    Case(
        "scatter_reduce.products_with_zeros",
        lambda T, x, s: T.scatter_reduce(x, 1, T.tensor([[0, 0, 1], [0, 1, 0]]), s, "prod"),
        (np.array([[1.5, 2.0], [0.0, 4.0]]), np.array([[0.0, 7.0, 3.0], [2.0, 0.0, 5.0]])),
    ),
    Case(
        "as_strided_scatter",
        lambda T, x, s: (
            x.as_strided_scatter(s, (2, 2), (1, 4), 1),
            T.as_strided_scatter(x[1:], s, (2, 2), (1, 2)),
        ),
        (X, real(2, 2)),
        ops=("as_strided",),
        grad=False,
        strides=False,
    ),
    Case(
        "nonzero.static",
        lambda T, x: (T.nonzero_static(x > 0, size=3), x.nonzero_static(size=90, fill_value=-7)),
        (X,),
        ops=("nonzero",),
        grad=False,
    ),
    Case(
        "unravel_index",
        lambda T, i: (*T.unravel_index(i, (2, 3, 4)), *T.unravel_index(i, 5)),
        (integers(2, 3, high=24),),
        ops=("remainder",),
        grad=False,
    ),
    Error("unravel_index.floats", lambda T, x: T.unravel_index(x, (2, 3)), TypeError, "integer dtype", (X,)),
    Error("unravel_index.shape", lambda T, i: T.unravel_index(i, (-2, 3)), ValueError, "negative", (integers(2),)),
    Error(
        "gather.out",
        lambda T, x: T.gather(x, 0, T.zeros(1, 1, 1, dtype=T.long), out=T.empty(1, 1, 1, dtype=T.int8)),
        RuntimeError,
        "Expected out tensor to have dtype",
        (X,),
    ),
    Error(
        "take.overlap",
        lambda T, x: T.take(x, T.tensor([1, 0]), out=x[0, 0, :2]),
        RuntimeError,
        "refer to a single",
        (X,),
    ),
    Error(
        "masked_select.out_overlap",
        lambda T, x: T.masked_select(x, x > 9, out=x[0, 0, :1].expand(3)),
        RuntimeError,
        "more than one element",
        (X,),
    ),
    Error("cat.out_overlap", lambda T, x: T.cat([x, x], out=x), RuntimeError, "refer to a single", (real(2, 3),)),
    Error("nonzero.out", lambda T, x: T.nonzero(x, as_tuple=True, out=x.long()), RuntimeError, "as_tuple", (X,)),
    Error("narrow.starts", lambda T, x: x.narrow(0, T.tensor([0, 1]), 1), RuntimeError, "0-dim integral", (X,)),
    Error(
        "index_reduce.bools",
        lambda T, x: (x > 0).index_reduce(0, T.tensor([0]), x[:1] > 0, "mean"),
        NotImplementedError,
        "index_func_",
        (X,),
    ),
    Case(
        "segment_reduce",
        lambda T, x: tuple(
            T.segment_reduce(x, how, lengths=T.tensor([2, 0, 3]), initial=initial)
            for how in ("sum", "mean", "max", "min", "prod")
            for initial in (None, 0.5)
        ),
        (distinct(5, 2),),
        ops=("scatter_reduce",),
        grad=False,
    ),
    Case(
        "segment_reduce.rows",
        lambda T, x: (
            T.segment_reduce(x, "sum", lengths=T.tensor([[1, 3], [4, 0]]), axis=1),
            T.segment_reduce(x, "mean", offsets=T.tensor([[0, 1, 4], [0, 2, 4]]), axis=1),
            T.segment_reduce(x, "max", lengths=T.tensor([[1, 2], [2, 1]]), axis=1, unsafe=True),
            T.segment_reduce(x, "prod", lengths=T.tensor([[1, 3], [2, 2]]), axis=1),
        ),
        (distinct(2, 4, 2),),
        ops=("scatter_reduce",),
        second=False,
    ),
    Error(
        "segment_reduce.sum",
        lambda T, x: T.segment_reduce(x, "sum", lengths=T.tensor([1, 1])),
        RuntimeError,
        "",
        (real(5),),
    ),
]
