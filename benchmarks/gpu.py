"""Taper on a GPU: whether its operators are right there, and how its training steps compare with PyTorch's.

    python -m benchmarks.gpu [--no-check] [--torch-compile] [--rounds N] [--seconds S] [names ...]

It needs a machine with an NVIDIA GPU, `pip install taper[cuda,test]`, and, for the comparison, PyTorch with CUDA. First the
whole operator table, eager and compiled, and the tests of devices and training run on the device (`pytest -m gpu`), dealt out to
several processes. Then each program is timed, eager and compiled, in turns with PyTorch where that is there, its first losses
found equal before. What fails is told and left out: programs run in processes of their own, and what takes longer than its share
of the time is stopped. A short table comes last. Without a GPU it says so. It takes under eight minutes: checks that take less
than their share leave the rest to the programs.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import taper

from . import networks
from .compare import alternate, seconds_as_text

ROOT = Path(__file__).parent.parent
STEPS = 5
"""Steps between two waits for the device: a program waits for it as seldom as it can."""

SECONDS, CHECK_SECONDS, PROGRAM_SECONDS = 460, 230, 75
"""How long everything, all checks, and one program may take."""

LEAST = 20
"""Seconds without which a program is not begun."""

PROCESSES = min(12, os.cpu_count() or 1)

SHOWN = 40
"""Failures that are printed."""


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


def resnet18(T, form: str = "channels_last") -> Callable[[], Any]:
    """ResNet-18 (CIFAR), batch 256, bfloat16, channels-last."""
    T.manual_seed(0)
    model = networks.resnet18_cifar(T).to(memory_format=getattr(T, form))
    return _classifier(T, model, T.rand(256, 3, 32, 32).to(memory_format=getattr(T, form)), 10, lower=True)


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


SIDES = ("Taper", "Taper compiled", "PyTorch", "torch.compile")
# Steps are captured with parameters in C order; their arrays of half precision have channels last by themselves.
INSTEAD = {("resnet18", "Taper compiled"): functools.partial(resnet18, form="contiguous_format")}


def waiting(T, step: Callable[[], Any]) -> Callable[[], None]:
    """Several steps and the wait for the device."""

    def run():
        for _ in range(STEPS):
            step()
        T.cuda.synchronize()

    return run


# The tests that need a device.


class Time:
    """What is left of the seconds that a run may take."""

    def __init__(self, seconds: float):
        self.until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self.until - time.monotonic()

    def share(self, wanted: float, of: int) -> float:
        """The seconds for one of several things to do: those wanted, or an equal share of what is left."""
        return min(wanted, max(0.0, self.left) / of)


def check(seconds: float) -> str:
    """Run the tests that need a device, in several processes; how many did what. Failures are printed."""
    pytest = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "benchmarks.share", "--tb=short"]
    pytest += ["--timeout=60", "-m", "gpu and not slow", "tests/backends", "tests/compiler/test_cuda_device.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryDirectory() as room, contextlib.ExitStack() as stack:
        running, logs = [], [Path(room) / f"{i}.log" for i in range(PROCESSES)]
        for i, log in enumerate(logs):
            out = stack.enter_context(log.open("w"))
            command = [*pytest, "--share", f"{i}/{PROCESSES}"]
            running.append(subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=environment))
        until = time.monotonic() + seconds
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
        stopped = [process for process in running if process.poll() is None]
        for process in stopped:
            process.kill()
            process.wait()
        return _outcome([log.read_text(errors="replace") for log in logs], len(stopped), seconds)


def _outcome(logs: list[str], stopped: int, seconds: float) -> str:
    """What the logs say; failures are printed, each with its last line."""
    found: Counter[str] = Counter()
    failed = []
    for text in logs:
        for name, word in re.findall(r"^(\S.*?::.*?) (PASSED|FAILED|ERROR|SKIPPED)\b", text, re.MULTILINE):
            found[word.lower()] += 1
            if word in ("FAILED", "ERROR"):
                failed.append(name)
    reasons = dict(re.findall(r"^(?:FAILED|ERROR) (\S.*?::.*?) - (.*)$", "\n".join(logs), re.MULTILINE))
    for name in failed[:SHOWN]:
        print(f"  {name}: {reasons.get(name, '')}"[:300], flush=True)
    if len(failed) > SHOWN:
        print(f"  and {len(failed) - SHOWN} more")
    parts = [f"{n} {word}" for word, n in found.most_common()]
    missing = sum(int(n) for text in logs for n in re.findall(r"share of (\d+) tests", text)) - sum(found.values())
    broken = [text for text in logs if "share of" not in text]
    if broken:
        print(broken[0].strip()[-1500:], flush=True)
        parts.append(f"{len(broken)} processes without tests")
    parts += [f"{missing} not run"] if missing else []
    return ", ".join(parts) + (
        f"; {stopped} of {PROCESSES} processes were stopped after {seconds:.0f} s" if stopped else ""
    )


# Times.


def products() -> str:
    """cuBLASLt's version, and for which epilogues of bfloat16 and float32 it has no kernel."""
    from taper.backends.cuda import cublaslt, cublaslt_plans
    from taper.backends.cuda.cublaslt_products import EPILOGUES, Product

    found = cublaslt.library()
    if found is None:
        return "not found"
    sizes = 512, 1024, 256, False, True, 256, 256
    taper.zeros(1, device="cuda")
    lacks = [
        f"{epilogue} of {kind}"
        for kind in ("bfloat16", "float32")
        for epilogue in EPILOGUES
        if cublaslt_plans.plan(Product(*sizes, kind, kind, epilogue)) is None
    ]
    return f"{found.version}" + (f" without {', '.join(lacks)}" if lacks else "")


def products_apart() -> str:
    """`products` in a process of its own, whatever becomes of that."""
    command = [sys.executable, "-c", "from benchmarks.gpu import products; print(products())"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LEAST * 3)
    except subprocess.TimeoutExpired:
        return "did not answer"
    return (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]


def torch_with_cuda() -> Any:
    """PyTorch if it is installed and finds the device, else None."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


@contextlib.contextmanager
def blamed(side: str) -> Iterator[None]:
    """Say whose error it is that ends the process."""
    try:
        yield
    except BaseException:
        print(f"side {side}", file=sys.stderr, flush=True)
        raise


def times(name: str, sides: list[str], rounds: int) -> dict[str, Any]:
    """Median seconds of one step on each side, and the first loss of each."""
    steps, losses = {}, {}
    for side in sides:
        with blamed(side):
            T = taper if side.startswith("Taper") else torch_with_cuda()
            step = INSTEAD.get((name, side), PROGRAMS[name])(T)
            steps[side] = T, T.compile(step) if side in ("Taper compiled", "torch.compile") else step
            if name != "small":
                losses[side] = steps[side][1]().item()
            for _ in range(3):
                steps[side][1]()
            T.cuda.synchronize()
    found = alternate({side: waiting(*pair) for side, pair in steps.items()}, rounds, 0.3)
    return {"seconds": {side: statistics.median(t) / STEPS for side, t in found.items()}, "losses": losses}


def measured(name: str, sides: list[str], rounds: int, clock: Time, programs: int) -> dict[str, Any]:
    """`times` in a process of its own; again without a side that fails, which is told. programs: how many are to come,
    this one with them, which share what is left of the clock."""
    sides = list(sides)
    until = time.monotonic() + clock.share(PROGRAM_SECONDS * (3 if "torch.compile" in sides else 1), programs)
    while sides:
        limit = until - time.monotonic()
        if limit < LEAST:
            print(f"  {name}: no time is left for {', '.join(sides)}", flush=True)
            return {}
        command = [sys.executable, "-m", "benchmarks.gpu", "--sides", ",".join(sides), "--rounds", str(rounds), name]
        # Half of it, where a side may have to be left out in the other half.
        limit = limit / 2 if len(sides) > 1 and limit > 3 * LEAST else limit
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            print(f"  {name}: not finished after {limit:.0f} s with {', '.join(sides)}", flush=True)
            # The compiled side is the one whose first steps may take long.
            slow = [s for s in ("torch.compile", "Taper compiled") if s in sides]
            if not slow:
                return {}
            sides.remove(slow[0])
            continue
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        told = re.findall(r"^side (.*)$", done.stderr, re.MULTILINE)
        print(f"  {name}, {told[-1] if told else 'all sides'}:\n{done.stderr.strip()[-1500:]}", flush=True)
        if not told or told[-1] not in sides:
            return {}
        sides.remove(told[-1])
    return {}


def row(name: str, found: dict[str, Any]) -> str:
    """A line of the table: times, and how many times as fast as PyTorch the faster of our sides is."""
    seconds, losses = found.get("seconds", {}), found.get("losses", {})
    cells = [name, *(seconds_as_text(seconds[s]) if s in seconds else "" for s in SIDES)]
    ours = [seconds[s] for s in SIDES[:2] if s in seconds]
    for side, target in zip(SIDES[2:], TARGETS[name]):
        if side in seconds and ours:
            ratio = seconds[side] / min(ours)
            missed = target is not None and ratio < target
            cells.append(f"{ratio:.2f}" + (f" ({target}{', missed' if missed else ''})" if target else ""))
        else:
            cells.append("")
    reference = losses.get("PyTorch", losses.get("Taper"))
    wrong = [s for s, loss in losses.items() if not abs(loss - reference) <= 0.05 * max(1.0, abs(reference))]
    cells.append(f"first losses differ: {losses}" if wrong else "equal" if len(losses) > 1 else "")
    return "| " + " | ".join(cells) + " |"


HEADER = (
    f"| | {' | '.join(SIDES)} | times as fast as PyTorch (target) | as torch.compile (target) | first losses |\n"
    f"|{'---|' * 8}"
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PROGRAMS)}; all by default")
    parser.add_argument("--no-check", action="store_true", help="time only")
    parser.add_argument("--torch-compile", action="store_true", help="PyTorch compiled as a side of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long everything may take")
    parser.add_argument(
        "--sides", help="print the times of one program's sides as JSON; what the script calls itself with"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(PROGRAMS):
        parser.error(f"no program is called {', '.join(sorted(unknown))}")
    if not taper.cuda.is_available():
        print("No GPU: taper.cuda.is_available() is False. Nothing is measured.")
        return 0
    if options.sides:
        print(json.dumps(times(options.names[0], options.sides.split(","), options.rounds)))
        return 0
    began, clock = time.perf_counter(), Time(options.seconds)
    torch = torch_with_cuda()
    facts = taper.cuda.get_device_properties()
    lines = [
        f"{facts.name}, compute capability {facts.major}.{facts.minor}; cuDNN {taper.backends.cudnn.version()}; "
        f"cuBLASLt {products_apart()}; PyTorch {torch and torch.__version__}"
    ]
    print(lines[-1], flush=True)
    if not options.no_check:
        lines.append(f"operators, modules, devices, compiled steps: {check(clock.share(CHECK_SECONDS, 2))}")
        print(lines[-1], flush=True)
    sides = [s for s in SIDES if s.startswith("Taper") or (torch and (s == "PyTorch" or options.torch_compile))]
    lines += ["", HEADER]
    names = options.names or list(PROGRAMS)
    for i, name in enumerate(names):
        print(f"{name} ...", flush=True)
        of = [s for s in sides if "compile" not in s] if name == "small" else sides
        lines.append(row(name, measured(name, of, options.rounds, clock, len(names) - i)))
        print(lines[-1], flush=True)
    lines.append(f"\n{time.perf_counter() - began:.0f} s in all")
    print("\n" + "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
