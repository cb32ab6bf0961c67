"""Transforms, pictures and models against torchvision, with the same seed: the results, and the random number after."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

import taper
from taper import vision

torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
torchvision = pytest.importorskip("torchvision", reason="torchvision, the oracle, is not installed")
Image = pytest.importorskip("PIL.Image", reason="images need Pillow")

RANDOM = np.random.default_rng(0)
SLOPE = np.add.outer(np.add.outer(np.arange(20) * 6, np.arange(26) * 4), [0, 30, 60])
PIXELS = np.clip(SLOPE + RANDOM.integers(0, 40, (20, 26, 3)), 0, 255).astype(np.uint8)
PLANES = np.ascontiguousarray(PIXELS.transpose(2, 0, 1))
KINDS = {
    "RGB": Image.fromarray(PIXELS),
    "L": Image.fromarray(PIXELS).convert("L"),
    "bytes": PLANES,
    "floats": PLANES / np.float32(255),
    "batch": np.stack([PLANES, PLANES[:, ::-1]]),
    "grey floats": PLANES[:1] / np.float32(255),
}

TRANSFORMS = [
    lambda t: t.Resize(12), lambda t: t.Resize((30, 17)), lambda t: t.Resize((9, 40), t.InterpolationMode.BICUBIC),
    lambda t: t.Resize((9, 40), t.InterpolationMode.NEAREST), lambda t: t.Resize((9, 40), t.InterpolationMode.NEAREST_EXACT),
    lambda t: t.Resize(12, max_size=14), lambda t: t.Resize((9, 40), antialias=False), lambda t: t.CenterCrop(11),
    lambda t: t.CenterCrop((31, 22)), lambda t: t.Pad(3), lambda t: t.Pad((1, 2, 3, 4), fill=7), lambda t: t.Pad(2, fill=(1, 2, 3)),
    lambda t: t.Pad((3, 2), padding_mode="reflect"), lambda t: t.Pad(3, padding_mode="edge"), lambda t: t.Pad(3, padding_mode="symmetric"),
    lambda t: t.Pad((-2, 1)), lambda t: t.Grayscale(), lambda t: t.Grayscale(3), lambda t: t.FiveCrop(10), lambda t: t.TenCrop((8, 12)),
    lambda t: t.TenCrop(8, vertical_flip=True), lambda t: t.RandomHorizontalFlip(), lambda t: t.RandomVerticalFlip(0.7),
    lambda t: t.RandomCrop((10, 12)), lambda t: t.RandomCrop(20, padding=4), lambda t: t.RandomCrop((30, 40), pad_if_needed=True),
    lambda t: t.RandomCrop(20, padding=4, padding_mode="reflect"), lambda t: t.RandomResizedCrop(14),
    lambda t: t.RandomResizedCrop((14, 9), scale=(0.3, 0.5), ratio=(0.2, 0.3), interpolation=t.InterpolationMode.NEAREST),
    lambda t: t.RandomRotation(40), lambda t: t.RandomRotation((10, 80), t.InterpolationMode.BILINEAR, fill=0.3),
    lambda t: t.RandomRotation(30, expand=True), lambda t: t.RandomRotation(30, center=(3, 4), fill=2), lambda t: t.RandomAffine(30),
    lambda t: t.RandomAffine(30, translate=(0.2, 0.3), scale=(0.7, 1.4), shear=10), lambda t: t.RandomAffine(20, center=(0, 0), fill=3),
    lambda t: t.RandomAffine(0, shear=(-5, 5, -20, 20), interpolation=t.InterpolationMode.BILINEAR, fill=0.5),
    lambda t: t.RandomPerspective(p=0.8), lambda t: t.RandomPerspective(0.3, 1.0, t.InterpolationMode.NEAREST, fill=1),
    lambda t: t.ElasticTransform(40.0, 1.5), lambda t: t.ColorJitter(0.4, 0.5, 0.6, 0.2), lambda t: t.ColorJitter(brightness=(0.5, 2)),
    lambda t: t.ColorJitter(hue=0.5), lambda t: t.RandomGrayscale(0.5), lambda t: t.RandomErasing(p=0.9),
    lambda t: t.RandomErasing(p=0.9, value="random"), lambda t: t.RandomErasing(p=1, value=(1, 2, 3)), lambda t: t.GaussianBlur(3),
    lambda t: t.GaussianBlur((5, 7), sigma=(0.5, 3.0)), lambda t: t.RandomInvert(), lambda t: t.RandomPosterize(3),
    lambda t: t.RandomSolarize(100), lambda t: t.RandomSolarize(0.4, 1.0), lambda t: t.RandomAdjustSharpness(2.5),
    lambda t: t.RandomAdjustSharpness(0.0, p=1), lambda t: t.RandomAutocontrast(), lambda t: t.RandomEqualize(), lambda t: t.AutoAugment(),
    lambda t: t.AutoAugment(t.AutoAugmentPolicy.CIFAR10), lambda t: t.AutoAugment(t.AutoAugmentPolicy.SVHN, fill=5), lambda t: t.RandAugment(),
    lambda t: t.RandAugment(4, 20, interpolation=t.InterpolationMode.BILINEAR), lambda t: t.TrivialAugmentWide(), lambda t: t.AugMix(), lambda t: t.AugMix(5, 2, 2, 0.5, False, fill=7),
    lambda t: t.RandomApply([t.Pad(1), t.CenterCrop(7)], 0.5), lambda t: t.RandomChoice([t.Pad(1), t.Pad(2), t.Pad(3)]),
    lambda t: t.RandomOrder([t.Pad(1), t.CenterCrop(7), t.Pad(3)]), lambda t: t.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)),
    lambda t: t.ToPILImage(), lambda t: t.ToTensor(), lambda t: t.PILToTensor(),
    lambda t: t.Lambda(lambda x: t.functional.adjust_gamma(x, 1.7, 0.9)), lambda t: t.Lambda(lambda x: t.functional.adjust_contrast(x, 0.0)),
    lambda t: t.Lambda(lambda x: t.functional.crop(x, -3, 20, 10, 12)), lambda t: t.Lambda(lambda x: t.functional.rotate(x, 90)),
    lambda t: t.Lambda(lambda x: t.functional.affine(x, -20.0, (3, -2), 0.7, 5.0, center=[2, 3])),
    lambda t: t.Lambda(lambda x: t.functional.erase(x, 2, 3, 4, 5, 0)), lambda t: t.Lambda(lambda x: t.functional.posterize(x, 2)),
    lambda t: t.Lambda(lambda x: t.functional.gaussian_blur(x, [5, 3])), lambda t: t.Lambda(lambda x: t.functional.rgb_to_grayscale(x, 3)),
]  # fmt: skip


def given(kind: str, library):
    value = KINDS[kind]
    return value if isinstance(value, Image.Image) else library.from_numpy(value.copy())


def plain(value):
    """Arrays, with what kind of image they were."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, Image.Image):
        return value.mode, np.asarray(value)
    return str(value.dtype), value.numpy()


def outcome(make, transforms, library, kind: str):
    """Three results and the next random number, or the class of what was raised."""
    library.manual_seed(5)
    random.seed(5)
    try:
        transform = make(transforms)
        return [plain(transform(given(kind, library))) for _ in range(3)] + [plain(library.rand(2))]
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        return type(error).__name__


def agree(ours, theirs) -> None:
    assert type(ours) is type(theirs)
    if isinstance(ours, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            agree(a, b)
    elif isinstance(ours, str):
        assert ours == theirs
    else:
        (kind, a), (other, b) = ours, theirs
        assert (kind, a.shape) == (other, b.shape)
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, atol=1e-5)
        else:
            # Sums in another order: a value in a hundred lies on the other side of a rounding.
            away = np.abs(a.astype(int) - b)
            assert away.max(initial=0) <= 3
            assert (away > 0).mean() < 0.025


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("i", range(len(TRANSFORMS)))
def test_transforms(i, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = outcome(TRANSFORMS[i], torchvision.transforms, torch, kind)
        ours = outcome(TRANSFORMS[i], vision.transforms, taper, kind)
    agree(ours, theirs)


DTYPES = ["float32", "float64", "uint8", "int16", "int32", "int64"]


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_image_dtypes(source, target):
    values = np.array([0, 1, 100, 127], np.dtype(source)) / (127 if source.startswith("float") else 1)
    values = values.astype(source).reshape(1, 2, 2)
    found = []
    for library, package in ((taper, vision), (torch, torchvision)):
        convert = package.transforms.ConvertImageDtype(getattr(library, target))
        try:
            found.append(convert(library.from_numpy(values.copy())).numpy())
        except RuntimeError as error:
            found.append(type(error))
    if isinstance(found[1], type):
        assert found[0] is found[1]
    else:
        np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
        assert found[0].dtype == found[1].dtype


@pytest.mark.parametrize("i", range(len(TRANSFORMS)))
def test_reprs(i):
    ours, theirs = TRANSFORMS[i](vision.transforms), TRANSFORMS[i](torchvision.transforms)
    unlike = ("RandomErasing", "AutoAugment", "RandAugment", "TrivialAugmentWide", "RandomChoice", "ElasticTransform")
    if type(ours).__name__ not in unlike:
        assert repr(ours) == repr(theirs)


def test_alexnet_has_the_same_layers():
    assert repr(vision.models.alexnet(num_classes=3)) == repr(torchvision.models.alexnet(num_classes=3))


def test_vggs_have_the_same_layers():
    for name in ("vgg11", "vgg13_bn", "vgg16", "vgg19_bn"):
        ours, theirs = (p.models.vgg.cfgs for p in (vision, torchvision))
        assert ours == theirs
        bn = name.endswith("bn")
        key = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}[name.removesuffix("_bn")]
        assert repr(vision.models.vgg.make_layers(ours[key], bn)) == repr(
            torchvision.models.vgg.make_layers(theirs[key], bn)
        )


BOXES = [{}, {"labels": ["ab", None]}, {"colors": "red", "fill": True, "width": 3}, {"labels": ["x", "y"], "label_colors": "blue"},
         {"labels": ["x", "y"], "colors": ["#FF00FF", (1, 2, 3)], "fill_labels": True}]  # fmt: skip


@pytest.mark.parametrize("i", range(len(BOXES)))
@pytest.mark.parametrize("kind", ["bytes", "floats", "grey floats"])
def test_boxes(i, kind):
    boxes = np.array([[2, 3, 12, 15], [10, 5, 20, 18]])
    ours, theirs = (
        package.utils.draw_bounding_boxes(given(kind, library), library.from_numpy(boxes), **BOXES[i]).numpy()
        for library, package in ((taper, vision), (torch, torchvision))
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_masks_and_grids(kind):
    masks = RANDOM.random((2, 20, 26)) > 0.6
    for options in ({}, {"alpha": 0.3, "colors": ["red", (0, 0, 255)]}):
        ours, theirs = (
            package.utils.draw_segmentation_masks(given(kind, library), library.from_numpy(masks), **options).numpy()
            for library, package in ((taper, vision), (torch, torchvision))
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    many = RANDOM.standard_normal((5, 3, 7, 9)).astype(np.float32)
    for options in (
        {},
        {"nrow": 2, "padding": 3, "pad_value": 0.5},
        {"normalize": True, "scale_each": True},
        {"normalize": True, "value_range": (-1, 1)},
    ):
        ours, theirs = (
            package.utils.make_grid(library.from_numpy(many.copy()), **options).numpy()
            for library, package in ((taper, vision), (torch, torchvision))
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_fake_data():
    for i in (0, 7):
        (ours, label), (theirs, expected) = (p.datasets.FakeData(20, (3, 5, 6))[i] for p in (vision, torchvision))
        assert label == expected
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))


def test_a_state_dict_of_torchvision_loads(tmp_path):
    theirs = torchvision.models.resnet18(weights=None, num_classes=5).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pt")
    ours = vision.models.resnet18(num_classes=5).eval()
    ours.load_state_dict(taper.load(tmp_path / "resnet18.pt"))
    x = RANDOM.standard_normal((1, 3, 64, 64)).astype(np.float32)
    with taper.no_grad(), torch.no_grad():
        np.testing.assert_allclose(
            ours(taper.from_numpy(x)).numpy(), theirs(torch.from_numpy(x)).numpy(), rtol=1e-4, atol=1e-4
        )
