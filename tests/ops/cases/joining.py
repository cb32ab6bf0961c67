"""Joining tensors, and splitting them into views."""

from __future__ import annotations

from ..case import HALVES, Case, Error, booleans, integers, real

X = real(2, 3, 4)

CASES = [
    Case(
        "cat",
        lambda T, x, y: (T.cat([x, y]), T.cat((x, x), dim=-1), T.hstack([x, y.expand(2, -1, -1)]) ** 2),
        (X, real(1, 3, 4)),
    ),
    Case(
        "cat.halves",
        lambda T, x: (T.cat([x, x[1:]]), T.stack((x, x), 1)),
        (X,),
        ops=("cat", "stack"),
        dtypes=HALVES,
        grad=False,
    ),
    Case(
        "cat.transposed",
        lambda T, x: (T.cat([x.mT, x.mT]).view(-1), T.stack([x.mT, x.mT]).view(-1)),
        (X,),
        ops=("cat", "stack"),
    ),
    Case(
        "cat.dtypes",
        lambda T, x, i, b: (T.cat([x, i]), T.cat([i, b]), T.cat([x.float(), x])),
        (real(3), integers(2), booleans(2)),
        second=False,
        smooth=False,
    ),
    Case("cat.legacy_empty", lambda T, x: T.cat([T.zeros(0, dtype=x.dtype), x]), (X,)),
    Case(
        "stack",
        lambda T, x, y: (
            T.stack([x, y]),
            T.stack([x, y], 1),
            T.stack([x, y], -1),
            T.vstack([x, y]),
            T.dstack([x, y]),
            T.column_stack([x, y]),
        ),
        (real(2, 3), real(2, 3, seed="y")),
    ),
    Case(
        "split",
        lambda T, x: (*x.split(2, 1), *x.split([1, 3], 2), *x.chunk(3, 2), *T.tensor_split(x, 3, 2), *x.hsplit(3)),
        (X,),
    ),
    Case("split.unused", lambda T, x: x.split(2, 2)[0] ** 2, (X,), ops=("split",)),
    Case("unbind", lambda T, x: (*x.unbind(1), *x), (X,)),
    Case("unbind.one", lambda T, x: x.unbind(2)[1] ** 2, (X,), ops=("unbind",)),
    Case(
        "unbind.empty", lambda T, x: [len(x.unbind(0)), len(list(x))], (real(0, 3),), ops=(), grad=False, strides=False
    ),
    Case(
        "split.cuts",
        lambda T, x: (
            *T.tensor_split(x, (1, 3), -1),
            *T.vsplit(x, [1]),
            *T.dsplit(x, 2),
            *x.split_with_sizes((0, 3), 1),
        ),
        (X,),
        ops=("split", "slice"),
    ),
    Case("block_diag", lambda T, x, y: T.block_diag(x, y), (real(2, 3), real(1, 2)), ops=("cat",)),
    Error("cat.sizes", lambda T, x: T.cat([x, x[:, :1]]), RuntimeError, "Sizes of tensors must match", (X,)),
    Error("cat.none", lambda T: T.cat([]), ValueError, "non-empty"),
    Error("stack.sizes", lambda T, x: T.stack([x, x[:1]]), RuntimeError, "equal size", (X,)),
    Error("stack.dim", lambda T, x: T.stack([x, x], dim=4), IndexError, "Dimension out of range", (X,)),
    Error("stack.none", lambda T: T.stack([]), RuntimeError, "non-empty TensorList"),
    Error("hstack.tensor", lambda T, x: T.hstack(x), TypeError, "must be tuple of Tensors", (X,)),
    Error("cat.number", lambda T, x: T.cat([x, 1]), TypeError, "expected Tensor as element 1", (X,)),
    Error("cat.zero_dim", lambda T, x: T.cat([x, x]), RuntimeError, "zero-dimensional", (real(),)),
    Error("unbind.zero_dim", lambda T, x: x.unbind(), IndexError, "no dimensions", (real(),)),
    Error("split.float", lambda T, x: x.split(2.0), TypeError, "must be tuple of ints", (X,)),
    Error("split.negative", lambda T, x: x.split(-1), RuntimeError, "non-negative", (X,)),
    Error("hsplit.uneven", lambda T, x: T.hsplit(x, 2), RuntimeError, "divisible", (X,)),
    Error("vsplit.vector", lambda T, x: T.vsplit(x, 1), RuntimeError, "at least 2", (real(3),)),
    Error("split.sum", lambda T, x: x.split([1, 1]), RuntimeError, "sum exactly", (real(3),)),
    Error("chunk.zero", lambda T, x: x.chunk(0), RuntimeError, "greater than 0", (X,)),
]
