"""`torch.utils.data.graph_settings`, which is not part of Taper: its names say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Taper has no data pipes: give DataLoader shuffle=True, or a sampler."

__getattr__ = room(
    __name__, _INSTEAD, ("apply_random_seed", "apply_sharding", "apply_shuffle_seed", "apply_shuffle_settings")
)
