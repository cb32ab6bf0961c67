"""Transforms on images and tensors: values against NumPy and Pillow, shapes, draws, errors; grids and files of images."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.vision import transforms as t
from taper.vision import utils

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")
RANDOM = np.random.default_rng(0)
RGB = Image.fromarray(RANDOM.integers(0, 256, (12, 16, 3)).astype(np.uint8))
GREY = RGB.convert("L")


def test_to_tensor_and_back():
    x = t.ToTensor()(RGB)
    assert x.shape == (3, 12, 16)
    np.testing.assert_array_equal(x.numpy(), np.asarray(RGB).transpose(2, 0, 1).astype(np.float32) / 255)
    np.testing.assert_array_equal(np.asarray(t.ToPILImage()(x)), np.asarray(RGB))
    assert t.PILToTensor()(GREY).dtype == taper.uint8
    assert t.ToTensor()(np.zeros((4, 5))).shape == (1, 4, 5)
    assert t.ToTensor()(Image.new("1", (3, 2), 1)).max() == 1
    for wrong in ("x", taper.ones(3)):
        with pytest.raises(TypeError):
            t.ToTensor()(wrong)


def test_normalize():
    x = taper.rand(3, 4, 5)
    expected = (x.numpy() - np.float32([0.1, 0.2, 0.3])[:, None, None]) / np.float32([0.5, 0.6, 0.7])[:, None, None]
    np.testing.assert_allclose(t.Normalize([0.1, 0.2, 0.3], [0.5, 0.6, 0.7])(x).numpy(), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="division by zero"):
        t.Normalize([0.1], [0.0])(x)
    with pytest.raises(TypeError):
        t.Normalize([0.1], [0.5])(x.to(taper.uint8))


SIZES = [
    (t.Resize(6), (6, 8)), (t.Resize((5, 7)), (5, 7)), (t.Resize(6, max_size=7), (5, 7)), (t.CenterCrop(8), (8, 8)),
    (t.CenterCrop((20, 4)), (20, 4)), (t.Pad(2), (16, 20)), (t.Pad((1, 2, 3, 4)), (18, 20)), (t.RandomCrop(5), (5, 5)),
    (t.RandomCrop(12, padding=2), (12, 12)), (t.RandomResizedCrop(9), (9, 9)), (t.RandomRotation(20), (12, 16)),
    (t.RandomHorizontalFlip(1.0), (12, 16)), (t.RandomVerticalFlip(1.0), (12, 16)), (t.ColorJitter(0.4, 0.4, 0.4, 0.1), (12, 16)),
    (t.Grayscale(3), (12, 16)), (t.RandomGrayscale(1.0), (12, 16)), (t.GaussianBlur(3), (12, 16)), (t.RandomApply([t.Pad(1)], 1.0), (14, 18)),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(SIZES)))
def test_sizes_for_images_and_tensors(i):
    transform, (height, width) = SIZES[i]
    assert transform(RGB).size == (width, height)
    assert transform(t.PILToTensor()(RGB)).shape[-2:] == (height, width)
    assert repr(transform)


def test_values_are_those_of_pillow_and_numpy():
    pixels = np.asarray(RGB)
    np.testing.assert_array_equal(np.asarray(t.RandomHorizontalFlip(1.0)(RGB)), pixels[:, ::-1])
    np.testing.assert_array_equal(
        t.RandomVerticalFlip(1.0)(t.PILToTensor()(RGB)).numpy(), pixels.transpose(2, 0, 1)[:, ::-1]
    )
    np.testing.assert_array_equal(
        np.asarray(t.Resize((6, 8))(RGB)), np.asarray(RGB.resize((8, 6), Image.Resampling.BILINEAR))
    )
    np.testing.assert_array_equal(np.asarray(t.CenterCrop(4)(RGB)), pixels[4:8, 6:10])
    np.testing.assert_array_equal(np.asarray(t.Pad((1, 0), fill=7)(GREY))[:, 0], np.full(12, 7))
    np.testing.assert_array_equal(
        np.asarray(t.Pad(2, padding_mode="reflect")(GREY)), np.pad(np.asarray(GREY), 2, mode="reflect")
    )
    np.testing.assert_array_equal(np.asarray(t.functional.adjust_brightness(RGB, 0.0)), 0 * pixels)
    assert np.asarray(t.functional.rotate(RGB, 90, expand=True)).shape == (16, 12, 3)


def test_draws_come_from_the_default_generator():
    for transform in (t.RandomCrop(6), t.ColorJitter(0.5), t.RandomRotation(40), t.RandomResizedCrop(6)):
        found = []
        for _ in range(2):
            taper.manual_seed(3)
            found.append([np.asarray(transform(RGB)).tolist() for _ in range(3)])
        assert found[0] == found[1]
        assert found[0][0] != found[0][1]


ERRORS = [
    (lambda: t.RandomCrop(50)(RGB), ValueError), (lambda: t.Lambda(3), TypeError), (lambda: t.Resize("a"), TypeError),
    (lambda: t.Pad(1, padding_mode="x"), ValueError), (lambda: t.RandomRotation(-1), ValueError), (lambda: t.ColorJitter(-1), ValueError),
    (lambda: t.GaussianBlur(4), ValueError), (lambda: t.functional.adjust_hue(RGB, 2), ValueError), (lambda: t.PILToTensor()(3), TypeError),
    (lambda: t.ToPILImage()("x"), TypeError), (lambda: utils.make_grid("x"), TypeError),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(i):
    call, error = ERRORS[i]
    with pytest.raises(error):
        call()


def test_grids_and_files(tmp_path):
    images = taper.rand(5, 3, 4, 6)
    grid = utils.make_grid(images, nrow=3, padding=1, pad_value=0.5)
    assert grid.shape == (3, 11, 22)
    assert taper.equal(grid[:, 1:5, 1:7], images[0])
    assert taper.equal(grid[:, 6:10, 8:14], images[4])
    assert grid[0, 0, 0] == 0.5
    assert utils.make_grid(taper.rand(4, 5)).shape == (3, 4, 5)
    assert utils.make_grid([taper.rand(1, 4, 5)] * 2).shape == (3, 8, 16)
    stretched = utils.make_grid(images * 5 + 2, normalize=True, scale_each=True, padding=0)
    assert (stretched.min(), stretched.max()) == (0, 1)
    utils.save_image(images[:2], tmp_path / "grid.png", padding=0)
    with Image.open(tmp_path / "grid.png") as saved:
        pixels = np.asarray(saved)
    np.testing.assert_array_equal(pixels[:, :6], (images[0].numpy() * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))


BYTES = t.PILToTensor()(RGB)


def test_crops_and_their_mirror_images():
    pixels = np.asarray(RGB)
    crops = t.FiveCrop((4, 6))(RGB)
    corners = [pixels[:4, :6], pixels[:4, -6:], pixels[-4:, :6], pixels[-4:, -6:], pixels[4:8, 5:11]]
    for crop, expected in zip(crops, corners):
        np.testing.assert_array_equal(np.asarray(crop), expected)
    ten = t.TenCrop((4, 6))(BYTES)
    assert taper.equal(ten[5], BYTES.flip(-1)[:, :4, :6])
    assert taper.equal(t.TenCrop(4, vertical_flip=True)(BYTES)[5], BYTES.flip(-2)[:, :4, :4])


def test_affine_and_perspective_of_known_results():
    moved = t.functional.affine(BYTES, 0.0, [2, -3], 1.0, [0.0, 0.0])
    assert taper.equal(moved[:, :-3, 2:], BYTES[:, 3:, :-2])
    assert moved[:, -3:].sum() == 0
    quarter = t.functional.rotate(BYTES[:, :12, :12], 90)
    np.testing.assert_array_equal(quarter.numpy(), np.rot90(BYTES[:, :12, :12].numpy(), axes=(1, 2)))
    assert t.functional.rotate(BYTES, 90, expand=True).shape == (3, 16, 12)
    corners = [[0, 0], [15, 0], [15, 11], [0, 11]]
    floats = t.ToTensor()(RGB)
    np.testing.assert_allclose(t.functional.perspective(floats, corners, corners).numpy(), floats.numpy(), atol=1e-4)
    filled = t.functional.affine(floats, 0.0, [4, 0], 1.0, [0.0, 0.0], fill=[0.1, 0.2, 0.3])
    np.testing.assert_allclose(filled[:, 5, 1].numpy(), [0.1, 0.2, 0.3], rtol=1e-6)
    still = t.functional.elastic_transform(floats, taper.zeros(1, 12, 16, 2))
    np.testing.assert_allclose(still.numpy(), floats.numpy(), atol=1e-4)


SAME_ON_TENSORS = [
    t.functional.invert, t.functional.equalize, lambda x: t.functional.posterize(x, 3), lambda x: t.functional.solarize(x, 90),
    lambda x: t.functional.adjust_brightness(x, 0.5), t.functional.hflip, t.functional.vflip, lambda x: t.functional.crop(x, -2, 3, 9, 20),
    lambda x: t.functional.pad(x, [1, 2, 3, 4], fill=9), lambda x: t.functional.pad(x, 3, padding_mode="reflect"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(SAME_ON_TENSORS)))
def test_tensors_of_bytes_become_what_images_become(i):
    image, tensor = SAME_ON_TENSORS[i](RGB), SAME_ON_TENSORS[i](BYTES)
    difference = np.abs(np.asarray(image).transpose(2, 0, 1).astype(int) - tensor.numpy())
    assert difference.max() <= 1


@pytest.mark.parametrize("make", [t.AutoAugment, t.RandAugment, t.TrivialAugmentWide])
def test_policies_keep_the_size_and_follow_the_seed(make):
    policy = make()
    assert len({policy(RGB).tobytes() for _ in range(30)}) > 5
    for given in (RGB, BYTES):
        taper.manual_seed(4)
        first = [np.asarray(policy(given)).tolist() for _ in range(5)]
        taper.manual_seed(4)
        assert [np.asarray(policy(given)).tolist() for _ in range(5)] == first
    assert make(fill=128)(RGB).size == RGB.size


def test_gradients_flow_through_tensors():
    x = t.ToTensor()(RGB).requires_grad_()
    steps = t.Compose(
        [
            t.Normalize([0.5] * 3, [0.2] * 3),
            t.Resize(8),
            t.RandomHorizontalFlip(1.0),
            t.CenterCrop(6),
            t.GaussianBlur(3),
            t.RandomRotation(20),
        ]
    )
    steps(x).sum().backward()
    assert x.grad.shape == x.shape
    assert x.grad.abs().sum() > 0


def test_whitening_with_a_matrix():
    matrix, mean = taper.eye(4) * 2, taper.ones(4)
    out = t.LinearTransformation(matrix, mean)(taper.full((1, 2, 2), 3.0))
    assert out.tolist() == [[[4.0, 4.0], [4.0, 4.0]]]
    with pytest.raises(ValueError, match="incompatible shape"):
        t.LinearTransformation(matrix, mean)(taper.ones(1, 3, 3))


MORE_ERRORS = [
    (lambda: t.FiveCrop(40)(RGB), ValueError, "bigger than input"), (lambda: t.RandomAffine(-1), ValueError, "positive"),
    (lambda: t.RandomAffine(1, translate=(2, 2)), ValueError, "between 0 and 1"), (lambda: t.RandomAffine(1, scale=(0, 1)), ValueError, "positive"),
    (lambda: t.functional.affine(BYTES, 0, [0], 1, 0), ValueError, "length 2"), (lambda: t.functional.rotate(BYTES, "a"), TypeError, "angle"),
    (lambda: t.functional.rotate(BYTES, 1, t.InterpolationMode.BICUBIC), ValueError, "unsupported"), (lambda: t.RandomErasing(value="x"), ValueError, "random"),
    (lambda: t.RandomErasing(p=2), ValueError, "probability"), (lambda: t.functional.posterize(t.ToTensor()(RGB), 2), TypeError, "uint8"),
    (lambda: t.functional.solarize(t.ToTensor()(RGB), 2.0), TypeError, "Threshold"), (lambda: t.GaussianBlur(3, sigma=0), ValueError, "positive"),
    (lambda: t.AutoAugment("x"), ValueError, "policy"), (lambda: t.RandomChoice(3), TypeError, "sequence"), (lambda: t.functional.hflip(3), TypeError, "Tensor"),
    (lambda: t.functional.adjust_contrast(BYTES, -1), ValueError, "non-negative"), (lambda: t.Resize((1, 2, 3)), ValueError, "1 or 2"),
    (lambda: t.functional.rgb_to_grayscale(taper.ones(2, 4, 4)), TypeError, "channel"), (lambda: t.functional.erase(RGB, 0, 0, 1, 1, 0), TypeError, "Tensor"),
    (lambda: t.functional.resize(RGB, 5, "bilinear"), TypeError, "InterpolationMode"), (lambda: t.RandomErasing(1.0, value=(1, 2))(BYTES), ValueError, "channels"),
    (lambda: t.ToPILImage("RGB")(taper.ones(1, 2, 2)), ValueError, "mode"), (lambda: t.ToPILImage()(taper.ones(5, 2, 2)), ValueError, "4 channels"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(MORE_ERRORS)))
def test_more_errors(i):
    call, error, words = MORE_ERRORS[i]
    with pytest.raises(error, match=words):
        call()


def test_boxes_and_masks_on_images():
    black = taper.zeros(3, 10, 12, dtype=taper.uint8)
    boxed = utils.draw_bounding_boxes(black, taper.tensor([[2, 3, 8, 7]]), colors="red")
    expected = np.zeros((10, 12), bool)
    expected[[3, 7], 2:9] = expected[3:8, [2, 8]] = True
    np.testing.assert_array_equal(boxed[0].numpy() == 255, expected)
    assert boxed[1:].sum() == 0
    masks = taper.zeros(2, 10, 12, dtype=taper.bool)
    masks[0, :5], masks[1, 4:] = True, True
    painted = utils.draw_segmentation_masks(black, masks, alpha=1.0, colors=["red", "blue"])
    assert (painted[0, 0, 0], painted[2, 9, 0], painted[:, 4, 0].sum()) == (255, 255, 0)
    for call in (
        lambda: utils.draw_bounding_boxes(black, taper.tensor([[8, 3, 2, 7]])),
        lambda: utils.draw_bounding_boxes(black, taper.tensor([[2, 3, 8, 7]]), labels=["a", "b"]),
        lambda: utils.draw_bounding_boxes(black[None], taper.tensor([[2, 3, 8, 7]])),
        lambda: utils.draw_segmentation_masks(black, masks.to(taper.uint8)),
        lambda: utils.draw_segmentation_masks(black, masks[:, :3]),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.warns(UserWarning, match="box"):
        assert utils.draw_bounding_boxes(black, taper.zeros(0, 4)) is black
