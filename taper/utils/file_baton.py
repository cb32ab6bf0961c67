"""`FileBaton`: a file by which processes agree who does something while the others wait."""

from __future__ import annotations

import os
import time
import warnings


class FileBaton:
    """The file at `lock_file_path`: the process that makes it holds the baton until `release`."""

    def __init__(self, lock_file_path: str, wait_seconds: float = 0.1, warn_after_seconds: float | None = None):
        self.lock_file_path, self.wait_seconds = lock_file_path, wait_seconds
        self.warn_after_seconds = warn_after_seconds
        self.fd: int | None = None

    def try_acquire(self) -> bool:
        """Whether the file could be made: only one process can until it is released."""
        try:
            self.fd = os.open(self.lock_file_path, os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return False
        return True

    def wait(self) -> None:
        """Wait until the file is gone."""
        start, warned = time.monotonic(), False
        while os.path.exists(self.lock_file_path):
            time.sleep(self.wait_seconds)
            late = self.warn_after_seconds is not None and time.monotonic() - start > self.warn_after_seconds
            if late and not warned:
                warned = True
                warnings.warn(
                    f"Waited on lock file '{self.lock_file_path}' for {self.warn_after_seconds} seconds. Delete it if the "
                    "process that made it is gone.",
                    stacklevel=2,
                )

    def release(self) -> None:
        """Remove the file."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        os.remove(self.lock_file_path)
