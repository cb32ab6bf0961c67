"""Averaged weights against PyTorch."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

import taper

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def averaged(T, S, options):
    T.manual_seed(0)
    model = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4))
    mean = S.AveragedModel(model, **options(S))
    for i in range(3):
        with T.no_grad():
            model[0].weight.add_(1.0)
        model(T.ones(5, 3) * i)
        mean.update_parameters(model)
    made = [v.float().numpy() for v in mean.state_dict().values()]
    S.update_bn([T.ones(5, 3), T.zeros(5, 3)], mean)
    return made + [mean.module[1].running_mean.numpy(), mean.module[1].running_var.numpy()], list(mean.state_dict())


@pytest.mark.parametrize(
    "options",
    [
        lambda S: {},
        lambda S: dict(multi_avg_fn=S.get_ema_multi_avg_fn(0.9)),
        lambda S: dict(avg_fn=S.get_ema_avg_fn(0.9)),
        lambda S: dict(use_buffers=True),
        lambda S: dict(multi_avg_fn=S.get_swa_multi_avg_fn()),
    ],
)
def test_averages_are_pytorchs(torch, options):
    found = averaged(taper, taper.optim.swa_utils, options)
    expected = averaged(torch, importlib.import_module("torch.optim.swa_utils"), options)
    assert found[1] == expected[1]
    for a, b in zip(found[0], expected[0]):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options", [dict(anneal_epochs=4), dict(anneal_epochs=3, anneal_strategy="linear"), dict(anneal_epochs=0)]
)
def test_rates_are_pytorchs(torch, options):
    rates = []
    for T, S in ((taper, taper.optim.swa_utils), (torch, importlib.import_module("torch.optim.swa_utils"))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = T.optim.SGD([T.nn.Parameter(T.ones(2))], lr=0.1)
            scheduler = S.SWALR(optimizer, swa_lr=0.01, **options)
            found = []
            for _ in range(7):
                optimizer.step()
                scheduler.step()
                found.append(optimizer.param_groups[0]["lr"])
            rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-9)
