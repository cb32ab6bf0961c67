"""The layer in which NaN or Inf first appears is named."""

from __future__ import annotations

import pytest

import taper
from taper import nn
from taper.nn.anomaly import AnomalyError, detect_anomalies


class Root(nn.Module):
    """The square root of what is 0: a finite value whose slope is not."""

    def forward(self, x):
        return (x * 0).sqrt()


def model(last: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 2), nn.ReLU()), last)


def test_nothing_is_said_of_finite_numbers_and_nothing_is_left_behind():
    m = model(nn.Tanh())
    with detect_anomalies(m):
        m(taper.ones(2, 3)).sum().backward()
    assert all(not layer._forward_hooks for layer in m.modules())
    with taper.no_grad():
        m[1][0].weight.fill_(float("inf"))
    m(taper.ones(2, 3)).sum().backward()


def test_forward():
    m = model(nn.Tanh())
    with taper.no_grad():
        m[1][0].bias[0] = float("inf")
    with (
        detect_anomalies(m),
        pytest.raises(AnomalyError, match=r"output of layer '1\.0' \(Linear\) has 0 NaN and 2 Inf among 4"),
    ):
        m(taper.ones(2, 3))


def test_backward():
    m = model(Root())
    with detect_anomalies(m):
        loss = m(taper.ones(2, 3)).sum()
        with pytest.raises(
            AnomalyError, match=r"reaches the output of layer '1\.1' \(ReLU\) has 4 NaN and 0 Inf among 4"
        ):
            loss.backward()


def test_a_parameters_gradient():
    layer = nn.Linear(1, 1, bias=False)
    with taper.no_grad():
        layer.weight.fill_(1e-30)
    with detect_anomalies(layer):
        loss = (layer(taper.full((1, 1), 1e30)) * 1e30).sum()
        with pytest.raises(AnomalyError, match=r"gradient of weight of layer Linear has 0 NaN and 1 Inf among 1"):
            loss.backward()
