"""Fixtures of tests of GPUs."""

from __future__ import annotations

import importlib

import pytest

import taper

from .gpus import gpus
from .standin import front_end


@pytest.fixture(scope="module")
def cudnn_there():
    """CuPy's stand-in with two devices, and cuDNN's, where `import cudnn` finds it."""
    with front_end.installed() as room, gpus("standin", 2):
        yield room


@pytest.fixture
def asked(cudnn_there):
    """What was asked of cuDNN's stand-in, of which nothing was asked before."""
    taper.zeros(1).cuda()
    importlib.import_module("taper.backends.cuda.cudnn_graphs")._kept.plans.clear()
    cudnn_there.__init__()
    return cudnn_there
