"""Images that lie channels last: which results and gradients do so, too, against PyTorch; and that their values are right."""

from __future__ import annotations

import numpy as np
import pytest

import taper

SHAPES = [(1, 6, 9, 10), (2, 1, 8, 8), (2, 20, 17, 18)]
"""The last is large enough for native kernels."""


def conv(outputs, kernel, last=False, **options):
    def call(lib, x):
        lib.manual_seed(0)
        if options.get("groups") == "each":
            m = lib.nn.Conv2d(x.shape[1], x.shape[1], kernel, **options | {"groups": x.shape[1]})
        else:
            m = lib.nn.Conv2d(x.shape[1], outputs, kernel, **options)
        with lib.no_grad():
            for p in m.parameters():
                p.copy_(lib.linspace(-1, 1, p.numel()).reshape(p.shape))
        m = m.to(memory_format=lib.channels_last) if last else m
        return m(x)

    return call


def transposed(last=False):
    def call(lib, x):
        m = lib.nn.ConvTranspose2d(x.shape[1], 4, 3, stride=2)
        with lib.no_grad():
            for p in m.parameters():
                p.copy_(lib.linspace(-1, 1, p.numel()).reshape(p.shape))
        return (m.to(memory_format=lib.channels_last) if last else m)(x)

    return call


def batch_norm(trains):
    def call(lib, x):
        return lib.nn.BatchNorm2d(x.shape[1]).train(trains)(x)

    return call


CASES = {
    "3 x 3": conv(5, 3, padding=1),
    "3 x 3, weights last": conv(5, 3, True, padding=1),
    "3 x 3 to many": conv(40, 3, True, padding=1),
    "1 x 1": conv(24, 1),
    "1 x 1, weights last": conv(24, 1, True),
    "step 2": conv(5, 3, stride=2, padding=1),
    "to one": conv(1, 3, padding=1),
    "depthwise": conv(0, 3, True, padding=1, groups="each"),
    "transposed": transposed(),
    "transposed, weights last": transposed(True),
    "batch norm": batch_norm(True),
    "batch norm in evaluation": batch_norm(False),
    "relu": lambda lib, x: lib.relu(x),
    "sigmoid": lambda lib, x: x.sigmoid(),
    "silu": lambda lib, x: lib.nn.functional.silu(x),
    "sum of two": lambda lib, x: x + x,
    "a number more": lambda lib, x: x + 1,
    "by channel": lambda lib, x: x * lib.ones(1, x.shape[1], 1, 1),
    "largest": lambda lib, x: lib.nn.functional.max_pool2d(x, 3, 2, 1),
    "where the largest is": lambda lib, x: lib.nn.functional.max_pool2d(x, 2, return_indices=True)[1],
    "mean of windows": lambda lib, x: lib.nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "mean of all": lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 1),
    "mean of parts": lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, (3, 2)),
    "largest of parts": lambda lib, x: lib.nn.functional.adaptive_max_pool2d(x, 3),
    "cat": lambda lib, x: lib.cat([x, x], 1),
    "cat of images": lambda lib, x: lib.cat([x, x], 0),
    "cat of both kinds": lambda lib, x: lib.cat([x, lib.ones(*x.shape)], 1),
    "nearest": lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=2.0),
    "bilinear": lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear"),
    "padded": lambda lib, x: lib.nn.functional.pad(x, (1, 2, 0, 1)),
    "reflected": lambda lib, x: lib.nn.functional.pad(x, (1, 2, 2, 1), mode="reflect"),
    "group norm": lambda lib, x: lib.nn.functional.group_norm(x, 1),
    "dropout in evaluation": lambda lib, x: lib.nn.functional.dropout(x, 0.5, False),
    "clone": lambda lib, x: x.clone(),
    "double": lambda lib, x: x.double(),
    "permuted": lambda lib, x: x.permute(0, 2, 3, 1),
    "part": lambda lib, x: x[:, :, 1:, ::2],
    "flat": lambda lib, x: x.flatten(1),
}
ALL_STRIDES = [
    n for n in CASES if n[0].isdigit() or n.startswith(("step", "to one", "depth", "trans", "large", "mean"))
]
"""Whose results' strides say how they lie where sizes of 1 leave it open, too."""


def told(t):
    """The strides of dimensions with more than one element; NumPy has its own for the others."""
    return [s if n > 1 else None for n, s in zip(t.shape, t.stride())]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def given(lib, shape, last, seed=0):
    x = lib.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32).tolist(), dtype=lib.float32)
    return x.to(memory_format=lib.channels_last) if last else x


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_results_lie_as_pytorchs(torch, name, last):
    for shape in SHAPES:
        expected = CASES[name](torch, given(torch, shape, last))
        found = CASES[name](taper, given(taper, shape, last))
        assert told(found) == told(expected), (shape, found.stride(), expected.stride())
        if name in ALL_STRIDES:
            assert tuple(found.stride()) == expected.stride(), (shape, found.stride(), expected.stride())
        if found.ndim == 4:
            wanted = expected.is_contiguous(memory_format=torch.channels_last)
            assert found.is_contiguous(memory_format=taper.channels_last) == wanted
        assert np.allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith(("where", "group", "mean of all", "padded"))])
def test_gradients_lie_as_pytorchs(torch, name, last):
    """For a gradient that arrives as the result lies."""
    for shape in SHAPES:
        made = []
        for lib in (torch, taper):
            x = given(lib, shape, last).requires_grad_()
            y = CASES[name](lib, x)
            g = given(lib, tuple(y.shape), False, 1).to(y.dtype)
            if y.ndim == 4 and y.is_contiguous(memory_format=lib.channels_last):
                g = g.to(memory_format=lib.channels_last)
            made.append(lib.autograd.grad(y, x, g)[0])
        expected, found = made
        assert told(found) == told(expected), (shape, found.stride(), expected.stride())
        assert np.allclose(found.numpy(), expected.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weights_last", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_gradients_of_weights(torch, weights_last, last):
    """`.grad` lies as the weights do; what autograd.grad gives lies last if either does."""
    for kernel, groups in ((3, 1), (3, 6), (2, 2)):
        made = []
        for lib in (torch, taper):
            lib.manual_seed(0)
            m = lib.nn.Conv2d(6, 12, kernel, groups=groups)
            with lib.no_grad():
                m.weight.copy_(lib.linspace(-1, 1, m.weight.numel()).reshape(m.weight.shape))
            m = m.to(memory_format=lib.channels_last) if weights_last else m
            x = given(lib, (2, 6, 9, 10), last)
            (alone,) = lib.autograd.grad(m(x).square().sum(), m.weight)
            m(x).square().sum().backward()
            made.append((alone, m.weight.grad))
        for expected, found in zip(*made):
            assert told(found) == told(expected)
            assert np.allclose(found.numpy(), expected.numpy(), rtol=1e-3, atol=1e-2)


def test_a_network_stays_as_it_is_given(torch):
    """Every layer's result, forward, in training and in evaluation; and the result is that of the other order."""
    for trains in (True, False):
        strides: dict = {}
        for lib in (torch, taper):
            lib.manual_seed(0)
            nn, seen = lib.nn, strides.setdefault(lib, [])
            model = nn.Sequential(
                nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                nn.Conv2d(32, 64, 1), nn.BatchNorm2d(64), nn.ReLU6(), nn.Conv2d(64, 64, 3, padding=1, groups=64),
                nn.SiLU(), nn.Upsample(scale_factor=2), nn.Conv2d(64, 24, 3, padding=1), nn.Dropout(0.0), nn.AvgPool2d(2),
            ).train(trains).to(memory_format=lib.channels_last)  # fmt: skip
            for layer in model:
                layer.register_forward_hook(lambda m, i, y, seen=seen: seen.append(tuple(y.stride())))
            model(given(lib, (2, 3, 64, 64), True))
        assert strides[taper] == strides[torch]


def test_layers_in_one_program_give_the_same():
    """A chain in evaluation, as one program, of either order."""
    taper.manual_seed(0)
    nn = taper.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(32, 96, 1), nn.BatchNorm2d(96), nn.ReLU6(), nn.Conv2d(96, 96, 3, padding=1, groups=96), nn.SiLU(),
        nn.AvgPool2d(2), nn.Conv2d(96, 24, 3, padding=1),
    ).eval()  # fmt: skip
    x = taper.rand(2, 3, 64, 64)
    with taper.no_grad():
        expected = model(x)
        found = model.to(memory_format=taper.channels_last)(x.to(memory_format=taper.channels_last))
    assert found.is_contiguous(memory_format=taper.channels_last) and expected.is_contiguous()
    assert np.allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_compiled():
    """A compiled function of images that lie last."""
    taper.manual_seed(0)
    m = taper.nn.Sequential(taper.nn.Conv2d(8, 16, 3, padding=1), taper.nn.ReLU(), taper.nn.MaxPool2d(2)).eval()
    x = given(taper, (2, 8, 24, 24), True)
    expected = m(x)
    found = taper.compile(m)(x)
    assert np.allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
