"""Which of the names that programs use Taper has."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from ..refusal import Refused
from ..tensor import Tensor
from .instead import instead
from .names import members
from .rooms import TOPS, module_exists, taper_name
from .uses import Use

COMMON = frozenset(name for kind in (str, bytes, list, dict, set, tuple, int, float, object) for name in dir(kind)) | {
    "apply",
    "values",
    "indices",
    "name",
    "names",
    "layout",
    "module_load",
    "share_memory",
}
"""Attributes that objects of other kinds have as well."""


@dataclass(frozen=True)
class Verdict:
    """A name, where it is used, and whether Taper has it. optional: every use catches the error if it is not there."""

    name: str
    here: bool
    uses: tuple[Use, ...]
    optional: bool
    instead: str | None


def lacking(full: str) -> str | None:
    """The shortest part of a dotted name that Taper does not have, or leaves out; None if it has all of it."""
    parts = full.split(".")
    start = 2 if parts[:2] == ["d2l", "torch"] else 1
    ours = ".".join(parts[:start])
    thing = importlib.import_module(TOPS[ours]) if ours in TOPS else None
    for i in range(start, len(parts)):
        name = ".".join(parts[: i + 1])
        if not isinstance(thing, (ModuleType, type)):
            # What an object has is not known before the program runs.
            return None
        module = taper_name(name)
        if parts[i].startswith("__"):
            return None
        try:
            if hasattr(thing, parts[i]):
                thing = inspect.getattr_static(thing, parts[i]) if isinstance(thing, type) else getattr(thing, parts[i])
            elif isinstance(thing, ModuleType) and module is not None and module_exists(module):
                thing = importlib.import_module(module)
            else:
                return name
        except ImportError:
            # A module over an optional library that is not installed.
            return name
        if isinstance(thing, Refused):
            return name
    return None


def _members_lacking() -> set[str]:
    """Names that PyTorch's tensors have, Taper's have not, and hardly anything else has."""
    return {name for name in members("torch.Tensor") if not hasattr(Tensor, name)} - COMMON


def verdicts(uses: Iterable[Use]) -> list[Verdict]:
    """What Taper has of the names used: those that are missing first, then by name."""
    absent = _members_lacking()
    places: dict[str, list[Use]] = {}
    for use in uses:
        if not use.name.startswith("."):
            places.setdefault(use.name, []).append(use)
        elif use.name[1:] in absent:
            places.setdefault(f"torch.Tensor{use.name}", []).append(use)
    missing: dict[str, list[Use]] = {}
    here: dict[str, list[Use]] = {}
    for name, found in places.items():
        gap = lacking(name)
        (here if gap is None else missing).setdefault(gap or name, []).extend(found)
    made = []
    for group, has in ((missing, False), (here, True)):
        for name, found in sorted(group.items()):
            optional = all(use.optional for use in found)
            made.append(Verdict(name, has, tuple(found), optional, None if has else instead(name)))
    return made
