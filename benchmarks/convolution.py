"""Convolutional networks, eager and compiled, against PyTorch: `python -m benchmarks.convolution [OPTIONS] [NAME ...]`.

All sides run in one process, in turns, after their results were found equal; PyTorch in both memory formats, of which the
faster counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import taper

from . import networks
from .compare import alternate, seconds_as_text


@dataclass(frozen=True)
class Case:
    """A network on a batch: a training step (SGD, cross entropy), or inference. Targets: times as fast as PyTorch."""

    network: Callable
    batch: tuple[int, ...]
    trains: bool
    eager: float
    compiled: float


CASES = {
    "LeNet training step, 256": Case(networks.lenet, (256, 1, 28, 28), True, 1.5, 3),
    "LeNet inference, 1": Case(networks.lenet, (1, 1, 28, 28), False, 1.5, 8),
    "ResNet-18 (CIFAR) training step, 32": Case(networks.resnet18_cifar, (32, 3, 32, 32), True, 1.0, 1.3),
    "ResNet-50 inference, 1": Case(networks.resnet50, (1, 3, 224, 224), False, 1.0, 1.2),
    "ResNet-50 inference, 16": Case(networks.resnet50, (16, 3, 224, 224), False, 1.0, 1.2),
    "VGG-16 inference, 4": Case(networks.vgg16, (4, 3, 224, 224), False, 1.0, 1.5),
    "MobileNetV2 inference, 1": Case(networks.mobilenet_v2, (1, 3, 224, 224), False, 1.0, 1.5),
}
SIDES = ("eager", "compiled", "PyTorch", "PyTorch channels-last")
HEADER = f"| | {' | '.join(SIDES)} | eager, times as fast | target | compiled, times as fast | target | met |\n|---|{'---|' * 9}"


def call_of(T, case: Case, channels_last: bool = False, compiled: bool = False) -> Callable[[], object]:
    """One measured call; it returns the loss, or the scores."""
    T.manual_seed(0)
    model = case.network(T)
    x = T.rand(*case.batch)
    if channels_last:
        model, x = model.to(memory_format=T.channels_last), x.to(memory_format=T.channels_last)
    if not case.trains:
        model.eval()
        run = T.compile(model, fullgraph=True) if compiled else model

        def infer():
            with T.no_grad():
                return run(x)

        return infer
    y = T.randint(0, 10, case.batch[:1])
    optimizer = T.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion = T.nn.CrossEntropyLoss()

    def step(x, y):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    if compiled:
        step = T.compile(step, fullgraph=True)
    return lambda: step(x, y)


def sides(case: Case) -> dict[str, Callable[[], object]]:
    """The sides, after their first results were found equal."""
    import torch

    made = {
        "eager": call_of(taper, case),
        "compiled": call_of(taper, case, compiled=True),
        "PyTorch": call_of(torch, case),
        "PyTorch channels-last": call_of(torch, case, channels_last=True),
    }
    first = {side: [call().detach().numpy().copy() for _ in range(2)] for side, call in made.items()}
    for side, results in first.items():
        for found, expected in zip(results, first["PyTorch"]):
            scale = np.abs(expected).max()
            assert np.abs(found - expected).max() <= 1e-3 * scale, f"{side} differs from PyTorch"
    return made


def main(arguments: list[str]) -> int:
    """Measure the cases whose names begin with one of the names given, or all. Status 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolution")
    parser.add_argument("names", nargs="*", metavar="NAME", help="how names of cases begin [all]")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each side in each round [0.3]")
    options = parser.parse_args(arguments)
    print(HEADER, flush=True)
    missed = 0
    for name, case in CASES.items():
        if options.names and not name.lower().startswith(tuple(map(str.lower, options.names))):
            continue
        rounds = alternate(sides(case), options.rounds, options.seconds)
        best = [min(pair) for pair in zip(rounds["PyTorch"], rounds["PyTorch channels-last"])]
        eager, compiled = (
            statistics.median(theirs / ours for ours, theirs in zip(rounds[side], best)) for side in SIDES[:2]
        )
        met = eager >= case.eager and compiled >= case.compiled
        missed += not met
        cells = [name, *(seconds_as_text(statistics.median(rounds[s])) for s in SIDES)]
        cells += [f"{eager:.2f}", f"{case.eager:g}", f"{compiled:.2f}", f"{case.compiled:g}", "yes" if met else "no"]
        print(f"| {' | '.join(cells)} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
