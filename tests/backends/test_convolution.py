"""Convolution and its gradients against a loop over the definition in float64, and against PyTorch's autograd."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from taper.backends.cpu import convolution
from taper.backends.cpu.convolution import conv, conv_input_grad, conv_output_shape, conv_weight_grad


class Case(NamedTuple):
    x: tuple[int, ...]
    w: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def settings(self):
        return self[2:]


CASES = [
    Case((2, 3, 9), (4, 3, 3), (1,), (0,), (1,), 1),
    Case((2, 4, 11), (6, 2, 3), (2,), (2,), (2,), 2),
    Case((1, 1, 1), (1, 1, 1), (1,), (0,), (1,), 1),
    Case((3, 2, 5), (4, 2, 1), (2,), (1,), (1,), 1),
    Case((2, 3, 7, 8), (5, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    Case((2, 5, 7, 8), (3, 5, 3, 2), (1, 1), (1, 0), (1, 2), 1),
    Case((2, 3, 7, 8), (5, 3, 3, 2), (2, 3), (1, 2), (1, 1), 1),
    Case((2, 4, 8, 7), (6, 2, 2, 3), (1, 2), (3, 1), (2, 1), 2),
    Case((2, 4, 6, 6), (4, 4, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    Case((2, 4, 7, 6), (6, 2, 1, 1), (2, 3), (0, 0), (1, 1), 2),
    Case((2, 3, 5, 5), (2, 3, 1, 1), (2, 2), (1, 2), (1, 1), 1),
    Case((2, 6, 9, 8), (6, 1, 3, 3), (1, 1), (1, 1), (1, 1), 6),
    Case((2, 3, 9, 8), (6, 1, 3, 3), (2, 2), (1, 1), (2, 1), 3),
    Case((2, 2, 3, 3), (2, 2, 2, 2), (1, 1), (5, 4), (1, 1), 1),
    Case((2, 2, 5, 4, 6), (3, 2, 3, 2, 2), (1, 1, 1), (1, 0, 1), (1, 1, 2), 1),
    Case((2, 4, 5, 4, 6), (4, 2, 2, 2, 3), (2, 1, 2), (1, 1, 1), (1, 2, 1), 2),
    Case((0, 3, 7, 8), (5, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    Case((0, 3, 7, 8), (5, 3, 1, 1), (2, 1), (0, 0), (1, 1), 1),
]


def reference(case: Case, x, w, g):
    """The output and both gradients, by one multiplication and addition for each term of the definition."""
    output = g.shape[2:]
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in case.padding)])
    y, dpadded, dw = np.zeros(g.shape), np.zeros(padded.shape), np.zeros(w.shape)
    outs, ins = w.shape[0] // case.groups, w.shape[1]
    for o, c in product(range(w.shape[0]), range(ins)):
        channel = o // outs * ins + c
        for place, tap in product(product(*map(range, output)), product(*map(range, w.shape[2:]))):
            at = tuple(i * s + t * d for i, s, t, d in zip(place, case.stride, tap, case.dilation))
            y[(slice(None), o, *place)] += w[(o, c, *tap)] * padded[(slice(None), channel, *at)]
            dw[(o, c, *tap)] += np.sum(g[(slice(None), o, *place)] * padded[(slice(None), channel, *at)])
            dpadded[(slice(None), channel, *at)] += w[(o, c, *tap)] * g[(slice(None), o, *place)]
    inside = tuple(slice(p, p + n) for n, p in zip(x.shape[2:], case.padding))
    return y, dpadded[(slice(None), slice(None), *inside)], dw


def operands(case: Case, dtype):
    rng = np.random.default_rng(0)
    output = conv_output_shape(case.x[2:], case.w[2:], case.stride, case.padding, case.dilation)
    shapes = case.x, case.w, (case.x[0], case.w[0], *output)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def all_three(case: Case, x, w, g):
    return (
        conv(x, w, *case.settings),
        conv_input_grad(g, w, x.shape, *case.settings),
        conv_weight_grad(g, x, w.shape, *case.settings),
    )


def check(got, expected, dtype):
    rtol = {np.float32: 1e-5, np.float64: 1e-13}[dtype]
    for ours, theirs in zip(got, expected):
        assert (ours.shape, ours.dtype) == (theirs.shape, dtype)
        assert ours.flags.c_contiguous
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * max(1.0, np.abs(theirs).max(initial=0)))


@pytest.mark.parametrize("block_bytes", [1, 700, 1 << 20], ids=["row by row", "small blocks", "one block"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_the_definition(case, dtype, block_bytes, monkeypatch):
    monkeypatch.setattr(convolution, "BLOCK_BYTES", block_bytes)
    x, w, g = operands(case, dtype)
    check(all_three(case, x, w, g), reference(case, x.astype(float), w.astype(float), g.astype(float)), dtype)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("case", [case for case in CASES if max(case.w[2:]) > 1], ids=str)
def test_an_image_may_be_split_anywhere(case, rows, monkeypatch):
    def split(batch, channels, kernel, output, w):
        parts = [slice(start, min(start + rows, output[0])) for start in range(0, output[0], rows)]
        return ((slice(n, n + 1), parts) for n in range(batch))

    monkeypatch.setattr(convolution, "_blocks", split)
    x, w, g = operands(case, np.float64)
    check(all_three(case, x, w, g), reference(case, x, w, g), np.float64)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_with_torch(case):
    torch = pytest.importorskip("torch")
    x, w, g = operands(case, np.float64)
    tx, tw = torch.from_numpy(x).requires_grad_(), torch.from_numpy(w).requires_grad_()
    function = getattr(torch.nn.functional, f"conv{x.ndim - 2}d")
    y = function(tx, tw, None, *case.settings)
    gradients = torch.autograd.grad(y, (tx, tw), torch.from_numpy(g))
    check(all_three(case, x, w, g), [y.detach().numpy(), *(t.numpy() for t in gradients)], np.float64)


@st.composite
def cases(draw):
    ndim, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def sizes(low, high):
        return tuple(draw(st.lists(st.integers(low, high), min_size=ndim, max_size=ndim)))

    channels, outs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    spatial, kernel, stride, padding, dilation = sizes(1, 7), sizes(1, 3), sizes(1, 3), sizes(0, 2), sizes(1, 2)
    assume(all(n + 2 * p > d * (k - 1) for n, k, p, d in zip(spatial, kernel, padding, dilation)))
    batch = draw(st.integers(0, 2))
    x, w = (batch, channels * groups, *spatial), (outs * groups, channels, *kernel)
    return Case(x, w, stride, padding, dilation, groups)


@settings(deadline=None, max_examples=60)
@given(cases(), st.sampled_from([1, 500, 1 << 20]))
def test_gradients_are_adjoint_to_the_convolution(case, block_bytes):
    """<conv(x, w), g> = <x, dx> = <w, dw>: conv is linear in x and in w."""
    x, w, g = operands(case, np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "BLOCK_BYTES", block_bytes)
        y, dx, dw = all_three(case, x, w, g)
    expected = pytest.approx(np.sum(y * g), rel=1e-10, abs=1e-10)
    assert np.sum(x * dx) == expected
    assert np.sum(w * dw) == expected


TRANSPOSED = [
    # x, w (C, O / groups, *kernel), stride, padding, output_padding, dilation, groups
    ((2, 3, 5), (3, 4, 3), (2,), (1,), (1,), (1,), 1),
    ((2, 4, 5), (4, 2, 3), (1,), (0,), (1,), (2,), 2),
    ((2, 3, 4, 5), (3, 2, 3, 3), (2, 3), (1, 0), (1, 2), (1, 1), 1),
    ((2, 3, 4, 5), (3, 2, 3, 2), (1, 1), (1, 1), (0, 0), (2, 1), 1),
    ((2, 4, 4, 5), (4, 3, 1, 1), (2, 2), (0, 0), (1, 0), (1, 1), 2),
    ((2, 4, 4, 5), (4, 1, 3, 3), (2, 2), (1, 1), (1, 1), (3, 2), 4),
    ((2, 2, 3, 2, 4), (2, 3, 2, 3, 2), (2, 1, 2), (0, 1, 0), (1, 0, 1), (1, 1, 1), 1),
]


@pytest.mark.parametrize("x_shape, w_shape, stride, padding, output_padding, dilation, groups", TRANSPOSED)
def test_input_grad_is_the_transposed_convolution(x_shape, w_shape, stride, padding, output_padding, dilation, groups):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(x_shape), rng.standard_normal(w_shape)
    tx, tw = torch.from_numpy(x).requires_grad_(), torch.from_numpy(w).requires_grad_()
    function = getattr(torch.nn.functional, f"conv_transpose{x.ndim - 2}d")
    y = function(tx, tw, None, stride, padding, output_padding, groups, dilation)
    g = rng.standard_normal(y.shape)
    dx, dw = torch.autograd.grad(y, (tx, tw), torch.from_numpy(g))
    settings = stride, padding, dilation, groups
    ours = conv_input_grad(x, w, tuple(y.shape), *settings), conv_weight_grad(x, g, w.shape, *settings)
    check(ours, (y.detach().numpy(), dw.numpy()), np.float64)
    # The gradient with respect to x is the convolution itself, whose last windows the output padding may have added.
    inside = tuple(slice(0, n) for n in x.shape[2:])
    np.testing.assert_allclose(conv(g, w, *settings)[(..., *inside)], dx.numpy(), rtol=1e-12, atol=1e-12)


def test_strided_operands_are_read_as_they_are():
    case = Case((3, 4, 6, 7), (6, 2, 3, 3), (2, 1), (1, 1), (1, 1), 2)
    x, w, g = operands(case, np.float64)
    views = [np.flip(np.flip(a, 2).copy(), 2) for a in (x, w, g)]
    transposed = [a.transpose(1, 0, 3, 2).copy().transpose(1, 0, 3, 2) for a in (x, w, g)]
    for others in (views, transposed):
        before = [a.copy() for a in others]
        for got, expected in zip(all_three(case, *others), all_three(case, x, w, g)):
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)
        for a, b in zip(others, before):
            np.testing.assert_array_equal(a, b)


def test_broadcast_gradient():
    """A sum's backward hands over an array of strides 0."""
    case = Case((2, 3, 6, 6), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    x, w, g = operands(case, np.float64)
    ones = np.broadcast_to(1.0, g.shape)
    check(all_three(case, x, w, ones), all_three(case, x, w, np.ones(g.shape)), np.float64)


@pytest.mark.parametrize("infinite", [np.inf, np.nan])
def test_nonfinite_elements_stay_in_their_windows(infinite):
    x = np.ones((1, 1, 8))
    x[0, 0, 0] = infinite
    y = conv(x, np.ones((1, 1, 3)), (1,), (1,), (1,), 1)
    assert not np.isfinite(y[0, 0, :2]).any() and np.isfinite(y[0, 0, 2:]).all()


@pytest.mark.parametrize(
    "spatial, kernel, padding, dilation", [((2,), (3,), (0,), (1,)), ((5, 4), (3, 2), (0, 1), (3, 7))]
)
def test_a_kernel_that_does_not_fit(spatial, kernel, padding, dilation):
    ones = (1,) * len(spatial)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        conv(np.ones((1, 1, *spatial)), np.ones((1, 1, *kernel)), ones, padding, dilation, 1)
