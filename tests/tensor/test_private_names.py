"""Names that are neither documented nor rare: storages, absent types, PyTorch's own modules, what was removed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import taper

pytestmark = pytest.mark.filterwarnings("ignore")

# What is printed must be PyTorch's; where PyTorch raises, the class of the error.
SAME = {
    "bytes": lambda m: m.ByteTensor(m.ByteStorage.from_buffer(b"abc")),
    "floats": lambda m: m.FloatTensor(m.FloatStorage([1, 2])),
    "storage": lambda m: m.FloatStorage([1, 2]),
    "untyped": lambda m: m.UntypedStorage([1, 2]),
    "size": lambda m: (m.FloatStorage(3).size(), m.UntypedStorage(4).nbytes(), len(m.LongStorage(2))),
    "name": lambda m: (m.FloatStorage(2).type(), m.DoubleStorage([1]).tolist()),
    "big end": lambda m: m.ShortStorage.from_buffer(b"\0\1\0\2", byte_order="big").tolist(),
    "no order": lambda m: m.ShortStorage.from_buffer(b"\0\1"),
    "another order": lambda m: m.ShortStorage.from_buffer(b"\0\1", byte_order="middle"),
    "kind": lambda m: (isinstance(m.FloatStorage(1), m.FloatStorage), isinstance(m.FloatStorage(1), m.LongStorage)),
    "fill": lambda m: m.fill(m.ones(2, 2), 3),
    "fill by tensor": lambda m: m.fill(m.ones(2), m.tensor(2.5)),
    "fill by vector": lambda m: m.fill(m.ones(2), m.ones(2)),
    "resize": lambda m: m.ones(2, 3).resize(3, 2),
    "resize larger": lambda m: m.ones(2, 3).resize(4, 2),
    "dequantize": lambda m: m.ones(2).dequantize(),
    "not quantised": lambda m: m.ones(2).q_scale(),
    "dimensions": lambda m: (m.ones(2, 3).sparse_dim(), m.ones(2, 3).dense_dim()),
    "resize_as": lambda m: m.arange(6.0).view(2, 3).resize_as(m.ones(3, 2)),
    "map2": lambda m: m.ones(2).map2_(m.ones(2), m.ones(2) * 3, lambda a, b, c: a + b * c),
    "igamma in place": lambda m: (m.ones(2).igamma_(m.ones(2)), m.ones(2).igammac_(m.ones(2))),
    "distributed": lambda m: m.ones(2).is_distributed(),
    "removed": lambda m: m.symeig(m.ones(2, 2)),
    "removed method": lambda m: m.ones(2, 2).solve(m.ones(2, 2)),
    "rank": lambda m: m.matrix_rank(m.ones(2, 2)),
    "formats": lambda m: (m.legacy_contiguous_format, m.jagged),
    "types": lambda m: (m.float8_e4m3fn, m.uint4.is_signed, m.int4.is_signed, m.chalf, m.complex32.is_complex, m.float8_e5m2.itemsize),
    "a type is one": lambda m: (isinstance(m.float8_e5m2, m.dtype), m.float8_e5m2 == m.float32, len({m.uint1, m.uint2, m.uint1})),
    "subclass": lambda m: type(m.ones(2).as_subclass(m.nn.Parameter)).__name__,
    "no subclass": lambda m: m.ones(2).as_subclass(int),
    "stream": lambda m: m.Stream(),
    "module": lambda m: (m.get_device_module("cpu").__name__.split(".")[1], m.get_device_module().__name__.split(".")[1]),
    "no device": lambda m: m.get_device_module("vulkan"),
    "cond": lambda m: m.cond(m.tensor(True), lambda x: x + 1, lambda x: x - 1, (m.ones(1),)),
    "cond false": lambda m: m.cond(False, lambda x: x + 1, lambda x: x - 1, (m.ones(1),)),
    "exporting": lambda m: (m.compiler.is_exporting(), m.compiler.cudagraph_mark_step_begin()),
    "restore": lambda m: type(m.serialization.default_restore_location(m.UntypedStorage(1), "cpu")).__name__,
    "restore gpu": lambda m: m.serialization.default_restore_location(m.UntypedStorage(1), "cuda:0"),
    "tag": lambda m: m.serialization.location_tag(m.UntypedStorage(1)),
    "xpu": lambda m: m.nn.Linear(1, 1).xpu(),
    "override": lambda m: m.nn.functional.has_torch_function((m.ones(1),)),
    "parse": lambda m: m._C._nn._parse_to("cpu", m.float64, non_blocking=True),
    "parse dtype": lambda m: m._C._nn._parse_to(m.float16),
    "parse tensor": lambda m: m._C._nn._parse_to(m.ones(1)),
    "jvp": lambda m: m.autograd.Function.jvp(None, 1),
}  # fmt: skip


def said(call, m):
    try:
        return repr(call(m))
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as error:
        return type(error)


@pytest.mark.parametrize("name", SAME)
def test_as_pytorch(name):
    torch = pytest.importorskip("torch")
    assert said(SAME[name], taper) == said(SAME[name], torch)


@pytest.mark.parametrize("make", [lambda d: taper.zeros(2, dtype=d), lambda d: taper.ones(2).to(d), lambda d: taper.tensor([1], dtype=d), lambda d: taper.ones(2).type(d), taper.finfo])  # fmt: skip
def test_absent_types_say_what_to_use(make):
    with pytest.raises(NotImplementedError, match=r"torch.float8_e4m3fn is not part of Taper. Use bfloat16"):
        make(taper.float8_e4m3fn)
    with pytest.raises(NotImplementedError, match="complex32"):
        taper.ones(2).chalf()


def test_storages_share_their_memory():
    t = taper.zeros(3)
    t.storage()[1] = 5.0
    assert t.tolist() == [0.0, 5.0, 0.0]
    t.untyped_storage().fill_(0)
    assert t.tolist() == [0.0, 0.0, 0.0]
    held = taper.FloatStorage([1, 2])
    taper.FloatTensor(held)[0] = 7
    assert held.tolist() == [7.0, 2.0]
    assert taper.FloatStorage(2).copy_(held).tolist() == [7.0, 2.0] and held.cpu() is held


def test_subclasses_share_memory_and_history():
    class Mine(taper.Tensor):
        pass

    x = taper.ones(2, requires_grad=True)
    y = (x * 2).as_subclass(Mine)
    assert type(y) is Mine
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    z = taper.zeros(2)
    z.as_subclass(Mine).add_(1)
    assert z.tolist() == [1.0, 1.0]


def test_what_is_loaded_into_a_parameter():
    p, other = taper.zeros(2), taper.ones(2)
    assert p.module_load(other).tolist() == [1.0, 1.0] and p.tolist() == [1.0, 1.0]
    assert taper.zeros(2).module_load(other, assign=True).data_ptr() == other.data_ptr()


def test_pytorchs_own_modules():
    for name in (
        "_C",
        "_C._nn",
        "_dynamo",
        "_dynamo.config",
        "_dynamo.eval_frame",
        "_inductor.config",
        "autograd.profiler_legacy",
    ):
        importlib.import_module(f"taper.{name}")
    taper._dynamo.config.suppress_errors = True
    taper._dynamo.config.suppress_errors = False
    taper._dynamo.reset()
    assert (
        not taper._dynamo.is_compiling() and taper._dynamo.OptimizedModule is taper._dynamo.eval_frame.OptimizedModule
    )
    with pytest.raises(NotImplementedError, match=r"storage_alignment = 64"):
        taper.utils.serialization.config.save.storage_alignment = 4096
    taper.utils.serialization.config.save.compute_crc32 = True
    with pytest.raises(RuntimeError, match="invalid torch.compile stance 'sometimes'"):
        taper.compiler.set_stance("sometimes")
    with pytest.raises(NotImplementedError, match="default or force_eager"):
        taper.compiler.set_stance("fail_on_recompile")


def test_a_stance_runs_eagerly():
    compiled = taper.compile(lambda x: x * 2 + 1)
    x = taper.ones(3)
    with taper.compiler.set_stance("force_eager"):
        assert compiled(x).tolist() == [3.0] * 3 and compiled.compilations == 0
    taper.compiler.set_stance("force_eager")(lambda: compiled(x))()
    assert compiled.compilations == 0
    assert compiled(x).tolist() == [3.0] * 3 and compiled.compilations == 1


def test_batons(tmp_path):
    from taper.utils.file_baton import FileBaton

    first, second = FileBaton(str(tmp_path / "lock")), FileBaton(str(tmp_path / "lock"), 0.001)
    assert first.try_acquire() and not second.try_acquire()
    first.release()
    second.wait()
    assert second.try_acquire()


def test_the_environment_is_described():
    from taper.utils.collect_env import get_pretty_env_info

    assert f"numpy: {np.__version__}" in get_pretty_env_info()


def test_processors():
    assert taper.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")


def test_views_know_their_base():
    x = taper.zeros(2, 3)
    for view in (x.view(-1), x[0], x[0][1:], x.t(), x.detach()[1], x.chunk(2)[1]):
        assert view._is_view() and view._base is not None and view._base._base is None
    assert x[0][1:]._base is x and x._base is None and not x._is_view() and x.clone()._base is None
