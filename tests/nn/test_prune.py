"""nn.utils.prune and fusion: each scenario runs on Taper and, where importable, on PyTorch; what it logs must agree."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

import taper

from .test_parameter_utils import attempt, plain


def plane(torch, rows=4, columns=3):
    layer = torch.nn.Linear(columns, rows)
    numbers = np.random.RandomState(0).permutation(rows * columns).reshape(rows, columns) - 5.3
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(numbers.astype(np.float32)))
        layer.bias.copy_(torch.arange(float(rows)) + 0.05)
    return layer


def state(layer):
    return [(name, layer.state_dict()[name]) for name in layer.state_dict()]


def unstructured(torch, log):
    prune = torch.nn.utils.prune
    for amount in (0, 3, 0.5, 1.0, 12):
        layer = plane(torch)
        log.append(prune.l1_unstructured(layer, "weight", amount) is layer)
        log.append(state(layer))
        log.append((layer.weight, layer.weight.requires_grad, [n for n, _ in layer.named_parameters()]))
        layer(torch.ones(1, 3)).sum().backward()
        log.append(layer.weight_orig.grad)
    scores = torch.arange(12.0).view(4, 3)
    log.append(prune.l1_unstructured(plane(torch), "weight", 5, importance_scores=scores).weight)
    for amount in (2, 0.25):
        torch.manual_seed(3)
        log.append(prune.random_unstructured(plane(torch), "weight", amount).weight_mask)


def structured(torch, log):
    prune = torch.nn.utils.prune
    for dim in (0, 1, -1):
        for n in (1, 2, float("inf")):
            log.append(prune.ln_structured(plane(torch), "weight", 1, n, dim).weight)
        torch.manual_seed(1)
        log.append(prune.random_structured(plane(torch), "weight", 0.5, dim).weight_mask)
    log.append(prune.ln_structured(plane(torch), "weight", 0, 2, 0).weight_mask)


def again_and_again(torch, log):
    prune = torch.nn.utils.prune
    layer = plane(torch)
    prune.l1_unstructured(layer, "weight", 3)
    prune.ln_structured(layer, "weight", 1, 2, 0)
    prune.ln_structured(layer, "weight", 0.5, 2, 0)
    (hook,) = layer._forward_pre_hooks.values()
    log.append((type(hook).__name__, len(hook), [type(m).__name__ for m in hook], type(hook[0]).__name__))
    log.append(state(layer))
    mask = torch.ones(4, 3)
    mask[0] = 0
    prune.custom_from_mask(layer, "weight", mask)
    prune.random_unstructured(layer, "bias", 1)
    prune.identity(layer, "bias")
    log.append((layer.weight_mask, prune.is_pruned(layer), len(layer._forward_pre_hooks)))
    log.append(layer(torch.ones(2, 3)))
    prune.remove(layer, "weight")
    prune.remove(layer, "bias")
    log.append((prune.is_pruned(layer), sorted(layer.state_dict()), layer.weight, len(layer._forward_pre_hooks)))


def everywhere(torch, log):
    prune = torch.nn.utils.prune
    net = torch.nn.Sequential(plane(torch), torch.nn.ReLU(), plane(torch, 2, 4))
    pairs = [(net[0], "weight"), (net[2], "weight"), (net[0], "bias")]
    log.append(prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=0.4))
    log.append(state(net))
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=3)
    log.append(state(net))
    log.append(raised(lambda: prune.global_unstructured(pairs, prune.LnStructured, amount=1, n=2)).__name__)
    attempt(log, lambda: prune.global_unstructured(pairs, prune.L1Unstructured, importance_scores=[1], amount=1))
    attempt(log, lambda: prune.global_unstructured(3, prune.L1Unstructured, amount=1))


def a_method_of_ones_own(torch, log):
    prune = torch.nn.utils.prune

    class Chequered(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    layer = plane(torch)
    method = Chequered.apply(layer, "weight")
    log.append((layer.weight, method._tensor_name))
    log.append(method.prune(torch.ones(2, 3)))
    log.append(method.prune(torch.ones(2, 2), default_mask=torch.tensor([[1.0, 0.0], [1.0, 1.0]])))
    attempt(log, lambda: prune.PruningContainer(method).add_pruning_method(3))


def errors(torch, log):
    prune = torch.nn.utils.prune
    layer = plane(torch)
    log.append(
        [
            kind.__name__
            for kind in map(
                lambda act: raised(act),
                (
                    lambda: prune.l1_unstructured(layer, "weight", 13),
                    lambda: prune.l1_unstructured(layer, "weight", -1),
                    lambda: prune.l1_unstructured(layer, "weight", 1.5),
                    lambda: prune.l1_unstructured(layer, "weight", "many"),
                    lambda: prune.ln_structured(layer, "bias", 1, 2, 0),
                    lambda: prune.random_structured(layer, "weight", 1, 2),
                    lambda: prune.l1_unstructured(layer, "weight", 1, importance_scores=torch.ones(3)),
                    lambda: prune.remove(layer, "weight"),
                ),
            )
        ]
    )


def raised(act):
    try:
        act()
    except (ValueError, TypeError, IndexError, AssertionError) as error:
        return type(error)
    raise AssertionError("nothing was raised")


def fused(torch, log):
    torch.manual_seed(0)
    x = torch.rand(2, 3, 5, 5)
    for conv, transpose in (
        (torch.nn.Conv2d(3, 4, 3), False),
        (torch.nn.Conv2d(3, 4, 3, bias=False), False),
        (torch.nn.ConvTranspose2d(3, 4, 3), True),
    ):
        norm = torch.nn.BatchNorm2d(4)
        norm.running_mean.copy_(torch.tensor([0.1, 0.2, -0.3, 0.0]))
        norm.running_var.copy_(torch.tensor([1.0, 2.0, 0.5, 1.5]))
        both = torch.nn.Sequential(conv, norm).eval()
        one = torch.nn.utils.fuse_conv_bn_eval(conv, norm, transpose)
        log.append((sorted(one.state_dict()), float((one(x) - both(x)).abs().max()) < 1e-5))
        norm.train()
        log.append(raised(lambda conv=conv, norm=norm: torch.nn.utils.fuse_conv_bn_eval(conv, norm)).__name__)
    linear, norm = torch.nn.Linear(3, 4).eval(), torch.nn.BatchNorm1d(4).eval()
    norm.running_mean.fill_(0.5)
    one = torch.nn.utils.fuse_linear_bn_eval(linear, norm)
    log.append(float((one(x[0, :, :, 0].T) - norm(linear(x[0, :, :, 0].T))).abs().max()) < 1e-5)


SCENARIOS = [unstructured, structured, again_and_again, everywhere, a_method_of_ones_own, errors, fused]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_as_pytorch(scenario):
    torch = pytest.importorskip("torch")
    importlib.import_module("torch.nn.utils.prune")

    ours, theirs = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scenario(taper, ours)
        scenario(torch, theirs)
    assert [plain(x) for x in ours] == [plain(x) for x in theirs]


def test_the_least_elements_go():
    layer = taper.nn.Linear(2, 2)
    layer.weight.data = taper.tensor([[1.0, -4.0], [0.5, 2.0]])
    taper.nn.utils.prune.l1_unstructured(layer, "weight", 2)
    assert layer.weight.tolist() == [[0.0, -4.0], [0.0, 2.0]]
    layer.eval()
    with pytest.raises(ValueError, match="has to be pruned before"):
        taper.nn.utils.prune.remove(layer, "bias")
