"""The networks: sizes known from their papers and torchvision's documentation, shapes, what they refuse."""

from __future__ import annotations

import pytest

import taper
from taper import nn
from taper.vision import models

SIZES = [
    ("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("alexnet", 61_100_840),
    ("mobilenet_v2", 3_504_872), ("resnext50_32x4d", 25_028_904), ("lenet", 61_706),
]  # fmt: skip


@pytest.mark.parametrize("name, count", SIZES)
def test_parameters(name, count):
    assert sum(p.numel() for p in models.get_model(name, weights=None).parameters()) == count


SHAPES = [
    (lambda: models.resnet18(num_classes=7), (2, 3, 32, 32)), (lambda: models.mobilenet_v2(num_classes=7, width_mult=0.35), (2, 3, 32, 32)),
    (lambda: models.googlenet(num_classes=7, aux_logits=False, init_weights=False), (2, 3, 64, 64)), (lambda: models.lenet(num_classes=7), (2, 1, 28, 28)),
    (lambda: models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], 7, True, replace_stride_with_dilation=[False, True, True]), (2, 3, 32, 32)),
    (lambda: models.mobilenet_v3_small(num_classes=7, width_mult=0.35, reduced_tail=True, dilated=True), (2, 3, 32, 32)), (lambda: models.shufflenet_v2_x0_5(num_classes=7), (2, 3, 64, 64)),
    (lambda: models.DenseNet(4, (2, 2, 2, 2), 8, num_classes=7, drop_rate=0.1, memory_efficient=True), (2, 3, 32, 32)),
    (lambda: models.RegNet(models.regnet.BlockParams.from_init_params(5, 16, 20.0, 2.0, 8, se_ratio=0.25), num_classes=7), (2, 3, 32, 32)),
    (lambda: models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], 7, norm_layer=lambda c: nn.GroupNorm(4, c)), (2, 3, 32, 32)),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(SHAPES)))
def test_scores_and_gradients(i):
    build, shape = SHAPES[i]
    model = build()
    out = model(taper.rand(shape))
    assert out.shape == (2, 7)
    nn.functional.cross_entropy(out, taper.tensor([0, 6])).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_vggs_stages():
    features = models.vgg.make_layers(models.vgg.cfgs["A"], batch_norm=True)
    assert features(taper.rand(2, 3, 32, 32)).shape == (2, 512, 1, 1)
    assert sum(p.numel() for p in models.vgg.make_layers(models.vgg.cfgs["D"]).parameters()) == 14_714_688


def test_googlenets_classifiers_on_the_side():
    model = models.googlenet(num_classes=3, init_weights=False, transform_input=True)
    x = taper.rand(2, 3, 64, 64)
    out = model(x)
    assert [t.shape for t in out] == [(2, 3)] * 3
    assert out.logits is out[0] and out.aux_logits1 is out[2]
    assert model.eval()(x).shape == (2, 3)
    with pytest.warns(FutureWarning, match="init_weights"), pytest.raises(TypeError):
        models.GoogLeNet(dropout="x")


def test_blocks_start_as_the_identity():
    model = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], zero_init_residual=True).eval()
    x = taper.rand(1, 64, 5, 5)
    assert taper.equal(model.layer1(x), x)


def test_models_by_name():
    with pytest.raises(ValueError, match="resnet18"):
        models.get_model("resnet17")
    assert set(models.list_models()) >= {"vgg16_bn", "googlenet", "lenet", "vit_b_16", "regnet_y_400mf"}
    assert models.list_models(models, "resnet*", ["*1", "*2"]) == ["resnet18", "resnet34", "resnet50"]
    assert models.list_models(include=["vgg1?", "alex*"]) == ["alexnet", "vgg11", "vgg13", "vgg16", "vgg19"]
    assert models.list_models(taper) == []
    assert models.get_model_builder("ResNet18") is models.resnet18


MISTAKES = [
    (lambda: models.ResNet(models.resnet.BasicBlock, [1] * 4, groups=2), ValueError), (lambda: models.ResNet(models.resnet.Bottleneck, [1] * 4, replace_stride_with_dilation=[True]), ValueError),
    (lambda: models.ResNet(models.resnet.BasicBlock, [1] * 4, replace_stride_with_dilation=[True] * 3), NotImplementedError),
    (lambda: models.Inception3(inception_blocks=[nn.Conv2d]), ValueError), (lambda: models.MobileNetV3([], 8), ValueError), (lambda: models.MobileNetV3([1], 8), TypeError), (lambda: models.SqueezeNet("1_2"), ValueError),
    (lambda: models.mobilenetv3._mobilenet_v3_conf("mobilenet_v3"), ValueError), (lambda: models.ShuffleNetV2([1], [1] * 5), ValueError), (lambda: models.ShuffleNetV2([1] * 3, [1]), ValueError), (lambda: models.shufflenetv2.InvertedResidual(3, 8, 1), ValueError),
    (lambda: models.shufflenetv2.InvertedResidual(3, 8, 4), ValueError), (lambda: models.MNASNet(0.0), ValueError), (lambda: models.EfficientNet([], 0.1), ValueError), (lambda: models.EfficientNet([1], 0.1), TypeError),
    (lambda: models.efficientnet.MBConv(models.efficientnet.MBConvConfig(1, 3, 3, 8, 8, 1), 0.1, nn.BatchNorm2d), ValueError), (lambda: models.ConvNeXt([]), ValueError), (lambda: models.ConvNeXt([1]), TypeError),
    (lambda: models.regnet.BlockParams.from_init_params(4, 7, 20.0, 2.0, 8), ValueError), (lambda: models.VisionTransformer(30, 8, 1, 1, 8, 8), AssertionError),
    (lambda: models.VisionTransformer(32, 8, 1, 1, 8, 8)(taper.rand(1, 3, 40, 32)), AssertionError), (lambda: models.vision_transformer.interpolate_embeddings(32, 8, {"encoder.pos_embedding": taper.rand(1, 6, 4)}), ValueError),
    (lambda: models.vision_transformer.interpolate_embeddings(32, 8, {"encoder.pos_embedding": taper.rand(2, 5, 4)}), ValueError),
    (lambda: models.MobileNetV2(inverted_residual_setting=[[1, 2]]), ValueError), (lambda: models.mobilenetv2.InvertedResidual(3, 3, 3, 1), ValueError),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(MISTAKES)))
def test_mistakes(i):
    call, error = MISTAKES[i]
    with pytest.raises(error):
        call()
