"""Scripts, notebooks and packages: finding them and reading which names they use."""

from __future__ import annotations

import json
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .uses import Reader, Use

SKIPPED = {"__pycache__", "site-packages", "node_modules"}
PREFIXES = ("%%time", "%%timeit", "%%capture")
"""First lines of a cell whose other lines are Python all the same."""


@dataclass
class Found:
    """What reading programs has found. unreadable: (file, why)."""

    files: list[str] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def files_of(path: Path) -> Iterator[Path]:
    """The Python files and notebooks that a path stands for; of a folder all that are in it, but for environments."""
    if not path.is_dir():
        yield path
        return
    for inner in sorted(path.iterdir()):
        if inner.is_dir():
            if inner.name not in SKIPPED and not inner.name.startswith(".") and not (inner / "pyvenv.cfg").exists():
                yield from files_of(inner)
        elif inner.suffix in (".py", ".ipynb"):
            yield inner


def read(paths: list[Path]) -> Found:
    """Read programs. FileNotFoundError for a path that is not there."""
    found = Found()
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no file or folder '{path}'")
        for file in files_of(path):
            found.files.append(str(file))
            reader = Reader(str(file))
            try:
                if file.suffix == ".ipynb":
                    _read_notebook(file, reader)
                else:
                    with tokenize.open(file) as text:
                        reader.read(text.read())
            except (SyntaxError, ValueError, KeyError, TypeError, OSError, RecursionError) as error:
                found.unreadable.append((str(file), _why(error)))
            found.uses += reader.uses
    return found


def _why(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def _read_notebook(file: Path, reader: Reader) -> None:
    """Read a notebook's cells; the line of a use counts through all of them."""
    line = 1
    for cell in json.loads(file.read_text("utf-8"))["cells"]:
        source = cell["source"]
        lines = (source if isinstance(source, str) else "".join(source)).splitlines()
        if cell["cell_type"] == "code" and lines:
            foreign = lines[0].startswith("%%") and not lines[0].startswith(PREFIXES)
            if not foreign:
                reader.read("\n".join(_python(text) for text in lines), line)
        line += len(lines)


def _python(line: str) -> str:
    """A cell's line, or `pass` in the place of a magic, a shell command or a question."""
    bare = line.lstrip()
    indent = line[: len(line) - len(bare)]
    return f"{indent}pass" if bare.startswith(("%", "!", "?")) or bare.rstrip().endswith("?") else line
