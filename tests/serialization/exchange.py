"""What the tests of checkpoints share: writing and reading in memory, comparing with PyTorch, archives made by hand."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from taper.serialization import archive, load, save


def oracle():
    """PyTorch, or a skip where it is not installed."""
    return pytest.importorskip("torch")


def written(obj, write=save, **options) -> io.BytesIO:
    """The file with an object, at its start."""
    file = io.BytesIO()
    write(obj, file, **options)
    file.seek(0)
    return file


def again(obj, **options):
    """An object saved and loaded."""
    return load(written(obj), **options)


def values(t) -> np.ndarray:
    """The elements of a tensor of Taper's or PyTorch's; bfloat16, which NumPy lacks, as float32."""
    plain = t.detach()
    if str(plain.dtype) == "torch.bfloat16":
        plain = plain.float()
    return plain.resolve_conj().resolve_neg().numpy() if hasattr(plain, "resolve_neg") else plain.numpy()


def same(ours, theirs) -> None:
    """Assert that two objects, of either library, are of one structure and have equal tensors."""
    if hasattr(theirs, "detach"):
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert tuple(ours.stride()) == tuple(theirs.stride())
        assert ours.storage_offset() == theirs.storage_offset() or not ours.numel()
        assert ours.requires_grad == theirs.requires_grad
        assert type(ours).__name__ == type(theirs).__name__
        np.testing.assert_array_equal(values(ours), values(theirs))
        return
    assert type(ours).__name__ == type(theirs).__name__
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)) and not hasattr(theirs, "numel"):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b)
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    else:
        assert ours == theirs or str(ours) == str(theirs)


def packed(pickled: bytes, storages: dict[str, bytes] | None = None, **records: bytes) -> io.BytesIO:
    """A well-formed archive around any pickle."""
    file = io.BytesIO()
    made = archive.Writer(file, "archive")
    for name, data in {"data.pkl": pickled, "byteorder": b"little", "version": b"3\n", **records}.items():
        made.record(name, data)
    for key, data in (storages or {}).items():
        made.record(f"data/{key}", data)
    made.close()
    file.seek(0)
    return file


def pickle_in(file) -> bytes:
    """The pickle of an archive."""
    with zipfile.ZipFile(file) as found:
        return found.read(next(name for name in found.namelist() if name.endswith("/data.pkl")))
