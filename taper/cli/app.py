"""The command `taper`: its commands, and how errors end."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from .. import __version__
from .errors import Interrupted, UserError

COMMANDS = {
    "run": "run",
    "launch": "launch",
    "check": "check",
    "train": "train",
    "predict": "predict",
    "eval": "evaluate",
    "bench": "bench",
    "explain": "explain",
    "info": "info",
}
"""For each command, the module and the function in it that have the same name."""


class _Commands(click.Group):
    """Commands whose modules are imported when they are asked for."""

    def list_commands(self, ctx) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx, cmd_name: str):
        name = COMMANDS.get(cmd_name)
        return None if name is None else getattr(import_module(f"{__package__}.{name}"), name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="taper")
def cli() -> None:
    """Run PyTorch programs on Taper; train image classifiers, look at what they learned, and use them."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0, 2 for a mistake of the user's (one line on stderr), 130 after Ctrl-C."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit status of the command line."""
    try:
        status = cli.main(args=arguments, prog_name="taper", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        if not error.message.strip() or "\n" in error.message:
            # A command without arguments: its help.
            click.echo(error.format_message(), err=True)
            return 2
        return _said(error.format_message())
    except UserError as error:
        return _said(str(error))
    except Interrupted as error:
        click.echo(str(error), err=True)
        return 130
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; say nothing more, at interpreter exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _said(message: str) -> int:
    click.echo("taper: " + " ".join(message.split()), err=True)
    return 2
