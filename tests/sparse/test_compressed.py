"""Compressed sparse matrices: what they print, hold and compute, as PyTorch does."""

from __future__ import annotations

import copy
import pickle

import pytest

import taper

pytestmark = pytest.mark.filterwarnings("ignore")


def rows(m, dtype=None):
    return m.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], (2, 3), dtype=dtype)


def columns(m):
    return m.sparse_csc_tensor([0, 1, 2, 3], [0, 1, 0], [1.0, 3.0, 2.0], (2, 3))


# What is printed must be PyTorch's to the letter; where PyTorch raises, the class of the error.
SAME = {
    "csr": rows,
    "csc": columns,
    "dense of csr": lambda m: rows(m).to_dense(),
    "dense of csc": lambda m: columns(m).to_dense(),
    "transposed": lambda m: rows(m).t(),
    "transposed dense": lambda m: rows(m).t().to_dense(),
    "coordinates of csr": lambda m: rows(m).to_sparse(),
    "coordinates of csc": lambda m: columns(m).to_sparse(),
    "by a matrix": lambda m: rows(m) @ m.ones(3, 2),
    "by a vector": lambda m: rows(m) @ m.ones(3),
    "csc by a vector": lambda m: m.mv(columns(m), m.arange(3.0)),
    "from the left": lambda m: m.ones(4, 2) @ rows(m),
    "torch.matmul": lambda m: m.matmul(rows(m), m.ones(3)),
    "torch.mm": lambda m: m.mm(rows(m), m.ones(3, 2)),
    "sparse.mm": lambda m: m.sparse.mm(rows(m), m.ones(3, 2)),
    "addmm": lambda m: m.addmm(m.ones(2, 2), rows(m), m.ones(3, 2), beta=2.0, alpha=3.0),
    "sampled": lambda m: m.sparse.sampled_addmm(rows(m), m.arange(4.0).view(2, 2), m.ones(2, 3), beta=2.0, alpha=3.0),
    "by csr": lambda m: rows(m) @ m.eye(3).to_sparse_csr(),
    "crow": lambda m: rows(m).crow_indices(),
    "col": lambda m: rows(m).col_indices(),
    "ccol": lambda m: columns(m).ccol_indices(),
    "row": lambda m: columns(m).row_indices(),
    "ccol of csr": lambda m: rows(m).ccol_indices(),
    "crow of csc": lambda m: columns(m).crow_indices(),
    "crow of dense": lambda m: m.ones(2, 2).crow_indices(),
    "indices": lambda m: rows(m).indices(),
    "coalesce": lambda m: rows(m).coalesce(),
    "facts": lambda m: (rows(m).is_sparse, rows(m).is_sparse_csr, columns(m).is_sparse_csr, rows(m)._nnz(), rows(m).layout, columns(m).layout, m.ones(1).is_sparse_csr),
    "shape": lambda m: (rows(m).shape, rows(m).numel(), rows(m).dim(), rows(m).sparse_dim(), rows(m).dense_dim()),
    "of dense": lambda m: m.eye(3).to_sparse_csr(),
    "csc of dense": lambda m: m.tensor([[0.0, 1], [2, 3]]).to_sparse_csc(),
    "of coordinates": lambda m: m.sparse_coo_tensor([[1, 0, 1], [0, 1, 0]], [1.0, 2.0, 3.0], (2, 2)).to_sparse_csr(),
    "by layout": lambda m: m.eye(2).to_sparse(layout=m.sparse_csr),
    "to the other": lambda m: rows(m).to_sparse_csc(),
    "and back": lambda m: rows(m).to_sparse_csc().to_sparse_csr(),
    "twice": lambda m: rows(m) * 2,
    "minus": lambda m: -rows(m),
    "abs": lambda m: (-rows(m)).abs(),
    "relu": lambda m: (-rows(m)).relu(),
    "sum of two": lambda m: rows(m) + rows(m),
    "dense plus": lambda m: m.ones(2, 3) + rows(m),
    "product of two": lambda m: rows(m) * rows(m),
    "sum": lambda m: rows(m).sum(),
    "double": lambda m: rows(m).double(),
    "of float64": lambda m: rows(m, m.float64),
    "learned": lambda m: rows(m).requires_grad_(),
    "small indices": lambda m: m.sparse_csr_tensor(m.tensor([0, 1], dtype=m.int32), m.tensor([0], dtype=m.int32), m.tensor([1.0])),
    "any layout": lambda m: m.sparse_compressed_tensor([0, 1], [0], [1.0], layout=m.sparse_csc),
    "no elements": lambda m: m.zeros(2, 2).to_sparse_csr().to_dense(),
    "layout": lambda m: m.sparse_compressed_tensor([0, 1], [0], [1.0], layout=m.strided),
    "sparse_resize_": lambda m: m.sparse_coo_tensor([[0], [1]], [2.0], (1, 2)).sparse_resize_((4, 3), 2, 0).to_dense(),
    "shrunk": lambda m: m.eye(2).to_sparse().sparse_resize_((1, 1), 2, 0),
    "cleared": lambda m: m.eye(2).to_sparse().sparse_resize_and_clear_((1, 1), 2, 0).to_dense(),
}  # fmt: skip


def said(call, m):
    try:
        return repr(call(m))
    except (RuntimeError, ValueError, TypeError) as error:
        return type(error)


@pytest.mark.parametrize("name", SAME)
def test_as_pytorch(name):
    torch = pytest.importorskip("torch")
    assert said(SAME[name], taper) == said(SAME[name], torch)


def test_gradients_flow_through_the_values():
    x = taper.tensor([[1.0, 0.0], [2.0, 3.0]], requires_grad=True)
    v = taper.tensor([1.0, 10.0], requires_grad=True)
    (x.to_sparse_csr() @ v).sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0], [1.0, 10.0]] and v.grad.tolist() == [3.0, 3.0]
    a = rows(taper).requires_grad_()
    (a @ taper.ones(3, 1)).sum().backward()
    assert a.values().grad.tolist() == [1.0, 1.0, 1.0]


def test_copies_keep_the_layout():
    for made in (copy.deepcopy(columns(taper)), pickle.loads(pickle.dumps(columns(taper)))):
        assert made.layout is taper.sparse_csc and made.to_dense().tolist() == columns(taper).to_dense().tolist()


# PyTorch looks at the indices only when asked to; Taper always does.
WRONG = [
    (([0, 2], [0], [1.0]), "nnz"),
    (([0, 1, 1], [3], [1.0], (2, 3)), "col_indices < 3"),
    (([0, 2], [1, 1], [1.0, 2.0], (1, 3)), "sorted and distinct"),
    (([0, 1], [0], [1.0], (2, 2)), "number of rows"),
    (([0, 1], [0, 1], [1.0], (1, 2)), "number of elements"),
    (([0, 2, 1], [1, 0], [1.0, 2.0], (2, 3)), "not satisfied"),
]


@pytest.mark.parametrize("i", range(len(WRONG)))
def test_wrong_indices(i):
    arguments, words = WRONG[i]
    with pytest.raises(RuntimeError, match=words):
        taper.sparse_csr_tensor(*arguments)


def test_what_is_left_out_says_so():
    with pytest.raises(NotImplementedError, match="sparse_bsr"):
        taper.eye(2).to_sparse(layout=taper.sparse_bsr)
    with pytest.raises(NotImplementedError, match="batches"):
        taper.sparse_csr_tensor([[0, 1], [0, 1]], [[0], [0]], [[1.0], [2.0]])
    with pytest.raises(NotImplementedError, match="matrices"):
        taper.ones(2, 2, 2).to_sparse_csr()
