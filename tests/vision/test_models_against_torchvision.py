"""Networks against torchvision: layers, names, first weights from the same seed, results; and what is said of published weights."""

from __future__ import annotations

import math
import warnings
from functools import partial

import numpy as np
import pytest

import taper
from taper import vision

torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
torchvision = pytest.importorskip("torchvision", reason="torchvision, the oracle, is not installed")

BOTH = ((taper, vision.models), (torch, torchvision.models))


def efficient(m, nn):
    e = m.efficientnet
    stages = [
        e.FusedMBConvConfig(1, 3, 1, 8, 8, 2),
        e.FusedMBConvConfig(4, 3, 2, 8, 16, 1),
        e.MBConvConfig(6, 5, 2, 16, 24, 2, 1.1, 1.4),
    ]
    return e.EfficientNet(stages, 0.2, 0.3, 4, partial(nn.BatchNorm2d, eps=1e-3), 32)


def convnext(m, nn):
    c = m.convnext
    return c.ConvNeXt([c.CNBlockConfig(8, 16, 2), c.CNBlockConfig(16, None, 1)], 0.2, num_classes=4)


def stemmed(m, nn):
    stem = [m.vision_transformer.ConvStemConfig(8, 3, 2), m.vision_transformer.ConvStemConfig(12, 3, 4)]
    return m.VisionTransformer(64, 8, 1, 2, 16, 24, num_classes=4, conv_stem_configs=stem)


def regnet(m, nn, *sizes, **options):
    return m.RegNet(m.regnet.BlockParams.from_init_params(*sizes, **options), num_classes=4)


def swin(m, nn, second, shift=True):
    s = m.swin_transformer
    parts = {"block": s.SwinTransformerBlockV2, "downsample_layer": s.PatchMergingV2} if second else {}
    return m.SwinTransformer([4, 4], 12, [2, 2], [2, 3], [5, 4] if shift else [16, 16], num_classes=4, **parts)


def maxvit(m, nn):
    return m.MaxVit((64, 64), 8, 4, [8, 16], [1, 2], 4, 0.2, num_classes=4)


# fmt: off
NETWORKS = {
    "swin": lambda m, nn: swin(m, nn, False), "swin_one_window": lambda m, nn: swin(m, nn, False, False), "swin_v2": lambda m, nn: swin(m, nn, True), "maxvit": maxvit,
    "googlenet": lambda m, nn: m.googlenet(num_classes=4, init_weights=False), "mobilenet_v2": lambda m, nn: m.mobilenet_v2(num_classes=4), "resnet18": lambda m, nn: m.resnet18(num_classes=4),
    "resnext50_32x4d": lambda m, nn: m.resnext50_32x4d(num_classes=4), "mobilenet_v3_small": lambda m, nn: m.mobilenet_v3_small(num_classes=4), "mobilenet_v3_large": lambda m, nn: m.mobilenet_v3_large(num_classes=4, width_mult=0.5, reduced_tail=True, dilated=True),
    "densenet": lambda m, nn: m.DenseNet(8, (2, 3, 2, 2), 16, num_classes=4), "squeezenet1_0": lambda m, nn: m.SqueezeNet("1_0", 4), "squeezenet1_1": lambda m, nn: m.squeezenet1_1(num_classes=4),
    "shufflenet": lambda m, nn: m.shufflenet_v2_x0_5(num_classes=4), "mnasnet": lambda m, nn: m.mnasnet0_5(num_classes=4), "efficientnet": efficient, "convnext": convnext,
    "regnet": lambda m, nn: regnet(m, nn, 8, 24, 24.48, 2.54, 16), "regnet_se": lambda m, nn: regnet(m, nn, 9, 16, 27.89, 2.09, 8, 0.5, 0.25),
    "vit": lambda m, nn: m.VisionTransformer(64, 16, 2, 2, 16, 24, num_classes=4, representation_size=12), "vit_plain": lambda m, nn: m.VisionTransformer(64, 32, 1, 4, 16, 8), "vit_stem": stemmed,
}
# fmt: on


@pytest.mark.parametrize("name", NETWORKS)
def test_same_layers_weights_and_results(name):
    ours, theirs = ((lib.manual_seed(3), NETWORKS[name](m, lib.nn).eval())[1] for lib, m in BOTH)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert all(np.array_equal(state[k].numpy(), expected[k].numpy()) for k in state)
    assert repr(ours) == repr(theirs)
    images = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)
    with taper.no_grad(), torch.no_grad():
        a, b = ours(taper.from_numpy(images)).numpy(), theirs(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


def test_inception_has_the_same_layers():
    ours, theirs = (m.Inception3(num_classes=4, init_weights=False) for _, m in BOTH)
    assert repr(ours) == repr(theirs)
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {k: tuple(v.shape) for k, v in theirs.state_dict().items()}  # fmt: skip
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()})
    images = np.random.default_rng(0).standard_normal((1, 3, 75, 75)).astype(np.float32)
    ours.transform_input = theirs.transform_input = True
    with taper.no_grad(), torch.no_grad():
        a, b = ours.eval()(taper.from_numpy(images)).numpy(), theirs.eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


SEGMENTERS = [
    lambda s: s.fcn_resnet50(weights=None, weights_backbone=None, num_classes=3, aux_loss=True), lambda s: s.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=3), lambda s: s.deeplabv3_mobilenet_v3_large(weights_backbone=None, aux_loss=True),
    lambda s: s.lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=4), lambda s: s.fcn_resnet50(weights="DEFAULT", num_classes=4), lambda s: s.fcn_resnet50(weights="DEFAULT", aux_loss=False), lambda s: s.lraspp_mobilenet_v3_large(weights_backbone=None, aux_loss=True),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(SEGMENTERS)))
def test_segmentation(i):
    found = []
    for library, m in BOTH:
        library.manual_seed(3)
        try:
            found.append(SEGMENTERS[i](m.segmentation).eval())
        except (ValueError, NotImplementedError) as error:
            found.append(type(error))
    ours, theirs = found
    if isinstance(theirs, type):
        assert ours is theirs
        return
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert all(np.array_equal(state[k].numpy(), expected[k].numpy()) for k in state)
    assert repr(ours) == repr(theirs)
    images = np.random.default_rng(0).standard_normal((1, 3, 33, 40)).astype(np.float32)
    with taper.no_grad(), torch.no_grad():
        a, b = ours(taper.from_numpy(images)), theirs(torch.from_numpy(images))
    assert list(a) == list(b)
    for key in b:
        np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), rtol=1e-3, atol=1e-4 * b[key].abs().max().item())


def test_weights_of_segmentation():
    ours, theirs = ({n: e for n, e in vars(m.segmentation).items() if n.endswith("_Weights")} for _, m in BOTH)
    assert set(ours) == set(theirs)
    for name in theirs:
        mine, other = ours[name].DEFAULT, theirs[name].DEFAULT
        assert (repr(mine), mine.url, repr(mine.transforms())) == (repr(other), other.url, repr(other.transforms()))
        assert mine.meta == {k: v for k, v in other.meta.items() if k not in ("_docs", "_ops", "_file_size")}
    assert vision.models.get_weight("FCN_ResNet50_Weights.DEFAULT") is ours["FCN_ResNet50_Weights"].DEFAULT
    listed = vision.models.list_models(vision.models.segmentation)
    assert listed == torchvision.models.list_models(torchvision.models.segmentation)


# The scaled families: the numbers of the stages, without drawing weights.
@pytest.mark.parametrize("i", range(8))
def test_efficientnets_stages(i):
    width, depth = [(1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1)][i]
    ours = [vision.models.efficientnet.MBConvConfig(*s, width_mult=width, depth_mult=depth) for s in vision.models.efficientnet._STAGES]  # fmt: skip
    theirs, _ = torchvision.models.efficientnet._efficientnet_conf(f"efficientnet_b{i}", width_mult=width, depth_mult=depth)  # fmt: skip
    numbers = lambda c: (c.expand_ratio, c.kernel, c.stride, c.input_channels, c.out_channels, c.num_layers)
    assert [numbers(c) for c in ours] == [numbers(c) for c in theirs]


def test_positions_for_images_of_another_size():
    positions = np.random.default_rng(0).standard_normal((1, 17, 6)).astype(np.float32)
    found = []
    for library, m in BOTH:
        state = {"encoder.pos_embedding": library.from_numpy(positions.copy()), "heads.head.bias": library.zeros(3)}
        made = m.vision_transformer.interpolate_embeddings(48, 8, state, reset_heads=True)
        assert list(made) == ["encoder.pos_embedding"]
        found.append(made["encoder.pos_embedding"].numpy())
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


ENUMERATIONS = sorted(n for n in vars(torchvision.models) if n.endswith("_Weights") and n in vars(vision.models))


def test_all_published_weights_are_known():
    assert len(ENUMERATIONS) > 60
    assert {n for n in vars(vision.models) if n.endswith("_Weights")} == set(ENUMERATIONS)


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_what_is_said_of_published_weights(name):
    ours, theirs = (getattr(m, name) for _, m in BOTH)
    assert list(ours.__members__) == list(theirs.__members__)
    assert ours.DEFAULT.name == theirs.DEFAULT.name
    for mine, other in zip(ours, theirs):
        assert mine.url == other.url
        assert repr(mine.transforms()) == repr(other.transforms())
        assert repr(mine) == repr(other)
        expected = {k: v for k, v in other.meta.items() if k not in ("_docs", "_ops", "_file_size", "_metrics")}
        assert {k: v for k, v in mine.meta.items() if k != "_metrics"} == expected
        for key, value in other.meta["_metrics"]["ImageNet-1K"].items():
            found = mine.meta["_metrics"]["ImageNet-1K"][key]
            assert found == value or math.isnan(found) and math.isnan(value)


@pytest.mark.filterwarnings("ignore:Anti-alias option")
def test_the_transforms_of_weights():
    image = np.random.default_rng(0).integers(0, 256, (3, 40, 50)).astype(np.uint8)
    from PIL import Image

    picture = Image.fromarray(image.transpose(1, 2, 0))
    for name, options in (("ResNet18_Weights", {}), ("EfficientNet_B3_Weights", {}), ("ResNet18_Weights", {"crop_size": 20, "antialias": False})):  # fmt: skip
        for given in (lambda lib: lib.from_numpy(image.copy()), lambda lib: picture):
            a, b = (getattr(m, name).DEFAULT.transforms(**options)(given(lib)).numpy() for lib, m in BOTH)
            assert a.shape == b.shape
            away = np.abs(a - b)
            assert away.max() < 0.06 and (away > 1e-4).mean() < 0.03


CALLS = [
    lambda m: m.resnet18(weights="nothing"), lambda m: m.resnet18(weights=m.ResNet50_Weights.DEFAULT), lambda m: m.resnet18(weights="DEFAULT", num_classes=3), lambda m: m.get_weight("ResNet18"),
    lambda m: m.get_weight("ResNet17_Weights.DEFAULT"), lambda m: m.get_weight("ResNet18_Weights.V9"), lambda m: m.get_model("resnet17"), lambda m: m.get_model_weights("resnet17"), lambda m: m.vit_h_14(pretrained=True),
    lambda m: m.vit_b_16(weights="DEFAULT", image_size=32), lambda m: m.get_model_weights("ResNet18").__name__, lambda m: m.get_model_weights(m.vgg11).__name__, lambda m: repr(m.get_weight("ResNet50_Weights.DEFAULT")),
    lambda m: [n for n in m.list_models(module=m, include=["*net1*", "vit*"], exclude="*12*")], lambda m: m.ResNet18_Weights.verify(None), lambda m: m.get_model_builder("VGG11").__name__,
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(CALLS)))
def test_asking_for_weights(i):
    found = []
    for _, m in BOTH:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(CALLS[i](m))
            except (TypeError, ValueError, KeyError) as error:
                found.append(type(error))
    assert found[0] == found[1]


CLIPS = {
    "r3d": lambda v: v.VideoResNet(v.resnet.BasicBlock, [v.resnet.Conv3DSimple] * 4, [1, 1, 1, 1], v.resnet.BasicStem, num_classes=4),
    "mc3": lambda v: v.VideoResNet(v.resnet.BasicBlock, [v.resnet.Conv3DNoTemporal] * 4, [1, 1, 1, 1], v.resnet.BasicStem, num_classes=4),
    "r2plus1d": lambda v: v.VideoResNet(v.resnet.Bottleneck, [v.resnet.Conv2Plus1D] * 4, [1, 1, 1, 1], v.resnet.R2Plus1dStem, num_classes=4),
}  # fmt: skip


@pytest.mark.parametrize("name", CLIPS)
def test_video(name):
    ours, theirs = ((lib.manual_seed(3), CLIPS[name](m.video).eval())[1] for lib, m in BOTH)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected) and repr(ours) == repr(theirs)
    assert all(np.array_equal(state[k].numpy(), expected[k].numpy()) for k in state)
    clip = np.random.default_rng(0).standard_normal((1, 3, 4, 32, 32)).astype(np.float32)
    with taper.no_grad(), torch.no_grad():
        a, b = ours(taper.from_numpy(clip)).numpy(), theirs(torch.from_numpy(clip)).numpy()
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


def test_weights_of_video_and_how_its_clips_are_prepared():
    for name in ("R3D_18_Weights", "MC3_18_Weights", "R2Plus1D_18_Weights"):
        mine, other = (getattr(m.video, name).DEFAULT for _, m in BOTH)
        assert (repr(mine), mine.url, repr(mine.transforms())) == (repr(other), other.url, repr(other.transforms()))
        assert mine.meta == {k: v for k, v in other.meta.items() if k not in ("_docs", "_ops", "_file_size")}
    clips = np.random.default_rng(0).integers(0, 255, (2, 3, 3, 20, 30)).astype(np.uint8)
    for sample in (clips, clips[0]):
        a, b = (library.from_numpy(sample) for library, _ in BOTH)
        np.testing.assert_allclose(mine.transforms()(a).numpy(), other.transforms()(b).numpy(), atol=2e-2)


def test_swins_windows_learn_alike():
    grads = []
    for lib, m in BOTH:
        lib.manual_seed(0)
        model = swin(m, lib.nn, True).eval()
        x = lib.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 40, 44)).astype(np.float32))
        model(x).square().sum().backward()
        grads.append({k: p.grad.numpy() for k, p in model.named_parameters()})
    for key, g in grads[1].items():
        np.testing.assert_allclose(grads[0][key], g, rtol=1e-3, atol=1e-4 * np.abs(g).max(), err_msg=key)
