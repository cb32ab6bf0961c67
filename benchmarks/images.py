"""An epoch over MNIST's files against PyTorch + torchvision: `python -m benchmarks.images`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision

import taper
from taper import vision

from .compare import HEADER, measure


def write_files(root: Path, count: int = 60000) -> None:
    """IDX files of noise in MNIST's layout."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, n in (("train", count), ("t10k", 10)):
        for what, shape in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            array = random.integers(0, 10 if len(shape) == 1 else 256, shape).astype(np.uint8)
            header = bytes([0, 0, 8, len(shape)]) + b"".join(side.to_bytes(4, "big") for side in shape)
            (raw / f"{part}-{what}-ubyte").write_bytes(header + array.tobytes())


def loader(T, package, root: str, workers: int):
    """ToTensor and Normalize, batches of 256 in a new order."""
    steps = [package.transforms.ToTensor(), package.transforms.Normalize((0.1307,), (0.3081,))]
    dataset = package.datasets.MNIST(root, transform=package.transforms.Compose(steps))
    return T.utils.data.DataLoader(dataset, 256, shuffle=True, num_workers=workers)


def main() -> None:
    """Check that all batches of an epoch are the same to the bit, then measure epochs."""
    with tempfile.TemporaryDirectory() as root:
        write_files(Path(root))
        ours, theirs = loader(taper, vision, root, 0), loader(torch, torchvision, root, 2)
        taper.manual_seed(0)
        torch.manual_seed(0)
        for (x, y), (u, v) in zip(ours, theirs, strict=True):
            assert x.numpy().tobytes() == u.numpy().tobytes()
            assert (y.numpy() == v.numpy()).all()
        epoch = lambda batches: lambda: sum(len(y) for _, y in batches)
        print(HEADER)
        name = "MNIST, ToTensor + Normalize, 256 (PyTorch: 2 workers)"
        print(measure(name, epoch(ours), epoch(theirs), rounds=5).row())


if __name__ == "__main__":
    main()
