"""`taper info`: versions, processor, threads, devices."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from importlib.util import find_spec

import click

from .. import __version__
from ..tensor.threads import get_num_threads

PACKAGES = ("numpy", "llvmlite", "ml_dtypes", "click", "rich", "pillow", "matplotlib", "scikit-learn", "cupy", "mpi4py")
FEATURES = ("SSE42", "AVX", "F16C", "FMA3", "AVX2", "AVX512F", "AVX512_SKX", "AVX512_SPR", "NEON", "ASIMD", "SVE")


def processor_features() -> list[str]:
    """The vector instruction sets that NumPy finds on this processor."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as found
    except ImportError:
        return []
    return [name for name in FEATURES if found.get(name)]


def processor_name() -> str:
    """The processor's name, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def native() -> list[tuple[str, str]]:
    """What machine code is made for, and where it is kept."""
    if find_spec("llvmlite") is None:
        return [("native", "no: llvmlite is not installed")]
    from ..native import cache, team
    from ..native.machine import host

    machine = host()
    vectors = f"{machine.vector_bits}-bit vectors"
    threads = team.threads()
    found = [("native", f"{machine.cpu}, {vectors}, {threads} thread{'' if threads == 1 else 's'}")]
    where = cache.folder()
    if where is None:
        return [*found, ("code cache", "none: no folder can be written; set TAPER_CACHE_DIR")]
    sizes = [f.stat().st_size for f in where.iterdir() if f.is_file()]
    return [*found, ("code cache", f"{where}, {sum(sizes) / 1e6:.1f} MB in {len(sizes)} files")]


@click.command()
def info() -> None:
    """Print versions, the processor's features, threads, the code cache and devices."""
    lines = [("taper", __version__), ("python", f"{platform.python_version()} on {platform.platform()}")]
    lines += [(name, _version(name)) for name in PACKAGES]
    lines.append(("processor", f"{processor_name()} ({', '.join(processor_features()) or 'features unknown'})"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines.append(("threads", f"{get_num_threads()} of {cores} cores"))
    lines += native()
    lines.append(("devices", "cpu"))
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:<{width}}  {value}")
