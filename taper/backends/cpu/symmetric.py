"""Factorisation of symmetric and Hermitian matrices that need not be positive definite, by diagonal pivoting: Bunch and
Kaufman 1977, "Some stable methods for calculating inertia and solving symmetric linear systems"."""

from __future__ import annotations

import numpy as np

from .matrices import solve_matrix

__all__ = ["ldl_factor", "ldl_solve"]

_ALPHA = (1 + 17**0.5) / 8


def ldl_factor(a, hermitian: bool):
    """(LD, pivots, info) of stacks, of which the lower triangles are read.

    LD holds L's columns below the blocks of D, which have size 1 or 2. A pivot p > 0 says that rows k and p - 1 changed
    places; two equal ones below zero stand for a block of size 2. info is the first zero block, from 1.
    """
    lead, n = a.shape[:-2], a.shape[-1]
    factored = np.tril(a)
    pivots, info = np.zeros((*lead, n), np.int32), np.zeros(lead, np.int32)
    for at in np.ndindex(*lead):
        info[at] = _factor_one(factored[at], pivots[at], hermitian and a.dtype.kind == "c")
    return factored, pivots, info


def _size(x):
    """How large elements are; of complex ones the sum over both parts, which is what LAPACK compares."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def _factor_one(a, pivots, hermitian: bool) -> int:
    below = np.tril(a, -1)
    whole = np.tril(a) + (below.conj().T if hermitian else below.T)
    if hermitian:
        np.fill_diagonal(whole, np.diagonal(whole).real)
    n, k, info = len(a), 0, 0
    while k < n:
        row, step = _pivot(whole[k:, k:])
        if row is None:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        moved, row = k + step - 1, k + row
        pivots[k : k + step] = row + 1 if step == 1 else -(row + 1)
        if row != moved:
            rest = whole[k:, k:]
            rest[[moved - k, row - k]] = rest[[row - k, moved - k]]
            rest[:, [moved - k, row - k]] = rest[:, [row - k, moved - k]]
        block, under = whole[k : k + step, k : k + step], whole[k + step :, k : k + step]
        columns = under / block if step == 1 else solve_matrix(block.T, under.T).T
        whole[k + step :, k + step :] -= columns @ (under.conj().T if hermitian else under.T)
        whole[k + step :, k : k + step] = columns
        k += step
    lower = np.tril_indices(n)
    a[lower] = whole[lower]
    return info


def _pivot(rest):
    """(row of the next pivot, size of its block); None if the first column is zero, or begins with what is no number."""
    own = _size(rest[0, 0])
    column = _size(rest[1:, 0])
    largest = np.maximum.reduce(column, initial=0)
    if max(own, largest) == 0 or np.isnan(own):
        return None, 1
    if own >= _ALPHA * largest:
        return 0, 1
    row = 1 + int(column.argmax())
    others = _size(rest[row])
    others[row] = 0
    highest = others.max()
    if own * highest >= _ALPHA * largest * largest:
        return 0, 1
    return (row, 1) if _size(rest[row, row]) >= _ALPHA * highest else (row, 2)


def ldl_solve(factored, pivots, b, hermitian: bool):
    """x with a x = b, from what `ldl_factor` gives; stacks broadcast."""
    lead = np.broadcast_shapes(factored.shape[:-2], b.shape[:-2])
    factored = np.broadcast_to(factored, (*lead, *factored.shape[-2:]))
    pivots = np.broadcast_to(pivots, (*lead, pivots.shape[-1]))
    x = np.array(np.broadcast_to(b, (*lead, *b.shape[-2:])))
    for at in np.ndindex(*lead):
        _solve_one(factored[at], pivots[at], x[at], hermitian and factored.dtype.kind == "c")
    return x


def _solve_one(factored, pivots, x, hermitian: bool) -> None:
    n, starts, k = len(pivots), [], 0
    while k < n:
        step = 1 if pivots[k] > 0 else 2
        starts.append((k, step))
        _exchange(x, k + step - 1, abs(int(pivots[k])) - 1)
        x[k + step :] -= factored[k + step :, k : k + step] @ x[k : k + step]
        block = np.tril(factored[k : k + step, k : k + step])
        block = block + (np.tril(block, -1).conj().T if hermitian else np.tril(block, -1).T)
        if step == 1:
            x[k] /= block.real[0, 0] if hermitian else block[0, 0]
        else:
            x[k : k + 2] = solve_matrix(block, x[k : k + 2])
        k += step
    for k, step in reversed(starts):
        columns = factored[k + step :, k : k + step]
        x[k : k + step] -= (columns.conj().T if hermitian else columns.T) @ x[k + step :]
        _exchange(x, k + step - 1, abs(int(pivots[k])) - 1)


def _exchange(x, i: int, j: int) -> None:
    if i != j:
        x[[i, j]] = x[[j, i]]
