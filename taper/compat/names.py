"""The public names of PyTorch 2.13 and torchvision 0.28, as a list: what `taper check` and the errors know of them."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files


@lru_cache(None)
def table() -> dict[str, tuple[str, ...]]:
    """For every module and class that the list has, its public names."""
    lines = files(__package__).joinpath("names.txt").read_text("utf-8").splitlines()
    return {owner: tuple(names.split()) for owner, _, names in (line.partition(": ") for line in lines)}


def members(owner: str) -> tuple[str, ...]:
    """The public names of a module or class of PyTorch's; none for an owner that the list does not have."""
    return table().get(owner, ())


def known(full: str) -> bool | None:
    """Whether PyTorch has a name. None where the list does not have the name's owner."""
    owner, _, leaf = full.rpartition(".")
    if full in table():
        return True
    return leaf in table()[owner] if owner in table() else None
