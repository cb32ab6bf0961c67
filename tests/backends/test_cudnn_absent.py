"""Where cuDNN, or its front end, is not there; and when it is imported."""

from __future__ import annotations

import sys

import taper
import taper.nn.functional as F
from taper.backends import cudnn as settings

from .cudnn_cases import close, drawn
from .gpus import gpus
from .standin import front_end


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
