"""Factorisations that NumPy lacks: triangular systems and LU with partial pivoting, in blocks, so that most of the work
is matrix products (Golub and Van Loan, "Matrix Computations", 3.1 and 3.4)."""

from __future__ import annotations

import numpy as np

__all__ = ["cholesky_solve", "lu_factor", "lu_with_permutation", "permutation_matrix", "solve_triangular"]

_LEAF = 16
_PANEL = 32


def solve_triangular(a, b, upper: bool, left: bool, unit: bool):
    """x with a x = b, or x a = b if not left, for stacks that broadcast. Only the named triangle of `a` is read."""
    if not left:
        x = solve_triangular(a.swapaxes(-1, -2), b.swapaxes(-1, -2), not upper, True, unit)
        return x.swapaxes(-1, -2)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.empty((*lead, *b.shape[-2:]), np.result_type(a.dtype, b.dtype))
    x[...] = b
    if x.size:
        _solve_in_place(a, x, upper, unit)
    return x


def _solve_in_place(a, x, upper: bool, unit: bool) -> None:
    n = a.shape[-1]
    if n > _LEAF:
        half = n // 2
        first, last = slice(0, half), slice(half, n)
        if upper:
            first, last = last, first
        _solve_in_place(a[..., first, first], x[..., first, :], upper, unit)
        x[..., last, :] -= a[..., last, first] @ x[..., first, :]
        _solve_in_place(a[..., last, last], x[..., last, :], upper, unit)
        return
    for i in range(n - 1, -1, -1) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        if known.start < known.stop:
            x[..., i, :] -= (a[..., i : i + 1, known] @ x[..., known, :])[..., 0, :]
        if not unit:
            x[..., i, :] /= a[..., i, i, None]


def lu_factor(a):
    """(lu, pivots, order, info): L below the diagonal and U on and above it, with a[order] = L U for each of a stack.

    pivots: the row, counted from 1, with which each was exchanged. info: the first i, counted from 1, with U[i, i] = 0,
    else 0.
    """
    lead, (m, n) = a.shape[:-2], a.shape[-2:]
    count = int(np.prod(lead, dtype=np.int64))
    lu = np.array(a.reshape(count, m, n))
    k = min(m, n)
    pivots = np.empty((count, k), np.int32)
    order = np.tile(np.arange(m), (count, 1))
    each = np.arange(count)
    for start in range(0, k, _PANEL):
        stop = min(start + _PANEL, k)
        for j in range(start, stop):
            column = lu[:, j:, j]
            size = np.abs(column.real) + np.abs(column.imag) if lu.dtype.kind == "c" else np.abs(column)
            row = j + np.where(np.isnan(size), -1, size).argmax(axis=1)
            pivots[:, j] = row + 1
            for rows in (lu, order):
                held = rows[each, row]
                rows[each, row] = rows[:, j]
                rows[:, j] = held
            pivot = lu[:, j, j]
            lu[:, j + 1 :, j] /= np.where(pivot == 0, 1, pivot)[:, None]
            lu[:, j + 1 :, j + 1 : stop] -= lu[:, j + 1 :, j, None] * lu[:, j, None, j + 1 : stop]
        if stop < n:
            right = solve_triangular(lu[:, start:stop, start:stop], lu[:, start:stop, stop:], False, True, True)
            lu[:, start:stop, stop:] = right
            lu[:, stop:, stop:] -= lu[:, stop:, start:stop] @ right
    zero = np.diagonal(lu, axis1=1, axis2=2) == 0
    info = np.where(zero.any(axis=1), zero.argmax(axis=1) + 1, 0) if k else np.zeros(count)
    shaped = lu.reshape(a.shape), pivots.reshape(*lead, k), order.reshape(*lead, m)
    return *shaped, info.astype(np.int32).reshape(lead)


def cholesky_solve(b, factor, upper: bool):
    """(L L^H)^-1 b, or (U^H U)^-1 b if upper, from the triangle L or U of the factor."""
    adjoint = factor.conj().swapaxes(-1, -2)
    first, second = (adjoint, factor) if upper else (factor, adjoint)
    return solve_triangular(second, solve_triangular(first, b, False, True, False), True, True, False)


def lu_with_permutation(a):
    """(lu, pivots, info, P) with a = P L U."""
    lu, pivots, _, info = lu_factor(a)
    return lu, pivots, info, permutation_matrix(pivots, a.shape[-2], a.dtype)


def permutation_matrix(pivots, rows: int, dtype):
    """P with a = P L U, from the pivots of `lu_factor`."""
    lead, k = pivots.shape[:-1], pivots.shape[-1]
    flat = pivots.reshape(int(np.prod(lead, dtype=np.int64)), k)
    order = np.tile(np.arange(rows), (len(flat), 1))
    each = np.arange(len(flat))
    for j in range(k):
        row = flat[:, j] - 1
        held = order[each, row]
        order[each, row] = order[:, j]
        order[:, j] = held
    matrix = np.zeros((len(flat), rows, rows), dtype)
    matrix[each[:, None], order, np.arange(rows)] = 1
    return matrix.reshape(*lead, rows, rows)
