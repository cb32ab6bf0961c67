"""Calls of operators with random arguments, right ones and wrong ones.

A row of `SIGNATURES` names functions that take the same arguments, each argument by a word of `ARGUMENTS`, which says how
to draw it beside the first tensor. `name=word` is a keyword; one with `?` may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from .outcomes import TOLERANCES
from .tensors import DTYPES, FLOATING, Sample, samples, shapes

ELEMENTWISE = """abs neg exp log log1p expm1 sqrt rsqrt sin cos tan tanh sigmoid relu sign floor ceil trunc round frac reciprocal
    square isnan isinf isfinite logical_not erf erfc atan asin acos sinh cosh asinh log2 log10 exp2 sgn positive
    nn.functional.silu nn.functional.gelu nn.functional.softplus nn.functional.elu nn.functional.leaky_relu
    nn.functional.hardtanh nn.functional.relu6 nn.functional.logsigmoid nn.functional.hardswish nn.functional.mish
    isneginf isposinf signbit deg2rad angle real lgamma"""

SIGNATURES = [
    (ELEMENTWISE, "x"),
    ("""add sub mul div pow maximum minimum fmod remainder floor_divide atan2 eq ne lt le gt ge logical_and logical_or
        logical_xor fmax fmin hypot copysign true_divide xlogy float_power""", "x other"),
    ("bitwise_and bitwise_or bitwise_xor gcd lcm", "whole other"),
    ("add sub", "x other alpha=finite"),
    ("div", "x other rounding_mode=rounding"),
    ("where", "mask other other"),
    ("clamp", "x number? number?"),
    ("lerp", "x same number"),
    ("addcmul addcdiv", "x same same value=number?"),
    ("sum mean prod", "x dim keepdim=flag? dtype=dtype?"),
    ("sum mean nansum", "x dims keepdim=flag?"),
    ("sum mean prod all any max min argmax argmin std var logsumexp nansum count_nonzero median unique numel", "x"),
    ("max min argmax argmin all any median mode cummax cummin", "x dim"),
    ("max min argmax argmin all any amax amin logsumexp median", "x dim keepdim=flag"),
    ("amax amin std var logsumexp count_nonzero flip", "x dims"),
    ("std var", "x dim unbiased=flag keepdim=flag?"),
    ("cumsum cumprod logcumsumexp softmax log_softmax", "x dim"),
    ("cumsum cumprod softmax", "x dim dtype=dtype?"),
    ("linalg.vector_norm", "x order dims? keepdim=flag?"),
    ("norm", "x order dim?"),
    ("sort argsort", "x dim=dim descending=flag stable=yes"),
    ("topk kthvalue", "x count dim?"),
    ("reshape", "x shape"),
    ("Tensor.view Tensor.expand Tensor.repeat tile broadcast_to", "x shape"),
    ("flatten", "x dim dim?"),
    ("squeeze", "x dims?"),
    ("unsqueeze", "x dim"),
    ("transpose", "x dim dim"),
    ("permute movedim", "x dims"),
    ("movedim", "x dim dim"),
    ("narrow", "x dim count count"),
    ("select", "x dim count"),
    ("split chunk", "x count dim?"),
    ("unbind", "x dim?"),
    ("diagonal", "x small? dim? dim?"),
    ("tril triu diag", "x small?"),
    ("roll", "x small dim?"),
    ("rot90", "x small"),
    ("nn.functional.pad", "x padding value=number?"),
    ("cat stack", "tensors dim?"),
    ("hstack vstack", "tensors"),
    ("repeat_interleave", "x count dim?"),
    ("Tensor.unfold", "x dim count count"),
    ("gather take_along_dim", "x dim index"),
    ("index_select", "x dim vector"),
    ("scatter", "x dim index same"),
    ("scatter_add", "x dim index same"),
    ("index_add", "x dim vector same"),
    ("masked_fill", "x mask number"),
    ("masked_select", "x mask"),
    ("take", "x index"),
    ("matmul", "x matrix"),
    ("mm", "square matrix"),
    ("bmm baddbmm", "matrix matrix matrix?"),
    ("mv", "square vector"),
    ("dot outer inner", "x matrix"),
    ("addmm", "x square square beta=number? alpha=number?"),
    ("einsum", "equation alike alike"),
    ("nn.functional.linear", "x square bias?"),
    ("linalg.det trace", "square"),
    ("nonzero", "x as_tuple=flag?"),
    ("zeros ones", "shape dtype=dtype?"),
    ("full", "shape number dtype=dtype?"),
    ("arange", "number number? number? dtype=dtype?"),
    ("linspace", "number number count dtype=dtype?"),
    ("zeros_like ones_like", "x dtype=dtype?"),
    ("eye", "count count? dtype=dtype?"),
    ("Tensor.to", "x dtype"),
    ("Tensor.type_as", "x same"),
    ("Tensor.item Tensor.tolist Tensor.contiguous clone Tensor.dim Tensor.size", "x"),
    ("Tensor.__getitem__", "x key"),
    ("nn.functional.one_hot", "index count"),
    ("nn.functional.embedding", "index square"),
    ("bincount", "index"),
    ("nn.functional.mse_loss nn.functional.l1_loss nn.functional.smooth_l1_loss", "x same reduction=reduction?"),
    ("nn.functional.cross_entropy", "square vector reduction=reduction? label_smoothing=part?"),
    ("nn.functional.binary_cross_entropy_with_logits", "x same reduction=reduction?"),
    ("nn.functional.layer_norm", "x shape"),
    ("nn.functional.normalize", "x dim=dim?"),
    ("nn.functional.max_pool1d nn.functional.avg_pool1d", "square count count? count?"),
    ("nn.functional.cosine_similarity", "x same dim=dim?"),
    ("searchsorted", "ordered x right=flag?"),
    ("bucketize", "x ordered right=flag?"),
    ("isin", "x other"),
    ("allclose equal isclose", "x same"),
    ("tensordot", "square square"),
    ("quantile", "x part dim?"),
    ("cross", "x same dim=dim?"),
    ("nan_to_num", "x number? number?"),
    ("diff", "x count dim?"),
    ("meshgrid", "vector vector indexing=indexing"),
    ("unique", "x return_counts=flag? return_inverse=flag?"),
]  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A function by its path, with samples and plain values as arguments."""

    path: str
    args: tuple
    named: tuple

    def on(self, T):
        """Its result with Taper's or PyTorch's functions, and the leaves among its arguments."""
        leaves: list = []

        def real(value):
            if isinstance(value, Sample):
                t = value.make(T)
                if value.grad:
                    leaves.append(t)
                return t
            if isinstance(value, Dtype):
                return getattr(T, value.name)
            return type(value)(map(real, value)) if isinstance(value, (list, tuple)) else value

        function = T
        for name in self.path.split("."):
            function = getattr(function, name)
        args = [real(a) for a in self.args]
        named = {name: real(a) for name, a in self.named}
        if self.path == "einsum":
            return function(args[0], *args[1:]), leaves
        return function(*args, **named), leaves

    def coarsest(self) -> float:
        """The tolerance of the smallest floating dtype among the arguments."""
        return max([TOLERANCES.get(name, 0.0) for name in self.dtypes()], default=0.0)

    def finite(self) -> bool:
        """Whether no tensor and no number holds an infinity or NaN."""
        values = [v.values if isinstance(v, Sample) else v for v in (*self.args, *(v for _, v in self.named))]
        return all(np.isfinite(v).all() for v in values if isinstance(v, (np.ndarray, np.generic, int, float)))

    def dtypes(self) -> set[str]:
        """The dtypes of and among the arguments."""
        values = [*self.args, *(v for _, v in self.named)]
        inner = [w for v in values if isinstance(v, (list, tuple)) for w in v]
        found = [v for v in (*values, *inner) if isinstance(v, (Sample, Dtype))]
        return {v.dtype if isinstance(v, Sample) else v.name for v in found}


@dataclass(frozen=True)
class Dtype:
    name: str


def argument(word: str, shape: tuple, dtype: str):
    """A strategy for one argument beside a first tensor of this shape and dtype."""
    ndim = len(shape)
    beside = st.one_of(
        *[st.just(s) for s in (shape, shape, shape[1:], (1,) * ndim, shape[-1:], (*shape[:-1], 1)[:ndim])], shapes(2)
    )
    kinds = st.sampled_from((dtype, dtype, dtype, *DTYPES))
    dims = st.integers(-ndim - 1, ndim)
    inside = st.integers(-ndim, ndim - 1) if ndim else st.integers(-1, 0)
    dim = st.one_of(inside, inside, inside, dims)
    size = st.sampled_from((2, 3))
    numbers = st.one_of(st.integers(-3, 3), st.sampled_from((0.5, -1.5, 2.0, 1e-3, True, float("inf"))))
    tables = {
        "x": samples,
        "other": lambda: st.one_of(beside.flatmap(lambda s: kinds.flatmap(lambda d: samples(s, d))), numbers),
        "same": lambda: st.one_of(*[kinds.flatmap(lambda d: samples(shape, d))] * 3, beside.flatmap(lambda s: samples(s))),
        "mask": lambda: beside.flatmap(lambda s: samples(s, "bool")),
        "number": lambda: numbers,
        "bias": lambda: size.flatmap(lambda n: samples((n,), dtype)),
        "alike": lambda: st.one_of(st.tuples(size, size), shapes(3, 1)).flatmap(lambda s: samples(s, dtype)),
        "finite": lambda: st.sampled_from((-2, 0, 3, 0.5, -1.5, True)),
        "part": lambda: st.sampled_from((0.0, 0.25, 0.5, 1.0, 1.5)),
        "small": lambda: st.integers(-2, 2),
        "count": lambda: st.integers(-1, 4),
        "flag": st.booleans,
        "yes": lambda: st.just(True),
        "order": lambda: st.sampled_from((0, 1, 2, 3.0, float("inf"), -float("inf"))),
        "rounding": lambda: st.sampled_from((None, "floor", "trunc", "up")),
        "reduction": lambda: st.sampled_from(("mean", "sum", "none", "maximum")),
        "indexing": lambda: st.sampled_from(("ij", "xy", "yx")),
        "equation": lambda: st.sampled_from(("ij,jk->ik", "ij,jk", "ii,jj->", "ij,ij->i", "ij,kj->ik", "i...,j...->j", "ij,j->i")),
        "dim": lambda: dim,
        "dims": lambda: st.one_of(dim, st.lists(dim, max_size=3).map(tuple)),
        "dtype": lambda: st.sampled_from(DTYPES).map(Dtype),
        "shape": lambda: st.one_of(_reshaped(shape), _reshaped(shape), shapes(3), st.lists(st.integers(-1, 3), max_size=3).map(tuple)),
        "padding": lambda: st.lists(st.integers(-1, 2), min_size=0, max_size=4).map(tuple),
        "index": lambda: beside.flatmap(lambda s: samples(s, "int64", grad=False).map(lambda t: _folded(t, shape))),
        "vector": lambda: st.integers(0, 3).flatmap(lambda n: samples((n,), "int64", grad=False).map(lambda t: _folded(t, shape))),
        "matrix": lambda: st.one_of(
            st.tuples(size, size).flatmap(lambda s: samples(s, dtype)),
            size.flatmap(lambda n: samples((*shape[:-2], *shape[-1:], n), dtype)),
            samples(),
        ),
        "square": lambda: st.one_of(*[st.tuples(size, size).flatmap(lambda s: samples(s, dtype))] * 3, samples()),
        "ordered": lambda: st.lists(st.integers(-9, 9), max_size=4).map(
            lambda v: Sample(np.array(sorted(v), "float32"), "float32")
        ),
        "tensors": lambda: st.lists(st.one_of(samples(shape, dtype), samples(shape, dtype), samples(shape)), max_size=3),
        "key": lambda: _keys(shape),
    }  # fmt: skip
    return tables[word]()


def _folded(t: Sample, shape: tuple) -> Sample:
    """Positions, most of them within the sizes of a shape."""
    limit = max(shape, default=1) or 1
    return Sample(np.where(t.values > 4, t.values, np.abs(t.values) % limit), t.dtype, t.layout)


def _reshaped(shape: tuple):
    """Shapes with as many elements."""
    n = int(np.prod(shape))
    pairs = [(a, n // a) for a in range(1, n + 1) if n % a == 0]
    return st.sampled_from([(n,), (-1,), shape, shape[::-1], (1, n), (-1, 1), *pairs])


def _keys(shape: tuple):
    ends = st.one_of(st.none(), st.integers(-4, 4))
    slices = st.tuples(ends, ends, st.one_of(st.none(), st.integers(1, 2))).map(lambda v: slice(*v))
    index = st.lists(st.integers(0, 2), max_size=3).map(lambda v: Sample(np.array(v, "int64"), "int64"))
    part = st.one_of(st.integers(-3, 3), slices, slices, st.just(None), st.just(...), index, st.just(True))
    mask = samples(shape, "bool", grad=False)
    return st.one_of(part, st.lists(part, max_size=3).map(tuple), mask)


FIRST = {
    "x": lambda: samples(),
    "whole": lambda: st.sampled_from(("int64", "int32", "bool", "uint8", "float32")).flatmap(lambda d: samples(None, d)),
    "square": lambda: st.sampled_from((*FLOATING, "int64")).flatmap(
        lambda d: st.one_of(*[st.tuples(st.sampled_from((2, 3)), st.sampled_from((2, 3))).flatmap(lambda s: samples(s, d))] * 3, samples())
    ),
    "matrix": lambda: st.sampled_from(("float32", "float64", "int64")).flatmap(lambda d: shapes(3, 1).flatmap(lambda s: samples(s, d))),
    "mask": lambda: samples(None, "bool"),
    "index": lambda: samples(None, "int64", grad=False),
    "vector": lambda: st.integers(0, 3).flatmap(lambda n: samples((n,), "int64", grad=False)),
}  # fmt: skip


@st.composite
def calls(draw):
    """A call of a random row of the table."""
    names, words = draw(st.sampled_from(SIGNATURES))
    path = draw(st.sampled_from(names.split()))
    words = words.split()
    args: list = []
    if words[0] in FIRST:
        args.append(draw(FIRST[words.pop(0)]()))
    shape = args[0].values.shape if args else draw(shapes())
    dtype = args[0].dtype if args else draw(st.sampled_from(DTYPES))
    named = []
    for word in words:
        if word.endswith("?") and draw(st.booleans()):
            if "=" not in word:
                break
            continue
        name, _, kind = word.removesuffix("?").rpartition("=")
        value = draw(argument(kind, shape, dtype))
        if name:
            named.append((name, value))
        else:
            args.append(value)
    return Call(path, tuple(args), tuple(named))
