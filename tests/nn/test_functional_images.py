"""Rearranging, padding, resampling and sampling of grids, against PyTorch and against what they mean."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import taper
from taper.nn import functional as F


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def result_and_gradients(lib, call, arrays) -> list[np.ndarray]:
    inputs = [lib.from_numpy(a.copy()).requires_grad_() for a in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = call(lib.nn.functional, *inputs)
    weights = np.random.default_rng(7).standard_normal(tuple(out.shape))
    (out * lib.from_numpy(weights)).sum().backward()
    return [out.detach().numpy(), *(t.grad.numpy() for t in inputs)]


def agree(torch, call, *arrays, tolerance=1e-9):
    for ours, theirs in zip(result_and_gradients(taper, call, arrays), result_and_gradients(torch, call, arrays)):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


SHAPES = {1: (2, 3, 5), 2: (2, 3, 5, 4), 3: (1, 2, 3, 4, 2)}
MODES = [("nearest", (1, 2, 3)), ("nearest-exact", (1, 2, 3)), ("area", (1, 2, 3))]
MODES += [("linear", (1,)), ("bilinear", (2,)), ("bicubic", (2,)), ("trilinear", (3,))]


@pytest.mark.parametrize("mode,dimensions", MODES, ids=[m for m, _ in MODES])
@pytest.mark.parametrize("wanted", [{"size": 7}, {"size": 2}, {"scale_factor": 2.0}, {"scale_factor": 0.6}], ids=str)
def test_interpolate(torch, mode, dimensions, wanted):
    corners = [{}] if mode in ("area", "nearest", "nearest-exact") else [{"align_corners": a} for a in (False, True)]
    for n, more in itertools.product(dimensions, corners):
        options = {"mode": mode, **wanted, **more}
        agree(torch, lambda f, x, o=options: f.interpolate(x, **o), array(*SHAPES[n]), tolerance=1e-6)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 2), (9, 7), (2, 9)], ids=str)
def test_antialiased(torch, mode, size):
    agree(torch, lambda f, x: f.interpolate(x, size, mode=mode, antialias=True), array(2, 2, 6, 8), tolerance=1e-6)


def test_a_filter_keeps_a_constant():
    flat = taper.full((1, 1, 9, 5), 3.0)
    for mode in ("bilinear", "bicubic", "lanczos"):
        out = F.interpolate(flat, (4, 11), mode=mode, antialias=True)
        np.testing.assert_allclose(out.numpy(), 3.0, rtol=1e-6)


def test_interpolate_recomputes_the_factor(torch):
    call = lambda f, x: f.interpolate(x, scale_factor=1.7, mode="bilinear", recompute_scale_factor=True)
    agree(torch, call, array(1, 1, 5, 4), tolerance=1e-6)


def test_interpolate_half_precision():
    x = taper.from_numpy(array(1, 1, 4, 4)).to(taper.bfloat16)
    out = F.interpolate(x, scale_factor=2, mode="bilinear")
    assert out.dtype == taper.bfloat16
    expected = F.interpolate(x.float(), scale_factor=2, mode="bilinear").to(taper.bfloat16)
    assert taper.equal(out, expected)


@pytest.mark.parametrize(
    "error,words,options",
    [
        (ValueError, "either size or scale_factor", {}),
        (ValueError, "only one of size or scale_factor", {"size": 3, "scale_factor": 2}),
        (ValueError, "same number of spatial dimensions", {"size": (3, 3, 3)}),
        (ValueError, "same number of spatial dimensions", {"scale_factor": (2,)}),
        (ValueError, "align_corners option can only be set", {"size": 3, "align_corners": True}),
        (ValueError, "not meaningful with an explicit size", {"size": 3, "recompute_scale_factor": True}),
        (ValueError, "Anti-alias option is restricted", {"size": 3, "antialias": True}),
        (ValueError, "Lanczos mode requires antialias=True", {"size": 3, "mode": "lanczos"}),
        (NotImplementedError, "linear mode needs 3D input", {"size": 3, "mode": "linear"}),
        (NotImplementedError, "got sharp", {"size": 3, "mode": "sharp"}),
        (TypeError, "expected size to be one of int", {"size": (3.5, 3)}),
        (RuntimeError, "should be greater than 0", {"scale_factor": 0.1}),
    ],
    ids=lambda v: str(v)[:30],
)
def test_interpolate_refuses(torch, error, words, options):
    for lib in (taper, torch):
        with pytest.raises(error) as caught:
            lib.nn.functional.interpolate(lib.zeros(1, 1, 4, 4), **options)
        assert type(caught.value) is error
        assert lib is torch or words in str(caught.value)


def test_old_names_warn(torch):
    x = array(1, 1, 3, 3)
    for name in ("upsample", "upsample_nearest", "upsample_bilinear"):
        with pytest.warns(UserWarning, match=f"functional.{name}` is deprecated"):
            ours = getattr(F, name)(taper.from_numpy(x), scale_factor=2)
        with pytest.warns(UserWarning):
            theirs = getattr(torch.nn.functional, name)(torch.from_numpy(x), scale_factor=2)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(torch, mode, padding_mode, align_corners):
    options = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    grid = np.random.default_rng(1).uniform(-1.7, 1.7, (2, 3, 5, 2))
    agree(torch, lambda f, x, g: f.grid_sample(x, g, **options), array(2, 3, 4, 6), grid, tolerance=1e-8)
    if mode != "bicubic":
        grid = np.random.default_rng(1).uniform(-1.7, 1.7, (1, 2, 3, 2, 3))
        agree(torch, lambda f, x, g: f.grid_sample(x, g, **options), array(1, 2, 3, 4, 2), grid, tolerance=1e-8)


def test_what_is_not_sampled_does_not_matter(torch):
    x, grid = array(1, 1, 3, 3), np.array([[[[0.0, 0.0], [9.0, 9.0], [np.nan, 0.0]]]])
    x[0, 0, 0, 0] = np.inf
    found = F.grid_sample(taper.from_numpy(x), taper.from_numpy(grid), align_corners=False)
    expected = torch.nn.functional.grid_sample(torch.from_numpy(x), torch.from_numpy(grid), align_corners=False)
    np.testing.assert_array_equal(found.numpy()[0, 0, 0, :2], expected.numpy()[0, 0, 0, :2])
    empty = F.grid_sample(taper.zeros(0, 1, 3, 3), taper.zeros(0, 2, 2, 2), align_corners=False)
    assert tuple(empty.shape) == (0, 1, 2, 2)


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_sampling_nowhere_and_outside_of_an_image_with_a_hole(torch, mode, padding_mode):
    x = array(1, 1, 4, 4)
    x[0, 0, 0, 0] = np.nan
    odd = [(np.nan, 0.3), (0.3, np.nan), (np.inf, 0.3), (-np.inf, 0.3), (0.3, np.inf), (np.nan, np.inf), (1.9, 0.9)]
    # Many: PyTorch treats NaN another way in what is left over after its vectors.
    grid = np.tile(odd, (16, 1)).reshape(1, 16, 7, 2)
    found, expected = (
        T.nn.functional.grid_sample(
            T.from_numpy(x), T.from_numpy(grid).requires_grad_(), mode, padding_mode, align_corners=False
        )
        for T in (taper, torch)
    )
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_identity_samples_the_image_itself(align_corners):
    x = taper.from_numpy(array(1, 2, 4, 5))
    theta = taper.tensor([[[1.0, 0, 0], [0, 1, 0]]], dtype=taper.float64)
    grid = F.affine_grid(theta, x.shape, align_corners)
    np.testing.assert_allclose(F.grid_sample(x, grid, align_corners=align_corners).numpy(), x.numpy(), atol=1e-12)


@pytest.mark.parametrize("align_corners", [False, True])
def test_affine_grid(torch, align_corners):
    agree(torch, lambda f, t: f.affine_grid(t, (2, 3, 4, 1), align_corners), array(2, 2, 3))
    agree(torch, lambda f, t: f.affine_grid(t, (2, 3, 2, 4, 3), align_corners), array(2, 3, 4))


def test_sampling_warns_of_the_default():
    with pytest.warns(UserWarning, match="Default grid_sample and affine_grid behavior has changed"):
        F.affine_grid(taper.zeros(1, 2, 3), (1, 1, 2, 2))


@pytest.mark.parametrize(
    "error,words,call",
    [
        (
            RuntimeError,
            "same number of dimensions",
            lambda t, f: f.grid_sample(t.zeros(1, 1, 3), t.zeros(1, 2, 1), align_corners=False),
        ),
        (
            RuntimeError,
            "same batch size",
            lambda t, f: f.grid_sample(t.zeros(1, 1, 3, 3), t.zeros(2, 2, 2, 2), align_corners=False),
        ),
        (
            RuntimeError,
            "size 2 in last dimension",
            lambda t, f: f.grid_sample(t.zeros(1, 1, 3, 3), t.zeros(1, 2, 2, 3), align_corners=False),
        ),
        (
            RuntimeError,
            "only supports 4D",
            lambda t, f: f.grid_sample(
                t.zeros(1, 1, 3, 3, 3), t.zeros(1, 2, 2, 2, 3), mode="bicubic", align_corners=False
            ),
        ),
        (
            ValueError,
            "expected mode to be",
            lambda t, f: f.grid_sample(t.zeros(1, 1, 3, 3), t.zeros(1, 2, 2, 2), mode="cubic"),
        ),
        (
            ValueError,
            "expected padding_mode to be",
            lambda t, f: f.grid_sample(t.zeros(1, 1, 3, 3), t.zeros(1, 2, 2, 2), padding_mode="ones"),
        ),
        (ValueError, "batch of 2D affine matrices", lambda t, f: f.affine_grid(t.zeros(1, 2, 2), (1, 1, 2, 2), False)),
        (
            NotImplementedError,
            "only supports 4D and 5D sizes",
            lambda t, f: f.affine_grid(t.zeros(1, 2, 3), (1, 1, 2), False),
        ),
        (
            ValueError,
            "floating point type",
            lambda t, f: f.affine_grid(t.zeros(1, 2, 3, dtype=t.int64), (1, 1, 2, 2), False),
        ),
        (
            RuntimeError,
            "divisible by the square of upscale_factor",
            lambda t, f: f.pixel_shuffle(t.zeros(1, 3, 2, 2), 2),
        ),
        (RuntimeError, "divisible by downscale_factor", lambda t, f: f.pixel_unshuffle(t.zeros(1, 3, 3, 2), 2)),
        (RuntimeError, "divisible by groups", lambda t, f: f.channel_shuffle(t.zeros(1, 3, 3, 2), 2)),
        (RuntimeError, "divisible by 2", lambda t, f: f.pad(t.zeros(1, 3), (1,))),
        (RuntimeError, "two times the input dimension", lambda t, f: f.pad(t.zeros(3), (1, 1, 1, 1))),
        (NotImplementedError, "Unrecognised padding mode", lambda t, f: f.pad(t.zeros(1, 1, 3), (1, 1), mode="mirror")),
        (NotImplementedError, "Only 2D, 3D, 4D, 5D padding", lambda t, f: f.pad(t.zeros(3), (1, 1), mode="reflect")),
        (
            RuntimeError,
            "doesn't take in value",
            lambda t, f: f.pad(t.zeros(1, 1, 3), (1, 1), mode="reflect", value=1.0),
        ),
        (
            RuntimeError,
            "Padding size should be less than",
            lambda t, f: f.pad(t.zeros(1, 1, 3), (3, 0), mode="reflect"),
        ),
        (RuntimeError, "wrapping around more than once", lambda t, f: f.pad(t.zeros(1, 1, 3), (4, 0), mode="circular")),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_refused(torch, error, words, call):
    for lib in (taper, torch):
        with pytest.raises(error) as caught:
            call(lib, lib.nn.functional)
        assert type(caught.value) is error
        assert lib is torch or words in str(caught.value)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", [(1, 2), (0, 1, 2, 1), (2, 1, 0, 2, 1, 1)], ids=str)
def test_pad(torch, mode, pad):
    value = {"value": 1.5} if mode == "constant" else {}
    agree(torch, lambda f, x: f.pad(x, pad, mode=mode, **value), array(*(2, 3, 3, 4, 3)[: len(pad) // 2 + 2]))


@pytest.mark.parametrize("pad", [(-1, 2), (1, -2, -1, 0), (-1, -1)], ids=str)
def test_negative_padding_crops(torch, pad):
    agree(torch, lambda f, x: f.pad(x, pad), array(2, 4, 5))


def test_pad_keeps_the_dtype():
    assert F.pad(taper.tensor([True, False]), (1, 0), value=True).tolist() == [True, True, False]
    assert F.pad(taper.tensor([1, 2]), (0, 2), value=7).tolist() == [1, 2, 7, 7]


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)], ids=str)
def test_pixel_shuffle_and_back(torch, lead):
    agree(torch, lambda f, x: f.pixel_shuffle(x, 3), array(*lead, 18, 2, 3))
    x = taper.from_numpy(array(*lead, 18, 2, 3))
    assert taper.equal(F.pixel_unshuffle(F.pixel_shuffle(x, 3), 3), x)


def test_channel_shuffle(torch):
    agree(torch, lambda f, x: f.channel_shuffle(x, 2), array(2, 6, 2, 3))


def test_fold_counts_the_windows_that_cover_a_pixel():
    ones = taper.ones(1, 1, 4, 5, dtype=taper.float64)
    covered = F.fold(F.unfold(ones, 2), (4, 5), 2)
    rows, columns = np.array([1, 2, 2, 1]), np.array([1, 2, 2, 2, 1])
    np.testing.assert_array_equal(covered.numpy()[0, 0], np.outer(rows, columns))


def test_bilinear_is_its_formula(torch):
    x, y, w, b = array(4, 3), array(4, 5, seed=1), array(2, 3, 5, seed=2), array(2, seed=3)
    out = F.bilinear(*map(taper.from_numpy, (x, y, w, b)))
    np.testing.assert_allclose(out.numpy(), np.einsum("ni,kij,nj->nk", x, w, y) + b, rtol=1e-12)
    agree(torch, lambda f, *t: f.bilinear(*t), x, y, w, b)
    for lib in (taper, torch):
        with pytest.raises(RuntimeError, match="input1 size does not match weight size"):
            lib.nn.functional.bilinear(*map(lib.from_numpy, (y, y, w, b)))


def test_interpolation_refuses_integers_and_complex_numbers():
    for x in (taper.ones(1, 1, 4, 4, dtype=taper.int64), taper.ones(1, 1, 4, 4, dtype=taper.complex64)):
        for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
            with pytest.raises(NotImplementedError):
                F.interpolate(x, 2, mode=mode)
    assert F.interpolate(taper.ones(1, 1, 4, 4, dtype=taper.uint8), 2).dtype == taper.uint8


def test_grid_sampler_takes_modes_by_number():
    x, grid = taper.rand(1, 2, 4, 4), taper.rand(1, 3, 3, 2) * 2 - 1
    for i, mode in enumerate(("bilinear", "nearest", "bicubic")):
        for j, padding in enumerate(("zeros", "border", "reflection")):
            want = F.grid_sample(x, grid, mode, padding, False)
            assert (taper.grid_sampler_2d(x, grid, i, j, False) == want).all()
            assert (taper.grid_sampler(x, grid, i, j, False) == want).all()


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_images_of_bytes_are_resampled_to_pytorchs_bytes(mode, antialias):
    torch = pytest.importorskip("torch")
    draw = np.random.default_rng(0)
    for shape, size in (
        ((2, 3, 27, 27), (13, 13)),
        ((1, 2, 4, 4), (7, 9)),
        ((1, 1, 9, 5), (4, 12)),
        ((1, 1, 4, 6), (4, 3)),
    ):
        x = draw.integers(0, 256, shape).astype(np.uint8)
        for align in (False, True):
            options = dict(mode=mode, align_corners=align, antialias=antialias)
            found = F.interpolate(taper.from_numpy(x), size, **options)
            expected = torch.nn.functional.interpolate(torch.from_numpy(x), size, **options)
            assert found.dtype == taper.uint8
            np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_nothing_is_divided_by_zero():
    x = taper.ones(1, 4, 4, 4)
    for call in (
        lambda: F.interpolate(x, scale_factor=0.0),
        lambda: F.group_norm(x, 0),
        lambda: F.channel_shuffle(x, 0),
        lambda: F.unfold(x, 2, stride=0),
        lambda: taper.combinations(taper.arange(5.0), 1000, with_replacement=True),
    ):
        with pytest.raises(RuntimeError):
            call()


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [7, 12, 30])
def test_samples_on_pixels_have_the_slope_of_pytorchs_side(torch, padding_mode, align_corners, size):
    # A spatial transformer begins with the identity: rounding decides between which pixels a sample lies.
    options = {"padding_mode": padding_mode, "align_corners": align_corners}
    x = np.random.default_rng(0).random((1, 2, size, size)).astype(np.float32)
    found = []
    for T in (taper, torch):
        theta = T.tensor([[[1.0, 0, 0], [0, 1, 0]]], requires_grad=True)
        grid = T.nn.functional.affine_grid(theta, x.shape, align_corners=align_corners)
        grid.retain_grad()
        (T.nn.functional.grid_sample(T.from_numpy(x), grid, **options) ** 2).sum().backward()
        found.append((grid.detach().numpy(), grid.grad.numpy(), theta.grad.numpy()))
    assert np.array_equal(found[0][0], found[1][0])
    # With corners aligned, rounding puts some samples beside their pixel, where the order of additions counts.
    for ours, theirs in zip(found[0][1:], found[1][1:]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
