"""`taper run`: a PyTorch script, as it is, on Taper."""

from __future__ import annotations

from pathlib import Path

import click

from ..compat.script import run_script
from .errors import UserError


@click.command(
    short_help="Run a PyTorch script on Taper.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(script: str, arguments: tuple[str, ...]) -> int:
    """Run the Python program SCRIPT, which may say `import torch`, `import torchvision` and `from d2l import torch`.

    SCRIPT is a file, or a folder with a file __main__.py. ARGUMENTS and the exit status are passed through.
    """
    path = Path(script)
    if path.is_dir():
        path = path / "__main__.py"
    if not path.is_file():
        raise UserError(f"cannot run '{script}': there is no file {path}. Check the path.")
    return run_script(str(path), list(arguments))
