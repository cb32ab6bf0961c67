"""A training run gives PyTorch's losses, step for step."""

from __future__ import annotations

import json

import numpy as np

import taper

from .mlp import LOSSES, losses


def test_losses_are_those_that_pytorch_gave():
    recorded = json.loads(LOSSES.read_text())["losses"]
    found = losses(taper)
    assert len(found) == len(recorded) == 50
    np.testing.assert_allclose(found, recorded, rtol=1e-4)
    assert found[-1] < 0.6 * found[0]


def test_another_seed_gives_other_losses():
    assert losses(taper, seed=1)[0] != losses(taper, seed=0)[0]
