"""`taper explain`: what the compiled functions of a script consist of, and what each part costs."""

from __future__ import annotations

import runpy
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

import click

from ..compiler.explain import explanations, watching
from .errors import UserError


@click.command(
    short_help="Run a script and explain its compiled functions.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def explain(script: str, arguments: tuple[str, ...]) -> int:
    """Run the Python program SCRIPT, then print the kernels of every function that it gave to taper.compile.

    For each kernel: what it computes, the lines that it comes from, operations, bytes, measured time and the share of
    what the machine allows. ARGUMENTS and the exit status are passed through.
    """
    path = Path(script)
    if path.is_dir():
        path = path / "__main__.py"
    if not path.is_file():
        raise UserError(f"cannot run '{script}': there is no file {path}. Check the path.")
    with watching() as compiled:
        status = _run(path, list(arguments))
    if not compiled:
        click.echo("taper explain: the script compiled nothing; wrap its step in taper.compile", err=True)
    for function in compiled:
        for found in explanations(function):
            click.echo(f"\n{found}")
    return status


def _run(path: Path, arguments: list[str]) -> int:
    """Run a script as `python path arguments` does; its exit status, after printing the traceback of an error."""
    with _as_program(path, arguments):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            if end.code is None or isinstance(end.code, int):
                return end.code or 0
            click.echo(end.code, err=True)
            return 1
        except Exception:  # whatever the script does wrong is its own affair, and is printed
            traceback.print_exc()
            return 1
    return 0


@contextmanager
def _as_program(path: Path, arguments: list[str]):
    """sys.argv and sys.path as the script expects them."""
    before = sys.argv, list(sys.path)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before
