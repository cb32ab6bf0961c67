"""What a report of a problem should say of the machine and of what is installed. `taper info` prints more."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from ..tensor import get_num_threads
from ..version import __version__

_PACKAGES = ("numpy", "llvmlite", "ml_dtypes", "pillow", "mpi4py")


def _lines() -> list[tuple[str, str]]:
    found = [
        ("Taper version", __version__),
        ("Is debug build", "False"),
        ("CUDA available", "False"),
        ("OS", platform.platform()),
        ("Python version", platform.python_version()),
        ("CPU", f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"),
        ("Threads", str(get_num_threads())),
    ]
    for name in _PACKAGES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    return found


def get_pretty_env_info() -> str:
    """The versions of Taper, Python and libraries, the system and the processor, as lines of text."""
    return "\n".join(f"{name}: {value}" for name, value in _lines())


def main() -> None:
    """Print them."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
