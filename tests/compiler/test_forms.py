"""Compiled equals eager where memory matters: writing in place, through views, into `out=`; shapes with nothing in them;
drawing random numbers; modules. Inputs are compared after the call too."""

from __future__ import annotations

import collections
import warnings

import numpy as np
import pytest

import taper
from taper import nn
from taper.compiler import CaptureError
from taper.nn import functional as F

from .test_cases import code_in_memory  # noqa: F401  (a fixture)

INT = taper.int64


def real(*shape, seed=0, dtype=taper.float32):
    return taper.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def whole(*shape, high=4, seed=1):
    return taper.from_numpy(np.random.default_rng(seed).integers(0, high, shape))


def array(t):
    t = t.detach()
    return (t.float() if t.dtype in (taper.bfloat16, taper.float16) else t).numpy()


def compare(function, *inputs, seed=3, runs=2):
    """Results and inputs of a compiled function, after each of some calls, equal those of the eager one."""
    eager = [t.clone() for t in inputs]
    mine = [t.clone() for t in inputs]
    compiled = taper.compile(function, fullgraph=True)
    for run in range(runs):
        found = []
        for f, tensors in ((function, eager), (compiled, mine)):
            taper.manual_seed(seed + run)
            result = f(*tensors)
            found.append([*(result if isinstance(result, (tuple, list)) else [result]), *tensors])
        for i, (e, c) in enumerate(zip(*found, strict=True)):
            if not isinstance(e, taper.Tensor):
                assert e == c
                continue
            assert (c.dtype, c.shape) == (e.dtype, e.shape), i
            a, b = array(e), array(c)
            if a.dtype.kind == "f":
                scale = np.abs(a[np.isfinite(a)]).max(initial=0) or 1
                np.testing.assert_allclose(b, a, rtol=0, atol=(1e-5 if a.dtype == np.float32 else 1e-12) * scale)
            else:
                np.testing.assert_array_equal(b, a)
    assert compiled.compilations == 1
    return compiled


def row(name, function, *inputs):
    return pytest.param(function, inputs, id=name)


def _slice_add(x, y):
    x[1:3] += y
    return x.sum()


def _transposed(x):
    x.t().mul_(2)
    return x + 1


def _chain(x, y):
    v = x.view(2, 2, 5)[1]
    v[:, 2] = y
    v[0].add_(1)
    x.t()[3].zero_()
    return v * 1, x.sum(0)


def _row_twice(x):
    a, b = x[0], x[0]
    a += 1
    b *= 2
    return a - b


def _masked(x):
    x[x > 0] = -1.0
    return x * 2


def _placed(x, i):
    x[i] = 0.5
    return x.clone()


def _placed_rows(x, i, v):
    x[i, 1] = v
    return x


def _diagonal(x):
    x.diagonal().add_(3)
    x.fill_diagonal_(0.25)
    return x.diagonal() * 2, x.diagonal(1).sum()


def _own_zeros(x):
    z = taper.zeros(4, 5)
    z[1] = x[0]
    z += x
    z[:, 1].mul_(3)
    return z


def _constants(x):
    order = taper.tensor([3, 0, 2])
    if order.sum() != 5:
        raise AssertionError
    return x[order], x[:, taper.arange(2)], x[[1, 2], [0, 1]], order


def _out(x, y, out):
    taper.add(x, y, out=out)
    taper.exp(out, out=out)
    return out.sum()


def _copied(x, y):
    x.copy_(y[0])
    y.zero_()
    return x + y


def _window(x):
    w = x.unfold(1, 3, 1)
    before = w.sum()
    x.add_(1)
    return before, w.sum(-1), x.unfold(0, 2, 2)


def _written_windows(x):
    y = x * 1
    y.unfold(1, 2, 2).mul_(3)
    y.as_strided((2, 3), (10, 2)).add_(1)
    y.as_strided((4,), (5,), 1).zero_()
    return y


def _written_window_of_an_input(x):
    x.unfold(0, 2, 2)[:, :, 1] = 7.0
    return x.sum()


def _swapped(x, y):
    old = x.clone()
    x.copy_(y)
    y.copy_(old)


def _expanded(x, y):
    return (x.unsqueeze(1).expand(4, 3, 5) * y).sum((0, 2)), y.expand(4, 5).max(0).values


def _joined(x, y):
    a, b, c = x.split([1, 2, 1])
    d, e = y.chunk(2, 1)
    return (
        taper.cat([c, a, b]), taper.stack([x, y], 1), taper.hstack([d, e]), x.roll(2, 1), x.roll(3), x.flip(0, 1),
        taper.cat([x[:0], y]), x.tril(1), y.triu(-1), taper.where(x > y, x, 0.0),
    )  # fmt: skip


def _picked(x, i):
    return (
        x.gather(1, i), x.scatter(1, i, x * 2), x.scatter_add(1, i, x), x.index_select(0, i[0, :3]), x.take(i),
        taper.take_along_dim(x, x.argsort(1), 1), x.index_add(0, i[0, :3], x[:3]), F.embedding(i, x), x[i[:, 0], 1],
    )  # fmt: skip


def _sorted(x):
    return (*x.sort(1, descending=True), *x.topk(2, 0), x.cumsum(1), x.cumprod(0), x.argsort(0), *x.kthvalue(2))


def _in_place_methods(x, y):
    x.add_(y, alpha=2).sub_(0.5).mul_(y).div_(3).clamp_(-1, 1).neg_().abs_().sqrt_().exp_().tanh_().sigmoid_()
    x.addcmul_(y, y, value=0.1).lerp_(y, 0.3).masked_fill_(y > 0.5, 7.0).round_()
    return x


def _optional_ints(i):
    i += 3
    i[1:] *= 2
    i.bitwise_and_(5)
    return i // 2, i % 3, i.float() / 2, i > 2, ~(i > 2), i.sum(), i.max(0).values, i.to(taper.uint8), i << 1


def _bools(b, c):
    return b & c, b | c, b ^ c, ~b, b.any(), b.all(0), b.sum(), taper.maximum(b, c), b < c, b.float()


def _products(x, y, v):
    return (
        x @ y.t(),
        x @ v,
        v @ x.t(),
        x.unsqueeze(0) @ y.reshape(1, 5, 4),
        (x[None] * 2) @ y.t()[None].expand(3, 5, 4),
        v @ v,
    )


def _images_at_positions(x, grid):
    modes = [("bilinear", "zeros"), ("nearest", "border"), ("bicubic", "reflection"), ("bilinear", "border")]
    return [F.grid_sample(x, grid, mode, padding, False) for mode, padding in modes]


ROWS = [
    row("slice +=", _slice_add, real(4, 5), real(2, 5, seed=2)),
    row("transposed.mul_", _transposed, real(4, 5)),
    row("views of views", _chain, real(4, 5), real(2, seed=2)),
    row("two views of a row", _row_twice, real(4, 5)),
    row("mask = number", _masked, real(4, 5)),
    row("positions = number", _placed, real(4, 5), whole(2)),
    row("positions = values", _placed_rows, real(4, 5), taper.tensor([2, 0]), real(2, seed=4)),
    row("diagonal", _diagonal, real(4, 4)),
    row("images at positions", _images_at_positions, real(2, 3, 5, 4), real(2, 3, 3, 2, seed=2)),
    row("zeros of its own", _own_zeros, real(4, 5)),
    row("constants", _constants, real(4, 5)),
    row("out=", _out, real(4, 5), real(4, 5, seed=2), real(4, 5, seed=3)),
    row("copy_", _copied, real(5), real(4, 5, seed=2)),
    row("windows", _window, real(4, 5)),
    row("writing windows", _written_windows, real(4, 5)),
    row("writing a window of an input", _written_window_of_an_input, real(4, 5)),
    row("swap", _swapped, real(4, 5), real(4, 5, seed=2)),
    row("expand and reduce", _expanded, real(4, 5), real(3, 5, seed=2)[:1]),
    row("joining", _joined, real(4, 5), real(4, 5, seed=2)),
    row("picking", _picked, real(4, 5), whole(4, 5)),
    row("sorting", _sorted, real(4, 5)),
    row("in-place methods", _in_place_methods, real(4, 5), real(4, 5, seed=2)),
    row("ints", _optional_ints, whole(4, 5)),
    row("ints 32", _optional_ints, whole(4, 5).int()),
    row("bools", _bools, whole(4, 5) > 1, whole(4, 5, seed=6) > 1),
    row("products", _products, real(4, 5), real(4, 5, seed=2), real(5, seed=3)),
    row("products 64", _products, *(real(*s, dtype=taper.float64) for s in ((4, 5), (4, 5), (5,)))),
]


@pytest.mark.parametrize("function, inputs", ROWS)
def test_form(function, inputs):
    compare(function, *inputs)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (0, 3), (2, 0, 3), (1, 1)])
@pytest.mark.parametrize("dtype", [taper.float32, taper.float64, INT])
def test_shapes_with_little_in_them(shape, dtype):
    def function(x):
        y = x * 2 + 1
        z = x.reshape(-1)
        return (
            y,
            z,
            x.sum(),
            x.prod(),
            x.unsqueeze(0).sum(0),
            taper.cat([z, z]),
            taper.stack([x, y]),
            (x > 0).any(),
            x.t(),
        )

    if len(shape) > 2:
        compare(lambda x: (x + 1, x.sum(1), x.transpose(0, 2) * x.transpose(0, 2)), taper.ones(shape, dtype=dtype))
    else:
        compare(function, taper.ones(shape, dtype=dtype))


def test_products_of_nothing():
    x, y = taper.ones(3, 0), taper.ones(0, 4)
    compare(lambda x, y: (x @ y, y.t() @ x.t(), F.linear(x, y.t())), x, y)


def test_numbers_of_a_closure_are_read_at_each_call():
    shift, place = 0.5, 1

    def function(x):
        x[place] = shift
        return x + shift

    compiled = taper.compile(function, fullgraph=True)
    for shift in (0.5, 0.75):
        x = taper.zeros(3)
        np.testing.assert_array_equal(compiled(x).numpy(), [shift, 2 * shift, shift])
    assert compiled.compilations == 1


def test_an_array_of_the_caller_is_read_at_each_call():
    table = np.zeros(3, np.float32)
    compiled = taper.compile(lambda x: x + taper.from_numpy(table), fullgraph=True)
    x = taper.ones(3)
    assert compiled(x).tolist() == [1, 1, 1]
    table[:] = 5
    assert compiled(x).tolist() == [6, 6, 6]


def test_a_host_node_keeps_no_value_of_made_up_arrays():
    """Sorting, searching and factoring run at every call with the real arrays."""

    def function(x, edges):
        return (
            x.median(1).values, x.sort(0)[0], taper.searchsorted(edges, x), x.mode(1)[0], taper.linalg.inv(x @ x.t() + 3),
            x.cummax(1).values, taper.linalg.qr(x)[1].abs(),
        )  # fmt: skip

    compiled = taper.compile(function, fullgraph=True)
    for seed in range(3):
        x, edges = real(3, 3, seed=seed, dtype=taper.float64), real(5, seed=seed + 9, dtype=taper.float64).sort()[0]
        for a, b in zip(compiled(x, edges), function(x, edges)):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: x.unique(),
        lambda x: x.masked_select(x > 0),
        lambda x: taper.repeat_interleave(x[0], (x[0] > 0).long()),
        lambda x: taper.from_numpy(np.sort(x.detach().numpy())),
        lambda x: x * x.sum().item(),
        lambda x: x if x.sum() > 0 else -x,
    ],
)
def test_what_depends_on_values_is_refused_or_runs_eagerly_with_one_warning(function):
    x = real(4, 5)
    with pytest.raises(CaptureError):
        taper.compile(function, fullgraph=True)(x)
    lenient = taper.compile(function)
    with pytest.warns(UserWarning, match="runs eagerly"):
        found = lenient(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = lenient(x)
    for result in (found, again):
        np.testing.assert_array_equal(result.numpy(), function(x).numpy())


POSITIONS = [
    (lambda x, i: x[i], IndexError),
    (lambda x, i: x[:, i], IndexError),
    (lambda x, i: x[i, i], IndexError),
    (lambda x, i: x.gather(0, i.reshape(-1, 1)), RuntimeError),
    (lambda x, i: x.index_select(0, i), IndexError),
    (lambda x, i: x.take(i * 5), IndexError),
    (lambda x, i: F.embedding(i, x), IndexError),
    (lambda x, i: x.scatter(0, i.reshape(-1, 1), 0.0), RuntimeError),
    (lambda x, i: x.index_add(0, i, x[:2]), RuntimeError),
    (lambda x, i: F.cross_entropy(x[:2], i), IndexError),
    (lambda x, i: F.one_hot(i, 5), RuntimeError),
]


@pytest.mark.parametrize("function, error", POSITIONS)
@pytest.mark.parametrize("bad", [7, -7])
def test_positions_out_of_range_raise_as_eager_does(function, error, bad):
    x = real(4, 5)
    compiled = taper.compile(function, fullgraph=True)
    good, wrong = taper.tensor([1, 2]), taper.tensor([1, bad])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(array(compiled(x, good)), array(function(x, good)), rtol=1e-6)
        with pytest.raises(error) as eager:
            function(x, wrong)
        with pytest.raises(error) as found:
            compiled(x, wrong)
        assert str(found.value) == str(eager.value)
        np.testing.assert_allclose(array(compiled(x, good)), array(function(x, good)), rtol=1e-6)


def test_values_that_operators_refuse_raise_as_eager_does():
    cases = [
        (lambda x: F.binary_cross_entropy(x, x * 0 + 0.5), taper.tensor([0.1, 0.9]), taper.tensor([0.1, 1.5])),
        (lambda x: taper.linalg.inv(x), taper.eye(2), taper.zeros(2, 2)),
        (lambda x: taper.linalg.cholesky(x), taper.eye(2), -taper.eye(2)),
        (lambda x: 7 // x, taper.tensor([1, 2]), taper.tensor([1, 0])),
    ]
    for function, good, bad in cases:
        compiled = taper.compile(function, fullgraph=True)
        np.testing.assert_allclose(compiled(good).numpy(), function(good).numpy(), rtol=1e-6)
        with pytest.raises(RuntimeError) as eager:
            function(bad)
        with pytest.raises(type(eager.value)) as found:
            compiled(bad)
        assert str(found.value) == str(eager.value)


@pytest.mark.parametrize("dim", range(-3, 3))
def test_softmax_over_every_dim(dim):
    compare(lambda x: (x.softmax(dim), x.log_softmax(dim), x.logsumexp(dim)), real(3, 4, 5))


@pytest.mark.parametrize("options", [{}, {"weight": True}, {"ignore_index": 1}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(options, reduction):
    weight = real(5, seed=5).abs() if "weight" in options else None
    options = {k: v for k, v in options.items() if k != "weight"}

    def step(x, target):
        x = x.detach().requires_grad_()
        loss = F.cross_entropy(x, target, weight, reduction=reduction, **options)
        (grad,) = taper.autograd.grad(loss.sum(), [x])
        return loss.detach(), grad

    compare(step, real(6, 5), whole(6, high=5))


def test_infinite_scores_of_other_classes_count_for_nothing():
    x = taper.tensor([[0.5, -np.inf, 1.0], [-np.inf, 2.0, 0.0]])
    compare(lambda x, t: (F.cross_entropy(x, t), F.nll_loss(x.log_softmax(1), t)), x, taper.tensor([2, 1]))


def test_tensors_in_containers_of_the_library_are_inputs():
    """A tensor behind a deque or a cache is read at each call, and not what it was at capture."""
    held = collections.deque([taper.ones(3)])
    compiled = taper.compile(lambda x: x + held[0], fullgraph=True)
    x = taper.zeros(3)
    assert compiled(x).tolist() == [1, 1, 1]
    held[0].fill_(4)
    assert compiled(x).tolist() == [4, 4, 4]


def test_dropout_draws_as_eager_does():
    def step(x):
        y = F.dropout(x, 0.5) * taper.rand(4, 5)
        return F.dropout(x, 0.3), y, F.dropout1d(x[None], 0.5), taper.randn(3), taper.rand_like(x).bernoulli_(0.3)

    compare(step, real(4, 5))


def test_draws_by_probabilities_that_are_tensors_are_refused():
    with pytest.raises(CaptureError, match="probabilities"):
        taper.compile(lambda x: taper.poisson(x), fullgraph=True)(taper.full((3,), 0.5))


def modules():
    return {
        "mlp": (nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.LayerNorm(7), nn.Linear(7, 3)), (6, 5)),
        "conv": (
            nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)),
            (2, 2, 6, 6),
        ),
        "dropout": (nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.4), nn.Tanh()), (4, 5)),
        "norms": (nn.Sequential(nn.GroupNorm(2, 4), nn.InstanceNorm1d(4), nn.RMSNorm(6)), (3, 4, 6)),
        "encoder": (nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True), (2, 5, 8)),
        "batch norm": (nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2), nn.LogSoftmax(1)), (8, 5)),
    }


@pytest.mark.parametrize("name", modules())
@pytest.mark.parametrize("training", [True, False])
def test_module_steps(name, training):
    """Forward, backward and buffers of a module, in three steps; gradients relative to the largest of them."""
    weight = real(16, seed=8)
    steps = []
    for compiled in (False, True):
        taper.manual_seed(0)
        model, shape = modules()[name]
        model.train(training)

        def step(x, model=model):
            out = model(x)
            (out * (out.detach() * 0 + weight[: out.shape[-1]])).sum().backward()
            return out.detach()

        run = taper.compile(step, fullgraph=True) if compiled else step
        found = []
        for i in range(3):
            taper.manual_seed(i)
            found.append(run(real(*shape, seed=i)).numpy())
        grads = [p.grad.numpy() for p in model.parameters()]
        steps.append((found, grads, [b.numpy() for b in model.buffers()]))
    for eager, mine in zip(*steps, strict=True):
        largest = max((np.abs(e).max() for e in eager), default=0)
        for e, c in zip(eager, mine, strict=True):
            np.testing.assert_allclose(c, e, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize(
    "options", [{}, {"mode": "sum", "padding_idx": -1}, {"padding_idx": 3, "include_last_offset": True}]
)
def test_bags_by_offsets(options):
    table, numbers = real(20, 6).requires_grad_(), taper.tensor([3, 1, 19, 3, 3, 0, 7, 19, 5, 5, 2])

    def f(numbers, offsets):
        y = F.embedding_bag(numbers, table, offsets, **options)
        return y.detach(), taper.autograd.grad(y.square().sum(), table)[0]

    compiled = taper.compile(f, fullgraph=True)
    for offsets in ([0, 3, 3, 8, 10], [0, 0, 5, 5, 11], [0, 1, 2, 3, 4]):
        for a, b in zip(compiled(numbers, taper.tensor(offsets)), f(numbers, taper.tensor(offsets))):
            taper.testing.assert_close(a, b)
    assert compiled.compilations == 1
    for offsets in ([1, 2, 3, 4, 5], [0, 2, 3, 4, 50]):
        with pytest.raises(RuntimeError, match="offsets"):
            compiled(numbers, taper.tensor(offsets))
