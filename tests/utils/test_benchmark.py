"""Timers measure, tables show; swapped tensors are each other."""

from __future__ import annotations

import pytest

import taper
from taper.utils.benchmark import Compare, Measurement, Timer


def test_timer():
    timer = Timer("x + 1", setup="x = torch.ones(3)", label="add", sub_label="three", description="taper")
    for made in (
        timer.timeit(20),
        timer.blocked_autorange(min_run_time=0.01),
        timer.adaptive_autorange(max_run_time=0.05),
    ):
        assert isinstance(made, Measurement) and 0 < made.median < 1 and made.mean > 0 and made.iqr >= 0
        assert "add: three" in repr(made) and "1 thread" in repr(made)
    assert taper.get_num_threads() >= 1
    table = str(Compare([made]))
    assert "three" in table and "taper" in table and "Times are in" in table
    with pytest.raises(ValueError, match="Measurement"):
        Compare([3])
    with pytest.raises(NotImplementedError):
        timer.collect_callgrind()


def test_swapped_tensors():
    a, b = taper.nn.Parameter(taper.ones(2)), taper.zeros(3)
    taper.utils.swap_tensors(a, b)
    assert a.shape == (3,) and not a.requires_grad and isinstance(b, taper.nn.Parameter) and b.requires_grad
    (b * 2).sum().backward()
    assert b.grad.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="graph"):
        taper.utils.swap_tensors(b * 2, a)
