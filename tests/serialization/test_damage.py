"""Damaged, truncated, foreign and hostile files end in a CheckpointError that names the file, and in nothing else."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taper
from taper.errors import CheckpointError
from taper.serialization import load, save

from .exchange import packed, pickle_in, written

SAVED = {"a": taper.arange(40.0), "b": [taper.ones(3, 4).t(), taper.tensor(True)], "n": {"lr": 0.1, "x": (None, b"b")}}
LEGACY = {"_use_new_zipfile_serialization": False}


def plain(obj):
    if hasattr(obj, "tolist"):
        return obj.tolist()
    if isinstance(obj, dict):
        return {key: plain(value) for key, value in obj.items()}
    return [plain(x) for x in obj] if isinstance(obj, list) else obj


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
def test_a_truncated_file_is_told(options, tmp_path):
    whole = written(SAVED, **options).getvalue()
    path = tmp_path / "model.pt"
    for size in {*range(0, len(whole), 64), len(whole) - 1}:
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="model.pt"):
            load(path)


def test_flipped_bytes_never_change_the_values():
    whole, expected = written(SAVED).getvalue(), plain(SAVED)
    noticed = 0
    for position in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 0x5A
        try:
            assert plain(load(io.BytesIO(damaged))) == expected
        except CheckpointError:
            noticed += 1
    assert noticed > 10


def test_a_flipped_value_is_found_by_its_checksum():
    whole = bytearray(written(SAVED).getvalue())
    whole[whole.index(np.float32(39).tobytes())] ^= 1
    with pytest.raises(CheckpointError, match="'data/0' is damaged: its checksum"):
        load(io.BytesIO(whole))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_pickles_give_an_object_or_a_clear_error(data):
    """The checksum is right here, so that the unpickler sees what is wrong."""
    pickled = bytearray(MUTATED[data.draw(st.sampled_from(sorted(MUTATED)))])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(pickled) - 1))
        kind = data.draw(st.sampled_from("set cut insert".split()))
        byte = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(sorted(OPCODES))))
        pickled[at : at + (kind != "insert")] = b"" if kind == "cut" else bytes([byte])
    for weights_only in (True, False):
        try:
            load(packed(bytes(pickled), STORAGES), weights_only=weights_only)
        except (CheckpointError, pickle.UnpicklingError):
            pass
        except RuntimeError as error:
            assert "don't know how to restore" in str(error)


MUTATED = {
    "tensors": pickle_in(written(SAVED)),
    "containers": pickle_in(written([{1, 2}, bytearray(b"x"), taper.Size([1]), taper.float16, 1j, {"k": [()]}])),
    "module": pickle_in(written(taper.nn.Linear(2, 2))),
    "numpy": pickle_in(written([np.ones((2, 2)), np.float32(1), slice(1, 2)])),
    "protocol 4": pickle_in(written(SAVED, pickle_protocol=4)),
}
OPCODES = {value[0] for value in vars(pickle).values() if isinstance(value, bytes) and len(value) == 1}
STORAGES = {"0": bytes(160), "1": bytes(48), "2": bytes(1)}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["zip", "legacy"]))
def test_mutated_files_give_an_object_or_a_clear_error(at, byte, kind):
    whole = bytearray(WHOLE[kind])
    whole[at % len(whole)] = byte
    try:
        load(io.BytesIO(whole))
    except (CheckpointError, pickle.UnpicklingError):
        pass
    except RuntimeError as error:
        assert "don't know how to restore" in str(error)


WHOLE = {"zip": written(SAVED).getvalue(), "legacy": written(SAVED, **LEGACY).getvalue()}


def tensor_pickle(numel=4, offset=0, size=(4,), stride=(1,), storage="FloatStorage", grad=False, key="0") -> bytes:
    """The pickle of a tensor, with whatever numbers."""

    def number(n):
        return b"\x8a" + bytes([9]) + n.to_bytes(9, "little", signed=True)

    def row(numbers):
        return b"(" + b"".join(map(number, numbers)) + b"t"

    def text(word):
        return b"X" + struct.pack("<I", len(word)) + word.encode()

    pid = (
        b"("
        + text("storage")
        + b"ctorch\n"
        + storage.encode()
        + b"\n"
        + text(key)
        + text("cpu")
        + number(numel)
        + b"tQ"
    )
    grad = b"\x88" if grad else b"\x89"
    hooks = b"ccollections\nOrderedDict\n)R"
    args = pid + number(offset) + row(size) + row(stride) + grad + hooks
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + args + b"tR."


def test_the_handmade_tensor_is_read():
    assert load(packed(tensor_pickle(), {"0": np.arange(4, dtype="f4").tobytes()})).tolist() == [0, 1, 2, 3]


BAD_TENSORS = [
    (dict(numel=5), "too few"),
    (dict(numel=2**60), "too few"),
    (dict(numel=-1), "reference to a storage is damaged"),
    (dict(size=(5,)), "needs a storage of 5 elements, but its storage has 4"),
    (dict(offset=1), "needs a storage of 5"),
    (dict(offset=-1), "negative"),
    (dict(stride=(2,)), "needs a storage of 7"),
    (dict(stride=(-1,)), "negative"),
    (dict(size=(2, 2)), "2 sizes and 1 strides"),
    (dict(size=(2**62, 2**62), stride=(0, 0)), "cannot exist"),
    (dict(size=(2,), stride=(2**62,)), "needs a storage"),
    (dict(size=(0,), offset=2**62, stride=(2**62,)), None),
    (dict(storage="LongStorage", numel=2, size=(2,), grad=True), "cannot require gradients"),
    (dict(storage="NoStorage"), "NoStorage"),
    (dict(key="7"), "'data/7' is missing"),
    (dict(key="../x"), "is missing"),
]


@pytest.mark.parametrize("options, words", BAD_TENSORS)
def test_wrong_sizes_never_reach_memory(options, words):
    file = packed(tensor_pickle(**options), {"0": bytes(16)})
    if words is None:
        assert load(file).numel() == 0
        return
    with pytest.raises((CheckpointError, pickle.UnpicklingError), match=words.replace("(", r"\(")):
        load(file)


def test_a_broadcast_tensor_takes_no_memory():
    file = packed(tensor_pickle(size=(10**6, 10**6), stride=(0, 0)), {"0": bytes(16)})
    assert load(file).shape == (10**6, 10**6)


def test_sizes_that_only_the_file_claims_are_not_allocated():
    """A zip bomb, an announced storage and a long text: refused before memory is taken."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(10**7))
    legacy = bytearray(WHOLE["legacy"])
    at = legacy.index(b"K\x28")
    legacy[at : at + 2] = b"\x8a\x05" + (2**38).to_bytes(5, "little")
    text = packed(b"\x80\x02X\xff\xff\xff\xff" + b"x" * 10 + b".")
    hostile = [bomb.getvalue(), bytes(legacy), text.getvalue(), packed(tensor_pickle(numel=2**40)).getvalue()]
    tracemalloc.start()
    try:
        for content in hostile:
            with pytest.raises(CheckpointError):
                load(io.BytesIO(content))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_records_that_overlap_are_refused():
    """Many entries of the directory over the same bytes would make a small file fill the memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", b"\x80\x02N.")
        made.writestr("archive/data/0", bytes(5000))
        first = made.infolist()[-1]
        for i in range(1, 5):
            twin = zipfile.ZipInfo(f"archive/data/{i}")
            for field in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(twin, field, getattr(first, field))
            made.filelist.append(twin)
    file.seek(0)
    with pytest.raises(CheckpointError, match="claim to be larger"):
        load(file)


def test_a_compressed_archive_is_told_from_a_damaged_one():
    source, file = written(SAVED), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    file.seek(0)
    with pytest.raises(CheckpointError, match="compressed.*zip -0"):
        load(file)


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            made.addfile(tarfile.TarInfo(name))
    return file.getvalue()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.ones(2))
    return file.getvalue()


FOREIGN = {
    "empty": (b"", "empty"),
    "text": (b"hello, world", "no checkpoint"),
    "tar": (tar(), "tar archive, the format of PyTorch 0.1"),
    "pickle": (pickle.dumps([1, 2]), "Invalid magic number; corrupt file"),
    "npz": (npz(), "numpy.load"),
    "gzip": (gzip.compress(b"x"), "gzip"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
    "npy": (b"\x93NUMPY\x01\x00" + bytes(20), "NumPy array"),
    "safetensors": (taper.serialization.safetensors.save({"a": taper.ones(1)}), "safetensors.load_file"),
    "torchscript": (packed(b"\x80\x02N.", **{"constants.pkl": b"\x80\x02)."}).getvalue(), "TorchScript"),
    "future": (packed(b"\x80\x02N.", version=b"99\n").getvalue(), "format version 99"),
    "protocol": (packed(b"\x80\x09N.").getvalue(), "protocol 9"),
    "no stop": (packed(b"\x80\x02N").getvalue(), "ends in the middle"),
    "deep hash": (packed(b"\x80\x02}" + b")" + b"2\x86" * 40 + b"Ns.").getvalue(), "does not hash"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_named(kind, tmp_path):
    content, words = FOREIGN[kind]
    path = tmp_path / "file.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as raised:
        load(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_told_as_by_python(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        load(tmp_path / "nowhere.pt")


@pytest.mark.parametrize("f", [3, None, object()])
def test_what_is_no_file_is_told(f):
    with pytest.raises(AttributeError, match="You can only torch.load from a file that is seekable"):
        load(f)
    with pytest.raises(AttributeError, match="expected 'f' to be string, path"):
        save(1, f)
