"""Shape, order, memory."""

from __future__ import annotations

from taper.autograd.dispatch import apply
from taper.backends.device import CPU
from taper.ops.movement import to_device

from ..case import FLOATS, HALVES, INTEGERS, Case, Error, real

X = real(2, 3, 4)
EVERY = (*FLOATS, *HALVES, *INTEGERS)


def _to_the_cpu(T, x):
    return apply(to_device, x, where=CPU, source=CPU, non_blocking=False) * 1


CASES = [
    Case("to_device", _to_the_cpu, (X,), numpy=lambda x: x, oracle=False, second=False),
    Case(
        "astype",
        lambda T, x: (x.float().double(), x.to(T.float64), x.half().double()),
        (X,),
        second=False,
        smooth=False,
        dtypes=("float64",),
    ),
    Case(
        "astype.ints",
        lambda T, x: (x.int(), x.long(), x.bool(), x.to(T.uint8), x.to(T.complex64)),
        (real(5, low=0, high=9),),
        grad=False,
    ),
    Case(
        "clone", lambda T, x: (x.clone(), x.T.clone() * 1, x.transpose(0, 1).contiguous()), (X,), ops=("clone", "mul")
    ),
    Case("copy", lambda T, x, y: (x * 1).copy_(y), (X, real(3, 4)), ops=("copy", "mul")),
    Case("fill", lambda T, x: ((x * 2).fill_(3.0) + x, (x * 2).zero_()), (X,), ops=("fill", "zero"), second=False),
    Case(
        "reshape",
        lambda T, x: (x.reshape(4, 6), x.view(-1), x.flatten(1), x.ravel(), T.unflatten(x, 2, (2, -1))),
        (X,),
        dtypes=EVERY,
        strides=False,
    ),
    Case("reshape.copy", lambda T, x: x.transpose(0, 2).reshape(-1), (X,)),
    Case("reshape.empty", lambda T, x: (x.reshape(0, 5), x.reshape(-1, 2).view(2, 0)), (real(2, 0),), grad=False),
    Case(
        "squeeze",
        lambda T, x: (x.squeeze(), x.squeeze(1), x.squeeze((0, 1)), x.squeeze(-1)),
        (real(1, 1, 3),),
        ops=("squeeze", "squeeze_one", "squeeze_several"),
    ),
    Case(
        "unsqueeze",
        lambda T, x: (x.unsqueeze(0), x.unsqueeze(-1), x[None, :, None]),
        (X,),
        ops=("unsqueeze", "insert_axis"),
    ),
    Case("permute", lambda T, x: (x.permute(2, 0, 1), x.movedim(0, -1), x.T if x.ndim == 2 else x.mT), (X,)),
    Case("transpose", lambda T, x: (x.transpose(0, 2), x.swapaxes(1, -1)), (X,)),
    Case("t", lambda T, x: (x.t(), x.t().t()), (real(2, 3),)),
    Case("expand", lambda T, x: (x.expand(2, 3, 4), x.expand(-1, 4), T.broadcast_to(x, (5, 3, 4))), (real(3, 1),)),
    Case(
        "reinterpret",
        lambda T, x: (x.view(T.int64), x.view(T.uint8)),
        (X,),
        grad=False,
        dtypes=("float64",),
        strides=False,
    ),
    Case(
        "bits",
        lambda T, x: (T.view_as_real(T.complex(x, 2 * x)) ** 2, T.view_as_complex(x.reshape(2, 6, 2)).abs()),
        (X,),
    ),
    Case(
        "as_strided",
        lambda T, x: (x.as_strided((2, 2), (1, 3), 1), T.as_strided(x * 1, (3, 3), (1, 1))),
        (real(4, 4),),
        strides=False,
    ),
    Case(
        "as_strided.view",
        lambda T, x: (x[1:].as_strided((2, 2), (1, 2)), x.t().as_strided((2,), (3,), 2) ** 2),
        (real(4, 4),),
        strides=False,
    ),
    Case(
        "laid_over",
        lambda T, x: x.as_strided((3, 3), (1, 1)) ** 2,
        (real(9),),
        ops=("laid_over", "as_strided"),
        strides=False,
    ),
    Case("unfold", lambda T, x: x.unfold(1, 3, 2), (real(2, 9),), ops=("unfold", "add_windows")),
    Case("unfold.square", lambda T, x: x.unfold(-1, 3, 1) ** 2, (real(2, 9),), ops=("unfold", "add_windows")),
    Case("flip", lambda T, x: (x.flip(0), x.flip(0, 2), T.fliplr(x), T.flipud(x)), (X,)),
    Case("roll", lambda T, x: (x.roll(1), x.roll((1, -2), (0, 2)), T.roll(x, (1, 1), (0, 0))), (X,)),
    Case(
        "rot90", lambda T, x: (x.rot90(1, (0, 1)), x.rot90(3, (1, 2)), x.rot90(2, (0, -1)), T.rot90(x, -1) ** 2), (X,)
    ),
    Case("repeat", lambda T, x: (x.repeat(2, 1, 3), T.tile(x, (2,)), x.repeat(2, 2, 1, 1)), (X,)),
    Case(
        "repeat_interleave",
        lambda T, x: (x.repeat_interleave(2, 1), x.repeat_interleave(T.tensor([1, 0, 2]), 1), x.repeat_interleave(2)),
        (X,),
        ops=("repeat_interleave", "add_rows"),
    ),
    Case("diagonal", lambda T, x: (x.diagonal(), x.diagonal(1, 0, 2), T.diag(x[0], 1)), (X,)),
    Case("put_diagonal", lambda T, x: (T.diag(x), T.diag_embed(x, 1), T.diagflat(x, -1), T.diag(x) ** 2), (real(3),)),
    Case("tril", lambda T, x: (x.tril(), x.tril(-1)), (X,)),
    Case("triu", lambda T, x: (x.triu(), x.triu(1)), (X,)),
    Case(
        "meshgrid",
        lambda T, x, y: (*T.meshgrid(x, y, indexing="ij"), *T.meshgrid(x, y, indexing="xy"), T.cartesian_prod(x, y)),
        (real(3), real(2)),
        ops=("expand",),
    ),
    Case(
        "clone.order",
        lambda T, x: [
            (c.stride(), c.is_contiguous())
            for c in (x.mT.clone(), x[..., ::2].clone(), x[:1].expand(5, 3, 4).clone(), x.mT.contiguous())
        ],
        (X,),
        ops=(),
        grad=False,
        strides=False,
    ),
    Error(
        "combinations.many",
        lambda T, x: T.combinations(x, 1000, True),
        RuntimeError,
        "integer multiplication overflow",
        (real(4),),
    ),
    Error("sum_to_size.none", lambda T, x: x.sum_to_size(1, None), TypeError, "size", (real(4, 2),)),
    Error("sum_to_size.float", lambda T, x: x.sum_to_size(1.5), TypeError, "must be tuple of ints", (real(4),)),
    Case(
        "combinations", lambda T, x: (T.combinations(x, 2), T.combinations(x, 3, True) ** 2), (real(4),), ops=("index",)
    ),
    Case(
        "atleast",
        lambda T, x: (T.atleast_1d(x), T.atleast_2d(x), T.atleast_3d(x), *T.atleast_3d((x, x))),
        (real(3),),
        ops=("unsqueeze",),
    ),
    Case(
        "tril.indices",
        lambda T: (T.tril_indices(3, 4, 1), T.triu_indices(4, 3, -1, dtype=T.int32)),
        (),
        ops=(),
        grad=False,
    ),
    Error("permute.one", lambda T, x: T.permute(x[0], 0), TypeError, "must be tuple of ints", (real(2, 3),)),
    Error("flip.one", lambda T, x: T.flip(x, 0), TypeError, "must be tuple of ints", (real(2, 3),)),
    Error("copy_.more_dims", lambda T, x: x[0].clone().copy_(x[:1]), RuntimeError, "broadcast shape", (real(2, 3),)),
    Error(
        "add_.overlap", lambda T, x: x.view(-1)[1:].add_(x.view(-1)[:-1]), RuntimeError, "single memory", (real(2, 3),)
    ),
    Error("mul_.turned", lambda T, x: x.mul_(x.t()), RuntimeError, "single memory", (real(3, 3),)),
    Error("div_.own_element", lambda T, x: x.div_(x[0, 0]), RuntimeError, "single memory", (real(3, 3),)),
    Error(
        "set.overlap", lambda T, x: x.__setitem__(slice(1, None), x[:-1]), RuntimeError, "single memory", (real(3, 3),)
    ),
    Error(
        "index_select.columns",
        lambda T, x: T.index_select(x, 1, T.tensor([7])),
        RuntimeError,
        "INDICES element is out of DATA bounds",
        (real(2, 3),),
    ),
    Error(
        "scatter.flat_source",
        lambda T, x: T.scatter(x, 0, T.zeros(2, 2, dtype=T.int64), x[0]),
        IndexError,
        "Dimension out of range",
        (real(2, 3),),
    ),
    Error("linspace.negative_bytes", lambda T: T.linspace(-1.5, 2, 3, dtype=T.uint8), RuntimeError, "without overflow"),
    Error("isin.flag", lambda T, x: T.isin(x, True), RuntimeError, "Unsupported input type", (real(3),)),
    Error(
        "cumsum.whole",
        lambda T, x: T.cumsum(x.clone().requires_grad_(), 0, dtype=T.int64),
        RuntimeError,
        "Autograd not support dtype",
        (real(3),),
    ),
    Error("view.size", lambda T, x: x.view(5), RuntimeError, "invalid for input of size", (X,)),
    Error("view.dtype", lambda T, x: x.mT.view(T.int32), RuntimeError, "stride", (X,)),
    Error("reshape.negative", lambda T, x: x.reshape(-2, 12), RuntimeError, "invalid shape dimension", (X,)),
    Error("reshape.nothing", lambda T, x: x.reshape(), TypeError, "missing 1 required", (X,)),
    Error("reshape.float", lambda T, x: x.reshape(24.0), TypeError, "must be tuple of ints", (X,)),
    Error("reshape.ambiguous", lambda T, x: x.reshape(0, -1), RuntimeError, "ambiguous", (real(0, 3),)),
    Error("flatten.order", lambda T, x: x.flatten(2, 1), RuntimeError, "start_dim cannot come after end_dim", (X,)),
    Error("unflatten.size", lambda T, x: x.unflatten(1, (2, 2)), RuntimeError, "multiply up", (X,)),
    Error("movedim.twice", lambda T, x: x.movedim((0, 0), (1, 2)), RuntimeError, "repeated dim", (X,)),
    Error("flip.twice", lambda T, x: x.flip(0, 0), RuntimeError, "appears multiple times", (X,)),
    Error("diagonal.same", lambda T, x: x.diagonal(0, 1, 1), RuntimeError, "cannot be identical", (X,)),
    Error("as_strided.outside", lambda T, x: x.as_strided((25,), (1,)), RuntimeError, "out of bounds", (X,)),
    Error("as_strided.negative", lambda T, x: x.as_strided((2,), (-1,)), RuntimeError, "Negative strides", (X,)),
    Error("as_strided.sizes", lambda T, x: x.as_strided((-2,), (1,)), RuntimeError, "overflowed", (X,)),
    Error("broadcast_shapes.negative", lambda T: T.broadcast_shapes((-1,), (2,)), ValueError, "negative length"),
    Error("repeat.few", lambda T, x: x.repeat(2, 2), RuntimeError, "can not be smaller", (X,)),
    Error("rot90.dims", lambda T, x: x.rot90(1, (0, 0)), RuntimeError, "to be different", (X,)),
    Error("roll.dims", lambda T, x: x.roll((1, 2), 0), RuntimeError, "must align", (X,)),
    Error("mT.vector", lambda T, x: x.mT, RuntimeError, "only supported on matrices", (real(3),)),
    Error("copy.shape", lambda T, x: x.copy_(T.ones(5)), RuntimeError, "must match", (X,)),
    Error("fill.overflow", lambda T, x: x.to(T.int8).fill_(1000), RuntimeError, "without overflow", (X,)),
    Error("fill.tensor", lambda T, x: x.fill_(T.ones(2)), RuntimeError, "0-dimension", (X,)),
    Error("view.stride", lambda T, x: x.transpose(0, 1).view(-1), RuntimeError, "not compatible", (X,)),
    Error("reshape.size", lambda T, x: x.reshape(5, 5), RuntimeError, "is invalid for input of size", (X,)),
    Error("reshape.two_unknown", lambda T, x: x.reshape(-1, -1), RuntimeError, "only one dimension", (X,)),
    Error("squeeze.dim", lambda T, x: x.squeeze(3), IndexError, "Dimension out of range", (X,)),
    Error("permute.dims", lambda T, x: x.permute(0, 1), RuntimeError, "does not match", (X,)),
    Error("permute.twice", lambda T, x: x.permute(0, 0, 1), RuntimeError, "duplicate", (X,)),
    Error("expand.size", lambda T, x: x.expand(2, 3, 5), RuntimeError, "must match the existing size", (X,)),
    Error("t.3d", lambda T, x: x.t(), RuntimeError, "<= 2", (X,)),
    Error("unfold.size", lambda T, x: x.unfold(0, 5, 1), RuntimeError, "maximum size", (X,)),
    Case(
        "copies",
        lambda T, x, m: (
            T.alias_copy(x),
            T.as_strided_copy(x, (2, 2), (1, 3), 1),
            T.diagonal_copy(x, 1, 0, 2),
            T.expand_copy(x[:1], (3, 1, *x.shape[1:])),
            T.narrow_copy(x, 1, 0, 1),
            T.permute_copy(x, (2, 0, 1)),
            T.select_copy(x, 1, 1),
            T.squeeze_copy(x[:1]),
            T.squeeze_copy(x[:1], 0),
            T.t_copy(m),
            T.transpose_copy(x, 0, 2),
            T.unfold_copy(x, 2, 2, 1),
            T.unsqueeze_copy(x, 1),
            T.view_copy(x, (-1,)),
            *T.unbind_copy(x, 1),
            *T.split_copy(x, 2, 1),
            *T.split_with_sizes_copy(m, (1, m.shape[0] - 1)),
            *T.unsafe_split(x, 2, 1),
            *T.unsafe_chunk(x, 2, 2),
            *T.unsafe_split_with_sizes(m, (1, m.shape[0] - 1)),
        ),
        (real(2, 3, 4), real(3, 2)),
        ops=("clone",),
        strides=False,
    ),
    Case(
        "constant_pad_nd",
        lambda T, x: (T.constant_pad_nd(x, (1, -1, 2, 0), 3.0), T.constant_pad_nd(x, (1, 1))),
        (real(2, 3, 4),),
        ops=("put_part",),
    ),
    Error("constant_pad_nd.odd", lambda T, x: T.constant_pad_nd(x, (1,)), RuntimeError, "even", (real(3),)),
    Error(
        "pad.bools",
        lambda T, x: T.nn.functional.pad(x > 0, (1, 1), "reflect"),
        NotImplementedError,
        "not implemented for 'Bool'",
        (real(2, 3),),
    ),
]
