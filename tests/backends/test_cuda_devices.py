"""Where tensors are and go: devices, copies, errors, streams, memory, files, other libraries."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest

import taper

from .gpus import PLACES, gpus
from .standin import devices


@pytest.fixture(params=PLACES)
def gpu(request):
    with gpus(request.param):
        yield


@pytest.fixture(params=PLACES)
def two_gpus(request):
    with gpus(request.param, 2):
        yield


X = np.arange(6, dtype=np.float32).reshape(2, 3)

MADE = {
    "tensor": lambda **o: taper.tensor([1.0, 2.0], **o),
    "as_tensor": lambda **o: taper.as_tensor([1.0, 2.0], **o),
    "asarray": lambda **o: taper.asarray([1.0, 2.0], **o),
    "zeros": lambda **o: taper.zeros(2, 3, **o),
    "ones": lambda **o: taper.ones((2, 3), **o),
    "empty": lambda **o: taper.empty(2, **o),
    "full": lambda **o: taper.full((2,), 3.0, **o),
    "empty_strided": lambda **o: taper.empty_strided((2, 3), (1, 2), **o),
    "empty_permuted": lambda **o: taper.empty_permuted((2, 3), (1, 0), **o),
    "arange": lambda **o: taper.arange(5, **o),
    "linspace": lambda **o: taper.linspace(0, 1, 5, **o),
    "logspace": lambda **o: taper.logspace(0, 1, 5, **o),
    "eye": lambda **o: taper.eye(3, **o),
    "rand": lambda **o: taper.rand(3, **o),
    "randn": lambda **o: taper.randn(3, **o),
    "randint": lambda **o: taper.randint(5, (3,), **o),
    "randperm": lambda **o: taper.randperm(5, **o),
    "normal": lambda **o: taper.normal(0.0, 1.0, (3,), **o),
    "tril_indices": lambda **o: taper.tril_indices(3, 3, **o),
    "fftfreq": lambda **o: taper.fft.fftfreq(5, **o),
    "hann_window": lambda **o: taper.hann_window(5, **o),
    "Linear": lambda **o: taper.nn.Linear(2, 3, **o).weight,
    "Conv2d": lambda **o: taper.nn.Conv2d(2, 3, 3, **o).bias,
    "BatchNorm1d": lambda **o: taper.nn.BatchNorm1d(3, **o).running_mean,
    "Embedding": lambda **o: taper.nn.Embedding(2, 3, **o).weight,
    "LSTM": lambda **o: taper.nn.LSTM(2, 3, **o).weight_hh_l0,
}
LIKE = {
    "zeros_like": taper.zeros_like,
    "ones_like": taper.ones_like,
    "empty_like": taper.empty_like,
    "full_like": lambda x, **o: taper.full_like(x, 2, **o),
    "rand_like": taper.rand_like,
    "randn_like": taper.randn_like,
    "randint_like": lambda x, **o: taper.randint_like(x, 5, **o),
    "new_zeros": lambda x, **o: x.new_zeros(2, **o),
    "new_tensor": lambda x, **o: x.new_tensor([1, 2], **o),
    "new_full": lambda x, **o: x.new_full((2,), 1, **o),
    "new_empty": lambda x, **o: x.new_empty(2, **o),
}


@pytest.mark.parametrize("name", MADE)
def test_factories_take_a_device(gpu, name):
    assert MADE[name](device="cuda").device == taper.device("cuda:0")
    assert MADE[name](device=taper.device("cuda", 0)).is_cuda
    assert MADE[name]().device == taper.device("cpu")
    with taper.device("cuda"):
        assert MADE[name]().device == taper.device("cuda:0")
        assert MADE[name](device="cpu").device == taper.device("cpu")
    assert MADE[name]().device == taper.device("cpu")


@pytest.mark.parametrize("name", LIKE)
def test_what_is_like_a_tensor_is_where_that_is(gpu, name):
    x = taper.from_numpy(X)
    assert LIKE[name](x.cuda()).is_cuda
    assert not LIKE[name](x).is_cuda
    assert LIKE[name](x, device="cuda").is_cuda
    assert not LIKE[name](x.cuda(), device="cpu").is_cuda
    assert LIKE[name](x.cuda().T).stride() == LIKE[name](x.T).stride()


def test_a_default_device_for_the_process(gpu):
    taper.set_default_device("cuda")
    try:
        assert taper.zeros(2).is_cuda and taper.get_default_device() == taper.device("cuda:0")
    finally:
        taper.set_default_device(None)
    assert not taper.zeros(2).is_cuda


def test_copies_there_and_back(gpu):
    x = taper.from_numpy(X)
    there = x.cuda()
    assert there.device == taper.device("cuda:0") and there.get_device() == 0 and x.get_device() == -1
    assert there.is_cuda and not there.is_cpu and there.type() == "torch.cuda.FloatTensor"
    assert there.cuda() is there and there.to("cuda") is there and x.cpu() is x
    back = there.cpu()
    assert back is not x and taper.equal(back, x)
    assert taper.equal(there.to("cpu", taper.float64), x.double())
    assert x.to(there).is_cuda and x.to(there.double()).dtype == taper.float64
    assert there.to("cuda", copy=True) is not there
    assert taper.equal(x.T.cuda().cpu(), x.T) and x.T.cuda().stride() == x.T.stride()


def test_copying_is_differentiable(gpu):
    x = taper.from_numpy(X.astype(np.float64)).requires_grad_()
    (x.cuda() ** 3).sum().backward()
    assert x.grad.device.type == "cpu"
    np.testing.assert_allclose(x.grad.numpy(), 3 * X.astype(np.float64) ** 2)
    (g,) = taper.autograd.grad((x.cuda() ** 3).sum(), x, create_graph=True)
    (h,) = taper.autograd.grad(g.cuda().sum(), x)
    np.testing.assert_allclose(h.numpy(), 6 * X.astype(np.float64))


def test_two_gpus_take_part_in_one_graph(two_gpus):
    x = taper.from_numpy(X).requires_grad_()
    a, b = x.to("cuda:0"), x.to("cuda:1")
    assert (a.device.index, b.device.index) == (0, 1)
    c = (a * 2).to("cuda:1") + b.exp()
    assert c.device == taper.device("cuda:1") and (c > 0).any().device.index == 1
    c.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 + np.exp(X), rtol=1e-6)
    assert taper.cuda.current_device() == 0
    with taper.cuda.device(1):
        assert taper.zeros(1, device="cuda").device.index == 1
    taper.cuda.set_device(1)
    assert taper.zeros(1, device="cuda").device.index == 1
    taper.cuda.set_device(0)
    with pytest.raises(RuntimeError, match=r"found at least two devices, cuda:0 and cuda:1"):
        a + b
    layer = taper.nn.Linear(3, 2).to("cuda:1")
    optimizer = taper.optim.Adam(layer.parameters())
    layer(b.detach()).sum().backward()
    optimizer.step()
    assert layer.weight.grad.device.index == 1


SAME = r"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
ERRORS = {
    "add": (lambda x, g: g + x, RuntimeError, SAME),
    "matmul": (lambda x, g: g @ x.T, RuntimeError, SAME),
    "linear": (lambda x, g: taper.nn.functional.linear(g, x), RuntimeError, SAME),
    "in place": (lambda x, g: g.add_(x), RuntimeError, SAME),
    "cat": (lambda x, g: taper.cat([g, x]), RuntimeError, SAME),
    "where": (lambda x, g: taper.where(g > 0, g, x), RuntimeError, SAME),
    "layer": (lambda x, g: taper.nn.Linear(3, 2)(g), RuntimeError, SAME),
    "mask": (lambda x, g: x[g > 0], RuntimeError, SAME),
    "index_put": (lambda x, g: g.__setitem__(taper.tensor([0]), x[:1]), RuntimeError, "same device"),
    "numpy": (lambda x, g: g.numpy(), TypeError, r"can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu"),
    "array": (lambda x, g: np.asarray(g), TypeError, r"can't convert cuda:0 device type tensor"),
    "pin": (lambda x, g: g.pin_memory(), RuntimeError, r"cannot pin 'torch.cuda.FloatTensor'"),
    "ordinal": (lambda x, g: x.to("cuda:63"), RuntimeError, "invalid device ordinal"),
    "cuda()": (lambda x, g: x.cuda("cpu"), RuntimeError, "Invalid device, must be cuda device"),
    "index": (lambda x, g: g[taper.tensor([5], device="cuda")], IndexError, "index 5 is out of bounds for dimension 0"),
    "broadcast": (lambda x, g: g + g[:, :2], RuntimeError, "must match the size of tensor b"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(gpu, name):
    call, error, words = ERRORS[name]
    x = taper.from_numpy(X)
    with pytest.raises(error, match=words):
        call(x, x.cuda())


def test_numbers_of_the_cpu_may_mix_and_positions_may_be_the_cpus(gpu):
    x = taper.from_numpy(X.copy())
    g, two = x.cuda(), taper.tensor(2.0)
    for found, expected in [
        (g * two, x * 2),
        (two - g, 2 - x),
        (g / taper.tensor(2.0, dtype=taper.float64), x / 2),
        (taper.where(g > 2, g, two), taper.where(x > 2, x, two)),
        (g[taper.tensor([1, 0])], x[[1, 0]]),
        (g[taper.tensor([True, False])], x[:1]),
        (g.clone().index_put_((taper.tensor([1]),), g[0] * 0), taper.from_numpy(X * [[1], [0]]).float()),
    ]:
        assert found.is_cuda and found.dtype == taper.float32
        assert taper.equal(found.cpu(), expected)
    g[0] = x[1]
    g[1, 1] = two
    assert g.tolist() == [[3.0, 4.0, 5.0], [3.0, 2.0, 5.0]]
    x.copy_(g)
    assert x.tolist() == g.tolist()


def test_views_share_memory(gpu):
    g = taper.from_numpy(X.copy()).cuda()
    row, column, flat = g[1], g[:, 1], g.view(-1)
    g.mul_(2)
    assert row.tolist() == [6.0, 8.0, 10.0] and column.tolist() == [2.0, 8.0] and flat[5].item() == 10.0
    assert row.storage_offset() == 3 and g.T.stride() == (1, 3) and not g.T.is_contiguous()
    assert row.data_ptr() == g.data_ptr() + 12 and g.untyped_storage().data_ptr() == row.untyped_storage().data_ptr()
    windows = g.as_strided((2, 2), (1, 2), 1)
    windows.zero_()
    assert g.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 10.0]]
    x = taper.from_numpy(X.astype(np.float64)).cuda().requires_grad_()
    y = x * 1
    y[0].mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [[3.0] * 3, [1.0] * 3]


def test_printing(gpu):
    g = taper.from_numpy(X).cuda()
    assert repr(g) == "tensor([[0., 1., 2.],\n        [3., 4., 5.]], device='cuda:0')"
    assert repr(g[0].requires_grad_()) == "tensor([0., 1., 2.], device='cuda:0', requires_grad=True)"
    assert repr(g.sum()) == "tensor(15., device='cuda:0')"
    assert str(g.device) == "cuda:0" and repr(g.device) == "device(type='cuda', index=0)"


def test_copying_and_pickling_an_object(gpu):
    g = taper.from_numpy(X).cuda().requires_grad_()
    for made in (copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert made.is_cuda and made.requires_grad and taper.equal(made, g) and made.data_ptr() != g.data_ptr()


def test_checkpoints(two_gpus):
    base = taper.from_numpy(X.copy()).to("cuda:1")
    file = io.BytesIO()
    taper.save({"base": base, "row": base[1], "turned": base.T, "cpu": taper.ones(2)}, file)

    def loaded(**options):
        file.seek(0)
        return taper.load(file, **options)

    same = loaded()
    assert [str(v.device) for v in same.values()] == ["cuda:1", "cuda:1", "cuda:1", "cpu"]
    assert same["turned"].stride() == (1, 3) and taper.equal(same["base"], base)
    same["base"].zero_()
    assert same["row"].tolist() == [0.0, 0.0, 0.0], "views of one storage are views again"
    assert {str(v.device) for v in loaded(map_location="cpu").values()} == {"cpu"}
    assert {str(v.device) for v in loaded(map_location="cuda:0").values()} == {"cuda:0"}
    assert str(loaded(map_location={"cuda:1": "cuda:0"})["row"].device) == "cuda:0"
    assert str(loaded(map_location=lambda storage, location: storage.cuda(0))["cpu"].device) == "cuda:0"


def test_a_checkpoint_of_a_gpu_that_is_not_here(two_gpus):
    file = io.BytesIO()
    taper.save(taper.ones(2, device="cuda:1"), file)
    data = file.getvalue()
    with gpus("standin", 1), pytest.raises(RuntimeError, match="on CUDA device 1 but torch.cuda.device_count"):
        taper.load(io.BytesIO(data))
    with gpus("standin", 0), pytest.raises(RuntimeError, match="torch.cuda.is_available\\(\\) is False"):
        taper.load(io.BytesIO(data))


def test_streams_and_events(gpu):
    stream, first, last = taper.cuda.Stream(), taper.cuda.Event(enable_timing=True), taper.cuda.Event(True)
    assert taper.cuda.current_stream() == taper.cuda.default_stream() != stream
    first.record()
    with taper.cuda.stream(stream):
        assert taper.cuda.current_stream() == stream
        x = taper.ones(3, device="cuda") * 2
        last.record()
    taper.cuda.current_stream().wait_stream(stream)
    stream.synchronize()
    taper.cuda.synchronize()
    assert x.tolist() == [2.0] * 3 and first.elapsed_time(last) >= 0 and stream.query() and last.query()
    assert repr(stream).startswith("<torch.cuda.Stream device=cuda:0 cuda_stream=0x")
    with pytest.raises(RuntimeError, match="enable_timing=True"):
        taper.cuda.Event().elapsed_time(last)
    with pytest.raises(RuntimeError, match="must be recorded"):
        taper.cuda.Event(True).elapsed_time(last)
    with pytest.raises(NotImplementedError, match="taper.compile"):
        taper.cuda.CUDAGraph()


def test_what_streams_are_asked_in_order():
    with gpus("standin"):
        main, side = taper.cuda.current_stream(), taper.cuda.Stream()
        devices.journal.clear()
        side.wait_stream(main)
        kinds = [(kind, *rest[:1]) for kind, *rest in devices.journal]
        assert kinds == [("record", main.cuda_stream), ("wait", side.cuda_stream)]
        assert devices.journal[0][2] == devices.journal[1][2], "it waits for the mark that was set"


def test_memory_statistics(gpu):
    taper.cuda.reset_peak_memory_stats()
    before = taper.cuda.memory_allocated()
    x = taper.empty(1 << 20, device="cuda")
    assert taper.cuda.memory_allocated() - before == 1 << 22
    del x
    assert taper.cuda.memory_allocated() == before
    assert taper.cuda.max_memory_allocated() - before == 1 << 22
    assert taper.cuda.memory_reserved() >= 1 << 22
    taper.cuda.empty_cache()
    assert taper.cuda.memory_reserved() == taper.cuda.memory_allocated()
    free, total = taper.cuda.mem_get_info()
    assert 0 < free <= total
    assert taper.cuda.memory_stats()["allocated_bytes.all.current"] == before
    assert "allocated" in taper.cuda.memory_summary()


def test_memory_that_is_not_there():
    with gpus("standin"):
        taper.cuda.set_per_process_memory_fraction(0.001)
        with pytest.raises(taper.OutOfMemoryError, match="CUDA out of memory"):
            taper.ones(1 << 23, device="cuda")
        x = taper.ones(1 << 21, device="cuda")
        with pytest.raises(taper.cuda.OutOfMemoryError, match="CUDA out of memory"):
            x.expand(8, -1) + 1


def test_questions(gpu):
    assert taper.cuda.is_available() and taper.cuda.device_count() >= 1 and taper.cuda.current_device() == 0
    facts = taper.cuda.get_device_properties(0)
    assert facts.name == taper.cuda.get_device_name() and facts.total_memory > 0 and facts.multi_processor_count > 0
    assert (facts.major, facts.minor) == taper.cuda.get_device_capability("cuda:0")
    assert f"sm_{facts.major}{facts.minor}" in taper.cuda.get_arch_list()
    assert taper.backends.cuda.is_built()
    taper.cuda.init()
    assert taper.cuda.is_initialized()
    with pytest.raises(ValueError, match="Expected a cuda device"):
        taper.cuda.get_device_name("cpu")


def test_other_libraries_share_memory(gpu):
    import cupy

    theirs = cupy.arange(4, dtype=np.float32)
    ours = taper.from_dlpack(theirs)
    assert ours.is_cuda
    ours.add_(1)
    assert theirs.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert ours.__dlpack_device__() == (2, 0)
    back = cupy.from_dlpack(ours)
    back[0] = 9
    assert ours[0].item() == 9.0
    assert taper.from_dlpack(np.ones(2), device="cuda").is_cuda


def test_pinned_memory_and_copies_beside_other_work(gpu):
    x = taper.from_numpy(X)
    held = x.pin_memory()
    assert held.is_pinned() and held[1:].is_pinned() and not x.is_pinned() and held.pin_memory() is held
    assert taper.equal(held, x) and taper.equal(held.to("cuda", non_blocking=True).cpu(), x)
    assert taper.equal(x.to("cuda", non_blocking=True).cpu(), x)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_pins_its_batches(gpu, workers):
    data = taper.utils.data.TensorDataset(taper.arange(10.0), taper.arange(10))
    loader = taper.utils.data.DataLoader(data, 4, pin_memory=True, num_workers=workers)
    batches = list(loader)
    assert [x.tolist() for x, _ in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(x.is_pinned() and y.is_pinned() for x, y in batches) and len(loader) == 3


def test_without_cupy_and_without_a_device_it_says_so():
    code = "import taper, sys; print('cupy' in sys.modules); taper.zeros(2).cuda()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "False\n"
    assert "AssertionError: Torch not compiled with CUDA enabled" in found.stderr
    with gpus("standin", 0):
        assert not taper.cuda.is_available() and taper.cuda.device_count() == 0
        with pytest.raises(AssertionError, match="it has CuPy, but no driver with a device"):
            taper.zeros(2, device="cuda")


def test_without_cupy_it_says_how_to_install_it(monkeypatch):
    from taper.backends.cuda import driver

    monkeypatch.setattr(driver, "installed", lambda: False)
    with pytest.raises(AssertionError, match=r"pip install taper\[cuda\]"):
        taper.zeros(2, device="cuda")


def test_a_tensor_lives_until_a_stream_is_done_with_it():
    with gpus("standin"):
        from taper.backends.cuda import driver

        x, stream = taper.ones(3, device="cuda"), taper.cuda.Stream()
        x.record_stream(stream)
        assert driver._under_way[-1][1] is x._array
        taper.ones(2).record_stream(stream)


def test_data_parallel_computes_where_the_module_is(gpu):
    model = taper.nn.DataParallel(taper.nn.Linear(3, 2).cuda())
    out = model(taper.ones(4, 3))
    assert out.is_cuda and next(iter(model.state_dict())) == "module.weight"


def test_the_accelerator_is_the_gpu(gpu):
    assert taper.accelerator.is_available() and taper.accelerator.device_count() == taper.cuda.device_count()
    assert taper.accelerator.current_accelerator() == taper.device("cuda")
    assert taper.accelerator.current_device_index() == 0
    with taper.accelerator.device_index(0):
        taper.accelerator.synchronize()
    assert taper.accelerator.memory_allocated() == taper.cuda.memory_allocated()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.to_sparse().cuda(),
        lambda x: taper.cuda.CUDAGraph(),
        lambda x: taper.cuda.memory_snapshot(),
        lambda x: taper.cuda.make_graphed_callables(lambda: x, ()),
    ],
)
def test_what_is_not_there_says_what_to_do(gpu, call):
    with pytest.raises(NotImplementedError, match="Use|use|taper.compile"):
        call(taper.ones(2, 2))
