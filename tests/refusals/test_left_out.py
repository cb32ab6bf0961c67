"""What Taper leaves out can be imported and asked about; using it says what to do instead."""

from __future__ import annotations

import importlib
import warnings

import pytest

import taper

NAMES = [
    ("distributed.fsdp.sharded_grad_scaler", "ShardedGradScaler"),
    ("distributed.tensor", "Partial"),
    ("distributed.tensor.parallel", "ColwiseParallel"),
    ("distributed.rpc", "rpc_async"),
    ("distributed.algorithms._checkpoint.checkpoint_wrapper", "checkpoint_wrapper"),
    ("fx", "symbolic_trace"),
    ("fx", "GraphModule"),
    ("onnx", "export"),
    ("library", "custom_op"),
    ("export", "export"),
    ("ao.quantization", "QuantStub"),
    ("quantization", "quantize_dynamic"),
    ("utils.cpp_extension", "load"),
    ("quasirandom", "SobolEngine"),
    ("classes", "load_library"),
    ("utils.data", "functional_datapipe"),
    ("masked", "masked_tensor"),
    ("nn.attention.flex_attention", "flex_attention"),
    ("jit", "trace"),
    ("jit", "load"),
    ("overrides", "TorchFunctionMode"),
]


@pytest.mark.parametrize("module, name", NAMES)
def test_using_a_name_says_what_to_do(module, name):
    found = getattr(importlib.import_module(f"taper.{module}"), name)
    with pytest.raises(NotImplementedError, match=rf"torch\.{module}\.{name} is not part of Taper\. \w+"):
        found(3)
    assert not isinstance(taper.ones(1), found) and not issubclass(int, found)
    with pytest.raises(NotImplementedError):
        type("Mine", (found,), {})


def test_attributes_of_left_out_classes_can_be_named():
    method = taper.distributed.rpc.RRef.local_value
    with pytest.raises(NotImplementedError, match="local_value"):
        method()


def test_unknown_names_stay_unknown():
    with pytest.raises(AttributeError):
        taper.fx.something_that_never_was  # noqa: B018
    with pytest.raises(ImportError):
        importlib.import_module("taper.fx.something_that_never_was")


def test_scripted_functions_run_as_they_are():
    jit = taper.jit
    jit._warned = False
    with pytest.warns(UserWarning, match="taper.compile"):

        @jit.script
        def double(x):
            return x * 2

    assert double(taper.ones(1)).item() == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = taper.nn.Linear(1, 1)
        assert jit.script(model) is model
    assert not jit.is_scripting() and not jit.is_tracing() and not taper.onnx.is_in_onnx_export()

    @jit.ignore
    def plain(x):
        return x

    @jit.ignore(drop=True)
    def dropped(x):
        return x

    @jit.unused
    def unused(x):
        return x

    assert plain(1) == dropped(1) == unused(1) == jit.annotate(int, 1) == 1
    assert jit.wait(jit.fork(lambda a: a + 1, 2)) == 3


def test_choices_of_attention_change_nothing():
    from taper.nn.attention import SDPBackend, sdpa_kernel

    q = taper.randn(1, 2, 3, 4)
    plain = taper.nn.functional.scaled_dot_product_attention(q, q, q)
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
        assert taper.equal(taper.nn.functional.scaled_dot_product_attention(q, q, q), plain)
    with pytest.raises(AssertionError), sdpa_kernel("fast"):
        pass


def test_futures():
    future = taper.futures.Future()
    seen = []
    future.add_done_callback(lambda f: seen.append(f.value()))
    after = future.then(lambda f: f.value() + 1)
    assert not future.done()
    future.set_result(4)
    assert (future.wait(), after.wait(), seen) == (4, 5, [4])
    with pytest.raises(RuntimeError, match="already completed"):
        future.set_result(1)
    assert taper.futures.wait_all([future, after]) == [4, 5]
    broken = taper.futures.Future()
    broken.set_exception(KeyError("no"))
    with pytest.raises(KeyError):
        broken.wait()
