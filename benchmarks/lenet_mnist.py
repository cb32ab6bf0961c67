"""LeNet on MNIST's images, compiled, beside PyTorch from the same seed: `python -m benchmarks.lenet_mnist FOLDER`.

FOLDER holds MNIST/raw as torchvision lays it out. Each side trains for three epochs of batches of 64 in the same order;
printed are the accuracies on the test images, and the wall time of training, loading and compiling included.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import taper
from taper.vision.datasets import MNIST

from .networks import lenet

ALLOWED = 0.5
"""Points by which the accuracies may differ."""


def images(root: str, train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Normalised images (N, 1, 28, 28) in float32, and labels (N,)."""
    found = MNIST(root, train=train)
    pixels = found.data.numpy().astype(np.float32) / 255
    return ((pixels - 0.1307) / 0.3081).astype(np.float32)[:, None], found.targets.numpy().copy()


def trained(T, train, test, epochs: int, compiled: bool) -> tuple[float, float]:
    """Accuracy in percent after so many epochs, and the seconds that they took."""
    T.manual_seed(0)
    started = time.perf_counter()
    model = lenet(T)
    optimizer = T.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    criterion = T.nn.CrossEntropyLoss()

    def step(x, y):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = T.compile(step, fullgraph=True) if compiled else step
    data = T.utils.data.TensorDataset(*map(T.from_numpy, train))
    for _ in range(epochs):
        for x, y in T.utils.data.DataLoader(data, 64, shuffle=True):
            step(x, y)
    seconds = time.perf_counter() - started
    model.eval()
    with T.no_grad():
        right = model(T.from_numpy(test[0])).argmax(1).numpy() == test[1]
    return 100 * right.mean(), seconds


def main(arguments: list[str]) -> int:
    """Train both; status 1 if the accuracies differ by more than allowed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lenet_mnist")
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args(arguments)
    import torch

    train, test = images(options.folder, True), images(options.folder, False)
    ours, seconds = trained(taper, train, test, options.epochs, compiled=True)
    theirs, their_seconds = trained(torch, train, test, options.epochs, compiled=False)
    print(f"{len(train[0])} training images, {len(test[0])} test images, {options.epochs} epochs")
    print(f"Taper, compiled  {ours:.2f}%  {seconds:.2f} s")
    print(f"PyTorch, eager   {theirs:.2f}%  {their_seconds:.2f} s")
    return int(abs(ours - theirs) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
