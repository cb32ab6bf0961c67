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
