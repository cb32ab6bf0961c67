"""Convolution and attention by cuDNN, on a stand-in that computes what it is told of sizes, strides and addresses."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import taper
import taper.nn.functional as F
from taper.backends import cudnn as settings

from .gpus import gpus
from .standin import front_end
from .test_convolution import CASES

HALVES = [taper.float16, taper.bfloat16]
# Of the largest element: a result is rounded once, its operands not at all.
ROUNDED = {taper.float64: 1e-12, taper.float32: 1e-6, taper.float16: 1e-3, taper.bfloat16: 8e-3}


@pytest.fixture
def asked():
    """What was asked of cuDNN's stand-in, which is where `import cudnn` finds it."""
    with front_end.installed() as room, gpus("standin", 2):
        yield room


def methods(asked) -> list[str]:
    return [name for name, _ in asked.executed]


def close(found, expected, dtype) -> None:
    found, expected = found.cpu().double(), expected.double()
    assert found.shape == expected.shape
    scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=0, atol=ROUNDED[dtype] * scale)


def convolved(case, x, w, b, g):
    """A convolution and its three gradients."""
    x, w, b = (t.detach().requires_grad_() for t in (x, w, b))
    convolution = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.ndim]
    out = convolution(x, w, b, case.stride, case.padding, case.dilation, case.groups)
    out.backward(g)
    return out, x.grad, w.grad, b.grad


def drawn(*shapes, dtype):
    rng = np.random.default_rng(0)
    return [taper.from_numpy(rng.standard_normal(s)).to(dtype) for s in shapes]


@pytest.mark.parametrize("last", [False, True], ids=["NCHW", "channels-last"])
@pytest.mark.parametrize("dtype", ROUNDED, ids=str)
@pytest.mark.parametrize("case", [c for c in CASES if 0 not in c.x], ids=str)
def test_convolution_is_the_cpus(asked, case, dtype, last):
    if last and len(case.x) == 3:
        pytest.skip("rows have no channels-last")
    x, w, b = drawn(case.x, case.w, case.w[:1], dtype=dtype)
    wide = [t.double() for t in (x, w, b)]
    (g,) = drawn(convolved_shape(case), dtype=dtype)
    expected = convolved(case, *wide, g.double())
    form = {4: taper.channels_last, 5: taper.channels_last_3d}.get(len(case.x)) if last else None
    x, w, b, g = (t.cuda() for t in (x, w, b, g))
    if form is not None:
        x = x.to(memory_format=form)
    found = convolved(case, x, w, b, g)
    for f, e in zip(found, expected):
        assert f.dtype == dtype
        close(f, e, dtype)
    assert methods(asked) == ["conv_fprop", "conv_dgrad", "conv_wgrad"]
    if form is not None and x.is_contiguous(memory_format=form) and not x.is_contiguous():
        assert found[0].is_contiguous(memory_format=form) and found[1].is_contiguous(memory_format=form)


def convolved_shape(case):
    return F_shape(case.x, case.w, *case.settings[:3])


def F_shape(x, w, stride, padding, dilation):
    spatial = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(x[2:], w[2:], stride, padding, dilation)
    ]
    return (x[0], w[0], *spatial)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_transposed_convolution_is_the_gradient(asked, dtype):
    x, w = drawn((2, 4, 5, 6), (4, 3, 3, 2), dtype=dtype)
    options = dict(stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2)
    expected = F.conv_transpose2d(x.double(), w.double(), **options)
    close(F.conv_transpose2d(x.cuda(), w.cuda(), **options), expected, dtype)
    assert methods(asked) == ["conv_dgrad"]


def test_transposed_convolution_with_rows_that_no_window_reaches_goes_by_products(asked):
    x, w = drawn((1, 2, 4), (2, 2, 3), dtype=taper.float32)
    options = dict(stride=1, dilation=3, output_padding=2)
    close(F.conv_transpose1d(x.cuda(), w.cuda(), **options), F.conv_transpose1d(x, w, **options), taper.float32)
    assert methods(asked) == []


def test_second_derivatives_go_by_cudnn_too(asked):
    def twice(x, w):
        x, w = x.requires_grad_(), w.requires_grad_()
        (gx,) = taper.autograd.grad(F.conv2d(x, w, padding=1).square().sum(), x, create_graph=True)
        return taper.autograd.grad(gx.square().sum(), (x, w))

    x, w = drawn((2, 3, 5, 5), (4, 3, 3, 3), dtype=taper.float64)
    for f, e in zip(twice(x.cuda(), w.cuda()), twice(x, w)):
        close(f, e, taper.float64)
    assert set(methods(asked)) == {"conv_fprop", "conv_dgrad", "conv_wgrad"}


def test_strided_and_turned_inputs_are_copied(asked):
    x, w = drawn((2, 10, 3, 9), (3, 4, 3, 2), dtype=taper.float32)
    there = [x.cuda().transpose(1, 2)[:, :, ::2], w.cuda().transpose(0, 1).flip(2)]
    here = [x.transpose(1, 2)[:, :, ::2], w.transpose(0, 1).flip(2)]
    close(F.conv2d(*there), F.conv2d(*here), taper.float32)
    assert methods(asked) == ["conv_fprop"]


def test_a_problem_is_planned_once_for_each_device_and_setting(asked):
    x, w = drawn((2, 3, 5, 5), (4, 3, 3, 3), dtype=taper.float32)
    for _ in range(3):
        F.conv2d(x.cuda(), w.cuda())
    assert asked.planned == [("conv_fprop", ())]
    F.conv2d(x.to("cuda:1"), w.to("cuda:1"))
    assert len(asked.planned) == 2
    with settings.flags(enabled=True, allow_tf32=False):
        F.conv2d(x.cuda(), w.cuda())
    assert asked.planned[-1][1] == ("numerical_note.DOWN_CONVERT_INPUTS", "numerical_note.TENSOR_CORE")
    with settings.flags(enabled=True, deterministic=True, fp32_precision="tf32", allow_tf32=False):
        F.conv2d(x.cuda(), w.cuda())
    assert asked.planned[-1][1] == ("numerical_note.NONDETERMINISTIC",)
    assert len(asked.planned) == 4 and len(asked.executed) == 6


def test_deterministic_algorithms_are_asked_for(asked):
    x, w = drawn((2, 3, 5, 5), (4, 3, 3, 3), dtype=taper.float16)
    taper.use_deterministic_algorithms(True)
    try:
        F.conv2d(x.cuda(), w.cuda())
    finally:
        taper.use_deterministic_algorithms(False)
    assert asked.planned == [("conv_fprop", ("numerical_note.NONDETERMINISTIC",))]


def test_it_runs_on_the_current_stream(asked):
    x, w = (t.cuda() for t in drawn((2, 3, 5, 5), (4, 3, 3, 3), dtype=taper.float16))
    stream = taper.cuda.Stream()
    with taper.cuda.stream(stream):
        F.conv2d(x, w)
    F.conv2d(x, w)
    assert [s for _, s in asked.executed] == [stream.cuda_stream, taper.cuda.current_stream().cuda_stream]


@pytest.mark.parametrize("dtype", ROUNDED, ids=str)
def test_what_cudnn_refuses_is_computed_with_cupy(asked, dtype):
    asked.refuse = lambda method, given: True
    for case in CASES[4:8]:
        tensors = drawn(case.x, case.w, case.w[:1], convolved_shape(case), dtype=dtype)
        expected = convolved(case, *(t.double() for t in tensors))
        for f, e in zip(convolved(case, *(t.cuda() for t in tensors)), expected):
            assert f.dtype == dtype
            close(f, e, dtype)
    assert not asked.executed


def test_it_can_be_switched_off(asked):
    x, w = drawn((2, 3, 5, 5), (4, 3, 3, 3), dtype=taper.float32)
    with settings.flags(enabled=False):
        close(F.conv2d(x.cuda(), w.cuda()), F.conv2d(x, w), taper.float32)
    assert not asked.executed and not asked.planned


def test_complex_and_empty_convolutions_do_not_go_there(asked):
    (x,) = drawn((2, 3, 5, 5), dtype=taper.complex64)
    (w,) = drawn((4, 3, 3, 3), dtype=taper.complex64)
    np.testing.assert_allclose(F.conv2d(x.cuda(), w.cuda()).cpu().numpy(), F.conv2d(x, w).numpy(), rtol=1e-5, atol=1e-5)
    assert F.conv2d(taper.zeros(0, 3, 5, 5).cuda(), taper.zeros(4, 3, 3, 3).cuda()).shape == (0, 4, 3, 3)
    assert not asked.executed


def test_the_front_end_is_imported_when_it_is_used():
    sys.modules.pop("cudnn", None)
    with front_end.installed(), gpus("standin"):
        front = sys.modules.pop("cudnn")
        taper.ones(3).cuda() + 1
        assert "cudnn" not in sys.modules
        sys.modules["cudnn"] = front
        assert settings.is_available() and settings.version() == 92800


def test_without_the_front_end_or_the_library_there_is_none(monkeypatch):
    x, w = drawn((2, 3, 5, 5), (4, 3, 3, 3), dtype=taper.float16)
    with gpus("standin"):
        assert not settings.is_available() and settings.version() is None
        close(F.conv2d(x.cuda(), w.cuda()), F.conv2d(x.double(), w.double()), taper.float16)

    def missing():
        raise RuntimeError("cuDNN's library could not be loaded")

    with front_end.installed(), gpus("standin"):
        monkeypatch.setattr(sys.modules["cudnn"], "backend_version", missing)
        assert not settings.is_available() and settings.version() is None
        close(F.conv2d(x.cuda(), w.cuda()), F.conv2d(x.double(), w.double()), taper.float16)


# Attention.


class Attention:
    """Shapes of q, k, v and of a mask: bools, numbers, or none."""

    def __init__(self, q, k=None, v=None, mask=None, bools=False, causal=False, gqa=False, goes=True):
        self.q, self.k = q, k or q
        self.v, self.mask, self.bools, self.goes = v or self.k, mask, bools, goes
        self.options = dict(is_causal=causal, enable_gqa=gqa)

    def __repr__(self):
        return f"{self.q}-{self.k}-{self.v}-{self.mask}-{'bools' if self.bools else ''}-{self.options}"


ATTENTIONS = [
    Attention((2, 3, 5, 8)),
    Attention((2, 3, 5, 8), causal=True),
    Attention((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 16)),
    Attention((2, 3, 7, 16), (2, 3, 4, 16), causal=True),
    Attention((5, 8)),
    Attention((3, 5, 8), (3, 6, 8)),
    Attention((2, 2, 3, 5, 8)),
    Attention((2, 6, 5, 8), (2, 2, 7, 8), gqa=True),
    Attention((2, 3, 5, 8), mask=(5, 5)),
    Attention((2, 3, 5, 8), mask=(5, 5), bools=True),
    Attention((2, 3, 5, 8), mask=(2, 1, 1, 5), bools=True),
    Attention((2, 3, 5, 8), mask=(2, 3, 5, 5)),
    Attention((3, 5, 8), mask=(3, 5, 5)),
    Attention((2, 6, 5, 8), (2, 2, 7, 8), mask=(5, 7), gqa=True),
    # Where its kernels read features eight at a time, and heads are its own.
    Attention((2, 3, 5, 6), goes=False),
    Attention((2, 3, 5, 8), (1, 3, 5, 8), goes=False),
]


def attended(q, k, v, mask, g, **options):
    q, k, v = (t.detach().requires_grad_() for t in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, mask, **options)
    out.backward(g)
    return out, q.grad, k.grad, v.grad


def inputs(case, dtype):
    shape = np.broadcast_shapes(case.q[:-2], () if case.options["enable_gqa"] else case.k[:-2])
    q, k, v, g = drawn(case.q, case.k, case.v, (*shape, case.q[-2], case.v[-1]), dtype=dtype)
    mask = None
    if case.mask is not None:
        rng = np.random.default_rng(1)
        mask = taper.from_numpy(rng.random(case.mask) < 0.6)
        mask[..., 0, :] = False  # a query that sees nothing
        if not case.bools:
            (numbers,) = drawn(case.mask, dtype=dtype)
            mask = taper.where(mask, numbers, taper.full_like(numbers, -float("inf")))
    return q, k, v, mask, g


def everywhere(mask, move):
    return None if mask is None else mask if mask.dtype == taper.bool and move is None else move(mask)


@pytest.mark.parametrize("turned", [False, True], ids=["BHLE", "BLHE"])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("case", ATTENTIONS, ids=repr)
def test_attention_is_the_cpus(asked, case, dtype, turned):
    if turned and len(case.q) < 3:
        pytest.skip("nothing to turn")
    q, k, v, mask, g = inputs(case, dtype)
    wide = mask if mask is None or case.bools else mask.double()
    expected = attended(q.double(), k.double(), v.double(), wide, g.double(), **case.options)
    there = [t.cuda() for t in (q, k, v)]
    if turned:
        there = [t.transpose(-2, -3).contiguous().transpose(-2, -3) for t in there]
    found = attended(*there, None if mask is None else mask.cuda(), g.cuda(), **case.options)
    for f, e in zip(found, expected):
        assert f.dtype == dtype
        close(f, e, dtype)
    assert methods(asked) == (["sdpa", "sdpa_backward"] if case.goes else [])


def test_attention_reads_parts_of_one_array_where_they_lie(asked):
    batch, length, heads, features = 2, 6, 3, 16
    (joint,) = drawn((batch, length, 3 * heads * features), dtype=taper.float16)

    def split(t):
        return [p.view(batch, length, heads, features).transpose(1, 2) for p in t.split(heads * features, 2)]

    found = F.scaled_dot_product_attention(*split(joint.cuda()), is_causal=True)
    close(found, F.scaled_dot_product_attention(*split(joint.double()), is_causal=True), taper.float16)
    # The result lies as the queries do, so that heads are joined without a copy.
    assert found.transpose(1, 2).is_contiguous()


@pytest.mark.parametrize("method", ["sdpa", "sdpa_backward"])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_attention_that_is_refused_is_computed_with_cupy(asked, dtype, method):
    asked.refuse = lambda name, given: name == method
    for case in ATTENTIONS:
        q, k, v, mask, g = inputs(case, dtype)
        wide = mask if mask is None or case.bools else mask.double()
        expected = attended(q.double(), k.double(), v.double(), wide, g.double(), **case.options)
        found = attended(*(t.cuda() for t in (q, k, v)), None if mask is None else mask.cuda(), g.cuda(), **case.options)
        for f, e in zip(found, expected):
            close(f, e, dtype)
    assert method not in methods(asked)


def test_attention_whose_mask_wants_a_gradient_goes_by_its_weights_backwards(asked):
    case = Attention((2, 3, 5, 8), mask=(5, 5))
    q, k, v, mask, g = inputs(case, taper.float16)
    mask = mask.clamp(min=-4)

    def slope(q, k, v, mask, g):
        mask = mask.detach().requires_grad_()
        F.scaled_dot_product_attention(q, k, v, mask).backward(g)
        return mask.grad

    expected = slope(*(t.double() for t in (q, k, v, mask, g)))
    close(slope(*(t.cuda() for t in (q, k, v, mask, g))), expected, taper.float16)
    assert methods(asked) == ["sdpa"]


def test_attention_of_float32_and_with_dropout_does_not_go_there(asked):
    q, k, v, _, g = inputs(Attention((2, 3, 5, 8)), taper.float32)
    for f, e in zip(attended(q.cuda(), k.cuda(), v.cuda(), None, g.cuda()), attended(q, k, v, None, g)):
        close(f, e, taper.float32)
    half = [t.cuda().half() for t in (q, k, v)]
    assert F.scaled_dot_product_attention(*half, dropout_p=0.5).dtype == taper.float16
    assert not asked.executed


def test_attention_deterministic(asked):
    q, k, v, _, g = inputs(Attention((2, 3, 5, 8)), taper.float16)
    given = []
    asked.refuse = lambda name, options: given.append((name, options.get("use_deterministic_algorithm"))) is not None
    with settings.flags(enabled=True, deterministic=True):
        attended(q.cuda(), k.cuda(), v.cuda(), None, g.cuda())
    assert given == [("sdpa", None), ("sdpa_backward", True)]


def test_multi_head_attention_in_autocast_goes_there(asked):
    taper.manual_seed(0)
    layer = taper.nn.MultiheadAttention(16, 2, batch_first=True)
    x = taper.randn(2, 5, 16)
    expected = layer(x, x, x, need_weights=False)[0]
    layer = layer.cuda()
    with taper.autocast("cuda", dtype=taper.float16):
        found = layer(x.cuda(), x.cuda(), x.cuda(), need_weights=False)[0]
    np.testing.assert_allclose(found.detach().float().cpu().numpy(), expected.detach().numpy(), atol=5e-3)
    assert methods(asked) == ["sdpa"]
