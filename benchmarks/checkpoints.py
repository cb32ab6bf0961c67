"""What checkpoints in the background cost a training step: rounds of steps with and without, in turns.

python -m benchmarks.checkpoints [--every 10] [--width 1024] [--layers 4] [--batch 512] [--rounds 15] [--compiled]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

import taper as torch
from taper import nn
from taper.serialization import Checkpoints


def training(width: int, layers: int, batch: int, compiled: bool):
    """A step, and what a checkpoint of it holds."""
    torch.manual_seed(0)
    model = nn.Sequential(*[layer for _ in range(layers) for layer in (nn.Linear(width, width), nn.ReLU())])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = torch.randn(batch, width)

    def step():
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return torch.compile(step) if compiled else step, lambda: {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in (("every", 10), ("width", 1024), ("layers", 4), ("batch", 512), ("rounds", 15)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--compiled", action="store_true")
    given = parser.parse_args()
    step, content = training(given.width, given.layers, given.batch, given.compiled)
    with tempfile.TemporaryDirectory() as folder:
        kept = Checkpoints(folder)
        for _ in range(3):
            step()
        kept.save(content(), 0)
        ratios, plain, stalls, written = [], [], [], []
        for number in range(1, given.rounds + 1):
            seconds = []
            for saves in (False, True) if number % 2 else (True, False):
                started = time.perf_counter()
                if saves:
                    kept.save(content(), number)
                    stalls.append(time.perf_counter() - started)
                for _ in range(given.every):
                    step()
                seconds.append((saves, time.perf_counter() - started))
                kept.wait()
                if saves:
                    written.append(time.perf_counter() - started)
            took = dict(seconds)
            ratios.append(took[True] / took[False])
            plain.append(took[False] / given.every)
        size = kept.path(number).stat().st_size
    ratios.sort()
    low, high = ratios[len(ratios) // 10], ratios[-(len(ratios) // 10) - 1]
    print(
        f"a checkpoint of {size / 1e6:.1f} MB every {given.every} steps of {1e3 * statistics.median(plain):.1f} ms: "
        f"{statistics.median(ratios) - 1:+.1%} ({low - 1:+.1%} to {high - 1:+.1%}); save() holds the program for "
        f"{1e3 * statistics.median(stalls):.1f} ms; written within {1e3 * statistics.median(written):.0f} ms"
    )


if __name__ == "__main__":
    main()
