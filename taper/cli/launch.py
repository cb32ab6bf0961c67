"""`taper launch`: several processes of a script, started by MPI's launcher."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import click

from . import rank
from .errors import UserError

_HOSTS = re.compile(r"[A-Za-z0-9][^\s,:]*(:[1-9]\d*)?(,[A-Za-z0-9][^\s,:]*(:[1-9]\d*)?)*")


@click.command(
    short_help="Run several processes of a script that compute together.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "-n",
    "--nproc",
    "--nproc-per-node",
    "--nproc_per_node",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="The number of processes, over all hosts.",
)
@click.option("--hosts", default=None, metavar="A,B:4", help="The machines, with the processes on each after a colon.")
@click.option(
    "--max-restarts",
    "--max_restarts",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Start all processes again, this often, when one dies.",
)
@click.option(
    "--master-port",
    "--master_port",
    type=click.IntRange(0, 65535),
    default=0,
    help="What scripts find as MASTER_PORT.  [default: a free port]",
)
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def launch(
    nproc: int, hosts: str | None, max_restarts: int, master_port: int, script: str, arguments: tuple[str, ...]
) -> int:
    """Run N processes of the Python program SCRIPT, as `taper run` does each.

    They find RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT in their environment, as under
    torchrun, and become a group with `distributed.init_process_group()`. When one dies, the others say which, and all
    end; with --max-restarts all are started again, and find TORCHELASTIC_RESTART_COUNT: it is for the script to continue
    from its last checkpoint.
    """
    if hosts is not None and not _HOSTS.fullmatch(hosts):
        raise UserError(
            f"--hosts '{hosts}' names no machines. Write them as A,B:4, with the processes on each after a colon."
        )
    if not Path(script).exists():
        raise UserError(f"cannot launch '{script}': there is no such file. Check the path.")
    command = [sys.executable, "-m", "taper", "run", script, *arguments]
    return supervise(command, nproc, hosts, max_restarts, master_port)


def supervise(
    command: list[str], nproc: int, hosts: str | None = None, max_restarts: int = 0, master_port: int = 0
) -> int:
    """Run the processes, again after failures as often as is allowed; their exit status."""
    executable, flavour = launcher()
    for attempt in range(max_restarts + 1):
        variables = {
            "MASTER_ADDR": hosts.split(",")[0].partition(":")[0] if hosts else "127.0.0.1",
            "MASTER_PORT": str(master_port or _free_port()),
            "TORCHELASTIC_RUN_ID": os.environ.get("TORCHELASTIC_RUN_ID", uuid.uuid4().hex),
            "TORCHELASTIC_RESTART_COUNT": str(attempt),
            "TORCHELASTIC_MAX_RESTARTS": str(max_restarts),
        }
        with tempfile.TemporaryDirectory(prefix="taper-launch-") as folder:
            pairs = [f"{name}={value}" for name, value in (*variables.items(), (rank.FOLDER, folder))]
            one = [sys.executable, "-I", rank.__file__, *pairs, "--", *command]
            status = _run([executable, *placing(flavour, nproc, hosts), *one])
        if status in (0, 2, 130, 143) or attempt == max_restarts:
            return status
        click.echo(f"taper launch: exit status {status}; restart {attempt + 1} of {max_restarts}", err=True)
    return 1


def launcher() -> tuple[str, str]:
    """MPI's launcher and whose it is, "hydra" or "openmpi". UserError if there is none."""
    beside = str(Path(sys.executable).parent)
    for name in ("mpiexec", "mpirun"):
        found = shutil.which(name, path=beside) or shutil.which(name)
        if found:
            says = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
            return found, "openmpi" if "Open MPI" in says or "OpenRTE" in says else "hydra"
    raise UserError('there is no mpiexec here. `pip install "taper[mpi]"` brings one along.')


def placing(flavour: str, nproc: int, hosts: str | None) -> list[str]:
    """The launcher's options: how many processes, and where."""
    if flavour == "hydra":
        return ["-n", str(nproc), *(["-hosts", hosts] if hosts else [])]
    made = ["-n", str(nproc), "--oversubscribe", "--bind-to", "none", *(["--host", hosts] if hosts else [])]
    return [*made, "--allow-run-as-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else made


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _run(command: list[str]) -> int:
    """Run the launcher to its end, 130 after Ctrl-C; signals to this process are passed on to it."""
    child = subprocess.Popen(command, preexec_fn=_end_with_parent)
    received = []

    def pass_on(number: int, _) -> None:
        received.append(number)
        if child.poll() is None:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        return 128 + received[0]
    return status if status >= 0 else 128 - status


def _end_with_parent() -> None:
    rank.die_with_parent(signal.SIGTERM)
