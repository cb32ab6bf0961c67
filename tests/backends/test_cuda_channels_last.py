"""Eager convolutional networks on a GPU with channels last: strides go to cuDNN as they are, and nothing is copied between."""

from __future__ import annotations

import numpy as np
import pytest

import taper
import taper.nn.functional as F
from taper import nn

LAST = taper.channels_last
BIG = 1000


@pytest.fixture
def copies(cudnn_there, monkeypatch):
    """The shapes of arrays of four dimensions that were copied to lie otherwise: (what did it, shape)."""
    import cupy

    taper.zeros(1).cuda()
    seen = []

    def watched(name, function):
        def noted(self, *args, **options):
            made = function(self, *args, **options)
            if self.size > BIG and self.ndim == 4 and made.data.ptr != self.data.ptr:
                seen.append((name, self.shape))
            return made

        return noted

    for name in ("reshape", "copy", "ravel"):
        monkeypatch.setattr(cupy.ndarray, name, watched(name, getattr(cupy.ndarray, name)))
    plain = cupy.ascontiguousarray

    def laid(a, *args, **options):
        made = plain(a, *args, **options)
        if a.size > BIG and made.data.ptr != a.data.ptr:
            seen.append(("ascontiguousarray", a.shape))
        return made

    monkeypatch.setattr(cupy, "ascontiguousarray", laid)
    return seen


def image() -> taper.Tensor:
    taper.manual_seed(0)
    return taper.randn(4, 8, 12, 12).cuda().to(memory_format=LAST)


def conv() -> nn.Module:
    return nn.Conv2d(8, 8, 3, 1, 1, bias=False).cuda().to(memory_format=LAST)


# What keeps the order of its input, and copies nothing forwards.
KEEPS = {
    "conv": lambda x: conv()(x),
    "batch norm": lambda x: nn.BatchNorm2d(8).cuda()(x),
    "batch norm in evaluation": lambda x: nn.BatchNorm2d(8).cuda().eval()(x),
    "relu": F.relu,
    "silu": F.silu,
    "sum": lambda x: x + x.detach(),
    "mean of planes": lambda x: F.adaptive_avg_pool2d(x, 1),
    "block": lambda x: F.relu(nn.BatchNorm2d(8).cuda()(conv()(x)) + x),
}


@pytest.mark.parametrize("name", KEEPS)
def test_channels_stay_last_and_nothing_is_copied(copies, name):
    x = image()
    taper.manual_seed(1)
    y = KEEPS[name](x)
    assert y.is_contiguous(memory_format=LAST), y.stride()
    assert not copies
    taper.manual_seed(1)
    with taper.device("cpu"):
        expected = image_on_cpu(name, x)
    np.testing.assert_allclose(y.detach().cpu(), expected, rtol=1e-4, atol=1e-5)


def image_on_cpu(name: str, x: taper.Tensor) -> taper.Tensor:
    """The same of the same numbers by the CPU: modules are drawn there first in any case."""
    before = nn.Module.cuda
    try:
        nn.Module.cuda = lambda self, device=None: self
        return KEEPS[name](x.cpu()).detach()
    finally:
        nn.Module.cuda = before


def test_gradients_of_a_block_keep_the_order(copies):
    x = image().requires_grad_()
    block = nn.Sequential(conv(), nn.BatchNorm2d(8).cuda(), nn.ReLU(), conv())
    block(x).sum().backward()
    assert x.grad.is_contiguous(memory_format=LAST)
    assert all(p.grad.is_contiguous(memory_format=LAST) for p in block.parameters() if p.ndim == 4)
    # What `sum` repeats has no memory of its own, and cuDNN wants some.
    assert {name for name, _ in copies} <= {"ascontiguousarray", "copy"} and len(copies) <= 2, copies
