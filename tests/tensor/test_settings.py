"""Settings of a process, threads, and what programs ask of GPUs."""

from __future__ import annotations

import pytest

import taper


def test_default_types_change_what_factories_make():
    try:
        taper.set_default_dtype(taper.float64)
        assert taper.tensor(1.5).dtype == taper.zeros(1).dtype == (taper.tensor([1]) / 2).dtype == taper.float64
        taper.set_default_tensor_type("torch.FloatTensor")
        assert taper.zeros(1).dtype == taper.float32
        taper.set_default_tensor_type(taper.DoubleTensor)
        assert taper.get_default_dtype() == taper.float64
        with pytest.raises(TypeError):
            taper.set_default_dtype(taper.int64)
        with pytest.raises(TypeError):
            taper.set_default_tensor_type("torch.LongTensor")
    finally:
        taper.set_default_dtype(taper.float32)


def test_threads_can_be_set():
    before = taper.get_num_threads()
    try:
        taper.set_num_threads(1)
        assert taper.get_num_threads() == 1
        with pytest.raises(RuntimeError):
            taper.set_num_threads(0)
    finally:
        taper.set_num_threads(before)


def test_there_is_no_gpu_and_asking_for_one_says_so():
    assert not taper.cuda.is_available()
    assert taper.cuda.device_count() == 0
    assert not taper.backends.mps.is_available()
    taper.backends.cudnn.benchmark = True
    taper.cuda.manual_seed_all(3)
    assert taper.device("cuda", 1).index == 1
    for call in (lambda: taper.ones(1, device="cuda"), lambda: taper.ones(1).cuda(), taper.cuda.current_device):
        with pytest.raises(AssertionError, match="CUDA"):
            call()
    with pytest.raises(RuntimeError):
        taper.set_default_device("nowhere")


def test_rooms_open_when_asked_for():
    assert taper.nn.Linear is taper.nn.modules.Linear
    assert taper.conv2d is taper.nn.functional.conv2d
    assert "nn" in dir(taper)
    with pytest.raises(AttributeError, match="nothing"):
        taper.nothing  # noqa: B018
