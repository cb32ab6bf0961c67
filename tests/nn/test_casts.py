"""Modules and tensors moved to other memory formats."""

from __future__ import annotations

import pytest

import taper


def test_memory_format_of_a_module():
    model = taper.nn.Sequential(taper.nn.Conv2d(3, 4, 3), taper.nn.BatchNorm2d(4))
    values = [p.detach().clone() for p in model.parameters()]
    assert model.to(memory_format=taper.channels_last) is model
    assert model[0].weight.stride() == (27, 1, 9, 3)
    assert model[1].weight.stride() == (1,)
    assert all(taper.equal(p, v) for p, v in zip(model.parameters(), values))
    x = taper.randn(2, 3, 8, 8)
    assert model[0](x).is_contiguous(memory_format=taper.channels_last)
    assert model.to(memory_format=taper.contiguous_format)[0].weight.is_contiguous()
    assert model[0](x).is_contiguous()
    assert model[0](x.to(memory_format=taper.channels_last)).is_contiguous(memory_format=taper.channels_last)


def test_memory_format_of_a_tensor():
    x = taper.randn(2, 3, 4, 5, requires_grad=True)
    y = x.to(memory_format=taper.channels_last)
    assert y.stride() == (60, 1, 15, 3) and taper.equal(x, y)
    assert y.to(memory_format=taper.channels_last) is y
    assert x.to(taper.float64, memory_format=taper.channels_last).stride() == (60, 1, 15, 3)
    assert y.to(memory_format=taper.channels_last, copy=True) is not y
    y.sum().backward()
    assert x.grad.stride() == x.stride()
    with pytest.raises(RuntimeError, match="required rank 4"):
        taper.ones(3).to(memory_format=taper.channels_last)
