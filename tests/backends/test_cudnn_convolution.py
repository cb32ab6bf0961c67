"""Convolution by cuDNN, on a stand-in that computes what it is told of sizes, strides and addresses."""

from __future__ import annotations

import numpy as np
import pytest

import taper
import taper.nn.functional as F
from taper.backends import cudnn as settings

from .cudnn_cases import HALVES, ROUNDED, close, drawn, methods
from .test_convolution import CASES


def convolved(case, x, w, b, g):
    """A convolution and its three gradients."""
    x, w, b = (t.detach().requires_grad_() for t in (x, w, b))
    convolution = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.ndim]
    out = convolution(x, w, b, case.stride, case.padding, case.dilation, case.groups)
    out.backward(g)
    return out, x.grad, w.grad, b.grad


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
        x, g = x.to(memory_format=form), g.to(memory_format=form)
    found = convolved(case, x, w, b, g)
    for f, e in zip(found, expected):
        assert f.dtype == dtype
        close(f, e, dtype)
    assert methods(asked) == ["conv_fprop", "conv_dgrad", "conv_wgrad"]
    if form is not None:
        assert found[0].is_contiguous(memory_format=form)


def convolved_shape(case):
    return F_shape(case.x, case.w, *case.settings[:3])


def F_shape(x, w, stride, padding, dilation):
    spatial = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(x[2:], w[2:], stride, padding, dilation)]
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
