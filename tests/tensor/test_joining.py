"""Joining and splitting: types, views, one gradient for several results."""

from __future__ import annotations

import numpy as np
import pytest

import taper


def test_cat_promotes_types():
    torch = pytest.importorskip("torch")
    names = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64")
    for a in names:
        for b in names:
            found = taper.cat([taper.ones(1, dtype=getattr(taper, a)), taper.ones(2, dtype=getattr(taper, b))])
            expected = torch.cat([torch.ones(1, dtype=getattr(torch, a)), torch.ones(2, dtype=getattr(torch, b))])
            assert str(found.dtype) == str(expected.dtype), (a, b)


def test_old_empty_tensors_fit_beside_everything():
    x = taper.ones(2, 3)
    assert taper.cat([taper.empty(0), x, x], 1).shape == (2, 6)
    assert taper.cat([taper.empty(0), taper.empty(0)], 0).shape == (0,)
    with pytest.raises(RuntimeError, match="same number of dimensions"):
        taper.cat([x, taper.ones(1)])


def test_joined_tensors_are_contiguous_copies():
    x = taper.arange(6.0).reshape(2, 3)
    for made in (taper.cat([x.t(), x.t()]), taper.stack([x.t(), x.t()], 1), taper.cat([x])):
        assert made.is_contiguous()
        made.zero_()
    assert x.sum() == 15


def test_results_go_where_out_says():
    out = taper.empty(0)
    assert taper.cat([taper.ones(2), taper.zeros(1)], out=out) is out and out.tolist() == [1.0, 1.0, 0.0]
    with pytest.warns(UserWarning, match="resized since it had shape"):
        assert taper.stack([taper.ones(1), taper.zeros(1)], out=out) is out and out.shape == (2, 1)


SPLITS = {
    "split": lambda x: x.split(2),
    "split_sizes": lambda x: x.split([1, 0, 4], 0),
    "split_columns": lambda x: x.split(2, dim=-1),
    "chunk": lambda x: x.chunk(3),
    "unbind": lambda x: x.unbind(),
    "unbind_columns": lambda x: x.unbind(1),
    "iteration": lambda x: tuple(x),
    "tensor_split": lambda x: x.tensor_split(3),
    "tensor_split_at": lambda x: x.tensor_split((1, 3, 2), 1),
    "hsplit": lambda x: x.hsplit([1]),
    "vsplit": lambda x: x.vsplit(5),
}


@pytest.mark.parametrize("name", SPLITS)
def test_pieces_are_views_with_one_gradient(name):
    torch = pytest.importorskip("torch")
    gradients = []
    for T in (taper, torch):
        base = T.arange(20.0, dtype=T.float64).reshape(5, 4)
        pieces = SPLITS[name](base)
        assert all(p.untyped_storage().data_ptr() == base.untyped_storage().data_ptr() for p in pieces if p.numel())
        x = base.clone().requires_grad_()
        pieces = SPLITS[name](x)
        # The last piece is not used: it counts as zero.
        total = sum((k + 1) * (p**2).sum() for k, p in enumerate(pieces[:-1]))
        (g,) = T.autograd.grad(total, x, create_graph=True)
        g.pow(2).sum().backward()
        gradients.append([[tuple(p.shape) for p in pieces], g.detach().numpy(), x.grad.numpy()])
    assert gradients[0][0] == gradients[1][0]
    for found, expected in zip(gradients[0][1:], gradients[1][1:]):
        np.testing.assert_allclose(found, expected)


def test_pieces_of_a_plain_tensor_write_through():
    x = taper.zeros(4, 2)
    a, b = x.split(2)
    a.fill_(1)
    b[0] = 2
    for row in x:
        row.add_(10)
    assert x.tolist() == [[11.0, 11.0], [11.0, 11.0], [12.0, 12.0], [10.0, 10.0]]
    numbers = taper.arange(3)
    for element in numbers:
        element.mul_(2)
    assert numbers.tolist() == [0, 2, 4]


def test_pieces_with_history_cannot_be_changed_in_place():
    x = taper.ones(4, requires_grad=True)
    first, _ = (x * 1).split(2)
    with pytest.raises(RuntimeError, match="output of a function that returns multiple views"):
        first.mul_(2)


def test_gradient_functions_have_pytorchs_names():
    x = taper.ones(4, 2, requires_grad=True)
    assert x.split(2)[1].grad_fn.name() == "SplitBackward0" and x.split(2)[1].output_nr == 1
    assert x.unbind()[3].grad_fn.name() == "UnbindBackward0" and x.unbind()[3].output_nr == 3
    assert taper.cat([x, x]).grad_fn.name() == "CatBackward0"
    assert taper.stack([x, x]).grad_fn.name() == "StackBackward0"


def test_unbinding_nothing():
    assert taper.ones(0, 3, requires_grad=True).unbind() == ()
    assert list(taper.ones(0)) == []
