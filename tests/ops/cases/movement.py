"""Shape, order, joining and splitting."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, INTEGERS, Case, Error, booleans, integers, real

X = real(2, 3, 4)
EVERY = (*FLOATS, *HALVES, *INTEGERS)

CASES = [
    Case("astype", lambda T, x: (x.float().double(), x.to(T.float64), x.half().double()), (X,), second=False, smooth=False, dtypes=("float64",)),
    Case("astype.ints", lambda T, x: (x.int(), x.long(), x.bool(), x.to(T.uint8), x.to(T.complex64)), (real(5, low=0, high=9),), grad=False),
    Case("clone", lambda T, x: (x.clone(), x.T.clone() * 1, x.transpose(0, 1).contiguous()), (X,), ops=("clone", "mul")),
    Case("copy", lambda T, x, y: (x * 1).copy_(y), (X, real(3, 4)), ops=("copy", "mul")),
    Case("fill", lambda T, x: ((x * 2).fill_(3.0) + x, (x * 2).zero_()), (X,), ops=("fill",), second=False),
    Case("reshape", lambda T, x: (x.reshape(4, 6), x.view(-1), x.flatten(1), x.ravel(), T.unflatten(x, 2, (2, -1))), (X,), dtypes=EVERY, strides=False),
    Case("reshape.copy", lambda T, x: x.transpose(0, 2).reshape(-1), (X,)),
    Case("reshape.empty", lambda T, x: (x.reshape(0, 5), x.reshape(-1, 2).view(2, 0)), (real(2, 0),), grad=False),
    Case("squeeze", lambda T, x: (x.squeeze(), x.squeeze(1), x.squeeze((0, 1)), x.squeeze(-1)), (real(1, 1, 3),)),
    Case("unsqueeze", lambda T, x: (x.unsqueeze(0), x.unsqueeze(-1), x[None, :, None]), (X,), ops=("unsqueeze", "insert_axis")),
    Case("permute", lambda T, x: (x.permute(2, 0, 1), x.movedim(0, -1), x.T if x.ndim == 2 else x.mT), (X,)),
    Case("transpose", lambda T, x: (x.transpose(0, 2), x.swapaxes(1, -1)), (X,)),
    Case("t", lambda T, x: (x.t(), x.t().t()), (real(2, 3),)),
    Case("expand", lambda T, x: (x.expand(2, 3, 4), x.expand(-1, 4), T.broadcast_to(x, (5, 3, 4))), (real(3, 1),)),
    Case("bits", lambda T, x: (x.view(T.int64), x.view(T.uint8)), (X,), grad=False, dtypes=("float64",), strides=False),
    Case("as_strided", lambda T, x: (x.as_strided((2, 2), (1, 3), 1), T.as_strided(x * 1, (3, 3), (1, 1))), (real(4, 4),), second=False, strides=False),
    Case("add_strided", lambda T, x: x.as_strided((3, 3), (1, 1)) ** 2, (real(9),), ops=("add_strided", "as_strided"), strides=False),
    Case("unfold", lambda T, x: x.unfold(1, 3, 2), (real(2, 9),), ops=("unfold", "add_windows")),
    Case("unfold.square", lambda T, x: x.unfold(-1, 3, 1) ** 2, (real(2, 9),), ops=("unfold", "add_windows")),
    Case("flip", lambda T, x: (x.flip(0), x.flip(0, 2), T.fliplr(x), T.flipud(x)), (X,)),
    Case("roll", lambda T, x: (x.roll(1), x.roll((1, -2), (0, 2)), x.rot90(1, (0, 1)), x.rot90(3, (1, 2))), (X,)),
    Case("repeat", lambda T, x: (x.repeat(2, 1, 3), T.tile(x, (2,)), x.repeat(2, 2, 1, 1)), (X,)),
    Case("repeat_interleave", lambda T, x: (x.repeat_interleave(2, 1), x.repeat_interleave(T.tensor([1, 0, 2]), 1), x.repeat_interleave(2)), (X,), ops=("repeat_interleave", "add_rows")),
    Case("diagonal", lambda T, x: (x.diagonal(), x.diagonal(1, 0, 2), T.diag(x[0], 1)), (X,)),
    Case("put_diagonal", lambda T, x: (T.diag(x), T.diag_embed(x, 1), T.diagflat(x, -1), T.diag(x) ** 2), (real(3),)),
    Case("tril", lambda T, x: (x.tril(), x.tril(-1)), (X,)),
    Case("triu", lambda T, x: (x.triu(), x.triu(1)), (X,)),
    Case("cat", lambda T, x, y: (T.cat([x, y]), T.cat((x, x), dim=-1), T.hstack([x, y.mT.mT.reshape(1, 12).reshape(1, 3, 4)[:, :2].reshape(1, 2, 4).new_zeros(2, 1, 4)])),
         (X, real(1, 3, 4))),
    Case("cat.dtypes", lambda T, x, i, b: (T.cat([x, i]), T.cat([i, b]), T.cat([x.float(), x])), (real(3), integers(2), booleans(2)), second=False, smooth=False),
    Case("cat.legacy_empty", lambda T, x: T.cat([T.zeros(0, dtype=x.dtype), x]), (X,)),
    Case("stack", lambda T, x, y: (T.stack([x, y]), T.stack([x, y], 1), T.stack([x, y], -1), T.vstack([x, y]), T.dstack([x, y]), T.column_stack([x, y])), (real(2, 3), real(2, 3, seed="y"))),
    Case("split", lambda T, x: (*x.split(2, 1), *x.split([1, 3], 2), *x.chunk(3, 2), *T.tensor_split(x, 3, 2), *x.hsplit(3)), (X,)),
    Case("split.unused", lambda T, x: x.split(2, 2)[0] ** 2, (X,), ops=("split",)),
    Case("unbind", lambda T, x: (*x.unbind(1), *x), (X,)),
    Case("meshgrid", lambda T, x, y: (*T.meshgrid(x, y, indexing="ij"), *T.meshgrid(x, y, indexing="xy"), T.cartesian_prod(x, y)), (real(3), real(2)), ops=("expand",)),
    Case("block_diag", lambda T, x, y: T.block_diag(x, y), (real(2, 3), real(1, 2)), ops=("cat",)),
    Error("view.stride", lambda T, x: x.transpose(0, 1).view(-1), RuntimeError, "not compatible", (X,)),
    Error("reshape.size", lambda T, x: x.reshape(5, 5), RuntimeError, "is invalid for input of size", (X,)),
    Error("reshape.two_unknown", lambda T, x: x.reshape(-1, -1), RuntimeError, "only one dimension", (X,)),
    Error("squeeze.dim", lambda T, x: x.squeeze(3), IndexError, "Dimension out of range", (X,)),
    Error("permute.dims", lambda T, x: x.permute(0, 1), RuntimeError, "does not match", (X,)),
    Error("permute.twice", lambda T, x: x.permute(0, 0, 1), RuntimeError, "duplicate", (X,)),
    Error("expand.size", lambda T, x: x.expand(2, 3, 5), RuntimeError, "must match the existing size", (X,)),
    Error("cat.sizes", lambda T, x: T.cat([x, x[:, :1]]), RuntimeError, "Sizes of tensors must match", (X,)),
    Error("cat.none", lambda T: T.cat([]), ValueError, "non-empty"),
    Error("stack.sizes", lambda T, x: T.stack([x, x[:1]]), RuntimeError, "equal size", (X,)),
    Error("stack.dim", lambda T, x: T.stack([x, x], dim=4), IndexError, "Dimension out of range", (X,)),
    Error("split.sum", lambda T, x: x.split([1, 1]), RuntimeError, "sum exactly", (real(3),)),
    Error("chunk.zero", lambda T, x: x.chunk(0), RuntimeError, "greater than 0", (X,)),
    Error("t.3d", lambda T, x: x.t(), RuntimeError, "<= 2", (X,)),
    Error("unfold.size", lambda T, x: x.unfold(0, 5, 1), RuntimeError, "maximum size", (X,)),
]
