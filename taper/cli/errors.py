"""What went wrong, in one line."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in what was asked for: its message names the thing and the fix. Exit status 2, no traceback."""


class Interrupted(Exception):
    """Ctrl-C during a run that can be resumed. Exit status 130."""
