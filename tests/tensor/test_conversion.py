"""Conversions, Python's protocols, copies and pickles."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import taper

try:
    import torch
except ImportError:
    torch = None

ROWS = [
    "float(T.tensor(2.5))", "int(T.tensor([3]))", "bool(T.tensor([0]))", "complex(T.tensor(2.5))", "T.tensor(3).__index__()",
    "[10, 20, 30][T.tensor(1)]", "f'{T.tensor(2.345):.2f}'", "f'{T.tensor([1, 2])}'", "len(T.zeros(3, 2))", "float(T.ones(2))",
    "int(T.tensor(1.9))", "T.tensor(1.5).__index__()", "bool(T.ones(2))", "bool(T.zeros(0))", "T.zeros(2).item()", "len(T.tensor(1))",
    "2 in T.tensor([1, 2])", "5 in T.tensor([1, 2])", "'a' in T.tensor([1])", "[float(v) for v in T.arange(3)]", "list(T.tensor(1))",
    "T.ones(2).tolist()", "T.tensor(True).item()", "T.ones(2, requires_grad=True).numpy()", "T.ones(2, dtype=T.bfloat16).numpy()",
    "T.ones(2).to(T.int64).dtype", "T.ones(2).type()", "T.ones(2).type(T.LongTensor).dtype", "T.ones(2).type('torch.DoubleTensor').dtype",
    "T.ones(2).to('cpu').dtype", "T.ones(2).to(T.ones(1, dtype=T.int8)).dtype", "T.ones(2).to('cpu', T.half).dtype",
    "T.ones(2).cuda()", "T.ones(2).to('nowhere')", "T.ones(2).half().float().double().int().long().short().char().byte().bool().dtype",
    "T.ones(2).is_floating_point()", "T.is_tensor(3)", "T.ones(2).element_size()", "T.result_type(T.ones(2), 3)", "T.can_cast(T.float32, T.int64)",
    "T.promote_types(T.int8, T.uint8)", "T.finfo(T.float16).max", "T.iinfo(T.int8).min", "T.ones(2).get_device()", "T.ones(2).device.type",
    "T.tensor([1.5, -1.5]).to(T.int32).tolist()", "T.tensor([300.0]).to(T.uint8).tolist()", "T.tensor([1 + 2j]).real.tolist()",
    "T.ones(2, 3, 2, 2).float(memory_format=T.channels_last).stride()", "T.ones(2).long(memory_format=T.channels_last)",
    "T.hash_tensor(T.tensor([1, -2, 5])).tolist()", "T.arange(6.0).reshape(2, 3).hash_tensor(-1, keepdim=True).tolist()",
    "T.hash_tensor(T.ones(2, 2, dtype=T.bfloat16), (0, 1)).dtype", "T.hash_tensor(T.ones(0))", "T.hash_tensor(T.ones(2, 0), 1)",
    "T.hash_tensor(T.ones(2), mode=1)", "T.hash_tensor(T.ones(2), out=T.ones(()))", "T.hash_tensor(T.ones(2, dtype=T.complex64))",
    "T.ones(2, 3, 4, 5).permute(0, 2, 3, 1).dim_order()", "T.ones(3).expand(2, 3).dim_order()", "T.ones(()).dim_order()",
    "T.ones(1, 2).dim_order(ambiguity_check=True)", "T.ones(3)[1:]._base.tolist()", "T.ones(3)._base", "T.ones(3)[1:]._is_view()",
    "T.get_device(T.ones(2))", "T.ones(2).is_xla", "T.conj_physical_(T.tensor([1j])).tolist()", "T.ones(2, 0, 3).dim_order()",
    "hash(T.ones(1)) == hash(T.ones(1))", "T.ones(1) == None", "T.ones(2) != 'a'", "T.numel(T.ones(2, 3))", "T.ones(2).is_contiguous()",
    "(T.ones(3) + np.ones(3)).dtype", "(T.ones(3) * np.float32(2)).dtype",
    "np.exp(T.zeros(2)).tolist()", "T.ones(2).retain_grad()", "T.tensor([1]).requires_grad_()", "T.ones(1).backward()",
]  # fmt: skip


def outcome(expression, T):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return repr(eval(expression, {"T": T, "np": np}))
    except Exception as error:
        return type(error).__name__


@pytest.mark.skipif(torch is None, reason="PyTorch, the oracle, is not installed")
@pytest.mark.parametrize("expression", ROWS)
def test_as_pytorch(expression):
    assert outcome(expression, taper) == outcome(expression, torch)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_are_equal_and_apart(copied):
    for t in (
        taper.rand(3, 4),
        taper.arange(6).reshape(2, 3).t(),
        taper.tensor(2.0),
        taper.zeros(0, 3),
        taper.ones(2, requires_grad=True),
    ):
        twin = copied(t)
        assert taper.equal(twin, t)
        assert twin.requires_grad == t.requires_grad
        assert twin.dtype == t.dtype
        with taper.no_grad():
            twin.add_(1)
        assert not t.numel() or not taper.equal(twin, t)


def test_deepcopy_keeps_what_is_shared_shared():
    t = taper.rand(4)
    a, b = copy.deepcopy([t, t])
    assert a is b
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(taper.ones(2, requires_grad=True) * 2)


def test_a_scalar_of_a_recording_tensor_warns():
    with pytest.warns(UserWarning, match="requires_grad=True to a scalar"):
        assert float(taper.tensor(2.0, requires_grad=True)) == 2.0


def test_conversions_are_differentiable():
    x = taper.ones(3, requires_grad=True)
    (x.double() * 2).half().sum().backward()
    assert x.grad.dtype == taper.float32
    assert x.grad.tolist() == [2, 2, 2]


def test_what_is_lost_of_complex_numbers_is_said():
    z = taper.tensor([1 + 2j])
    for convert in (lambda: z.float(), lambda: z.to(taper.int64), lambda: taper.zeros(1).copy_(z)):
        with pytest.warns(UserWarning, match="discards the imaginary part"):
            assert convert().item() == 1
    assert z.bool().item() is True and z.to(taper.complex128).item() == 1 + 2j


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round"])
def test_whole_numbers_are_copied(name):
    x = taper.tensor([1, 2])
    getattr(taper, name)(x).zero_()
    assert x.tolist() == [1, 2]
    for other in (taper.sign, taper.sgn):
        b = taper.tensor([True])
        other(b).zero_()
        assert b.item() is True
