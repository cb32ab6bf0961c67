"""The checkpoints of a run: written beside each other while the program computes, the newest that is whole is read."""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
from .checkpoint import Snapshot, load

_NAME = re.compile(r"step-(\d{12})\.pt")


_NICE = 10
"""How much the thread that writes gives way, of 19."""


class Checkpoints:
    """The checkpoints in a folder, `step-000000000042.pt`, of which the last `keep` stay.

    Each is written under another name, synced, and renamed: at every moment the folder holds the former ones whole. With
    background, `save` copies the tensors and returns; a thread writes the file. Of several processes that hold the same,
    one writes. The folder is made if it is not there.
    """

    def __init__(self, folder: str | os.PathLike, keep: int = 2, background: bool = True):
        if keep < 1:
            raise ValueError(f"Checkpoints keeps at least one: keep must be 1 or more, not {keep}")
        self.folder, self.keep, self.background = Path(folder), keep, background
        self.folder.mkdir(parents=True, exist_ok=True)
        self._memory: dict[str, np.ndarray] | None = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def steps(self) -> list[int]:
        """The steps of the checkpoints that are there, oldest first."""
        found = (_NAME.fullmatch(p.name) for p in self.folder.iterdir())
        return sorted(int(m.group(1)) for m in found if m)

    def path(self, step: int) -> Path:
        """The file of a step."""
        return self.folder / f"step-{step:012d}.pt"

    def save(self, content: object, step: int) -> None:
        """Keep the state after a step, and forget those before the last `keep`.

        Waits for the former one to be written. Raises what went wrong with that: OSError for a full disk or a folder
        that cannot be written to, which leaves the former checkpoints as they were.
        """
        self.wait()
        snapshot = Snapshot(content, self._memory)
        self._memory = snapshot.memory
        if not self.background:
            self._write(snapshot, step)
            self.wait()
            return
        self._thread = threading.Thread(target=self._write_aside, args=(snapshot, step), name="taper-checkpoint")
        self._thread.start()

    def _write_aside(self, snapshot: Snapshot, step: int) -> None:
        if sys.platform == "linux":
            # Linux has a priority for each thread: what trains goes first where cores are scarce.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        self._write(snapshot, step)

    def _write(self, snapshot: Snapshot, step: int) -> None:
        try:
            snapshot.write(self.path(step))
            for old in self.steps()[: -self.keep]:
                self.path(old).unlink(missing_ok=True)
        except (OSError, RuntimeError, MemoryError) as error:
            self._error = error

    def wait(self) -> None:
        """Wait until all is written. Raises what went wrong."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def latest(self) -> tuple[int, Any] | None:
        """(step, state) of the newest checkpoint that can be read, or None if there is none.

        One that is damaged is passed over, with a warning that says what is wrong with it. CheckpointError if all are.
        """
        self._remove_drafts()
        problems = []
        for step in reversed(self.steps()):
            try:
                return step, load(self.path(step))
            except (CheckpointError, OSError) as error:
                problems.append(str(error))
                warnings.warn(f"checkpoint passed over, an older one is used: {error}", stacklevel=2)
        if problems:
            raise CheckpointError(f"no checkpoint in '{self.folder}' can be read: {'; '.join(problems)}")
        return None

    def _remove_drafts(self) -> None:
        """Remove what processes that were killed were writing."""
        for draft in self.folder.glob(".step-*.pt.*.tmp"):
            with suppress(OSError):
                draft.unlink()
