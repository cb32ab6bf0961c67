"""What goes wrong between processes.

RuntimeError
  DistError            anything that goes wrong between processes
    DistBackendError   a collective failed: a process died, hangs, has left, or called another one
    DistNetworkError   processes did not find each other
    DistStoreError     a store failed
"""

from __future__ import annotations


class DistError(RuntimeError):
    """Something went wrong between processes."""


class DistBackendError(DistError):
    """A collective failed; the message names the processes that did not take part, and where they are."""


class DistNetworkError(DistError):
    """Processes did not find each other."""


class DistStoreError(DistError):
    """A store failed."""
