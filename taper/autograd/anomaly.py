"""Anomaly mode: nodes remember the forward call that made them, and backward stops at the first NaN."""

from __future__ import annotations

import warnings

from .nodes import anomaly_enabled, set_anomaly

is_anomaly_enabled = anomaly_enabled


class set_detect_anomaly:
    """Turn anomaly mode on or off, until the end of the `with` block if used as one."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self._before = set_anomaly(bool(mode))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> None:
        set_anomaly(self._before)


class detect_anomaly:
    """A `with` block in anomaly mode."""

    def __init__(self, check_nan: bool = True):
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            UserWarning,
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before = set_anomaly(True)

    def __exit__(self, *error) -> None:
        set_anomaly(self._before)
