"""Compiled steps against PyTorch's eager engine: `python -m benchmarks.compiled [OPTIONS] [NAME ...]`.

All sides run in one process, in turns. Before that, the results of their first calls, from the same seed, must agree.
The first call is timed in processes of its own: with an empty cache of machine code, then with what that left.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import taper

from .compare import alternate, seconds_as_text
from .steps import CASES, Case

WARM = 0.3
"""Seconds that a first call may take when its machine code is in the cache."""


@dataclass
class Measured:
    """Seconds of a call on each side, round by round, and of the first calls."""

    case: Case
    rounds: dict[str, list[float]] = field(default_factory=dict)
    cold: float | None = None
    warm: float | None = None

    def median(self, side: str) -> float | None:
        """The median seconds of a side, if it was measured."""
        return statistics.median(self.rounds[side]) if side in self.rounds else None

    @property
    def ratios(self) -> list[float]:
        """In each round, how many times as fast as PyTorch Taper was."""
        return [theirs / ours for ours, theirs in zip(self.rounds["Taper"], self.rounds["PyTorch"])]

    @property
    def met(self) -> bool:
        """Whether all targets were met, that of being ahead of JAX included where it was measured."""
        jax = self.median("JAX")
        return (
            statistics.median(self.ratios) >= self.case.target
            and (jax is None or self.median("Taper") < jax)
            and (self.cold is None or self.case.cold is None or self.cold < self.case.cold)
            and (self.warm is None or self.case.cold is None or self.warm < WARM)
        )


SIDES = ("Taper", "PyTorch", "torch.compile", "JAX")
HEADER = (
    f"| | {' | '.join(SIDES)} | times as fast | spread | target | first call, cold | warm | met |\n|---|{'---|' * 10}"
)


def row(name: str, found: Measured) -> str:
    """A line of the table."""
    quartiles = statistics.quantiles(found.ratios, n=4)
    middle = statistics.median(found.ratios)
    cells = [name, *("" if (t := found.median(s)) is None else seconds_as_text(t) for s in SIDES)]
    cells += [f"{middle:.2f}", f"{(quartiles[2] - quartiles[0]) / 2 / middle:.0%}", f"{found.case.target:g}"]
    cells += ["" if t is None else seconds_as_text(t) for t in (found.cold, found.warm)]
    return f"| {' | '.join(cells)} | {'yes' if found.met else 'no'} |"


def compiled(case: Case) -> tuple[Callable[[], object], Callable]:
    """Taper's side: a call of the compiled step, and the compiled function."""
    problem = case.make(taper)
    step = taper.compile(problem.step, fullgraph=True)
    return lambda: step(*problem.args), step


def sides(name: str, case: Case, torch_compile: bool, jax: bool) -> dict[str, Callable[[], object]]:
    """The sides that are wanted, after their first results were found equal."""
    import torch

    made: dict[str, Callable[[], object]] = {"Taper": compiled(case)[0]}
    plain = case.make(torch)
    if jax:
        from .jax_side import STEPS

        made["JAX"] = STEPS[name](plain.args, plain.parameters)
    made["PyTorch"] = lambda: plain.step(*plain.args)
    if torch_compile:
        other = case.make(torch)
        quick = torch.compile(other.step)
        made["torch.compile"] = lambda: quick(*other.args)
    first = {side: [_values(call()) for _ in range(5)] for side, call in made.items()}
    for side, values in first.items():
        np.testing.assert_allclose(values, first["PyTorch"], rtol=1e-4, atol=1e-5, err_msg=f"{name}: {side}")
    return made


def _values(result) -> np.ndarray:
    return np.asarray(result.detach().numpy() if hasattr(result, "detach") else result).copy()


def first_call(name: str) -> float:
    """Seconds until a step's first program has been made and has run. An optimizer's first step makes its state."""
    call, step = compiled(CASES[name])
    started = time.perf_counter()
    while not step.compilations:
        call()
    return time.perf_counter() - started


def first_calls(name: str) -> tuple[float, float]:
    """Seconds of the first call in new processes: without cached code, and with it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", __spec__.name, "--first-call", name]
        environment = os.environ | {"TAPER_CACHE_DIR": folder}
        runs = [
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            for _ in range(2)
        ]
    return float(runs[0]), float(runs[1])


def main(arguments: list[str]) -> int:
    """Measure the cases whose names contain one of the names given, or all. Status 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiled")
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of the names of cases [all]")
    parser.add_argument("--torch-compile", action="store_true", help="torch.compile too (it needs a C++ compiler)")
    parser.add_argument("--jax", action="store_true", help="JAX under jit too")
    parser.add_argument("--no-first-call", action="store_true", help="do not time first calls")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each side in each round [0.2]")
    parser.add_argument("--first-call", metavar="CASE", help="print the seconds of one case's first call, and stop")
    options = parser.parse_args(arguments)
    if options.first_call:
        print(first_call(options.first_call))
        return 0
    print(HEADER, flush=True)
    missed = 0
    for name, case in CASES.items():
        if options.names and not any(n.lower() in name.lower() for n in options.names):
            continue
        found = Measured(case)
        if not options.no_first_call:
            found.cold, found.warm = first_calls(name)
        made = sides(name, case, options.torch_compile, options.jax)
        found.rounds = alternate(made, options.rounds, options.seconds)
        missed += not found.met
        print(row(name, found), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
