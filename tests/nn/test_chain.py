"""Chains of layers in evaluation: the same as layer by layer, and layer by layer where somebody looks."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper import nn
from taper.nn.modules import chain

# fmt: off
CASES = {
    "conv norm relu": (lambda: [nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], (2, 8, 20, 20)),
    "conv with bias, norm": (lambda: [nn.Conv2d(8, 16, 3, 2), nn.BatchNorm2d(16, eps=1e-2)], (2, 8, 21, 20)),
    "conv relu in place": (lambda: [nn.Conv2d(8, 16, 3), nn.ReLU(inplace=True)], (2, 8, 20, 20)),
    "pointwise, relu6": (lambda: [nn.Conv2d(16, 32, 1), nn.BatchNorm2d(32), nn.ReLU6()], (2, 16, 14, 14)),
    "depthwise, relu6": (lambda: [nn.Conv2d(32, 32, 3, 2, 1, groups=32), nn.BatchNorm2d(32), nn.ReLU6(True)], (2, 32, 30, 30)),
    "groups, dilation": (lambda: [nn.Conv2d(8, 16, 3, dilation=2, groups=2), nn.BatchNorm2d(16), nn.SiLU()], (2, 8, 20, 20)),
    "no affine": (lambda: [nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16, affine=False), nn.LeakyReLU(0.2)], (2, 8, 20, 20)),
    "no statistics": (lambda: [nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16, track_running_stats=False), nn.ReLU()], (2, 8, 20, 20)),
    "hardtanh": (lambda: [nn.Conv2d(8, 16, 3), nn.Hardtanh(-0.1, 0.2)], (2, 8, 20, 20)),
    "hardswish": (lambda: [nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.Hardswish()], (2, 8, 20, 20)),
    "norm of another kind": (lambda: [nn.Conv2d(8, 16, 3), nn.GroupNorm(4, 16), nn.ReLU()], (2, 8, 20, 20)),
    "two in turn": (lambda: [nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8), nn.MaxPool2d(2)], (2, 8, 20, 20)),
    "padded by reflection": (lambda: [nn.Conv2d(8, 16, 3, padding=1, padding_mode="reflect"), nn.ReLU()], (2, 8, 20, 20)),
    "same": (lambda: [nn.Conv2d(8, 16, 3, padding="same"), nn.ReLU()], (2, 8, 20, 20)),
    "one image without batch": (lambda: [nn.Conv2d(8, 16, 3), nn.ReLU()], (8, 30, 30)),
    "small": (lambda: [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU()], (1, 2, 5, 5)),
    "sequences": (lambda: [nn.Conv1d(16, 32, 5, padding=2), nn.BatchNorm1d(32), nn.ReLU()], (2, 16, 100)),
    "volumes": (lambda: [nn.Conv3d(4, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ReLU()], (1, 4, 8, 9, 10)),
    "LeNet": (lambda: [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
                       nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 10, bias=False)], (3, 1, 28, 28)),
    "norm first": (lambda: [nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.Identity(), nn.Dropout2d(0.5), nn.SiLU()], (2, 8, 20, 20)),
    "windows": (lambda: [nn.Conv2d(8, 16, 3), nn.MaxPool2d((3, 2), (2, 1), 1, dilation=(1, 2), ceil_mode=True), nn.Conv2d(16, 8, 3),
                         nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)], (2, 8, 21, 20)),
    "even windows": (lambda: [nn.Conv2d(8, 16, 3), nn.AdaptiveAvgPool2d((3, 5)), nn.Conv2d(16, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()], (2, 8, 20, 20)),
    "windows of sequences": (lambda: [nn.Conv1d(16, 32, 5), nn.MaxPool1d(3), nn.Conv1d(32, 16, 3), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(4)], (2, 16, 100)),
    "windows of volumes": (lambda: [nn.Conv3d(4, 8, 3), nn.MaxPool3d(2), nn.Dropout3d(), nn.AdaptiveAvgPool3d(2), nn.Flatten(1), nn.Linear(64, 3)], (1, 4, 9, 9, 9)),
    "where windows were found": (lambda: [nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2, return_indices=True)], (2, 8, 20, 20)),
    "channels stay apart": (lambda: [nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(2), nn.Linear(324, 5), nn.ReLU()], (2, 8, 20, 20)),
    "64 bits": (lambda: [nn.Conv2d(8, 16, 3).double(), nn.BatchNorm2d(16).double(), nn.ReLU()], (2, 8, 20, 20)),
    "channels-last": (lambda: [nn.Conv2d(8, 16, 3).to(memory_format=taper.channels_last), nn.ReLU()], (2, 8, 20, 20)),
}
# fmt: on


def made(name: str):
    """The chain in evaluation, with statistics and scales that are not 0 and 1, and its input."""
    layers, shape = CASES[name]
    taper.manual_seed(0)
    model = nn.Sequential(*layers())
    for layer in model:
        for tensor in (*layer.parameters(), *layer.buffers()):
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.data.uniform_(0.5, 1.5)
    dtype = next(model.parameters()).dtype
    x = taper.randn(*shape, dtype=dtype)
    return model.eval(), x.to(memory_format=taper.channels_last) if name == "channels-last" else x


def in_turn(model, x):
    for layer in model:
        x = layer(x)
    return x


def alone(found):
    """A result without what else its layer gives."""
    return found[0] if isinstance(found, tuple) else found


def assert_same(found, expected) -> None:
    """Equal but for the rounding of float operations that are one kernel's, and lying the same in memory."""
    found, expected = alone(found), alone(expected)
    assert found.shape == expected.shape and found.dtype == expected.dtype and found.stride() == expected.stride()
    limit = 1e-12 if found.dtype == taper.float64 else 1e-5
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=limit, atol=limit)


@pytest.mark.parametrize("name", CASES)
def test_a_chain_gives_what_its_layers_give(name):
    model, x = made(name)
    before = x.clone()
    with taper.no_grad():
        expected = in_turn(model, x.clone())
        assert_same(model(x), expected)
        assert not alone(model(x)).requires_grad
    assert taper.equal(x, before)
    recorded = alone(model(x))
    assert recorded.requires_grad
    assert_same(recorded.detach(), alone(expected))


def test_parameters_and_statistics_are_read_at_each_call():
    model, x = made("conv norm relu")
    with taper.no_grad():
        model(x)
        model[0].weight.mul_(-0.5)
        model[1].running_mean.add_(1)
        model[1].weight = nn.Parameter(model[1].weight * 3)
        assert_same(model(x), in_turn(model, x))


def test_hooks_see_every_layer():
    model, x = made("conv norm relu")
    seen = []
    with taper.no_grad():
        expected = model(x)
        handles = [layer.register_forward_hook(lambda layer, args, out: seen.append(out)) for layer in model]
        assert_same(model(x), expected)
        assert len(seen) == 3 and (seen[1] < 0).any() and not (seen[2] < 0).any()
        for handle in handles:
            handle.remove()
        with_all = nn.modules.module.register_module_forward_hook(lambda layer, args, out: seen.append(layer))
        model(x)
        with_all.remove()
        assert seen[3:] == [*model, model]


def test_layers_that_are_not_their_class_alone_are_called():
    class Negated(nn.ReLU):
        def forward(self, input):
            return -input

    model, x = made("conv norm relu")
    with taper.no_grad():
        normed = model[:2](x)
        model[2] = Negated()
        assert_same(model(x), -normed)
        model[2] = nn.ReLU()
        model[2].forward = lambda input: input + 1
        assert_same(model(x), normed + 1)


def test_norms_in_training_go_by_the_batch_and_keep_its_statistics():
    model, x = made("conv norm relu")
    model.train()
    with taper.no_grad():
        before = model[1].running_mean.clone()
        out = model(x)
        assert (model[1].running_mean != before).any()
        normed = model[1](model[0](x))
        assert_same(out, normed.relu())


def test_autocast_computes_chains_in_its_dtype():
    model, x = made("conv relu in place")
    with taper.no_grad(), taper.autocast("cpu", taper.bfloat16):
        assert model(x).dtype == taper.bfloat16


def test_errors_name_the_layer():
    model, x = made("conv norm relu")
    with taper.no_grad(), pytest.raises(RuntimeError, match="expected input.* to have 8 channels, but got 4 channels"):
        model(x[:, :4].contiguous())
    with taper.no_grad(), pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        nn.Sequential(nn.Conv2d(64, 256, 7), nn.ReLU())(taper.rand(4, 64, 5, 5))
    with taper.no_grad(), pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        nn.Sequential(*model, nn.Flatten(), nn.Linear(10, 3))(x)
    with taper.no_grad(), pytest.raises(RuntimeError, match="pad should be at most half"):
        nn.Sequential(*model, nn.MaxPool2d(2, padding=2))(x)


def counted(monkeypatch, model, x) -> int:
    """Programs that a call runs, besides those of single layers."""
    calls, run = [], chain.Native.run
    monkeypatch.setattr(chain.Native, "run", lambda *given: (calls.append(given[0]), run(*given))[1])
    with taper.no_grad():
        model(x)
    return sum(formula is chain._in_turn for formula in calls)


def test_layers_of_a_chain_are_one_program(monkeypatch):
    model, x = made("LeNet")
    assert counted(monkeypatch, model, x) == 1
    model.insert(3, nn.GroupNorm(1, 6).eval())
    assert counted(monkeypatch, model, x) == 2


def test_large_results_between_layers_are_not_kept_by_programs(monkeypatch):
    model, x = made("windows")
    with taper.no_grad():
        expected = model(x)
        monkeypatch.setattr(chain, "KEPT", 1000)
        chain._reach.cache_clear()
        # Each layer by itself, then: none has more than its activation with it.
        assert counted(monkeypatch, model, x) == 0
        assert_same(model(x), expected)
        two, x = made("two in turn")
        assert counted(monkeypatch, two, x) == 2
    chain._reach.cache_clear()


def test_activations_in_place_change_no_input_of_a_chain():
    model, x = made("conv relu in place")
    before = x.clone()
    with taper.no_grad():
        model(x)
        assert taper.equal(x, before)
        expected = model(x.relu())
        first = nn.Sequential(nn.ReLU(inplace=True), *model)
        assert_same(first(x), expected)
        assert taper.equal(x, before.relu())


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_a_bit(threads):
    model, x = made("conv norm relu")
    x = taper.rand(4, 8, 96, 96)
    before = taper.get_num_threads()
    try:
        with taper.no_grad():
            taper.set_num_threads(1)
            expected = model(x)
            taper.set_num_threads(threads)
            assert taper.equal(model(x), expected)
    finally:
        taper.set_num_threads(before)
