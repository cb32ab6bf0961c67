"""What programs meet on a machine without a GPU: the errors and warnings of PyTorch's build for CPUs, and no crash."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import warnings
import zipfile

import numpy as np
import pytest

import taper

pytestmark = pytest.mark.skipif(taper.cuda.device_count() > 0, reason="there is a GPU")

NO_CUDA = AssertionError, "Torch not compiled with CUDA enabled"
# What is done with the library T, the error, its words.
FAILS = {
    "to": (lambda T: T.ones(2).to("cuda"), *NO_CUDA),
    "to, non_blocking": (lambda T: T.ones(2).to("cuda", non_blocking=True), *NO_CUDA),
    "cuda": (lambda T: T.ones(2).cuda(), *NO_CUDA),
    "a number beyond all GPUs": (lambda T: T.ones(2, device="cuda:99"), *NO_CUDA),
    "module": (lambda T: T.nn.Linear(2, 2).to("cuda", dtype=T.float16), *NO_CUDA),
    "as_tensor": (lambda T: T.as_tensor([1.0], device="cuda"), *NO_CUDA),
    "random": (lambda T: T.randn(2, device="cuda"), *NO_CUDA),
    "synchronize": (lambda T: T.cuda.synchronize(), *NO_CUDA),
    "current_device": (lambda T: T.cuda.current_device(), *NO_CUDA),
    "properties": (lambda T: T.cuda.get_device_properties(0), *NO_CUDA),
    "memory": (lambda T: T.cuda.mem_get_info(), *NO_CUDA),
    "pin_memory": (lambda T: T.ones(2).pin_memory(), RuntimeError, "Cannot access accelerator device when none is available"),
    "load": (lambda T: T.load(saved_on_a_gpu()), RuntimeError, "on a CUDA device but torch.cuda.is_available\\(\\) is False"),
}  # fmt: skip


def saved_on_a_gpu() -> io.BytesIO:
    """A checkpoint whose tensor says that it was on a GPU."""
    plain = io.BytesIO()
    taper.save({"w": taper.arange(4.0)}, plain)
    told = io.BytesIO()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(told, "w") as new:
        for name in old.namelist():
            # A pickled string: its length in four bytes, and its letters.
            data = old.read(name).replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            new.writestr(name, data)
    told.seek(0)
    return told


@pytest.mark.parametrize("name", FAILS)
def test_errors(name):
    call, error, words = FAILS[name]
    with pytest.raises(error, match=words):
        call(taper)
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        with pytest.raises(error, match=words):
            call(torch)


def test_a_checkpoint_of_a_gpu_is_loaded_where_map_location_says():
    for where in ("cpu", taper.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage):
        found = taper.load(saved_on_a_gpu(), map_location=where)["w"]
        assert found.device.type == "cpu"
        np.testing.assert_array_equal(found.numpy(), np.arange(4.0))


def autocast(T):
    with T.autocast("cuda"):
        return (T.ones(2, 2) @ T.ones(2, 2)).dtype == T.float32


def scaler(T):
    return not T.amp.GradScaler("cuda").is_enabled()


def loader(T):
    data = T.utils.data.TensorDataset(T.arange(4.0))
    return [b.tolist() for (b,) in T.utils.data.DataLoader(data, 2, pin_memory=True)] == [[0.0, 1.0], [2.0, 3.0]]


# What warns once, and goes on.
WARNS = {
    "autocast": (autocast, "CUDA is not available.*Disabling autocast"),
    "GradScaler": (scaler, "GradScaler is enabled, but CUDA is not available.  Disabling"),
    "DataLoader": (loader, "'pin_memory' argument is set as true but no accelerator is found"),
}


@pytest.mark.parametrize("name", WARNS)
def test_warnings(name):
    call, words = WARNS[name]
    with pytest.warns(UserWarning, match=words):
        assert call(taper)
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        with pytest.warns(UserWarning, match=words):
            assert call(torch)


def test_queries_answer_and_what_does_nothing_does_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not taper.cuda.is_available() and taper.cuda.device_count() == 0
        assert taper.device("cuda:99").index == 99
        assert not taper.ones(2).is_pinned() and taper.cuda.memory_allocated() == 0
        taper.cuda.empty_cache()
        taper.cuda.manual_seed_all(0)
        assert taper.ones(2).to("cpu", non_blocking=True).tolist() == [1, 1]
        assert not taper.amp.GradScaler("cpu", enabled=False).is_enabled()


# A module `cupy` on the path: what it holds, and whether Taper was built with GPUs then.
CUPIES = {
    "a folder that is no package": (None, False),
    "no driver": (
        """
        from types import SimpleNamespace
        class CUDARuntimeError(RuntimeError): pass
        def fails(): raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=fails, CUDARuntimeError=CUDARuntimeError))
        ndarray = type("ndarray", (), {})
        """,
        True,
    ),
}


@pytest.mark.parametrize("name", CUPIES)
def test_a_cupy_that_finds_no_device(tmp_path, name):
    text, built = CUPIES[name]
    (tmp_path / "cupy").mkdir()
    if text is not None:
        (tmp_path / "cupy" / "__init__.py").write_text(textwrap.dedent(text))
    program = (
        "import taper; assert not taper.cuda.is_available(); print(taper.backends.cuda.is_built())\n"
        "try: taper.ones(1).cuda()\n"
        "except AssertionError as error: print(error)"
    )
    path = [str(tmp_path), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}; {program}"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(built)
    assert ("no driver with a device" if built else "CuPy is not installed") in done.stdout
