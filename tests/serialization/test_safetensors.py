"""safetensors: our files follow the format's description, files that follow it are read, all others are refused."""

from __future__ import annotations

import json
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taper
from taper.errors import CheckpointError
from taper.serialization.safetensors import load, load_file, safe_open, save, save_file

CODES = {
    **{"BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32"},
    **{"U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"},
    "C64": "complex64",
}


def parts(data: bytes) -> tuple[dict, bytes]:
    """The header and the tensors' bytes of a file."""
    (count,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + count]), data[8 + count :]


def made(header: dict | str, body: bytes) -> bytes:
    """A file of a header and the tensors' bytes."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype="F32", shape=(2,), offsets=(0, 8)) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("code", CODES)
def test_every_dtype(code):
    t = taper.tensor([[0, 1, 1], [1, 0, 1]]).to(getattr(taper, CODES[code]))
    data = save({"t": t})
    header, body = parts(data)
    assert header == {"t": entry(code, (2, 3), (0, len(body)))}
    back = load(data)["t"]
    assert back.dtype == t.dtype and back.tolist() == t.tolist()
    assert save({"t": back}) == data


def test_files(tmp_path):
    tensors = {
        "b": taper.arange(6.0).reshape(2, 3),
        "a": taper.tensor(3),
        "empty": taper.empty(0, 4),
        "h": taper.ones(3).half(),
    }
    path = tmp_path / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    header, body = parts(path.read_bytes())
    assert header["__metadata__"] == {"format": "pt"}
    assert header["a"] == entry("I64", (), (0, 8)) and (len(path.read_bytes()) - len(body)) % 8 == 0
    assert all(fields["data_offsets"][0] % 2 == 0 for name, fields in header.items() if name != "__metadata__")
    back = load_file(path)
    assert {name: (t.tolist(), t.dtype) for name, t in back.items()} == {
        n: (t.tolist(), t.dtype) for n, t in tensors.items()
    }
    back["b"] += 1
    with safe_open(path, framework="pt") as file:
        assert set(file.keys()) == set(tensors) and file.metadata() == {"format": "pt"}
        assert file.get_tensor("b").tolist() == tensors["b"].tolist()
        part = file.get_slice("b")
        assert part.get_shape() == [2, 3] and part.get_dtype() == "F32"
        assert part[:, 1:].tolist() == [[1.0, 2.0], [4.0, 5.0]]
        assert file.get_slice("empty")[:].shape == (0, 4)
        with pytest.raises(KeyError, match="no tensor 'z'"):
            file.get_tensor("z")
    assert os.listdir(tmp_path) == ["model.safetensors"]
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "nowhere.safetensors")


def test_what_the_format_cannot_hold():
    t = taper.arange(6.0).reshape(2, 3)
    with pytest.raises(ValueError, match="non contiguous tensor: `t`"):
        save({"t": t.t()})
    with pytest.raises(RuntimeError, match="share memory"):
        save({"a": t, "b": t.view(6)})
    with pytest.raises(TypeError, match="complex128"):
        save({"a": taper.ones(1, dtype=taper.complex128)})
    with pytest.raises(ValueError, match="expected a dict"):
        save([t])
    with pytest.raises(TypeError, match="metadata"):
        save({"t": t}, metadata={"epoch": 3})


def test_parameters_are_saved_as_tensors():
    assert load(save(dict(taper.nn.Linear(2, 3).state_dict())))["weight"].shape == (3, 2)


BODY = np.array([1.0, 2.0], "f4").tobytes()
BAD = {
    "short": (b"abc", "too short"),
    "empty": (b"", "too short"),
    "long header": (struct.pack("<Q", 2**40) + b"{}", "claims to have"),
    "no json": (made("{nonsense", b""), "header is damaged"),
    "a list": (made("[1]", b""), "header is damaged"),
    "deep": (made("[" * 100_000, b""), "header is damaged"),
    "no text": (made({"__metadata__": {"a": 1}}, b""), "metadata are no texts"),
    "twice": (made('{"a": %s, "a": %s}' % ((json.dumps(entry()),) * 2), BODY), "same name"),
    "no dtype": (made({"a": {"shape": [2], "data_offsets": [0, 8]}}, BODY), "header is damaged"),
    "dtype": (made({"a": entry(dtype="F8_E4M3")}, BODY), "F8_E4M3"),
    "shape": (made({"a": entry(shape=(3,))}, BODY), r"shape \[3\] and dtype F32 has 8 bytes"),
    "negative": (made({"a": entry(shape=(-1, -2))}, BODY), "no whole number"),
    "huge": (made({"a": entry(shape=(2**62, 2**62))}, BODY), "has 8 bytes"),
    "fraction": (made({"a": entry(shape=(2.0,))}, BODY), "no whole number"),
    "backwards": (made({"a": entry(offsets=(8, 0))}, BODY), "has -8 bytes"),
    "beyond": (made({"a": entry(offsets=(8, 16))}, BODY), "overlap, or there are bytes between"),
    "overlap": (made({"a": entry(), "b": entry(offsets=(4, 12))}, BODY), "overlap"),
    "truncated": (made({"a": entry()}, BODY[:-1]), "truncated"),
    "more": (made({"a": entry()}, BODY + b"x"), "but the file has"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused(kind, tmp_path):
    data, words = BAD[kind]
    with pytest.raises(CheckpointError, match=words):
        load(data)
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=words) as raised:
        load_file(path)
    assert str(path) in str(raised.value)


def test_the_good_twin_of_the_bad_files_is_read():
    assert load(made({"a": entry()}, BODY))["a"].tolist() == [1.0, 2.0]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_files_give_tensors_or_a_clear_error(data):
    whole = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        load(bytes(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole))
    except CheckpointError:
        pass


WHOLE = save({"a": taper.arange(4.0), "b": taper.ones(2, 2).half()}, {"k": "v"})
