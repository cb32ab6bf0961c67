"""Errors inside a model say where: the module's path, its sizes, the shapes it was given."""

from __future__ import annotations

import pytest

import taper
from taper import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 256)

    def forward(self, x):
        return self.fc1(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(3, 4, 3))])

    def forward(self, x, block=False):
        if block:
            for layer in self.blocks:
                x = layer(x)
            return x
        return self.encoder(x)


def test_the_path_of_the_module_is_named():
    with pytest.raises(RuntimeError) as caught:
        Model()(taper.ones(2, 1, 28, 28))
    first, where = str(caught.value).split("\n")
    assert first.startswith("mat1 and mat2 shapes cannot be multiplied (56x28 and 784x256)")
    assert where == "encoder.fc1: Linear(784 -> 256) got [2, 1, 28, 28]"


def test_through_containers_that_are_not_called():
    with pytest.raises(RuntimeError) as caught:
        Model()(taper.ones(2, 1, 8, 8), block=True)
    assert str(caught.value).endswith("\nblocks.0.0: Conv2d(3 -> 4) got [2, 1, 8, 8]")


def test_a_single_module_has_no_path():
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(3, 2)(taper.ones(1, 4))
    assert str(caught.value).endswith("\nLinear(3 -> 2) got [1, 4]")


def test_the_class_stays_and_modules_without_sizes_show_their_options():
    with pytest.raises(ValueError) as caught:
        nn.Sequential(nn.BatchNorm2d(3))(taper.ones(2, 3))
    text = "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    assert str(caught.value) == f"expected 4D input (got 2D input)\n0: {text} got [2, 3]"


def test_what_the_users_code_raises_is_left_alone():
    class Raising(nn.Module):
        def forward(self, x):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError) as caught:
        nn.Sequential(Raising())(taper.ones(1))
    assert str(caught.value) == "mine"


def test_other_classes_are_left_alone():
    with pytest.raises(NotImplementedError) as caught:
        nn.Sequential(nn.Module())(taper.ones(1))
    assert str(caught.value) == 'Module [Module] is missing the required "forward" function'
