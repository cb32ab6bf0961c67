"""One of several processes: what MPI's launcher runs in the place of the program.

    python -I rank.py NAME=VALUE ... -- command argument ...

It runs the command with torchrun's variables, and stays when the command dies: the launcher would end all others at once,
before they could say who is missing. It imports nothing of Taper's, so that it costs little.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

GRACE = 2.0
"""Seconds that the others have to report what happened, before the launcher ends them."""
FOLDER = "TAPER_LAUNCH_FOLDER"
"""Where the processes of a machine note that their command has ended: then nobody has to wait for them."""

VARIABLES = {
    "RANK": ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK"),
    "WORLD_SIZE": ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE"),
    "LOCAL_RANK": ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK"),
    "LOCAL_WORLD_SIZE": ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE"),
}


def environment(given: list[str]) -> dict[str, str]:
    """The command's environment: this one, torchrun's names for what the launcher of MPI set, and what was given."""
    made = dict(os.environ)
    for name, theirs in VARIABLES.items():
        for candidate in theirs:
            if candidate in os.environ:
                made[name] = os.environ[candidate]
                break
    made.update(pair.split("=", 1) for pair in given)
    made.setdefault("GROUP_RANK", str(int(made["RANK"]) // max(1, int(made["LOCAL_WORLD_SIZE"]))))
    # All processes of a machine share its cores.
    made.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(made["LOCAL_WORLD_SIZE"]))))
    return made


def die_with_parent(by: int = signal.SIGKILL) -> None:
    """Ask Linux to end this process when the one that started it ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, by)


def _note(variables: dict[str, str]) -> None:
    folder = variables.get(FOLDER, "")
    if os.path.isdir(folder):
        open(os.path.join(folder, variables["RANK"]), "w").close()


def _all_ended(variables: dict[str, str]) -> bool:
    """Whether the commands of all processes have ended, as far as this machine knows."""
    folder = variables.get(FOLDER, "")
    return os.path.isdir(folder) and len(os.listdir(folder)) == int(variables["WORLD_SIZE"])


def main(arguments: list[str]) -> int:
    """Run the command; its exit status, or 128 + the signal that ended it."""
    at = arguments.index("--")
    variables = environment(arguments[:at])
    die_with_parent()
    # MPI's descriptors pass through.
    child = subprocess.Popen(arguments[at + 1 :], env=variables, close_fds=False, preexec_fn=die_with_parent)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda received, _: child.poll() is None and child.send_signal(received))
    status = child.wait()
    _note(variables)
    if status == 0:
        return 0
    if status < 0:
        name = signal.Signals(-status).name
        where = f"process {child.pid} on {socket.gethostname()}"
        print(
            f"[rank {variables['RANK']}] {where} was ended by signal {-status} ({name}).", file=sys.stderr, flush=True
        )
    until = time.monotonic() + GRACE
    while time.monotonic() < until and not _all_ended(variables):
        time.sleep(0.02)
    return status if status > 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
