"""Parameter, Buffer, and those without a shape."""

from __future__ import annotations

import copy
import pickle

import pytest

import taper
from taper import nn


def test_a_parameter_is_a_leaf_over_the_tensors_memory():
    data = taper.zeros(2)
    p = nn.Parameter(data)
    data.add_(1)
    assert p.tolist() == [1, 1] and p.requires_grad and p.is_leaf and isinstance(p, taper.Tensor)
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert type(p * 2) is taper.Tensor
    assert nn.Parameter().shape == (0,)


def test_text():
    assert repr(nn.Parameter(taper.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert repr(nn.UninitializedParameter()) == "<UninitializedParameter>"


def test_what_is_no_tensor_is_refused():
    with pytest.raises(AttributeError, match="'int' object has no attribute 'detach'"):
        nn.Parameter(3)
    with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype can require gradients"):
        nn.Parameter(taper.tensor([1]))


def test_deepcopy_copies_values_and_neither_gradient_nor_attributes():
    p = nn.Parameter(taper.ones(2))
    p.grad = taper.ones(2)
    p.tag = 3
    made = copy.deepcopy([p, p])
    assert made[0] is made[1] and isinstance(made[0], nn.Parameter) and made[0].requires_grad
    assert made[0].grad is None and not hasattr(made[0], "tag")
    with taper.no_grad():
        made[0].add_(1)
    assert p.tolist() == [1, 1]


def test_pickle():
    p = pickle.loads(pickle.dumps(nn.Parameter(taper.ones(2), requires_grad=False)))
    assert type(p) is nn.Parameter and not p.requires_grad and p.tolist() == [1, 1]
    assert pickle.loads(pickle.dumps(nn.Parameter(taper.ones(2)))).requires_grad


def test_data_can_be_replaced():
    p = nn.Parameter(taper.ones(2))
    p.data = taper.zeros(3)
    assert p.shape == (3,) and p.requires_grad


def test_a_buffer_is_an_ordinary_tensor_marked():
    b = nn.Buffer(taper.ones(2), persistent=False)
    assert type(b) is taper.Tensor and isinstance(b, nn.Buffer) and not b.persistent
    assert not isinstance(b, nn.Parameter)


def test_a_parameter_without_shape_gets_one():
    p = nn.UninitializedParameter(dtype=taper.float64)
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter or buffer"):
        _ = p.shape
    copied = copy.deepcopy(p)
    p.materialize((2, 3))
    assert type(p) is nn.Parameter and p.shape == (2, 3) and p.requires_grad and p.dtype == taper.float64
    assert type(copied) is nn.UninitializedParameter
    b = nn.UninitializedBuffer()
    b.materialize((2,), dtype=taper.float64)
    assert type(b) is taper.Tensor and b.dtype == taper.float64
