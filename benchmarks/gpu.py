"""Taper on a GPU: whether its operators are right there, and how its training steps compare with PyTorch's.

    python -m benchmarks.gpu [--no-check] [--torch-compile] [--rounds N] [names ...]

It needs a machine with an NVIDIA GPU, `pip install taper[cuda]`, and, for the comparison, PyTorch with CUDA. First the whole
operator table and the tests of devices and training run on the device (`pytest -m gpu tests/backends`), then each program is
timed, in turns with PyTorch where that is there, its first losses found equal before. A short table comes last. Without a GPU
it says so. It takes under eight minutes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import taper

from . import networks
from .compare import alternate, seconds_as_text

ROOT = Path(__file__).parent.parent
STEPS = 5
"""Steps between two waits for the device: a program waits for it as seldom as it can."""

CHECK_SECONDS = 240


def _classifier(T, model: Any, x: Any, classes: int, lower: bool = False) -> Callable[[], Any]:
    """One step of SGD with momentum on a classifier, in bfloat16 if asked."""
    model = model.to("cuda")
    y = T.randint(0, classes, (x.shape[0],)).to("cuda")
    x = x.to("cuda")
    optimizer = T.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step():
        optimizer.zero_grad()
        with T.autocast("cuda", dtype=T.bfloat16, enabled=lower):
            loss = T.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def mlp(T) -> Callable[[], Any]:
    """MLP 784-512-512-10, batch 512."""
    T.manual_seed(0)
    nn = T.nn
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return _classifier(T, model, T.rand(512, 784), 10)


def lenet(T) -> Callable[[], Any]:
    """LeNet, batch 256."""
    T.manual_seed(0)
    return _classifier(T, networks.lenet(T), T.rand(256, 1, 28, 28), 10)


def resnet18(T) -> Callable[[], Any]:
    """ResNet-18 (CIFAR), batch 256, bfloat16, channels-last."""
    T.manual_seed(0)
    model = networks.resnet18_cifar(T).to(memory_format=T.channels_last)
    return _classifier(T, model, T.rand(256, 3, 32, 32).to(memory_format=T.channels_last), 10, lower=True)


WIDTH, HEADS, BLOCKS, BATCH, TOKENS = 768, 12, 12, 8, 1024


def gpt(T) -> Callable[[], Any]:
    """12 GPT blocks of width 768, bfloat16, batch 8 x 1024, AdamW."""
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x):
            batch, tokens, width = x.shape
            parts = self.qkv(self.norm1(x)).split(width, 2)
            heads = [t.view(batch, tokens, HEADS, width // HEADS).transpose(1, 2) for t in parts]
            seen = F.scaled_dot_product_attention(*heads, is_causal=True)
            x = x + self.out(seen.transpose(1, 2).contiguous().view(batch, tokens, width))
            return x + self.narrow(F.gelu(self.wide(self.norm2(x))))

    T.manual_seed(0)
    model = nn.Sequential(*[Block() for _ in range(BLOCKS)]).to("cuda")
    x, y = T.randn(BATCH, TOKENS, WIDTH).to("cuda"), T.randn(BATCH, TOKENS, WIDTH).to("cuda")
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad()
        with T.autocast("cuda", dtype=T.bfloat16):
            loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def small(T) -> Callable[[], Any]:
    """One small operator with its node: what a call costs."""
    a = T.rand(8, 8).to("cuda").requires_grad_()
    return lambda: a * a


PROGRAMS = {"mlp": mlp, "lenet": lenet, "resnet18": resnet18, "gpt": gpt, "small": small}
# Times as fast as PyTorch eager and torch.compile that the program shall be.
TARGETS = {"mlp": (2, 1), "lenet": (3, 1.3), "resnet18": (1, 0.95), "gpt": (1, 0.9), "small": (0.67, None)}


def waiting(T, step: Callable[[], Any]) -> Callable[[], None]:
    """Several steps and the wait for the device."""

    def run():
        for _ in range(STEPS):
            step()
        T.cuda.synchronize()

    return run


def check() -> str:
    """Run the tests that need a device; what pytest says last."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "--tb=line", "tests/backends"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CHECK_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not finished after {CHECK_SECONDS} s"
    lines = found.stdout.strip().splitlines()
    if found.returncode:
        print("\n".join(line for line in lines if line.startswith(("FAILED", "ERROR", "E "))))
    return lines[-1] if lines else found.stderr.strip()


def torch_with_cuda() -> Any:
    """PyTorch if it is installed and finds the device, else None."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def times(name: str, torch: Any, compiled: bool, rounds: int) -> dict[str, float]:
    """Median seconds of one step on each side; the first losses are compared."""
    make = PROGRAMS[name]
    steps = {"Taper": make(taper)}
    if torch is not None:
        steps["PyTorch"] = make(torch)
        if compiled:
            steps["torch.compile"] = torch.compile(make(torch))
    if torch is not None and name != "small":
        ours, theirs = steps["Taper"]().item(), steps["PyTorch"]().item()
        if abs(ours - theirs) > 0.05 * max(1.0, abs(theirs)):
            raise SystemExit(f"{name}: the first losses are {ours} and {theirs}: nothing is measured")
    sides = {side: waiting(taper if side == "Taper" else torch, step) for side, step in steps.items()}
    return {side: statistics.median(t) / STEPS for side, t in alternate(sides, rounds, 0.3).items()}


def row(name: str, found: dict[str, float]) -> str:
    cells = [name, *(seconds_as_text(found[s]) if s in found else "" for s in ("Taper", "PyTorch", "torch.compile"))]
    for side, target in zip(("PyTorch", "torch.compile"), TARGETS[name]):
        if side in found:
            ratio = found[side] / found["Taper"]
            missed = target is not None and ratio < target
            cells.append(f"{ratio:.2f}" + (f" ({target}{', missed' if missed else ''})" if target else ""))
        else:
            cells.append("")
    return "| " + " | ".join(cells) + " |"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PROGRAMS)}; all by default")
    parser.add_argument("--no-check", action="store_true", help="time only")
    parser.add_argument("--torch-compile", action="store_true", help="PyTorch compiled as a side of its own")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(PROGRAMS):
        parser.error(f"no program is called {', '.join(sorted(unknown))}")
    if not taper.cuda.is_available():
        print("No GPU: taper.cuda.is_available() is False. Nothing is measured.")
        return 0
    began = time.perf_counter()
    torch = torch_with_cuda()
    facts = taper.cuda.get_device_properties()
    lines = [f"{facts.name}, compute capability {facts.major}.{facts.minor}; PyTorch {torch and torch.__version__}"]
    if not options.no_check:
        lines.append(f"operators, modules and devices: {check()}")
        print(lines[-1], flush=True)
    lines += ["", "| | Taper | PyTorch | torch.compile | times as fast (target) | than compiled (target) |"]
    lines.append("|---|---|---|---|---|---|")
    for name in options.names or PROGRAMS:
        print(f"{name} ...", flush=True)
        lines.append(row(name, times(name, torch, options.torch_compile, options.rounds)))
    lines.append(f"\n{time.perf_counter() - began:.0f} s in all")
    print("\n" + "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
