"""The model of docs/scaling.md: seconds of a training step on many nodes. `python -m benchmarks.scaling_model` prints it."""

from __future__ import annotations

import math
from dataclasses import dataclass

NODES = (8, 16, 32, 64, 128, 256, 512, 1024)
LATENCY = 10e-6
"""Seconds that a message takes whatever its size."""
BANDWIDTH = 0.9 * 100e9 / 8
"""Bytes a second of a link of 100 Gbit/s."""
ADDING = 1 / 10e9
"""Seconds a byte of adding what came to what is there."""
BUCKET = 25 * 2**20


@dataclass(frozen=True)
class Workload:
    """One node's part of a step: floating-point operations of forward (backward has twice as many), and the node's speed."""

    name: str
    parameters: float
    width: int
    operations: float
    speed: float

    @property
    def forward(self) -> float:
        return self.operations / self.speed

    @property
    def size(self) -> float:
        """Bytes of the gradients, and of the parameters."""
        return self.parameters * self.width


WORKLOADS = (
    Workload("ResNet-50, 32 images, CPU", 25.6e6, 4, 32 * 8.2e9, 2e12),
    Workload("ResNet-50, 256 images, accelerator", 25.6e6, 4, 256 * 8.2e9, 200e12),
    Workload("1.3B, 2048 tokens, CPU", 1.3e9, 4, 2048 * 2 * 1.3e9, 2e12),
    Workload("1.3B, 16384 tokens, accelerator", 1.3e9, 2, 16384 * 2 * 1.3e9, 200e12),
)


def halving(
    size: float, n: int, latency: float = LATENCY, bandwidth: float = BANDWIDTH, adding: float = ADDING
) -> float:
    """An all-reduce of long vectors: reduce-scatter by halving, all-gather by doubling (Rabenseifner 2004)."""
    share = (n - 1) / n * size
    return 2 * math.ceil(math.log2(n)) * latency + 2 * share / bandwidth + share * adding


def ring(size: float, n: int, latency: float = LATENCY, bandwidth: float = BANDWIDTH, adding: float = ADDING) -> float:
    """The same around a ring: the same bytes, more messages."""
    share = (n - 1) / n * size
    return 2 * (n - 1) * latency + 2 * share / bandwidth + share * adding


def doubling(
    size: float, n: int, latency: float = LATENCY, bandwidth: float = BANDWIDTH, adding: float = ADDING
) -> float:
    """An all-reduce of short vectors along a tree: fewest messages, more bytes."""
    return math.ceil(math.log2(n)) * (latency + size / bandwidth + size * adding)


def all_gather(size: float, n: int) -> float:
    """Every node's share of `size` bytes, to all."""
    return math.ceil(math.log2(n)) * LATENCY + (n - 1) / n * size / BANDWIDTH


def exchange(size: float, n: int) -> tuple[float, float]:
    """The all-reduces of all buckets, and of the last."""
    one = halving(min(size, BUCKET), n)
    return size / min(size, BUCKET) * one, one


def step(work: Workload, n: int) -> float:
    """Seconds of a step: every bucket but the last travels while backward goes on."""
    travels, last = exchange(work.size, n)
    return work.forward + max(2 * work.forward, travels - last) + last


def sharded_step(work: Workload, n: int) -> float:
    """The same with ZeroRedundancyOptimizer: the parameters travel after the update, hidden by nothing."""
    return step(work, n) + all_gather(work.size, n)


def reduce_scatter(size: float, n: int) -> float:
    """The first half of an all-reduce by halving."""
    share = (n - 1) / n * size
    return math.ceil(math.log2(n)) * LATENCY + share / BANDWIDTH + share * ADDING


def fully_sharded_step(work: Workload, n: int, layers: int = 24) -> float:
    """The same with `fully_shard` of as many layers, each of which begins to travel when the one before computes.

    The parameters travel before forward and before backward, the gradients after it; the first and the last hide behind
    nothing.
    """
    gather, reduce = all_gather(work.size / layers, n), reduce_scatter(work.size / layers, n)
    forward = gather + max(work.forward, (layers - 1) * gather)
    return forward + max(2 * work.forward, (layers - 1) * (gather + reduce)) + reduce


def fully_sharded_memory(work: Workload, n: int, layers: int = 24) -> float:
    """Bytes a node of its rows of everything, and of two whole layers."""
    return (2 * work.size + 8 * work.parameters) / n + 2 * work.size / layers


def memory(work: Workload, n: int, sharded: bool) -> float:
    """Bytes a node of parameters, gradients and two float32 moments."""
    return 2 * work.size + 8 * work.parameters / (n if sharded else 1)


def table() -> list[str]:
    """The prediction, as lines of Markdown."""
    lines = [
        "| workload of a node | nodes | all-reduce | step | efficiency | sharded: step | efficiency | memory | sharded |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for work in WORKLOADS:
        for n in NODES:
            alone, plain, sharded = 3 * work.forward, step(work, n), sharded_step(work, n)
            times = f"{1e3 * exchange(work.size, n)[0]:.0f} ms | {1e3 * plain:.0f} ms | {alone / plain:.0%}"
            more = f"{1e3 * sharded:.0f} ms | {alone / sharded:.0%}"
            room = " | ".join(f"{memory(work, n, s) / 1e9:.2f} GB" for s in (False, True))
            lines.append(f"| {work.name} | {n} | {times} | {more} | {room} |")
    return lines


def fully_sharded_table() -> list[str]:
    """The prediction for `fully_shard`, as lines of Markdown."""
    lines = ["| workload of a node | nodes | step | efficiency | memory |", "|---|--:|--:|--:|--:|"]
    for work in WORKLOADS:
        for n in NODES:
            seconds = fully_sharded_step(work, n)
            efficiency, room = 3 * work.forward / seconds, fully_sharded_memory(work, n) / 1e9
            lines.append(f"| {work.name} | {n} | {1e3 * seconds:.0f} ms | {efficiency:.0%} | {room:.2f} GB |")
    return lines


if __name__ == "__main__":
    print("\n".join([*table(), "", *fully_sharded_table()]))
