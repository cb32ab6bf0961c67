"""What this installation is: its version, and the accelerators it was built for (none)."""

from __future__ import annotations

from . import __version__ as __version__

debug = False
cuda = None
hip = None
rocm = None
xpu = None
git_version = "unknown"
