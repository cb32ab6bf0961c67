"""Shapes, memory, arrangement and writing: what shares memory, how it lies there, and what in-place changes do."""

from __future__ import annotations

import numpy as np
import pytest

import taper

VIEWS = {
    "view": lambda x: x.view(4, 6),
    "reshape": lambda x: x.reshape(-1),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, -1)),
    "squeeze": lambda x: x[:1].squeeze(),
    "squeeze_dim": lambda x: x[:, :1].squeeze(1),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "unsqueeze_last": lambda x: x.unsqueeze(-1),
    "transpose": lambda x: x.transpose(0, 2),
    "permute": lambda x: x.permute(2, 0, 1),
    "movedim": lambda x: x.movedim(0, -1),
    "T": lambda x: x[0].T,
    "mT": lambda x: x.mT,
    "expand": lambda x: x[:, :1].expand(2, 5, 4),
    "diagonal": lambda x: x.diagonal(1, 0, 2),
    "unfold": lambda x: x.unfold(2, 2, 2),
    "as_strided": lambda x: x.as_strided((2, 2), (3, 1), 5),
    "as_strided_of_a_view": lambda x: x[1].as_strided((2,), (2,)),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(2, -1),
    "view_dtype": lambda x: x.view(x.new_zeros(0).to("cpu").dtype),
    "detach": lambda x: x.detach(),
    "chain": lambda x: x[1:].transpose(1, 2)[..., ::2].unsqueeze(0),
}


def numbers(T, *shape):
    return T.arange(float(np.prod(shape)), dtype=T.float32).reshape(shape).clone()


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_can_be_written(name):
    x = numbers(taper, 2, 3, 4)
    v = VIEWS[name](x)
    assert v.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    before = x._version
    if 0 not in v.stride():
        v.mul_(0).add_(-1)
        assert (x == -1).sum() == v.numel()
        assert x._version == v._version == before + 2


@pytest.mark.parametrize("name", VIEWS)
def test_views_lie_in_memory_as_pytorchs_do(name):
    torch = pytest.importorskip("torch")
    found, expected = VIEWS[name](numbers(taper, 2, 3, 4)), VIEWS[name](numbers(torch, 2, 3, 4))
    assert tuple(found.shape) == tuple(expected.shape)
    assert found.stride() == expected.stride()
    assert found.storage_offset() == expected.storage_offset()
    assert found.is_contiguous() == expected.is_contiguous()
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 4), (24,), (3, 2, 2, 2), (1, 3, 2, 4, 1), (3, 8), (2, 12)])
def test_view_of_a_transposed_tensor_is_refused_exactly_where_it_would_copy(shape):
    torch = pytest.importorskip("torch")
    x, y = numbers(taper, 2, 3, 4).transpose(0, 1), numbers(torch, 2, 3, 4).transpose(0, 1)
    try:
        expected = y.view(shape)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="not compatible"):
            x.view(shape)
        assert x.reshape(shape).data_ptr() != x.data_ptr()
    else:
        assert x.view(shape).data_ptr() == x.data_ptr()
        assert x.view(shape).stride() == expected.stride()


def test_reinterpreting_memory():
    x = taper.tensor([1.0, -2.0])
    assert x.view(taper.int32).tolist() == [0x3F800000, -0x40000000]
    assert x.view(taper.uint8).shape == (8,)
    assert x.view(taper.int32).view(taper.float32).tolist() == [1.0, -2.0]
    x.view(taper.int32)[0] = 0
    assert x.tolist() == [0.0, -2.0]
    assert not x.clone().requires_grad_().view(taper.int32).requires_grad


def test_storage_is_one_for_all_views():
    x = numbers(taper, 2, 3)
    storage = x[1].untyped_storage()
    assert storage == x.untyped_storage() and storage.nbytes() == 24 and len(storage) == 24
    assert storage._cdata == x.t().untyped_storage()._cdata != x.clone().untyped_storage()._cdata
    assert x[1].storage().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert x[1].storage()[1] == 1.0 and x.storage().size() == 6
    assert taper.is_storage(storage)


def test_clone_keeps_dense_orders_and_spreads_expanded_elements():
    x = numbers(taper, 2, 3, 4)
    assert x.mT.clone().stride() == x.mT.stride()
    assert x.mT.clone(memory_format=taper.contiguous_format).is_contiguous()
    wide = x[:1].expand(5, 3, 4).clone()
    assert wide.is_contiguous()
    wide[0] = 0
    assert wide[1].sum() == x[0].sum()
    assert x.contiguous() is x and x.mT.contiguous().is_contiguous()


def test_channels_last():
    x = numbers(taper, 2, 3, 4, 5)
    y = x.contiguous(memory_format=taper.channels_last)
    assert y.stride() == (60, 1, 15, 3) and (y == x).all()
    assert y.is_contiguous(memory_format=taper.channels_last) and not y.is_contiguous()
    assert y.contiguous(memory_format=taper.channels_last) is y
    with pytest.raises(RuntimeError, match="required rank 4"):
        x[0].contiguous(memory_format=taper.channels_last)


def test_shape_in_place_keeps_views_and_history_right():
    x = numbers(taper, 2, 3).requires_grad_()
    y = x * 1
    row = y[0]
    assert y.t_() is y and y.shape == (3, 2) and row.shape == (3,)
    row.mul_(10)
    y[0].mul_(2)
    y.sum().backward()
    assert x.grad.tolist() == [[20.0, 10.0, 10.0], [2.0, 1.0, 1.0]]
    z = taper.zeros(1, 3)
    assert z.squeeze_().unsqueeze_(1).shape == (3, 1) and z.shape == (3, 1)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.t_()


def test_a_view_reshaped_in_place_still_writes_through_to_its_base():
    x = numbers(taper, 2, 3).requires_grad_()
    y = x * 1
    v = y[:, 1:]
    v.transpose_(0, 1).mul_(3)
    assert v.shape == (2, 2)
    y.sum().backward()
    assert x.grad.tolist() == [[1.0, 3.0, 3.0], [1.0, 3.0, 3.0]]


def test_resize_and_set():
    x = taper.arange(6)
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x.resize_(3, 3).shape == (3, 3) and x.flatten()[:4].tolist() == [0, 1, 2, 3]
    assert x.resize_as_(taper.empty(1, 2)).tolist() == [[0, 1]]
    with pytest.raises(RuntimeError, match="require grad"):
        taper.ones(3, requires_grad=True).resize_(2)
    source = taper.arange(4.0)
    y = taper.empty(0)
    y.set_(source, 1, (2,), (2,))
    assert y.tolist() == [1.0, 3.0] and y.storage_offset() == 1
    y.fill_(9)
    assert source.tolist() == [0.0, 9.0, 2.0, 9.0] and y._version == source._version
    assert taper.ones(2).set_().shape == (0,)


def test_copy_converts_broadcasts_and_records():
    x = taper.zeros(2, 3, dtype=taper.int64)
    assert x.copy_(taper.tensor([1.9, -1.9, 3.0])).tolist() == [[1, -1, 3]] * 2
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        assert taper.zeros(2).copy_(taper.tensor([1 + 2j, 3j])).tolist() == [1.0, 0.0]
    a, b = numbers(taper, 2, 3).requires_grad_(), taper.tensor([1.0, 2.0, 3.0], dtype=taper.float64, requires_grad=True)
    y = a * 2
    y.copy_(b)
    (y * taper.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert a.grad.tolist() == [[0.0] * 3] * 2
    assert b.grad.tolist() == [2.0, 4.0, 6.0] and b.grad.dtype == taper.float64
    with pytest.raises(RuntimeError, match="must match"):
        y.copy_(taper.ones(4))
    with pytest.raises(RuntimeError, match="single memory location"):
        taper.ones(1).expand(3).copy_(taper.ones(3))


def test_zero_and_fill_of_a_gradient_are_in_place():
    w = taper.ones(3, requires_grad=True)
    (w * 2).sum().backward()
    kept = w.grad
    assert w.grad.zero_() is kept and kept.tolist() == [0.0] * 3
    assert kept.fill_(taper.tensor(2.5)).tolist() == [2.5] * 3
    with pytest.raises(RuntimeError, match="leaf Variable"):
        w.zero_()
    with taper.no_grad():
        assert w.zero_().tolist() == [0.0] * 3
    assert w.requires_grad and w.is_leaf


@pytest.mark.parametrize(
    "dtype, value",
    [("uint8", 256), ("int8", -129), ("int64", float("inf")), ("int32", float("nan")), ("float32", 1j)],
)
def test_numbers_that_do_not_fit_are_refused(dtype, value):
    with pytest.raises(RuntimeError, match="without overflow"):
        taper.zeros(2, dtype=getattr(taper, dtype)).fill_(value)


def test_filling_diagonals():
    torch = pytest.importorskip("torch")
    for shape, wrap in (((3, 3), False), ((7, 3), False), ((7, 3), True), ((3, 5), True), ((2, 2, 2), False)):
        found, expected = taper.zeros(shape), torch.zeros(shape)
        found.fill_diagonal_(5, wrap)
        expected.fill_diagonal_(5, wrap)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    x = taper.ones(2, 2, requires_grad=True)
    y = x * 3
    y.fill_diagonal_(0)
    y.sum().backward()
    assert x.grad.tolist() == [[0.0, 3.0], [3.0, 0.0]]


def test_writing_through_strides_changes_the_base_and_its_history():
    x = numbers(taper, 3, 3).requires_grad_()
    y = x * 1
    y.as_strided((3,), (4,)).mul_(taper.tensor([2.0, 3.0, 4.0]))
    y.sum().backward()
    assert x.grad.tolist() == [[2.0, 1.0, 1.0], [1.0, 3.0, 1.0], [1.0, 1.0, 4.0]]


def test_expanded_gradients_are_summed_also_after_a_change_in_place():
    x = taper.ones(3, 1, requires_grad=True)
    y = x * 1
    v = y.expand(3, 4)
    y.mul_(2)
    v.sum().backward()
    assert x.grad.tolist() == [[8.0]] * 3


def test_broadcasting_shapes_and_tensors():
    assert taper.broadcast_shapes((2, 1), (3,), 1) == taper.Size([2, 3])
    a, b = taper.ones(2, 3), taper.ones(3)
    first, second = taper.broadcast_tensors(a, b)
    assert first is a and second.shape == (2, 3) and second.data_ptr() == b.data_ptr()
    with pytest.raises(RuntimeError, match="Shape mismatch"):
        taper.broadcast_shapes((2,), (3,))


def test_functions_refuse_what_is_no_tensor():
    for function in (taper.reshape, taper.squeeze, taper.flatten, taper.t, taper.tril):
        with pytest.raises(TypeError, match="must be Tensor"):
            function([[1.0]], 0) if function is taper.reshape else function([[1.0]])


def test_as_strided_in_place_is_another_view_of_the_memory():
    base = taper.arange(6.0)
    x = base[:]
    assert x.as_strided_((2, 2), (1, 3), 1) is x
    x.zero_()
    assert base.tolist() == [0.0, 0.0, 0.0, 3.0, 0.0, 0.0]


def test_copies_may_be_changed_and_written_to_out():
    x = taper.arange(4.0)
    for copy in (taper.alias_copy(x), taper.view_copy(x, (2, 2)), *taper.unsafe_chunk(x, 2)):
        copy.zero_()
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
    outs = [taper.empty(0) for _ in range(4)]
    assert taper.unbind_copy(x, out=outs) is None and [o.item() for o in outs] == x.tolist()
    out = taper.empty(0)
    assert taper.narrow_copy(x, 0, 1, 2, out=out) is out and out.tolist() == [1.0, 2.0]
