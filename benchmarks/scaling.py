"""What several processes cost: measured on this machine, and the model of docs/scaling.md for others.

for n in 1 2 4; do taper launch -n $n benchmarks/scaling.py measure; done
taper run benchmarks/scaling.py predict
"""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import nullcontext

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def fastest(calls: list, rounds: int) -> list[float]:
    """The shortest time of each call, which all processes begin together, in turns: others use the machine too."""
    times = [math.inf] * len(calls)
    for _ in range(rounds):
        for number, call in enumerate(calls):
            dist.barrier()
            started = time.perf_counter()
            call()
            slowest = torch.tensor([time.perf_counter() - started], dtype=torch.float64)
            dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
            times[number] = min(times[number], slowest.item())
    return times


def measure() -> None:
    """Time all-reduces, a step of data parallelism, and checkpoints in the background."""
    dist.init_process_group("mpi")
    n, rank = dist.get_world_size(), dist.get_rank()
    say = print if rank == 0 else lambda *words: None
    sizes = (1 << 10, 1 << 16, 1 << 20, 1 << 22, 1 << 24)
    vectors = [torch.zeros(size // 4) for size in sizes]
    found = fastest([lambda v=v: dist.all_reduce(v) for v in vectors], 30)
    for size, took in zip(sizes, found):
        say(f"{n} ranks: all-reduce of {size} bytes: {1e6 * took:.0f} us")
    torch.manual_seed(0)
    model = nn.Sequential(*[layer for _ in range(4) for layer in (nn.Linear(1024, 1024), nn.ReLU())])
    x = torch.randn(512 // n, 1024)
    wrapped = DistributedDataParallel(model, bucket_cap_mb=4, gradient_as_bucket_view=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def one(exchanges: bool) -> None:
        optimizer.zero_grad()
        with nullcontext() if exchanges else wrapped.no_sync():
            wrapped(x).pow(2).mean().backward()
        optimizer.step()

    own, exchanged = fastest([lambda: one(False), lambda: one(True)], 40)
    say(f"{n} ranks: step of {len(x)} rows: {1e3 * exchanged:.1f} ms, without exchange {1e3 * own:.1f} ms")
    if n == 1:
        checkpoints(lambda: one(False), model, optimizer)
    dist.destroy_process_group()


def checkpoints(one, model, optimizer, every: int = 10, rounds: int = 20) -> None:
    """Steps with and without a checkpoint in the background, in turns; prints the ratio of the fastest rounds."""
    from taper.serialization import Checkpoints

    best, stopped = [math.inf, math.inf], math.inf
    with tempfile.TemporaryDirectory() as folder:
        kept = Checkpoints(folder)
        for count in range(rounds):
            for saves in (0, 1):
                started = time.perf_counter()
                if saves:
                    kept.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, count)
                    stopped = min(stopped, time.perf_counter() - started)
                for _ in range(every):
                    one()
                best[saves] = min(best[saves], time.perf_counter() - started)
            kept.wait()
    size = 2 * sum(p.numel() * 4 for p in model.parameters()) / 1e6
    print(
        f"a checkpoint of {size:.0f} MB every {every} steps: {best[1] / best[0] - 1:+.1%}; "
        f"the program stands still for {1e3 * stopped:.1f} ms of {1e3 * best[0]:.0f} ms"
    )


if __name__ == "__main__":
    measure()
