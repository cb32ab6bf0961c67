"""`taper bench`: how fast this machine trains and runs known networks, eagerly and compiled, and how near to its peak."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from .. import compile, manual_seed, nn, no_grad, optim, rand, randint
from ..tensor.threads import get_num_threads
from ..vision import models as vision
from . import models
from .errors import UserError

WIDTH = 20
"""Characters of a bar that stands for the whole peak."""


@dataclass(frozen=True)
class Case:
    """A network on random images, (batch, channels, height, width): a training step, or inference."""

    network: Callable[[], nn.Module]
    images: tuple[int, int, int, int]
    trains: bool = False


CASES = {
    "lenet training, 256": Case(lambda: vision.lenet(), (256, 1, 28, 28), trains=True),
    "lenet inference, 1": Case(lambda: vision.lenet(), (1, 1, 28, 28)),
    "resnet18 (32 x 32) training, 32": Case(
        lambda: models.build("resnet18", 3, (32, 32), 10, 0.0), (32, 3, 32, 32), True
    ),
    "resnet50 inference, 1": Case(lambda: vision.resnet50(), (1, 3, 224, 224)),
    "resnet50 inference, 16": Case(lambda: vision.resnet50(), (16, 3, 224, 224)),
    "vgg16 inference, 4": Case(lambda: vision.vgg16(), (4, 3, 224, 224)),
    "mobilenet_v2 inference, 1": Case(lambda: vision.mobilenet_v2(), (1, 3, 224, 224)),
}


@dataclass(frozen=True)
class Measured:
    """Seconds of a call, eager and compiled, and of the first compiled one; operations of a call; the machine's peak."""

    eager: float
    compiled: float
    first: float
    flops: int
    peak: float

    @property
    def rate(self) -> float:
        """Operations a second of the compiled program."""
        return self.flops / self.compiled

    @property
    def share(self) -> float:
        """Of the machine's peak; more than 1 where an algorithm needs fewer operations than are counted."""
        return self.rate / self.peak


def call_of(case: Case) -> Callable:
    """What is measured, as a function without arguments."""
    manual_seed(0)
    model = case.network()
    x = rand(*case.images)
    if not case.trains:
        model.eval()

        def infer():
            with no_grad():
                return model(x)

        return infer
    y = randint(0, 10, case.images[:1])
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion = nn.CrossEntropyLoss()

    def step():
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def measure(case: Case, seconds: float) -> Measured:
    """Time both engines in turns, for about so many seconds each."""
    from ..compiler.describe import flops
    from ..native.roofline import roofline

    eager, step = call_of(case), compile(call_of(case), fullgraph=True)
    eager()
    started = time.perf_counter()
    while not step.compilations:
        step()
    first = time.perf_counter() - started
    rounds = {call: [] for call in (eager, step)}
    spent = 0.0
    while spent < 2 * seconds or len(rounds[step]) < 3:
        for call, times in rounds.items():
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
            spent += times[-1]
    work = sum(flops(k) for k in step.steps[0].program.kernels)
    threads = get_num_threads()
    peak = roofline(threads).float32[int(threads > 1)]
    return Measured(statistics.median(rounds[eager]), statistics.median(rounds[step]), first, work, peak)


def measured(names: tuple[str, ...], seconds: float) -> Iterator[tuple[str, Measured]]:
    """The cases whose names begin with one of `names`, or all. UserError if there is none."""
    wanted = {name: case for name, case in CASES.items() if not names or name.startswith(tuple(map(str.lower, names)))}
    if not wanted:
        raise UserError(f"no network is called {' or '.join(names)}. There are: {'; '.join(CASES)}.")
    for name, case in wanted.items():
        yield name, measure(case, seconds)


def bar(share: float) -> str:
    """A share as a bar in eighths of a character, full at 1."""
    eighths = round(min(share, 1.0) * WIDTH * 8)
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8]).strip().ljust(WIDTH, "·")


def milliseconds(seconds: float) -> str:
    """Three digits."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


@click.command(short_help="Time known networks, eager and compiled, against the machine's peak.")
@click.argument("names", nargs=-1)
@click.option("--seconds", type=click.FloatRange(0.01, 600), default=2.0, show_default=True, help="For each engine.")
def bench(names: tuple[str, ...], seconds: float) -> None:
    """Time training steps and inference of known networks on random images, eagerly and as compiled programs.

    The bar shows the compiled program's share of the peak of the machine's arithmetic in float32, which is measured, too.
    NAMES are the networks, or how their names begin; without them all are timed.
    """
    from ..compiler.engine import native_available

    if not native_available():
        raise UserError("taper bench compiles programs, which needs llvmlite. Run: pip install llvmlite")
    threads = get_num_threads()
    click.echo(f"float32, {threads} thread{'' if threads == 1 else 's'}")
    click.echo(f"{'':<32} {'eager':>9} {'compiled':>9} {'first call':>10} {'GFLOP/s':>8}  share of the peak")
    for name, found in measured(names, seconds):
        times = [milliseconds(t) for t in (found.eager, found.compiled, found.first)]
        numbers = f"{times[0]:>9} {times[1]:>9} {times[2]:>10} {found.rate / 1e9:>8.0f}"
        click.echo(f"{name:<32} {numbers}  {bar(found.share)} {found.share:.0%}")
