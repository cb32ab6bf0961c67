"""Eager training steps against PyTorch: `python -m benchmarks.eager [NAME ...]`.

Both sides run in one process, in turns; before that the losses of their first steps, from the same seed, must agree.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import numpy as np
import torch

import taper

from .compare import HEADER, measure


def linear_regression(T) -> Callable[[], float]:
    """Linear regression from scratch: 1,000 samples of 2 features, batches of 10, own SGD."""
    T.manual_seed(0)
    x = T.normal(0, 1, (1000, 2))
    y = (T.matmul(x, T.tensor([2, -3.4])) + 4.2).reshape((-1, 1))
    w = T.normal(0, 0.01, size=(2, 1), requires_grad=True)
    b = T.zeros(1, requires_grad=True)
    batches = itertools.cycle([(x[i : i + 10], y[i : i + 10]) for i in range(0, 1000, 10)])

    def step():
        features, labels = next(batches)
        predicted = T.matmul(features, w) + b
        loss = ((predicted - labels.reshape(predicted.shape)) ** 2 / 2).sum()
        loss.backward()
        with T.no_grad():
            for p in (w, b):
                p -= 0.03 * p.grad / 10
                p.grad.zero_()
        return loss

    return step


def himmelblau(T) -> Callable[[], float]:
    """Himmelblau's function of two numbers, minimised by Adam."""
    x = T.tensor([0.0, 0.0], requires_grad=True)
    optimizer = T.optim.Adam([x], lr=1e-3)

    def step():
        loss = (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def network(sizes, batch: int, squared: bool = False, momentum: float = 0.0):
    """A multilayer perceptron on random inputs, SGD; cross entropy, or squared error."""

    def make(T) -> Callable[[], float]:
        T.manual_seed(0)
        layers = [layer for a, b in itertools.pairwise(sizes) for layer in (T.nn.Linear(a, b), T.nn.ReLU())]
        model = T.nn.Sequential(*layers[:-1])
        x = T.rand(batch, sizes[0])
        y = T.rand(batch, sizes[-1]) if squared else T.randint(0, sizes[-1], (batch,))
        criterion = T.nn.MSELoss() if squared else T.nn.CrossEntropyLoss()
        return _trained(T, model, x, y, criterion, momentum)

    return make


def lenet(T) -> Callable[[], float]:
    """LeNet on random images."""
    T.manual_seed(0)
    nn = T.nn
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    return _trained(T, model, T.rand(256, 1, 28, 28), T.randint(0, 10, (256,)), nn.CrossEntropyLoss(), 0.0)


def _trained(T, model, x, y, criterion, momentum: float) -> Callable[[], float]:
    optimizer = T.optim.SGD(model.parameters(), lr=0.01, momentum=momentum)

    def step():
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


STEPS = {
    "linear regression from scratch, 10": linear_regression,
    "Himmelblau + Adam": himmelblau,
    "softmax regression 784-10, 256": network((784, 10), 256),
    "MLP 784-512-512-10 SGD, 64": network((784, 512, 512, 10), 64),
    "MLP 784-256-64-10 MSE + momentum, 512": network((784, 256, 64, 10), 512, squared=True, momentum=0.9),
    "MLP 784-512-512-10, 512": network((784, 512, 512, 10), 512),
    "LeNet, 256": lenet,
}


def main(names: list[str]) -> None:
    """Measure the steps whose names contain one of `names`, or all."""
    print(HEADER)
    for name, make in STEPS.items():
        if names and not any(n.lower() in name.lower() for n in names):
            continue
        ours, theirs = make(taper), make(torch)
        first = [[float(step().detach()) for _ in range(5)] for step in (ours, theirs)]
        np.testing.assert_allclose(first[0], first[1], rtol=1e-4)
        print(measure(name, ours, theirs).row(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
