"""Attention by cuDNN, on a stand-in that computes what it is told of sizes, strides and addresses."""

from __future__ import annotations

import numpy as np
import pytest

import taper
import taper.nn.functional as F
from taper.backends import cudnn as settings

from .cudnn_cases import HALVES, close, drawn, methods


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
        found = attended(
            *(t.cuda() for t in (q, k, v)), None if mask is None else mask.cuda(), g.cuda(), **case.options
        )
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


def test_with_formulas_alone_it_does_not_go_there(asked):
    from taper.nn.attention import SDPBackend, sdpa_kernel

    q, k, v, _, _ = inputs(Attention((2, 3, 5, 8)), taper.float16)
    for allowed, expected in ((SDPBackend.MATH, []), ([SDPBackend.MATH, SDPBackend.CUDNN_ATTENTION], ["sdpa"])):
        with sdpa_kernel(allowed):
            F.scaled_dot_product_attention(q.cuda(), k.cuda(), v.cuda())
        assert methods(asked) == expected


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
