"""Indexing: views and copies, assignments, iteration, and the history of changes in place."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

import taper


@contextlib.contextmanager
def _tolerated():
    """A scope without the warning that a list is taken for a tuple."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def numbers(T, *shape):
    return T.arange(float(np.prod(shape)), dtype=T.float64).reshape(shape)


BASIC = {
    "number": lambda T: 1,
    "negative": lambda T: -1,
    "numpy_number": lambda T: np.int64(1),
    "tensor_number": lambda T: T.tensor(1),
    "slice": lambda T: slice(1, None),
    "slice_beyond": lambda T: slice(-100, 100, 2),
    "slice_of_tensors": lambda T: slice(T.tensor(0), T.tensor(2)),
    "none": lambda T: None,
    "ellipsis": lambda T: Ellipsis,
    "ellipses": lambda T: (Ellipsis, 0, Ellipsis),
    "empty_tuple": lambda T: (),
    "tuple": lambda T: (0, slice(None), slice(None, None, 2)),
    "all_numbers": lambda T: (2, -1, 0),
    "last": lambda T: (Ellipsis, -1),
    "new_dimensions": lambda T: (None, 0, None, slice(1, 3), None),
    "list_as_tuple": lambda T: [slice(None), 0],
    "list_of_tensors": lambda T: [T.tensor(0), T.tensor(1)],
}

ADVANCED = {
    "list": lambda T: [0, 2, 0],
    "range": lambda T: range(2),
    "array": lambda T: np.array([[0, 1], [2, -1]]),
    "tensor": lambda T: T.tensor([2, 0]),
    "int32": lambda T: T.tensor([2, 0], dtype=T.int32),
    "matrix": lambda T: T.tensor([[2, 0], [1, 1]]),
    "empty": lambda T: T.zeros(0, dtype=T.int64),
    "nested_list_is_tuple": lambda T: [[0, 1], [1, 3]],
    "two": lambda T: ([0, 1], [2, 3]),
    "broadcast": lambda T: (T.tensor([[0], [2]]), T.tensor([0, 1, 3])),
    "apart": lambda T: ([0, 1], slice(None), [2, 3]),
    "beside": lambda T: (slice(None), [0, 1], [2, 3]),
    "second": lambda T: (slice(None), T.tensor([3, 3])),
    "last": lambda T: (Ellipsis, [0, 4]),
    "with_number": lambda T: (1, slice(None), [2, 3]),
    "with_none": lambda T: (None, [0, 1], None),
    "mask": lambda T: numbers(T, 3, 4, 5) > 20,
    "row_mask": lambda T: T.tensor([True, False, True]),
    "list_mask": lambda T: [True, False, True],
    "inner_mask": lambda T: (slice(None), T.tensor([True, False, True, True])),
    "mask_and_positions": lambda T: (T.tensor([True, False, True]), T.tensor([1, 3])),
    "plane_mask": lambda T: (numbers(T, 3, 4) > 5, 0),
    "true": lambda T: True,
    "false": lambda T: False,
    "scalar_mask": lambda T: T.tensor(True),
    "true_and_number": lambda T: (True, 0),
}


@pytest.mark.parametrize("name", BASIC)
def test_basic_indices_are_views(name):
    torch = pytest.importorskip("torch")
    x, y = numbers(taper, 3, 4, 5), numbers(torch, 3, 4, 5)
    with _tolerated():
        found, expected = x[BASIC[name](taper)], y[BASIC[name](torch)]
    assert found.shape == tuple(expected.shape)
    assert [s for s, n in zip(found.stride(), found.shape) if n > 1] == [
        s for s, n in zip(expected.stride(), expected.shape) if n > 1
    ]
    assert found.storage_offset() == expected.storage_offset()
    found.fill_(-1)
    expected.fill_(-1)
    np.testing.assert_array_equal(x.numpy(), y.numpy())


@pytest.mark.parametrize("name", ADVANCED)
def test_advanced_indices_are_contiguous_copies(name):
    torch = pytest.importorskip("torch")
    x, y = numbers(taper, 3, 4, 5).requires_grad_(), numbers(torch, 3, 4, 5).requires_grad_()
    with _tolerated():
        found, expected = x[ADVANCED[name](taper)], y[ADVANCED[name](torch)]
    np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())
    assert found.is_contiguous() and found.grad_fn.name() == expected.grad_fn.name()
    assert not found.numel() or found.untyped_storage() != x.untyped_storage()
    (found * found).sum().backward()
    (expected * expected).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy())


@pytest.mark.parametrize("name", [*BASIC, *ADVANCED])
@pytest.mark.parametrize("recorded", [False, True])
def test_assignments(name, recorded):
    torch = pytest.importorskip("torch")
    make = (ADVANCED if name in ADVANCED else BASIC)[name]
    results = []
    for T in (taper, torch):
        x = numbers(T, 3, 4, 5).requires_grad_(recorded)
        y, whole = x * 1, numbers(T, 3, 4, 5)
        with _tolerated():
            values = (whole[make(T)].detach() * -1).requires_grad_(recorded)
            y[make(T)] = values
            results.append([y.detach().numpy().copy()])
            y[make(T)] = 7
            results[-1].append(y.detach().numpy())
            if recorded:
                z = x * 1
                z[make(T)] = values * 2
        if recorded:
            grads = T.autograd.grad((z * whole).sum(), (x, values), allow_unused=True)
            results[-1] += [np.zeros(()) if g is None else g.numpy() for g in grads]
    for found, expected in zip(*results):
        np.testing.assert_array_equal(found, expected)


def test_a_number_indexed_twice_is_still_a_view():
    x = taper.arange(3.0)
    x[0].fill_(5)
    x[1].add_(x[0])
    x[2:][0] = 9
    assert x.tolist() == [5.0, 6.0, 9.0]
    assert x[0].shape == () and x[0].untyped_storage() == x.untyped_storage()


def test_values_are_broadcast_and_converted():
    x = taper.zeros(2, 3, dtype=taper.int64)
    x[0] = 1.9
    x[1] = taper.tensor([[[1.0, 2.0, 3.7]]])
    assert x.tolist() == [[1, 1, 1], [1, 2, 3]]
    x[x > 1] = taper.tensor(9.5)
    x[:, 0] = True
    assert x.tolist() == [[1, 1, 1], [1, 9, 9]]
    x[0] = np.array([4, 5, 6])
    assert x[0].tolist() == [4, 5, 6]
    with pytest.raises(RuntimeError, match="dtypes match"):
        x[[0]] = taper.tensor([1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match="without overflow"):
        taper.zeros(2, dtype=taper.uint8)[0] = 300


def test_a_list_that_is_taken_for_a_tuple_warns():
    x = numbers(taper, 3, 3)
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        assert x[[[0, 1], [1, 2]]].tolist() == [1.0, 5.0]


def test_indices_of_old_byte_masks_warn():
    x = taper.arange(3)
    with pytest.warns(UserWarning, match="deprecated"):
        assert x[taper.tensor([1, 0, 1], dtype=taper.uint8)].tolist() == [0, 2]


def test_iteration_length_and_membership():
    x = taper.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2 and [row.tolist() for row in x] == x.tolist()
    assert 3.0 in x and taper.tensor(4.0) in x and 5 not in x
    first, second = x
    assert second.untyped_storage() == x.untyped_storage()
    assert list(reversed(taper.arange(3))) == [2, 1, 0]
    assert dict(enumerate(taper.arange(2).tolist())) == {0: 0, 1: 1}
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
        "a" in x  # noqa: B015


def test_half_precision_gradients_are_summed_in_single_precision():
    for dtype in (taper.float16, taper.bfloat16):
        x = taper.zeros(2, dtype=dtype, requires_grad=True)
        x[taper.zeros(4096, dtype=taper.int64)].sum().backward()
        assert x.grad.tolist() == [4096.0, 0.0] and x.grad.dtype == dtype


# Changes in place of a result `y` of the leaves x (3 x 3) and w (3): what they make of y, and of the gradients.
PROGRAMS = {
    "row": "y[0] = w",
    "row_and_use": "y[0] = w[1]; y.mul_(2)",
    "number": "y[1, 1] = w[0]; y[0, 0] = 3.0",
    "mask": "y[y > 4] = 0; y.exp_()",
    "mask_values": "y[y > 4] = w[:1] * 2",
    "positions": "y[[0, 2]] = w; y.mul_(y.detach().clone())",
    "repeated": "y.index_put_((T.tensor([0, 0]),), w[:2, None] * 2, accumulate=True)",
    "view": "v = y[1]; v.mul_(w); v.add_(1)",
    "view_of_view": "v = y.t()[1:]; u = v[:, 0]; u.mul_(w[:2]); y.sub_(1); u.add_(1); v.mul_(2)",
    "base_after_view": "v = y[1]; y.mul_(2); z = v + w; y[0] = z",
    "two_views": "a = y[0]; b = y[:, 0]; a.mul_(2); b.mul_(w); a.sigmoid_()",
    "flat": "v = y.view(-1); v[::4] = w; v.mul_(3)",
    "diagonal": "y.diagonal().mul_(w); y.diagonal(1).zero_()",
    "copied_to_view": "y[:, 1].copy_(w); y[2].fill_(w[0])",
    "with_itself": "y[0].add_(y[1]); y[1:].sub_(y[0])",
    "composed_on_a_view": "y[0].put_(T.tensor([2, 0]), w[:2]); y[1].clamp_(2, 4.5).mul_(w)",
    "masked_scatter_on_a_view": "v = y.t(); v.masked_scatter_(v > 3, (v * 2).reshape(-1))",
    "scatter_on_a_view": "y[1:].scatter_add_(1, T.tensor([[0, 0], [1, 2]]), y[:2, :2] * 1)",
    "index_add_on_a_view": "v = y[:, :2]; v.index_add_(0, T.tensor([2, 0]), w[:2] + v[:2], alpha=2)",
    "index_fill_on_a_view": "v = y[:, :2]; v.index_fill_(1, T.tensor([0]), 1.5); v.mul_(w[1:])",
    "unsqueezed": "y[None, :, 1].mul_(w); y.unsqueeze(0).transpose(0, 1)[1].add_(w)",
    "narrowed": "y.narrow(0, 1, 2).narrow(1, 0, 2).mul_(w[:2])",
    "strided": "y.as_strided((2, 2), (4, 1), 1).mul_(w[0]); y.t().as_strided((2,), (3,)).add_(w[:2])",
    "unrecorded_leaf": "y = x.detach().clone(); y[0] = w; y[1].mul_(w)",
    "detached_is_not_changed": "v = y.detach(); y.mul_(2); y.add_(v)",
    "under_no_grad": "\nwith T.no_grad(): y[0] = 5\ny.mul_(w)",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_changes_in_place_give_pytorchs_values_and_gradients(name):
    torch = pytest.importorskip("torch")
    results = []
    for T in (taper, torch):
        x = (numbers(T, 3, 3) / 2 + 1).requires_grad_()
        w = T.tensor([0.5, -1.5, 2.0], dtype=T.float64, requires_grad=True)
        scope = {"T": T, "x": x, "w": w, "y": x * 1.5}
        exec(PROGRAMS[name].replace("; ", "\n"), scope)
        y = scope["y"]
        views = [scope[v] for v in "vuabz" if v in scope]
        total = sum((t * numbers(T, *t.shape).sin()).sum() for t in (y, *views))
        grads = T.autograd.grad(total, (x, w), allow_unused=True)
        results.append([t.detach().numpy() for t in (y, *views)] + [0 if g is None else g.numpy() for g in grads])
    for found, expected in zip(*results):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_refusals_of_changes_in_place():
    x = taper.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x[...] = 0
    with pytest.raises(RuntimeError, match="view of a leaf Variable"):
        x[0] = 1
    y = x * 1
    with taper.no_grad():
        v = y[:2]
    with pytest.raises(RuntimeError, match="no_grad mode"):
        v.mul_(x[:2])
    z = x * 2
    square = z * z
    z[0] = 5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        square.sum().backward()


def test_no_warning_comes_from_conversions():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = taper.zeros(2)
        x[0] = float("inf")
        x[1] = 1e300
        assert x.tolist() == [float("inf"), float("inf")]
        x.to(taper.float64)[0] = taper.tensor(float("nan"))
