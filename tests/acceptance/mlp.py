"""One training run, written once, for Taper and for PyTorch: an MLP with dropout on 1,600 MNIST images, 50 steps.

The images are the first 1,600 of MNIST's test set (Yann LeCun, Corinna Cortes, Christopher Burges; CC BY-SA 3.0).
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LOSSES = HERE / "mlp_losses.json"


def images():
    """The sample's images (1600, 1, 28, 28), float32 from 0 to 1, and labels."""
    raw = HERE / "MNIST" / "raw"
    with gzip.open(raw / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(raw / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return pixels.astype(np.float32) / 255, labels.astype(np.int64)


def losses(T, seed: int = 0) -> list[float]:
    """The loss of each step, with T = taper or T = torch: initial weights, shuffles and masks come from the seed."""
    pixels, labels = images()
    T.manual_seed(seed)
    nn = T.nn
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = T.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    data = T.utils.data.TensorDataset(T.from_numpy(pixels), T.from_numpy(labels))
    found = []
    for x, y in T.utils.data.DataLoader(data, batch_size=32, shuffle=True):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found
