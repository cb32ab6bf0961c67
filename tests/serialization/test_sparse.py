"""Sparse tensors in checkpoints: saved and read, exchanged with PyTorch, and not believed."""

from __future__ import annotations

import io
import warnings
import zipfile

import pytest

import taper
from taper.errors import CheckpointError
from taper.serialization.damage import Damaged
from taper.serialization.sparse import sparse_tensor

from .exchange import written


def made(T):
    coo = T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    twice = T.sparse_coo_tensor([[0, 0], [1, 1]], [[1.0, 2.0], [3.0, 4.0]], (2, 3, 2))
    return {
        **{"coo": coo, "coalesced": coo.coalesce(), "twice": twice},
        **{"csr": coo.to_sparse_csr(), "csc": coo.to_sparse_csc(), "empty": T.sparse_coo_tensor(size=(2, 2))},
    }


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def same(found, expected):
    assert list(found) == list(expected)
    for name, t in expected.items():
        assert str(found[name].layout) == str(t.layout)
        assert found[name].to_dense().tolist() == t.to_dense().tolist()
        if str(t.layout) == "torch.sparse_coo":
            assert found[name]._nnz() == t._nnz() and found[name].is_coalesced() == t.is_coalesced()


def test_they_come_back():
    tensors = made(taper)
    tensors["again"] = tensors["coo"]
    for weights_only in (True, False):
        found = taper.load(io.BytesIO(written(tensors).getvalue()), weights_only=weights_only)
        same(found, tensors)
        assert found["again"] is found["coo"]


def test_they_are_exchanged_with_pytorch():
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.save(made(torch), file)
    same(taper.load(io.BytesIO(file.getvalue())), made(taper))
    same(torch.load(io.BytesIO(written(made(taper)).getvalue())), made(torch))


VALUES = taper.ones(2)
WRONG = {
    "place outside": (taper.sparse_coo, (taper.tensor([[0, 9]]), VALUES, (3,), True)),
    "negative place": (taper.sparse_coo, (taper.tensor([[0, -1]]), VALUES, (3,), True)),
    "fewer places": (taper.sparse_coo, (taper.tensor([[0]]), VALUES, (3,), True)),
    "no size": (taper.sparse_coo, (taper.tensor([[0, 1]]), VALUES)),
    "size of strings": (taper.sparse_coo, (taper.tensor([[0, 1]]), VALUES, ("3",), True)),
    "negative size": (taper.sparse_coo, (taper.tensor([[0, 1]]), VALUES, (-3,), True)),
    "huge size": (taper.sparse_coo, (taper.tensor([[0, 1]] * 3), VALUES, (2**62, 2**62, 2**62), True)),
    "no tensor": (taper.sparse_coo, ([[0, 1]], VALUES, (3,), True)),
    "sparse values": (taper.sparse_coo, (taper.tensor([[0, 1]]), VALUES.to_sparse(), (3,), True)),
    "no layout": (None, (taper.tensor([[0, 1]]), VALUES, (3,), True)),
    "strided": (taper.strided, (taper.tensor([[0, 1]]), VALUES, (3,), True)),
    "rows that go back": (taper.sparse_csr, (taper.tensor([0, 2, 1]), taper.tensor([0, 1]), VALUES, (2, 2))),
    "column outside": (taper.sparse_csr, (taper.tensor([0, 1, 2]), taper.tensor([0, 7]), VALUES, (2, 2))),
}


@pytest.mark.parametrize("row", WRONG)
def test_parts_that_do_not_fit_are_refused(row):
    with pytest.raises(Damaged):
        sparse_tensor(*WRONG[row])


def test_a_file_may_claim_what_it_likes():
    assert not sparse_tensor(taper.sparse_coo, (taper.tensor([[1, 1]]), VALUES, (3,), True)).is_coalesced()
    assert sparse_tensor(taper.sparse_coo, (taper.tensor([[1, 2]]), VALUES, (3,), True)).is_coalesced()
    whole = bytearray(written(made(taper)["coo"]).getvalue())
    places = b"".join(n.to_bytes(8, "little") for n in (0, 1, 1, 2, 0, 2))
    assert whole.count(places) == 1
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, record in records.items():
            archive.writestr(name, record.replace(places, b"\x09" + places[1:]))
    with pytest.raises(CheckpointError, match="a sparse tensor's parts do not fit together"):
        taper.load(io.BytesIO(changed.getvalue()))


def test_the_old_format_has_none():
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.save(made(torch)["coo"], file, _use_new_zipfile_serialization=False)
    for weights_only in (True, False):
        with pytest.raises(CheckpointError, match="old format and holds a sparse tensor"):
            taper.load(io.BytesIO(file.getvalue()), weights_only=weights_only)
    with pytest.raises(NotImplementedError, match="saved in the zip format only"):
        taper.save(made(taper)["coo"], io.BytesIO(), _use_new_zipfile_serialization=False)


def test_the_layout_is_one():
    assert taper.eye(2).to_sparse().layout is taper.sparse_coo and repr(taper.sparse_coo) == "torch.sparse_coo"
