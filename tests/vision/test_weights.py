"""Published weights: read where they lie, asked for in old ways, told how to get where there is no network."""

from __future__ import annotations

import re
import warnings
from functools import partial
from urllib.error import URLError

import numpy as np
import pytest

import taper
from taper import hub, nn
from taper.vision import models
from taper.vision.models.registry import model
from taper.vision.models.weights import Weights, WeightsEnum
from taper.vision.transforms.presets import ImageClassification


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """The folder where downloaded weights are looked for."""
    monkeypatch.setattr(hub, "_hub_dir", str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


@pytest.fixture
def tiny(tmp_path):
    """A model with weights in a file, and the weights."""
    net = nn.Linear(3, 2)
    taper.save(net.state_dict(), tmp_path / "tiny.pth")

    class Tiny_Weights(WeightsEnum):
        FIRST = Weights((tmp_path / "tiny.pth").as_uri(), partial(ImageClassification, crop_size=8), {"categories": ["a", "b"]})  # fmt: skip
        GONE = Weights(
            (tmp_path / "gone.pth").as_uri(), partial(ImageClassification, crop_size=8), {"categories": None}
        )
        DEFAULT = FIRST

    @model(Tiny_Weights, legacy="FIRST")
    def tiny(num_classes: int = 5):
        """A layer."""
        return nn.Linear(3, num_classes)

    yield tiny, Tiny_Weights, net
    models.registry._BUILDERS.pop("tiny")


def test_weights_come_from_their_url(checkpoints, tiny):
    build, published, net = tiny
    for weights in (published.FIRST, "FIRST", "DEFAULT", "Tiny_Weights.FIRST"):
        assert taper.equal(build(weights=weights, progress=False).weight, net.weight)
    assert (checkpoints / "tiny.pth").exists()
    assert build().out_features == 5
    assert models.get_model("tiny", weights="DEFAULT").out_features == 2
    assert published.DEFAULT.transforms(resize_size=9)(taper.zeros(3, 12, 10, dtype=taper.uint8)).shape == (3, 8, 8)
    with pytest.raises(ValueError, match="num_classes.* expected value 2 but got 7"):
        build(weights="FIRST", num_classes=7)


def test_old_ways_of_asking_warn(checkpoints, tiny):
    build, published, net = tiny
    for call, words, classes in (
        (lambda: build(weights=True), ["Arguments other than a weight enum.*Tiny_Weights.FIRST"], 2),
        (lambda: build(pretrained=True), ["'pretrained' is deprecated", "Arguments other"], 2),
        (lambda: build(pretrained=False), ["'pretrained' is deprecated", "weights=None"], 5),
        (lambda: build(published.FIRST), ["positional"], 2),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert call().out_features == classes
        assert len(caught) == len(words)
        assert all(re.search(word, str(w.message)) for word, w in zip(words, caught))


def test_what_cannot_be_fetched_says_where_it_belongs(checkpoints, tiny):
    build, _, _ = tiny
    with pytest.raises(URLError, match="Tiny_Weights.GONE could not be fetched") as caught:
        build(weights="GONE", progress=False)
    assert str(checkpoints) in str(caught.value) and "gone.pth" in str(caught.value)


def test_models_without_published_weights():
    for weights in ("DEFAULT", models.ResNet18_Weights.DEFAULT):
        with pytest.raises(ValueError, match="lenet"):
            models.lenet(weights=weights)
    with pytest.raises(ValueError, match="lenet"):
        models.get_model_weights("lenet")
    with pytest.raises(ValueError, match="vit_h_14"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models.vit_h_14(pretrained=True)


def test_a_file_put_into_the_folder_is_used(checkpoints):
    state = models.squeezenet1_1().state_dict()
    taper.save(state, checkpoints / "squeezenet1_1-b8a52dc0.pth")
    made = models.squeezenet1_1(weights=models.SqueezeNet1_1_Weights.IMAGENET1K_V1)
    assert all(taper.equal(made.state_dict()[k], v) for k, v in state.items())
    assert models.SqueezeNet1_1_Weights.DEFAULT.meta["categories"][207] == "golden retriever"


def test_states_of_older_names(checkpoints):
    net = models.densenet121()
    old = {k.replace("norm1", "norm.1").replace("conv1", "conv.1").replace("norm2", "norm.2").replace("conv2", "conv.2"): v for k, v in net.state_dict().items()}  # fmt: skip
    taper.save(old, checkpoints / "densenet121-a639ec97.pth")
    made = models.densenet121(weights="DEFAULT")
    assert all(taper.equal(a, b) for a, b in zip(made.state_dict().values(), net.state_dict().values()))


def test_side_classifiers_are_dropped_after_loading(checkpoints):
    net = models.googlenet(init_weights=False)
    taper.save(net.state_dict(), checkpoints / "googlenet-1378be20.pth")
    made = models.googlenet(weights="DEFAULT")
    assert made.aux1 is None and not made.aux_logits and made.transform_input
    assert not any(k.startswith("aux") for k in made.state_dict())
    assert np.array_equal(made.fc.weight.detach().numpy(), net.fc.weight.detach().numpy())


def test_weights_of_a_backbone(checkpoints):
    net = models.resnet50()
    taper.save(net.state_dict(), checkpoints / "resnet50-0676ba61.pth")
    made = models.segmentation.fcn_resnet50(num_classes=2)
    assert taper.equal(made.backbone.conv1.weight, net.conv1.weight) and made.aux_classifier is None
    with pytest.warns(UserWarning, match="pretrained_backbone"):
        plain = models.segmentation.fcn_resnet50(num_classes=2, pretrained_backbone=False)
    assert not taper.equal(plain.backbone.conv1.weight, net.conv1.weight)
    with pytest.raises(ValueError, match="return_layers"):
        models.segmentation.network.IntermediateLayerGetter(net, {"layer5": "out"})
