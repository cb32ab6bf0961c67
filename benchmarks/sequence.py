"""Recurrent layers and attention, forward and backward, against PyTorch: `python -m benchmarks.sequence [NAME ...]`.

All sides run in one process, in turns, after their results and gradients were found equal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable

import numpy as np

import taper

from .compare import alternate, seconds_as_text

Made = tuple[Callable, list]
"""A function of the inputs, and the tensors whose gradients are found."""


def _recurrent(kind: str, *sizes: int, shape: tuple[int, ...], **options) -> Callable:
    """A layer over sequences (length, batch, features) of data, which need no gradient."""

    def make(T) -> Made:
        layer, x = getattr(T.nn, kind)(*sizes, **options), _numbers(T, shape)
        return lambda: layer(x)[0], list(layer.parameters())

    return make


def _heads(width: int, heads: int, batch: int, length: int, weights: bool) -> Callable:
    """Self-attention of several heads, with or without its weights as a result."""

    def make(T) -> Made:
        layer = T.nn.MultiheadAttention(width, heads, batch_first=True)
        x = _numbers(T, (batch, length, width)).requires_grad_()
        return lambda: layer(x, x, x, need_weights=weights)[0], [x, *layer.parameters()]

    return make


def _attention(*shape: int, mask: bool = False, **options) -> Callable:
    """Scaled dot-product attention of (batch, heads, length, features), perhaps with a mask of bools."""

    def make(T) -> Made:
        q, k, v = (_numbers(T, shape, seed).requires_grad_() for seed in range(3))
        given = T.from_numpy(np.random.default_rng(3).random((shape[2], shape[2])) > 0.3) if mask else None
        return lambda: T.nn.functional.scaled_dot_product_attention(q, k, v, given, **options), [q, k, v]

    return make


def _encoder(width: int, heads: int, batch: int, length: int) -> Callable:
    """A layer of a Transformer encoder."""

    def make(T) -> Made:
        layer = T.nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True)
        x = _numbers(T, (batch, length, width)).requires_grad_()
        return lambda: layer(x), [x, *layer.parameters()]

    return make


def _numbers(T, shape: tuple[int, ...], seed: int = 0):
    return T.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


TOKENS = (35, 32, 64)

CASES: dict[str, Callable] = {
    "LSTM 64 to 128, 32 x 35": _recurrent("LSTM", 64, 128, shape=TOKENS),
    "GRU 64 to 128, 32 x 35": _recurrent("GRU", 64, 128, shape=TOKENS),
    "RNN 64 to 128, 32 x 35": _recurrent("RNN", 64, 128, shape=TOKENS),
    "LSTM, 2 layers both ways": _recurrent("LSTM", 64, 128, shape=TOKENS, num_layers=2, bidirectional=True),
    "LSTM 256 to 512, 16 x 50": _recurrent("LSTM", 256, 512, shape=(50, 16, 256)),
    "multi-head 128 / 4, 8 x 64": _heads(128, 4, 8, 64, False),
    "multi-head 128 / 4, 8 x 64, weights": _heads(128, 4, 8, 64, True),
    "multi-head 256 / 8, 4 x 256": _heads(256, 8, 4, 256, False),
    "multi-head 512 / 8, 16 x 128": _heads(512, 8, 16, 128, False),
    "encoder layer 128 / 4, 8 x 64": _encoder(128, 4, 8, 64),
    "attention 8 x 4 of 64 x 32": _attention(8, 4, 64, 32),
    "attention 4 x 8 of 512 x 64": _attention(4, 8, 512, 64),
    "attention, causal": _attention(4, 8, 512, 64, is_causal=True),
    "attention, mask of bools": _attention(4, 8, 256, 64, mask=True),
}
SIDES = ("eager", "compiled", "PyTorch")


def call_of(T, make: Callable, compiled: bool = False) -> Callable:
    """One measured call: the result, and the gradients for one that differs from element to element."""
    T.manual_seed(0)
    function, tensors = make(T)
    slope = _numbers(T, tuple(function().shape), 9)

    def step(slope):
        result = function()
        return (result.detach(), *T.autograd.grad(result, tensors, [slope]))

    if compiled:
        step = T.compile(step, fullgraph=True)
    return lambda: step(slope)


def main(arguments: list[str]) -> None:
    """Measure the cases whose names begin with one of the names given, or all."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequence")
    parser.add_argument("names", nargs="*", metavar="NAME", help="how names of cases begin [all]")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each side in each round [0.1]")
    parser.add_argument("--threads", type=int, default=taper.get_num_threads(), help="of each side")
    options = parser.parse_args(arguments)
    taper.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    print(f"| | {' | '.join(SIDES)} | eager, times as fast | compiled, times as fast |\n|---|{'---|' * 5}", flush=True)
    for name, make in CASES.items():
        if options.names and not name.lower().startswith(tuple(map(str.lower, options.names))):
            continue
        sides = {"eager": call_of(taper, make), "compiled": call_of(taper, make, True), "PyTorch": call_of(torch, make)}
        wanted = [r.numpy() for r in sides["PyTorch"]()]
        for side, call in sides.items():
            for found, expected in zip(call(), wanted):
                error = np.abs(found.numpy() - expected).max()
                assert error <= 1e-4 * max(1, np.abs(expected).max()), f"{name}: {side} differs from PyTorch"
        rounds = alternate(sides, options.rounds, options.seconds)
        ratios = [statistics.median(t / own for own, t in zip(rounds[side], rounds["PyTorch"])) for side in SIDES[:2]]
        cells = [name, *(seconds_as_text(statistics.median(rounds[s])) for s in SIDES), *(f"{r:.2f}" for r in ratios)]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
