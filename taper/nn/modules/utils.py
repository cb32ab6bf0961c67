"""A size for every dimension, from one number or from several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def _single(x: Any) -> tuple:
    return _each(x, 1)


def _pair(x: Any) -> tuple:
    return _each(x, 2)


def _triple(x: Any) -> tuple:
    return _each(x, 3)


def _quadruple(x: Any) -> tuple:
    return _each(x, 4)


def _each(x: Any, n: int) -> tuple:
    return tuple(x) if isinstance(x, Iterable) else (x,) * n


def _ntuple(n: int, name: str = "parse"):
    """The function that makes n sizes of one."""

    def parse(x: Any) -> tuple:
        return _each(x, n)

    parse.__name__ = name
    return parse
