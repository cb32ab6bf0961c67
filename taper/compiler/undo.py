"""What a program has overwritten when it is interrupted, put back.

A program overwrites parameters, momentum and running statistics in place, some of them early: a batch norm's statistics while
the forward pass runs. Between native calls Ctrl-C or an error may end it. Up to its last such moment a program keeps copies
of what it overwrites; the rest is one native call, which nothing ends.
"""

from __future__ import annotations

import numpy as np

SHARE = 0.01
"""Part of a program's memory traffic that copies may cost for the sake of more moments at which it may be interrupted."""


class Undo:
    """Former values of arrays; `closed` once the last native call begins, after which nothing is put back."""

    __slots__ = ("arrays", "copies", "closed")

    def __init__(self, arrays: list[np.ndarray], copies: list[np.ndarray]):
        self.arrays, self.copies, self.closed = arrays, copies, False
        for array, copy in zip(arrays, copies):
            copy[...] = array

    def put_back(self) -> None:
        if not self.closed:
            for array, copy in zip(self.arrays, self.copies):
                array[...] = copy
