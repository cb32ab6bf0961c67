"""`taper explain`: what the compiled functions of a script consist of, and what each part costs."""

from __future__ import annotations

from pathlib import Path

import click

from ..compat.script import run_script
from ..compiler.engine import native_available
from ..compiler.explain import explanations, listings, watching
from .errors import UserError


@click.command(
    short_help="Run a script and explain its compiled functions.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--device",
    metavar="ARCHITECTURE",
    help="Print instead the kernels and the PTX for GPUs of this architecture, such as sm_90; cuda is sm_90. None is needed.",
)
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def explain(device: str | None, script: str, arguments: tuple[str, ...]) -> int:
    """Run the Python program SCRIPT as `taper run` does, then print the kernels of every function that it compiled.

    For each kernel: what it computes, the lines that it comes from, operations, bytes, measured time and the share of
    what the machine allows. ARGUMENTS and the exit status are passed through.
    """
    if device is not None:
        device = _architecture(device)
    path = Path(script)
    if path.is_dir():
        path = path / "__main__.py"
    if not path.is_file():
        raise UserError(f"cannot run '{script}': there is no file {path}. Check the path.")
    with watching() as compiled:
        status = run_script(str(path), list(arguments))
    if not compiled:
        click.echo("taper explain: the script compiled nothing; wrap its step in taper.compile", err=True)
    for function in compiled:
        if device is not None:
            for text in listings(function, device):
                click.echo(f"\n{text}")
            continue
        for found in explanations(function):
            click.echo(f"\n{found}")
    return status


def _architecture(name: str) -> str:
    """The architecture meant by --device. UserError for one that is not known, or without llvmlite, which writes PTX."""
    if not native_available():
        raise UserError("--device: PTX is made by llvmlite, which is not installed. pip install llvmlite")
    from ..native.machine import gpu

    try:
        return gpu("sm_90" if name == "cuda" else name).cpu
    except ValueError as error:
        raise UserError(f"--device: {error}") from None
