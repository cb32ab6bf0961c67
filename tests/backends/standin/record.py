"""Print the public names and signatures of an installed CuPy: how `cupy.txt` beside this file was made.

    python tests/backends/standin/record.py > tests/backends/standin/cupy.txt

No GPU is needed: CuPy imports without a driver.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types

ROOMS = (
    "cupy",
    "cupy.linalg",
    "cupy.fft",
    "cupy.random",
    "cupy.lib.stride_tricks",
    "cupy.cuda",
    "cupy.cuda.runtime",
    "cupyx",
    "cupyx.scipy.special",
)
CLASSES = (
    "cupy.ndarray",
    "cupy.ufunc",
    "cupy._core.flags.Flags",
    "cupy.random.Generator",
    "cupy.cuda.Device",
    "cupy.cuda.Stream",
    "cupy.cuda.ExternalStream",
    "cupy.cuda.Event",
    "cupy.cuda.Graph",
    "cupy.cuda.MemoryPool",
    "cupy.cuda.MemoryPointer",
    "cupy.cuda.PinnedMemoryPool",
    "cupy.cuda.PinnedMemoryPointer",
)


def signature(value) -> str:
    """A callable's parameters, of compiled ones as their documentation's first line has them; "" where none are told."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        line = (value.__doc__ or "").strip().split("\n")[0]
        match = re.match(r"\w+(?:\.\w+)*\((.*?)\)(?: ->.*)?$", line)
        if not match:
            return ""
        parts = [re.sub(r"^(?:_?\w+ )+(?=\w)", "", part.strip()) for part in match[1].split(",")]
        return "(" + ", ".join(part for part in parts if part) + ")"
    plain = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    text = str(found.replace(parameters=plain, return_annotation=found.empty))
    return re.sub(r"<class '(?:numpy\.)?(\w+)'>", r"\1", re.sub(r"<no value>|<[^>]*object[^>]*>", "None", text))


def lines(path: str, value):
    for name in sorted(n for n in dir(value) if not n.startswith("_") or re.fullmatch(r"__\w+__", n)):
        if name.startswith("__") and not isinstance(value, type):
            continue
        found = getattr(value, name)
        if isinstance(found, types.ModuleType):
            continue
        kind = type(found).__name__
        if kind == "ufunc":
            yield f"{path}.{name} ufunc {found.nin} {found.nout}"
        elif isinstance(found, type):
            yield f"{path}.{name} class"
        elif callable(found):
            yield f"{path}.{name} function {'' if name.startswith('__') else signature(found)}".rstrip()
        elif kind in ("getset_descriptor", "property", "member_descriptor"):
            yield f"{path}.{name} attribute"
        else:
            yield f"{path}.{name} value"


def main() -> None:
    import cupy

    print(f"# Public names of CuPy {cupy.__version__}, and what they take. Made by record.py.")
    for room in ROOMS:
        for line in lines(room, importlib.import_module(room)):
            print(line)
    for path in CLASSES:
        module, _, name = path.rpartition(".")
        for line in lines(path, getattr(importlib.import_module(module), name)):
            if not line.split()[0].endswith((".__init_subclass__", ".__subclasshook__", ".__dir__", ".__class__")):
                print(line)


if __name__ == "__main__":
    main()
