"""Pooling, batch norm, interpolation and padding with their gradients against PyTorch: `python -m benchmarks.layers [NAME ...]`.

All sides run in one process, in turns, after their results were found equal; PyTorch in both memory formats, of which the
faster counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable

import numpy as np

import taper

from .compare import alternate, seconds_as_text


def _functional(name: str, *arguments, **options) -> Callable:
    return lambda T: lambda x: getattr(T.nn.functional, name)(x, *arguments, **options)


def _batch_norm(T) -> Callable:
    layers: dict[int, Callable] = {}
    return lambda x: layers.setdefault(x.shape[1], T.nn.BatchNorm2d(x.shape[1]))(x).relu()


CASES: dict[str, tuple[Callable, tuple[int, ...]]] = {
    "max 2 x 2, LeNet": (_functional("max_pool2d", 2), (256, 6, 28, 28)),
    "max 2 x 2, VGG": (_functional("max_pool2d", 2), (4, 64, 112, 112)),
    "max 3 x 3 by 2, ResNet": (_functional("max_pool2d", 3, 2, 1), (8, 64, 112, 112)),
    "max 3 x 3, GoogLeNet": (_functional("max_pool2d", 3, 1, 1), (8, 192, 28, 28)),
    "average 2 x 2": (_functional("avg_pool2d", 2), (32, 64, 32, 32)),
    "average 3 x 3 by 2, padded": (_functional("avg_pool2d", 3, 2, 1, count_include_pad=False), (32, 64, 32, 32)),
    "average of all": (_functional("adaptive_avg_pool2d", 1), (32, 512, 7, 7)),
    "average to 7 x 7": (_functional("adaptive_avg_pool2d", 7), (8, 64, 32, 32)),
    "largest to 6 x 6": (_functional("adaptive_max_pool2d", 6), (8, 64, 32, 32)),
    "batch norm and ReLU 32 x 32": (_batch_norm, (32, 64, 32, 32)),
    "batch norm and ReLU 8 x 8": (_batch_norm, (32, 256, 8, 8)),
    "nearest, twice": (_functional("interpolate", scale_factor=2), (8, 64, 56, 56)),
    "bilinear, twice": (_functional("interpolate", scale_factor=2, mode="bilinear"), (8, 64, 32, 32)),
    "bicubic, twice": (_functional("interpolate", scale_factor=2, mode="bicubic"), (8, 16, 32, 32)),
    "zeros around": (_functional("pad", (2, 2, 2, 2)), (8, 64, 56, 56)),
    "reflected": (_functional("pad", (2, 2, 2, 2), mode="reflect"), (8, 64, 56, 56)),
    "replicated": (_functional("pad", (2, 2, 2, 2), mode="replicate"), (8, 64, 56, 56)),
}
SIDES = ("eager", "compiled", "PyTorch", "PyTorch channels-last")


def call_of(T, layer: Callable, array: np.ndarray, channels_last: bool = False, compiled: bool = False) -> Callable:
    """One measured call: the layer's result, and the gradient of its input for a gradient of ones."""
    function, x = layer(T), T.from_numpy(array.copy())
    if channels_last:
        x = x.contiguous(memory_format=T.channels_last)
    x.requires_grad_()
    slope = T.ones_like(function(x).detach())

    def step(x, slope):
        result = function(x)
        return (result.detach(), *T.autograd.grad(result, [x], [slope]))

    if compiled:
        step = T.compile(step, fullgraph=True)
    return lambda: step(x, slope)


def main(arguments: list[str]) -> None:
    """Measure the cases whose names begin with one of the names given, or all."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers")
    parser.add_argument("names", nargs="*", metavar="NAME", help="how names of cases begin [all]")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each side in each round [0.1]")
    options = parser.parse_args(arguments)
    print(f"| | {' | '.join(SIDES)} | eager, times as fast | compiled, times as fast |\n|---|{'---|' * 6}", flush=True)
    for name, (layer, shape) in CASES.items():
        if options.names and not name.lower().startswith(tuple(map(str.lower, options.names))):
            continue
        array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        sides = {
            "eager": call_of(taper, layer, array),
            "compiled": call_of(taper, layer, array, compiled=True),
            "PyTorch": call_of(torch, layer, array),
            "PyTorch channels-last": call_of(torch, layer, array, channels_last=True),
        }
        wanted = [r.numpy() for r in sides["PyTorch"]()]
        for side, call in sides.items():
            for found, expected in zip(call(), wanted):
                error = np.abs(found.numpy() - expected).max()
                assert error <= 1e-3 * max(1, np.abs(expected).max()), f"{name}: {side} differs from PyTorch"
        rounds = alternate(sides, options.rounds, options.seconds)
        best = [min(pair) for pair in zip(rounds["PyTorch"], rounds["PyTorch channels-last"])]
        ratios = [statistics.median(b / own for own, b in zip(rounds[side], best)) for side in SIDES[:2]]
        cells = [name, *(seconds_as_text(statistics.median(rounds[s])) for s in SIDES), *(f"{r:.2f}" for r in ratios)]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
