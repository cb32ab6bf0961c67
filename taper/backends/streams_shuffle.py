"""The forward Fisher-Yates shuffle, all steps at once."""

from __future__ import annotations

import numpy as np

from .streams_native import exact_kernels

_FEW = 256  # below this a plain loop is quicker


def shuffled(offsets: np.ndarray) -> np.ndarray:
    """The permutation of 0..n-1 that swaps element i with element i + offsets[i], for i = 0, 1, ..., n - 1.

    offsets: (n,) int64, 0 <= offsets[i] < n - i. Returns (n,) int64.
    """
    n = len(offsets)
    if n < _FEW:
        order = list(range(n))
        for i, offset in enumerate(offsets.tolist()):
            j = i + offset
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)
    native = exact_kernels(n, 50)
    if native is None:
        return _without_loop(offsets)
    numbers = np.arange(n)
    native.swaps(numbers, offsets)
    return numbers


def _without_loop(offsets):
    """Follows values instead of making swaps.

    A slot j is written only by the steps that name it, and the last such step k before a given time put there what slot
    k held when step k began. That value is slot k's own number, or came there in the same way: a forest, whose roots are
    found by doubling. Step i then takes what the previous step with the same slot left there.
    """
    n = len(offsets)
    steps = np.arange(n)
    slots = steps + offsets
    foreign = offsets != 0
    held = steps.copy()
    held[slots[foreign]] = steps[foreign]  # of several steps the last one stays
    while True:
        further = held[held]
        if np.array_equal(further, held):
            break
        held = further
    by_slot = np.sort(slots * n + steps)
    slot, step = np.divmod(by_slot, n)
    result = np.empty(n, np.int64)
    result[step] = slot
    same = slot[1:] == slot[:-1]
    result[step[1:][same]] = held[step[:-1][same]]
    return result
