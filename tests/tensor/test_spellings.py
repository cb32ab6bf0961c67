"""Other spellings, private names that programs use, and devices that are not there."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest

import taper


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_in_place_functions_change_their_argument(torch):
    from taper.tensor.spellings import _IN_PLACE

    missing = [name for name in _IN_PLACE if not hasattr(taper, name)]
    assert missing == []
    for name in ("abs_", "exp_", "sin_", "sqrt_", "neg_", "round_", "zero_", "sigmoid_"):
        results = []
        for T in (taper, torch):
            x = T.tensor([0.5, 2.25])
            assert getattr(T, name)(x) is x
            results.append(x.tolist())
        np.testing.assert_allclose(results[0], results[1], rtol=1e-6, err_msg=name)
    assert taper.clamp_(taper.tensor([3.0]), max=1.0).item() == 1


def test_lists_of_tensors(torch):
    for name, args in (("_foreach_add", (2.0,)), ("_foreach_mul", ([2.0, 3.0],)), ("_foreach_sqrt", ())):
        results = []
        for T in (taper, torch):
            results.append([t.tolist() for t in getattr(T, name)([T.ones(2), T.full((1,), 4.0)], *args)])
        assert results[0] == results[1]
    a = [taper.ones(2), taper.ones(1)]
    assert taper._foreach_mul_(a, 3.0) is None and a[0].tolist() == [3, 3]
    assert [n.item() for n in taper._foreach_norm(a)] == pytest.approx([18**0.5, 3])


def test_names_and_settings(torch):
    values = (1, "a", taper.ones, int)
    assert [taper.typename(v) for v in (1, "a", int)] == [torch.typename(v) for v in (1, "a", int)] and values
    assert taper.typename(taper.ones(1)) == torch.typename(torch.ones(1))
    taper._assert(taper.tensor(True), "fine")
    with pytest.raises(AssertionError, match="not fine"):
        taper._assert(False, "not fine")
    taper.set_deterministic_debug_mode("error")
    assert taper.get_deterministic_debug_mode() == 2 and taper.are_deterministic_algorithms_enabled()
    taper.set_deterministic_debug_mode(0)
    x = taper.tensor([1.0, 2.0])
    assert x.apply_(lambda v: v + 1).tolist() == [2, 3] and x.map_(x.clone(), lambda a, b: a * b).tolist() == [4, 9]


PRIVATE = """
optim.lr_scheduler._LRScheduler nn.init._calculate_fan_in_and_fan_out nn.modules.loss._Loss nn.modules.utils._pair
nn.modules.batchnorm._BatchNorm nn.modules.instancenorm._InstanceNorm nn.modules.conv._ConvNd hub._get_torch_home _six.inf
_six.string_classes _six.container_abcs _utils._flatten_dense_tensors _utils._unflatten_dense_tensors _utils._accumulate
nn.modules.module._IncompatibleKeys autograd.grad_mode.no_grad _tensor.Tensor functional.einsum functional.F types.Number
types.Device overrides.has_torch_function optim.adamw.AdamW optim.swa_utils.AveragedModel utils._pytree.tree_map
utils.hooks.RemovableHandle utils.dlpack.from_dlpack cuda.amp.autocast cuda.amp.grad_scaler.GradScaler cpu.amp.autocast
distributions.normal.Normal distributions.utils.broadcast_all distributions.constraints.positive
nn.parallel.distributed.DistributedDataParallel nn.parallel.scatter_gather.gather autograd.profiler.record_function
backends.cuda.matmul.allow_tf32 backends.opt_einsum.strategy backends.quantized.engine version.cuda
""".split()


@pytest.mark.parametrize("path", PRIVATE)
def test_paths_that_programs_use(path):
    found, parts = taper, path.split(".")
    for i, part in enumerate(parts):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module("taper." + ".".join(parts[: i + 1]))


def test_flat_tensors():
    tensors = [taper.arange(4.0).reshape(2, 2), taper.ones(3)]
    flat = taper._utils._flatten_dense_tensors(tensors)
    assert flat.tolist() == [0, 1, 2, 3, 1, 1, 1]
    assert [t.shape for t in taper._utils._unflatten_dense_tensors(flat, tensors)] == [(2, 2), (3,)]


@pytest.mark.parametrize("room", ["cuda", "xpu", "mtia", "mps", "accelerator"])
def test_devices_that_are_not_there(torch, room):
    """What PyTorch's build without them answers, Taper answers; where that raises, Taper raises or does nothing."""
    ours, theirs = getattr(taper, room), getattr(torch, room)
    for name in (
        "is_available",
        "device_count",
        "is_initialized",
        "manual_seed_all",
        "empty_cache",
        "memory_allocated",
    ):
        if not hasattr(ours, name) or not inspect.isroutine(getattr(theirs, name, None)):
            continue
        arguments = (3,) if name == "manual_seed_all" else ()
        try:
            expected = getattr(theirs, name)(*arguments)
        except (RuntimeError, AssertionError) as error:
            with pytest.raises(type(error)):
                getattr(ours, name)(*arguments)
            continue
        assert getattr(ours, name)(*arguments) == expected, name
    assert not ours.is_available()


def test_what_needs_a_gpu_says_so():
    for call in (
        taper.cuda.current_device,
        taper.cuda.get_device_name,
        taper.cuda.synchronize,
        taper.cuda.mem_get_info,
    ):
        with pytest.raises(AssertionError, match="CUDA"):
            call()
    with pytest.raises(RuntimeError):
        taper.cuda.Stream()
    with pytest.raises(TypeError, match="FloatTensor"):
        taper.cuda.FloatTensor(3)
    assert not isinstance(taper.ones(1), taper.cuda.FloatTensor)
    with taper.cuda.device(0), taper.cuda.stream(None):
        assert taper.cuda.get_rng_state_all() == []
    before = taper.backends.cudnn.benchmark_limit
    with taper.backends.cudnn.flags(enabled=False, benchmark_limit=3):
        assert taper.backends.cudnn.benchmark_limit == 3
    assert taper.backends.cudnn.benchmark_limit == before
