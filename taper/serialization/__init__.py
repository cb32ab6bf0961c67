"""Checkpoints: PyTorch's file format in both directions, read without executing code, written atomically; safetensors.

The package lies above `nn`: it knows tensors, parameters and modules, and nothing below imports it.
"""

from __future__ import annotations

from ..refusal import refused
from . import safetensors
from .checkpoint import load, save
from .location import default_restore_location, location_tag, normalize_storage_type
from .run import Checkpoints
from .safe_globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

__all__ = [
    "Checkpoints",
    "save",
    "load",
    "safetensors",
    "add_safe_globals",
    "default_restore_location",
    "location_tag",
    "normalize_storage_type",
    "clear_safe_globals",
    "get_safe_globals",
    "safe_globals",
]

skip_data = refused("serialization.skip_data", "Save the whole state, or the shapes alone as a dictionary of your own.")
