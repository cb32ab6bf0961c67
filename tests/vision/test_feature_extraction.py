"""Inner results of networks by their modules' names."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.vision.models import resnet18
from taper.vision.models.feature_extraction import create_feature_extractor, get_graph_node_names


def test_as_torchvision():
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    from torchvision.models.feature_extraction import create_feature_extractor as theirs

    nodes = {"layer1": "a", "layer4.1.relu": "b", "layer4.1.relu_1": "c", "avgpool": "d", "layer2.0.downsample": "e"}
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    found = []
    for lib, build, make in ((taper, resnet18, create_feature_extractor), (torch, torchvision.models.resnet18, theirs)):
        lib.manual_seed(0)
        model = make(build(num_classes=3).eval(), nodes)
        with lib.no_grad():
            found.append(model.eval()(lib.from_numpy(image)))
    assert list(found[0]) == sorted(found[1])
    for key, value in found[1].items():
        np.testing.assert_allclose(
            found[0][key].numpy(), value.numpy(), rtol=1e-3, atol=1e-4 * value.abs().max().item()
        )


def test_the_network_is_shared():
    model = resnet18(num_classes=3)
    made = create_feature_extractor(model, ["layer1", "fc"])
    assert list(made.state_dict()) == list(model.state_dict()) and made.fc is model.fc
    assert not made.eval().training and not model.training
    out = made(taper.zeros(1, 3, 32, 32))
    assert list(out) == ["layer1", "fc"] and out["fc"].shape == (1, 3)
    assert not model.fc._forward_hooks


def test_names_that_are_none():
    model = taper.nn.Sequential(taper.nn.Linear(2, 2), taper.nn.ReLU())
    assert get_graph_node_names(model) == (["0", "1"], ["0", "1"])
    with pytest.raises(ValueError, match="is not present in model"):
        create_feature_extractor(model, ["2"])
    with pytest.raises(ValueError, match="should be specified"):
        create_feature_extractor(model)
    with pytest.raises(NotImplementedError, match="one extractor for training"):
        create_feature_extractor(model, train_return_nodes=["0"], eval_return_nodes=["1"])
    with pytest.raises(ValueError, match="was not reached"):
        create_feature_extractor(model, ["0_1"])(taper.ones(1, 2))
