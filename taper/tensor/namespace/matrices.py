"""Linear algebra and the Fourier transform."""

from __future__ import annotations

from ...autograd.dispatch import apply
from ...ops import fourier as _fourier
from ...ops import linalg as _linalg

__all__ = [
    "cholesky_solve",
    "det",
    "eig",
    "eigh",
    "exp_of_matrix",
    "fourier",
    "fourier_to_real",
    "inverse",
    "lu_with_permutation",
    "pseudo_inverse",
    "real_to_fourier",
    "solve_matrix",
    "solve_triangular",
    "svd",
]


def inverse(x):
    """The inverse of square matrices."""
    return apply(_linalg.inv, x)[0]


def det(x):
    """The determinant of square matrices."""
    return apply(_linalg.det, x)


def solve_matrix(a, b):
    """x with a x = b for stacks of matrices."""
    return apply(_linalg.solve, a, b)[0]


def solve_triangular(a, b, upper, left, unit):
    """x with a x = b, or x a = b, where a is a triangle."""
    return apply(_linalg.solve_triangular, a, b, upper=upper, left=left, unit=unit)


def cholesky_solve(b, factor, upper):
    """x with a x = b, from a's Cholesky factor."""
    return apply(_linalg.cholesky_solve, b, factor, upper=upper)


def svd(x, full):
    """(U, S, V^H)"""
    return apply(_linalg.svd, x, full=full)


def eigh(x, lower):
    """(eigenvalues, eigenvectors) of Hermitian matrices."""
    return apply(_linalg.eigh, x, lower=lower)


def eig(x):
    """(eigenvalues, eigenvectors) of square matrices."""
    return apply(_linalg.eig, x)


def lu_with_permutation(x):
    """(LU, pivots, info, P) with x = P L U."""
    lu, pivots, info = apply(_linalg.lu_factor, x)
    attrs = dict(rows=x._array.shape[-2], dtype=x._array.dtype)
    return lu, pivots, info, apply(_linalg.permutation_matrix, pivots, **attrs)


def pseudo_inverse(x, cutoff, hermitian):
    """The pseudo-inverse."""
    return apply(_linalg.pinv, x, cutoff=cutoff, hermitian=hermitian)


def exp_of_matrix(x):
    """The exponential of square matrices."""
    return apply(_linalg.matrix_exp, x)


def fourier(x, axes, forward, scale):
    """The Fourier transform over axes."""
    return apply(_fourier.c2c, x, axes=axes, forward=forward, scale=scale)


def real_to_fourier(x, axis, scale):
    """The first half of the Fourier transform of real numbers."""
    return apply(_fourier.r2c, x, axis=axis, scale=scale)


def fourier_to_real(x, axis, n, scale):
    """The real numbers of which x is the first half of the Fourier transform."""
    return apply(_fourier.c2r, x, axis=axis, n=n, scale=scale)
