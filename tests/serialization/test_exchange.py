"""Checkpoints are exchanged with PyTorch in both directions: values, structure, sharing, dtypes, strides."""

from __future__ import annotations

import collections
import zipfile

import numpy as np
import pytest

import taper
from taper import nn
from taper.serialization import load, save

from .exchange import again, oracle, packed, pickle_in, same, written

DTYPES = (
    *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
)


def containers(torch):
    """Plain objects as both libraries have them."""
    ordered = collections.OrderedDict(b=1, a=torch.ones(2))
    ordered.label = "kept"
    return {
        "numbers": [
            0,
            1,
            -1,
            255,
            256,
            65536,
            -(2**31),
            2**40,
            -(2**70),
            0.5,
            float("inf"),
            True,
            False,
            None,
        ],
        "complex": 2.5 - 1j,
        "texts": ["", "text", "é" * 300, "\ud800", b"bytes \x00\xff", bytearray(b"ab")],
        "nested": {
            "list": [[], [[1]]],
            "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
            3: {None: "x", (1, "k"): 2},
        },
        "ordered": ordered,
        "counter": collections.Counter("aab"),
        "size": torch.Size([2, 3]),
        "dtypes": [torch.float32, torch.bfloat16, torch.bool, torch.int64],
        "device": [torch.device("cpu"), torch.device("cuda", 1)],
        "layout": torch.strided,
        "set": {1},
    }


def tensors(torch):
    base = torch.arange(24.0).reshape(2, 3, 4)
    shared = torch.arange(10)
    return {
        "plain": base,
        "transposed": base.permute(2, 0, 1),
        "sliced": base[:, 1:, ::2],
        "expanded": torch.ones(1, 3).expand(4, 3),
        "zero-dim": torch.tensor(2.5),
        "empty": torch.empty(0),
        "empty with sizes": torch.empty(2, 0, 3),
        "part": shared[4:7],
        "whole": shared,
        "no elements of it": shared[3:3],
        "leaf": torch.ones(3, requires_grad=True),
        "parameter": torch.nn.Parameter(torch.full((2, 2), 3.0)),
        "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False),
        "counts": torch.nn.Parameter(torch.arange(3), requires_grad=False),
    }


def state(torch):
    """A model's and its optimizer's state after a step."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    return collections.OrderedDict(epoch=3, model=model.state_dict())


def both_ways(make):
    torch = oracle()
    ours, theirs = make(taper), make(torch)
    same(load(written(theirs, torch.save)), theirs)
    same(torch.load(written(ours)), theirs)
    same(again(ours), theirs)
    legacy = {"_use_new_zipfile_serialization": False}
    same(load(written(theirs, torch.save, **legacy)), theirs)
    same(torch.load(written(ours, **legacy)), theirs)
    for protocol in (3, 4, 5):
        same(load(written(theirs, torch.save, pickle_protocol=protocol)), theirs)
        same(load(written(ours, pickle_protocol=protocol)), theirs)


@pytest.mark.parametrize("make", [containers, tensors, state], ids=lambda make: make.__name__)
def test_objects_go_both_ways(make):
    both_ways(make)


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_goes_both_ways(name):
    torch = oracle()
    plain = np.array([[0, 1, 1], [1, 0, 1]]) if name == "bool" else np.array([[0, 1, 250], [3, 77, 100]])
    ours, theirs = (lib.tensor(plain.tolist()).to(getattr(lib, name)) for lib in (taper, torch))
    legacy_lacks = name in ("uint16", "uint32", "uint64")
    for options in ({},) if legacy_lacks else ({}, {"_use_new_zipfile_serialization": False}):
        same(load(written(theirs, torch.save, **options)), theirs)
        same(torch.load(written(ours, **options)), theirs)


def test_every_dtype_is_kept_without_pytorch():
    for name in DTYPES:
        t = taper.ones(2, 3).to(getattr(taper, name)).t()
        back = again(t)
        assert back.dtype == t.dtype and back.stride() == (1, 3)
        assert back.tolist() == t.tolist()


def test_optimizer_states_go_both_ways():
    torch = oracle()
    from taper import optim

    def stepped(lib, optimizers):
        model = lib.nn.Linear(2, 2)
        with lib.no_grad():
            for p in model.parameters():
                p.fill_(0.5)
        optimizer = optimizers.Adam(model.parameters(), lr=0.1)
        model(lib.ones(3, 2)).sum().backward()
        optimizer.step()
        return optimizer.state_dict()

    ours, theirs = stepped(taper, optim), stepped(torch, torch.optim)
    read = load(written(theirs, torch.save))
    same(read, theirs)
    assert set(read["state"][0]) == set(again(ours)["state"][0]) == set(torch.load(written(ours))["state"][0])


def test_tensors_that_share_memory_share_it_after_loading():
    base = taper.arange(10.0)
    saved = {"base": base, "part": base[2:5], "again": base, "parameter": nn.Parameter(base)}
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        back = again(saved) if not options else load(written(saved, **options))
        assert back["again"] is back["base"]
        back["base"][3] = 77.0
        assert back["part"].tolist() == [2.0, 77.0, 4.0]
        assert back["parameter"][3].item() == 77.0


def test_pytorch_sees_what_is_shared():
    torch = oracle()
    base = taper.arange(10.0)
    back = torch.load(written({"base": base, "part": base[2:5], "parameter": nn.Parameter(base)}))
    back["base"][3] = 77.0
    assert back["part"][1] == 77.0 and back["parameter"][3] == 77.0


def test_a_view_brings_its_whole_memory():
    file = written(taper.arange(1000.0)[10:12])
    with zipfile.ZipFile(file) as found:
        assert found.getinfo("archive/data/0").file_size == 4000
    file.seek(0)
    back = load(file)
    assert back.tolist() == [10.0, 11.0] and back.storage_offset() == 10
    assert back.as_strided((3,), (1,), 997).tolist() == [997.0, 998.0, 999.0]


def test_one_memory_under_two_dtypes_is_refused_as_by_pytorch():
    t = taper.arange(4.0)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        written([t, t.view(taper.int32)])


def test_conjugated_and_negated_views_of_pytorch_are_read_by_value():
    torch = oracle()
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert load(written(z.conj(), torch.save)).tolist() == [1 - 2j, 3 + 1j]
    assert load(written(z.conj().imag, torch.save)).tolist() == [-2.0, 1.0]
    assert load(written(z[0].conj(), torch.save)).tolist() == 1 - 2j


def test_attributes_of_tensors_are_kept():
    torch = oracle()
    for lib, write, read in ((taper, save, torch.load), (torch, torch.save, load), (taper, save, load)):
        t, p = lib.ones(2), lib.nn.Parameter(lib.ones(2))
        t.label, p.label = "tensor", "parameter"
        back = read(written([t, p], write))
        assert [x.label for x in back] == ["tensor", "parameter"]
        assert type(back[1]).__name__ == "Parameter" and back[1].requires_grad


def test_gradients_and_history_stay_behind():
    leaf = taper.ones(2, requires_grad=True)
    (leaf * 2).sum().backward()
    back, result = again([leaf, leaf * 3])
    assert back.grad is None and back.requires_grad and back.is_leaf
    assert result.requires_grad and result.is_leaf


def test_aliases_and_cycles_of_containers_are_kept():
    inner = [1]
    loop = {"inner": inner, "again": inner}
    loop["self"] = loop
    back = again(loop)
    assert back["inner"] is back["again"] and back["self"] is back


def test_loaded_tensors_are_ordinary():
    t = again(taper.arange(6.0).reshape(2, 3))
    t += 1
    w = again(nn.Parameter(taper.ones(3)))
    (t @ w).sum().backward()
    assert w.grad.tolist() == [5.0, 7.0, 9.0]
    assert again(t).tolist() == t.tolist()


def test_the_archive_is_laid_out_as_pytorchs():
    torch = oracle()
    ours, theirs = (written([lib.ones(3), lib.ones(5)], write) for lib, write in ((taper, save), (torch, torch.save)))
    layouts = []
    for file in (ours, theirs):
        with zipfile.ZipFile(file) as found:
            assert found.testzip() is None
            layouts.append([(i.filename, i.header_offset, i.file_size, i.compress_type) for i in found.infolist()])
            for info in found.infolist():
                head = file.getvalue()[info.header_offset :][:30]
                start = (
                    info.header_offset
                    + 30
                    + int.from_bytes(head[26:28], "little")
                    + int.from_bytes(head[28:30], "little")
                )
                assert start % 64 == 0
    assert [row[0] for row in layouts[0]] == [row[0] for row in layouts[1]]
    assert pickle_in(ours) == pickle_in(theirs)


def test_empty_bytes_and_large_tables():
    assert again(2**2100) == 2**2100
    assert again([b"", {i: str(i) for i in range(70_000)}]) == [b"", {i: str(i) for i in range(70_000)}]


def test_equal_objects_give_equal_files():
    assert written({"a": taper.ones(3)}).getvalue() == written({"a": taper.ones(3)}).getvalue()


def test_strings_of_python_2_are_read_as_told():
    pickled = b"\x80\x02U\x03\xe9\x61b."
    assert load(packed(pickled), encoding="latin1") == "éab"
    assert load(packed(pickled), encoding="bytes") == b"\xe9ab"


def test_files_of_the_other_byte_order_are_turned():
    file = written([taper.arange(3, dtype=taper.int16), taper.tensor([1 + 2j])])
    with zipfile.ZipFile(file) as found:
        pickled = found.read("archive/data.pkl")
    storages = {"0": np.arange(3, dtype=">i2").tobytes(), "1": np.array([1 + 2j], ">c8").tobytes()}
    back = load(packed(pickled, storages, byteorder=b"big"))
    assert back[0].tolist() == [0, 1, 2] and back[1].tolist() == [1 + 2j]


def test_a_compiled_module_comes_back_compiled(tmp_path):
    model = taper.nn.Sequential(taper.nn.Linear(2, 3), taper.nn.ReLU())
    compiled = taper.compile(model)
    taper.save(compiled, tmp_path / "model.pt")
    found = taper.load(tmp_path / "model.pt", weights_only=False)
    assert type(found) is type(compiled) and list(found.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    x = taper.ones(1, 2)
    assert found(x).tolist() == model(x).tolist()
    taper.save(compiled.state_dict(), tmp_path / "state.pt")
    compiled.load_state_dict(taper.load(tmp_path / "state.pt"))
