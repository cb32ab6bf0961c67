"""Import time and installed size: `python -m benchmarks.startup`, or `... startup FOLDER` for a virtual environment's size.

Bytecode is cached, as pip leaves it after an installation: the first import of a source tree takes longer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path


def import_seconds(module: str, rounds: int = 11) -> float:
    """The median time to import a module in a new interpreter."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    runs = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
            ).stdout
        )
        for _ in range(rounds)
    ]
    return statistics.median(runs)


def main(arguments: list[str]) -> None:
    """Print import times in turns, and the size of a folder if one is named."""
    for module in ("numpy", "taper", "torch"):
        print(f"import {module}: {import_seconds(module):.3f} s")
    for folder in arguments:
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file() and not f.is_symlink())
        print(f"{folder}: {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
