"""What CuPy and cuDNN's front end have: `cupy.txt` and `cudnn.txt`, read."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Name(NamedTuple):
    """One public name: its kind (function, ufunc, class, attribute, value) and, of a function, its signature."""

    kind: str
    signature: inspect.Signature | None = None


@cache
def names() -> dict[str, Name]:
    """Every recorded name by its dotted path."""
    found = {}
    for line in [
        line for file in ("cupy.txt", "cudnn.txt") for line in (Path(__file__).parent / file).read_text().splitlines()
    ]:
        if line.startswith("#"):
            continue
        path, kind, *rest = line.split(" ", 2)
        found[path] = Name(kind, _signature(rest[0]) if kind == "function" and rest else None)
    return found


def _signature(text: str) -> inspect.Signature:
    """The signature that was written down; defaults that are names stand as strings."""
    text = re.sub(r"=(?!None|True|False|-?[\d.]|['\"])([\w.]+)", r"='\1'", text)
    scope: dict = {}
    exec(f"def f{text}: pass", scope)
    return inspect.signature(scope["f"])


def inside(path: str) -> dict[str, Name]:
    """The names directly in a module or class."""
    lead = path + "."
    return {p[len(lead) :]: n for p, n in names().items() if p.startswith(lead) and "." not in p[len(lead) :]}
