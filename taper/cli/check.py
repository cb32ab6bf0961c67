"""`taper check`: which of PyTorch's names programs use, and which of those Taper has."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..compat.check import Verdict, verdicts
from ..compat.programs import Found, read
from .errors import UserError


@click.command(short_help="Say which names of a PyTorch program Taper has.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--missing", "only_missing", is_flag=True, help="Leave out the names that are there.")
def check(paths: tuple[str, ...], as_json: bool, only_missing: bool) -> int:
    """Read the scripts, notebooks and folders PATH... without running them, and print which names of torch, torchvision
    and d2l they use and whether Taper has them. The exit status is 1 if one is missing or a file cannot be read."""
    try:
        found = read([Path(path) for path in paths])
    except FileNotFoundError as error:
        raise UserError(f"{error}. Check the path.") from None
    names = verdicts(found.uses)
    missing = [v for v in names if not v.here and not v.optional]
    if as_json:
        click.echo(json.dumps(_plain(found, names), indent=2))
    else:
        _print(found, [v for v in names if not v.here] if only_missing else names, len(names), len(missing))
    return 1 if missing or found.unreadable else 0


def _plain(found: Found, names: list[Verdict]) -> dict:
    return {
        "files": found.files,
        "names": [
            {
                "name": v.name,
                "here": v.here,
                "optional": v.optional,
                "instead": v.instead,
                "uses": [{"file": use.file, "line": use.line} for use in v.uses],
            }
            for v in names
        ],
        "missing": sum(not v.here and not v.optional for v in names),
        "unreadable": [{"file": file, "why": why} for file, why in found.unreadable],
    }


def _print(found: Found, shown: list[Verdict], used: int, missing: int) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        # A file has room for whole names.
        console.width = 160
    if shown:
        table = Table()
        for heading in ("name", "Taper", "uses", "first use", "instead"):
            table.add_column(heading, overflow="fold", min_width=len(heading))
        for v in shown:
            word = "yes" if v.here else "optional" if v.optional else "[red]missing[/]"
            first = f"{v.uses[0].file}:{v.uses[0].line}"
            table.add_row(v.name, word, str(len(v.uses)), escape(first), escape(v.instead or ""))
        console.print(table)
    for file, why in found.unreadable:
        console.print(f"[red]cannot be read:[/] {escape(file)} ({escape(why)})")
    files = "1 file" if len(found.files) == 1 else f"{len(found.files)} files"
    console.print(f"{files}, {used} names of PyTorch, {missing} missing")
