"""What the seed tutorials describe and none of their programs exercises."""

from __future__ import annotations

import numpy as np
import pytest

import taper as torch
from taper import nn
from taper.utils.data import DataLoader, Dataset
from taper.vision import datasets, transforms

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")

# `out=` of factories and operations: the given tensor is written and returned.
OUT = [
    (lambda out: torch.ones(2, 3, out=out), np.ones((2, 3))), (lambda out: torch.full((2, 3), 7.0, out=out), np.full((2, 3), 7.0)),
    (lambda out: torch.arange(0, 6, out=out), np.arange(6)), (lambda out: torch.linspace(0, 1, 3, out=out), np.linspace(0, 1, 3)),
    (lambda out: torch.logspace(0, 2, 3, out=out), np.logspace(0, 2, 3)), (lambda out: torch.eye(3, out=out), np.eye(3)),
    (lambda out: torch.add(torch.ones(3), 2, out=out), np.full(3, 3.0)), (lambda out: torch.mul(torch.ones(3), 2, out=out), np.full(3, 2.0)),
    (lambda out: torch.matmul(torch.ones(2, 3), torch.ones(3, 2), out=out), np.full((2, 2), 3.0)), (lambda out: torch.exp(torch.zeros(3), out=out), np.ones(3)),
    (lambda out: torch.cat([torch.ones(2), torch.zeros(1)], out=out), np.array([1.0, 1, 0])), (lambda out: torch.sum(torch.ones(3, 2), 0, out=out), np.full(2, 3.0)),
    (lambda out: torch.stack([torch.ones(2), torch.zeros(2)], out=out), np.array([[1.0, 1], [0, 0]])), (lambda out: torch.clamp(torch.arange(4.0), 1, 2, out=out), np.array([1.0, 1, 2, 2])),
    (lambda out: torch.index_select(torch.arange(4.0), 0, torch.tensor([2, 0]), out=out), np.array([2.0, 0])), (lambda out: torch.pow(torch.arange(3.0), 2, out=out), np.array([0.0, 1, 4])),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(OUT)))
def test_out(i):
    call, expected = OUT[i]
    out = torch.empty(expected.shape)
    assert call(out) is out
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-6)


RANDOM_OUT = [
    lambda out: torch.rand(4, out=out),
    lambda out: torch.randn(4, out=out),
    lambda out: torch.normal(0.0, 1.0, (4,), out=out),
]


@pytest.mark.parametrize("i", range(len(RANDOM_OUT)))
def test_out_of_random_factories(i):
    torch.manual_seed(1)
    expected = RANDOM_OUT[i](torch.empty(4)).clone()
    torch.manual_seed(1)
    out = torch.zeros(4)
    assert RANDOM_OUT[i](out) is out
    assert torch.equal(out, expected) and out.abs().sum() > 0


def test_out_refuses_history():
    with pytest.raises(RuntimeError):
        torch.exp(torch.ones(2, requires_grad=True), out=torch.empty(2))


class Slow(Dataset):
    def __init__(self, seconds):
        self.seconds = seconds

    def __len__(self):
        return 2

    def __getitem__(self, i):
        import time

        time.sleep(self.seconds)
        return i


def test_the_loaders_timeout():
    assert [b.tolist() for b in DataLoader(Slow(0), 2, num_workers=1, timeout=30)] == [[0, 1]]
    with pytest.raises(RuntimeError, match="timed out after 0.3 seconds"):
        next(iter(DataLoader(Slow(5), 2, num_workers=1, timeout=0.3)))
    with pytest.raises(ValueError, match="timeout"):
        DataLoader(Slow(0), timeout=-1)


def test_own_images_in_one_folder_for_each_class(tmp_path):
    torch.manual_seed(0)
    for label, colour in (("blue", (0, 0, 200)), ("red", (200, 0, 0))):
        (tmp_path / label).mkdir()
        for i in range(8):
            noise = np.random.default_rng(i).integers(0, 50, (8, 8, 3)) + np.array(colour)
            Image.fromarray(noise.astype(np.uint8)).save(tmp_path / label / f"{i}.png")
    dataset = datasets.ImageFolder(str(tmp_path), transforms.ToTensor())
    assert (dataset.classes, dataset.class_to_idx) == (["blue", "red"], {"blue": 0, "red": 1})
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        for images, labels in DataLoader(dataset, batch_size=4, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    images, labels = next(iter(DataLoader(dataset, 16)))
    assert (model(images).argmax(1) == labels).all()


def test_the_kinds_of_networks():
    # "CNN, RNN": one of each takes a step.
    cnn = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 36, 2))
    rnn = nn.RNN(3, 2, batch_first=True)
    for model, x in ((cnn, torch.rand(4, 1, 8, 8)), (rnn, torch.rand(4, 5, 3))):
        out = model(x)
        loss = (out[0] if isinstance(out, tuple) else out).square().mean()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
        loss.backward()
        optimizer.step()
        again = model(x)
        assert (again[0] if isinstance(again, tuple) else again).square().mean() < loss


def test_devices_do_not_mix():
    if torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="same device"):
            torch.ones(2, device="cuda") + torch.ones(2)
    else:
        with pytest.raises(AssertionError):
            torch.ones(2).to("cuda")
