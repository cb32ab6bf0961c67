"""Whether results must not depend on the order in which a device happens to add."""

from __future__ import annotations

REQUIRED = [False]
"""What `taper.use_deterministic_algorithms` was told."""
