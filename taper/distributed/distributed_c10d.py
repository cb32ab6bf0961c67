"""The names of `taper.distributed` under the path where PyTorch defines them."""

from __future__ import annotations

from typing import Any

from . import groups as _groups
from .groups import GroupMember as GroupMember
from .groups import ProcessGroup as ProcessGroup
from .groups import is_xccl_available as is_xccl_available


def _get_default_group() -> Any:
    """The group of all processes. ValueError before `init_process_group`."""
    if not _groups.is_initialized():
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return GroupMember.WORLD


def _rank_not_in_group(group: Any) -> bool:
    """Whether this process is outside a group."""
    return group is not None and group == GroupMember.NON_GROUP_MEMBER


def __getattr__(name: str):
    from importlib import import_module

    return getattr(import_module(__package__ or ""), name)
