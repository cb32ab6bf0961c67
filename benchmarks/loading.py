"""An epoch of data loading against PyTorch: `python -m benchmarks.loading`."""

from __future__ import annotations

import torch

import taper

from .compare import HEADER, measure


def epoch(T, images, labels):
    """A pass over 60,000 images in shuffled batches of 256."""
    data = T.utils.data.TensorDataset(T.from_numpy(images), T.from_numpy(labels))

    def run():
        T.manual_seed(0)
        count = 0
        for x, _ in T.utils.data.DataLoader(data, 256, shuffle=True):
            count += len(x)
        return count

    return run


def main() -> None:
    """Check that both give the same batches, then measure."""
    images = taper.rand(60000, 1, 28, 28).numpy()
    labels = taper.randint(0, 10, (60000,)).numpy()
    for T in (taper, torch):
        T.manual_seed(0)
    loaders = [
        iter(
            T.utils.data.DataLoader(
                T.utils.data.TensorDataset(T.from_numpy(images), T.from_numpy(labels)), 256, shuffle=True
            )
        )
        for T in (taper, torch)
    ]
    ours, theirs = (next(loader) for loader in loaders)
    assert (ours[0].numpy() == theirs[0].numpy()).all()
    assert (ours[1].numpy() == theirs[1].numpy()).all()
    print(HEADER)
    print(
        measure(
            "DataLoader(TensorDataset(60000 images), 256, shuffle=True)",
            epoch(taper, images, labels),
            epoch(torch, images, labels),
        ).row()
    )


if __name__ == "__main__":
    main()
