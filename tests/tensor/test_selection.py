"""Selection and scattering: types, bounds, and what the operator tables do not say."""

from __future__ import annotations

import numpy as np
import pytest

import taper

NAMES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64")


def test_where_has_pytorchs_types():
    torch = pytest.importorskip("torch")

    def kinds(T, name):
        one = T.ones(2, dtype=getattr(T, name))
        mask = T.tensor([True, False])
        sides = (True, 1, 1.5, one[0], T.tensor(2), T.tensor(2.5), T.tensor([1.5, 2.5], dtype=T.float64))
        return [str(T.where(mask, one, side).dtype) for side in sides]

    for name in NAMES:
        assert kinds(taper, name) == kinds(torch, name), name
    mask = taper.tensor([True, False])
    assert taper.where(mask, 1, 2.0).dtype == taper.float32 and taper.where(mask, 1, 2).dtype == taper.int64


def test_where_gives_no_gradient_to_what_was_not_chosen():
    x = taper.tensor([0.0, 4.0], requires_grad=True)
    taper.where(x > 0, x, taper.zeros(())).sqrt().sum().backward()
    assert x.grad[1] == 0.25
    with pytest.raises(TypeError, match="where"):
        taper.where(x > 0, x)


def test_nonzero_in_both_forms():
    x = taper.tensor([[0, 3], [5, 0]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0]]
    rows, columns = x.nonzero(as_tuple=True)
    assert x[rows, columns].tolist() == [3, 5] and rows.is_contiguous()
    assert [i.tolist() for i in taper.where(x)] == [[0, 1], [1, 0]]
    assert taper.tensor(3).nonzero().shape == (1, 0) and taper.tensor(0).nonzero().shape == (0, 0)
    assert taper.tensor(3).nonzero(as_tuple=True)[0].tolist() == [0]


def test_masked_fill_converts_and_broadcasts():
    x = taper.zeros(2, 3)
    assert (
        x.masked_fill(taper.tensor([True, False, True]), -float("inf")).tolist()
        == [[-float("inf"), 0.0, -float("inf")]] * 2
    )
    assert x.masked_fill_(taper.tensor([[True], [False]]), 1) is x and x.tolist() == [[1.0] * 3, [0.0] * 3]
    assert x.half().masked_fill(x > 0, 1e9).tolist()[0] == [float("inf")] * 3
    with pytest.raises(RuntimeError, match="leaf Variable"):
        taper.ones(2, requires_grad=True).masked_fill_(taper.tensor(True), 0)


def test_selecting_by_mask_takes_elements_in_order():
    x = taper.arange(6).reshape(2, 3)
    assert x.masked_select(x % 2 == 0).tolist() == [0, 2, 4]
    assert x.masked_select(taper.tensor([True, False, False])).tolist() == [0, 3]
    assert x.masked_scatter(x > 2, taper.tensor([9, 8, 7, 6])).tolist() == [[0, 1, 2], [9, 8, 7]]


def test_one_hot_by_scattering_as_old_programs_do():
    label = taper.tensor([2, 0, 1])
    hot = taper.zeros(3, 4).scatter_(dim=1, index=label.view(-1, 1), value=1)
    assert hot.dtype == taper.float32 and (hot.argmax(1) == label).all() and hot.sum() == 3
    assert taper.nn.functional.one_hot(label, 4).dtype == taper.int64


def test_gathered_top_classes():
    table = taper.arange(10) + 100
    _, index = taper.tensor([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]]).topk(2, dim=1)
    assert taper.gather(table.expand(2, 10), dim=1, index=index.long()).tolist() == [[101, 102], [100, 102]]
    assert table.expand(2, 10).gather(1, index.int()).tolist() == [[101, 102], [100, 102]]


def test_sources_larger_than_the_index_get_zero_gradients():
    x, s = taper.zeros(3, 4), taper.ones(3, 4, requires_grad=True)
    index = taper.tensor([[0, 1], [2, 0]])
    (x.scatter_add(0, index, s) ** 2).sum().backward()
    assert s.grad.tolist() == [[2.0, 2.0, 0.0, 0.0], [2.0, 2.0, 0.0, 0.0], [0.0] * 4]


def test_embedding_gradients_leave_out_the_padding_row():
    weight = taper.ones(4, 2, requires_grad=True)
    index = taper.tensor([[1, 3], [1, 0]])
    taper.nn.functional.embedding(index, weight, padding_idx=1).sum().backward()
    assert weight.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("how", ["prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.filterwarnings("ignore:index_reduce.. is in beta")
def test_reducing_slices(how, include_self):
    torch = pytest.importorskip("torch")
    found, expected = (
        T.arange(6.0)
        .reshape(2, 3)
        .index_reduce(1, T.tensor([0, 2, 0]), T.arange(6.0).reshape(2, 3) - 2, how, include_self=include_self)
        for T in (taper, torch)
    )
    np.testing.assert_allclose(found.numpy(), expected.numpy())


def test_products_with_zeros_have_finite_slopes():
    torch = pytest.importorskip("torch")
    grads = []
    for T in (taper, torch):
        x = T.tensor([2.0, 0.0, 3.0], dtype=T.float64, requires_grad=True)
        s = T.tensor([0.0, 5.0, 0.0, 4.0, 0.0], dtype=T.float64, requires_grad=True)
        y = x.scatter_reduce(0, T.tensor([0, 0, 1, 1, 2]), s, "prod")
        grads.append([g.numpy() for g in T.autograd.grad((y * T.tensor([1.0, 2.0, 3.0])).sum(), (x, s))])
    for found, expected in zip(*grads):
        np.testing.assert_allclose(found, expected)


def test_in_place_forms_change_the_tensor_itself():
    x = taper.zeros(3)
    index, values = taper.tensor([2, 0]), taper.tensor([1.0, 2.0])
    assert x.index_add_(0, index, values, alpha=2) is x and x.tolist() == [4.0, 0.0, 2.0]
    assert x.index_copy_(0, index, values).tolist() == [2.0, 0.0, 1.0]
    assert x.index_fill_(0, taper.tensor([1]), 7).tolist() == [2.0, 7.0, 1.0]
    assert x.scatter_(0, index, values).tolist() == [2.0, 7.0, 1.0]
    assert x.scatter_reduce_(0, index, values * 10, "amax").tolist() == [20.0, 7.0, 10.0]
    assert x.put_(taper.tensor([-1]), taper.tensor([5.0])).tolist() == [20.0, 7.0, 5.0]
    assert x.t_() is x


def test_repeating_by_counts():
    x = taper.tensor([[1, 2], [3, 4]])
    assert x.repeat_interleave(taper.tensor([2, 0]), 0).tolist() == [[1, 2], [1, 2]]
    assert x.repeat_interleave(2).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert taper.repeat_interleave(taper.tensor([0, 2, 1])).tolist() == [1, 1, 2]
    with pytest.raises(RuntimeError, match="negative"):
        x.repeat_interleave(-1)
    with pytest.raises(RuntimeError, match="output_size"):
        x.repeat_interleave(2, 0, output_size=3)


def test_parts_are_replaced_in_a_copy():
    x = taper.zeros(2, 3)
    assert taper.select_scatter(x, taper.ones(3), 0, 1).tolist() == [[0.0] * 3, [1.0] * 3]
    assert taper.slice_scatter(x, taper.ones(2, 1), 1, 2).tolist() == [[0.0, 0.0, 1.0]] * 2
    assert taper.diagonal_scatter(x, taper.ones(2)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert x.sum() == 0
    with pytest.raises(RuntimeError, match="expected src to have a size equal to the slice"):
        taper.select_scatter(x, taper.ones(2), 0, 0)


def test_as_strided_scatter_keeps_the_gradient_of_what_stays():
    # PyTorch 2.13 has it the wrong way round: its gradient of the input is that of what is replaced.
    x, s = taper.arange(6.0).requires_grad_(), taper.ones(2).requires_grad_()
    taper.as_strided_scatter(x, s, (2,), (3,), 1).backward(taper.arange(6.0))
    assert x.grad.tolist() == [0.0, 0.0, 2.0, 3.0, 0.0, 5.0] and s.grad.tolist() == [1.0, 4.0]
