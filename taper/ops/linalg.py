"""Factorisations, inverses and functions of square matrices, with their derivatives.

g is the gradient of a result, X^H the conjugate transpose. Unless a rule names another source, the formulas are those
of Giles 2008, "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation". All operators take stacks of matrices.
"""

from __future__ import annotations

from .linear import adjoint, conj
from .operator import op


def _chain(xp, first, *others):
    """The product of matrices from left to right."""
    for x in others:
        first = xp.matmul(first, x)
    return first


def _column(x):
    return x[..., None, :]


def _row(x):
    return x[..., :, None]


def _diagonal(xp, x):
    return xp.diagonal_of(x, 0, x.ndim - 2, x.ndim - 1)


def _diagonal_matrix(xp, v):
    """Matrices with v on their diagonals."""
    n = v.ndim
    return xp.put_diagonal(v, (*v.shape, v.shape[-1]), 0, n - 1, n)


def _halved(xp, x):
    """The lower triangle of x, with half the diagonal."""
    return xp.tril(x, 0) - _diagonal_matrix(xp, _diagonal(xp, x) * 0.5)


def _as_input(xp, g, dtype):
    """A complex gradient as that of its input, real if the input is."""
    return xp.real(g) if g.dtype.kind == "c" and dtype.kind != "c" else g


inv = op(
    "inv",
    lambda xp, x: xp.inverse_with_info(x),
    outputs=2,
    grad_name="LinalgInvExBackward0",
    x=lambda xp, g, out: -_chain(xp, adjoint(xp, out), g, adjoint(xp, out)),
)
"""(inverse, info); info is 0, or the number from 1 of the pivot that is zero."""


def _solve_joint(xp, g, a, out, needs):
    gb = xp.solve_matrix(adjoint(xp, a), g)
    return -xp.matmul(gb, adjoint(xp, out)) if needs[0] else None, gb if needs[1] else None


solve = op(
    "solve",
    lambda xp, a, b: xp.solve_with_info(a, b),
    outputs=2,
    broadcasts=True,
    grad_name="LinalgSolveExBackward0",
    joint=_solve_joint,
)
"""(x, info) with a x = b."""


def _triangular_joint(xp, g, a, out, upper, left, unit, needs):
    gb = xp.solve_triangular(adjoint(xp, a), g, not upper, left, unit)
    if not needs[0]:
        return None, gb
    ga = -xp.matmul(gb, adjoint(xp, out)) if left else -xp.matmul(adjoint(xp, out), gb)
    return xp.triu(ga, int(unit)) if upper else xp.tril(ga, -int(unit)), gb if needs[1] else None


solve_triangular = op(
    "solve_triangular",
    lambda xp, a, b, *, upper, left, unit: xp.solve_triangular(a, b, upper, left, unit),
    broadcasts=True,
    grad_name="LinalgSolveTriangularBackward0",
    joint=_triangular_joint,
)
"""x with a x = b, or x a = b if not left, where only a triangle of a counts, its diagonal taken as ones if unit."""


def _cholesky_rule(xp, g, out):
    # Murray 2016, "Differentiation of the Cholesky decomposition", equation 10.
    upper = adjoint(xp, out)
    m = xp.matmul(upper, g)
    inner = (xp.tril(m, 0) + adjoint(xp, xp.tril(m, -1))) * 0.5
    return xp.solve_triangular(out, xp.solve_triangular(upper, inner, True, True, False), False, False, False)


cholesky = op(
    "cholesky",
    lambda xp, x, *, upper: xp.cholesky(adjoint(xp, x) if upper else x),
    outputs=2,
    grad_name="LinalgCholeskyExBackward0",
    x=_cholesky_rule,
)
"""(L, info) with x = L L^H, of which the lower or the upper triangle is read; info is 0, or the order of a leading minor that is not positive."""


def _cholesky_solve_joint(xp, g, b, factor, out, upper, needs):
    gb = xp.cholesky_solve(g, factor, upper)
    if not needs[1]:
        return gb, None
    m = xp.matmul(gb, adjoint(xp, out))
    m = m + adjoint(xp, m)
    return gb if needs[0] else None, -xp.matmul(factor, m) if upper else -xp.matmul(m, factor)


cholesky_solve = op(
    "cholesky_solve",
    lambda xp, b, factor, *, upper: xp.cholesky_solve(b, factor, upper),
    broadcasts=True,
    joint=_cholesky_solve_joint,
)
"""x with A x = b, from A's Cholesky factor. The factor's gradient is not cut to its triangle, as in PyTorch."""


def _cholesky_inverse_rule(xp, g, factor, out, upper):
    m = _chain(xp, out, g + adjoint(xp, g), out)
    return -xp.matmul(factor, m) if upper else -xp.matmul(m, factor)


cholesky_inverse = op(
    "cholesky_inverse",
    lambda xp, factor, *, upper: xp.cholesky_solve(xp.eye(factor.shape[-1], dtype=factor.dtype), factor, upper),
    factor=_cholesky_inverse_rule,
)


ldl_factor = op("ldl_factor", lambda xp, x, *, hermitian: xp.ldl_factor(x, hermitian), outputs=3)
ldl_solve = op("ldl_solve", lambda xp, factored, pivots, b, *, hermitian: xp.ldl_solve(factored, pivots, b, hermitian))


def _cofactors(xp, x, out):
    """The matrix of the derivatives of det(x) by x's elements: det(x) inv(x)^T, also of a singular matrix."""
    if not xp.found(out == 0):
        return out[..., None, None] * xp.matrix_transpose(xp.inverse(x))
    # The adjugate by singular values: Higham, "What is the adjugate of a matrix?", 2020.
    u, s, vh = xp.svd(x, False)
    n = x.shape[-1]
    others = xp.stack(
        [xp.prod(xp.concat([s[..., :i], s[..., i + 1 :]], axis=-1), axis=(s.ndim - 1,)) for i in range(n)], axis=-1
    )
    turn = xp.det(u) * xp.det(vh)
    return turn[..., None, None] * xp.matmul(conj(xp, u) * _column(others), conj(xp, vh))


det = op(
    "det",
    lambda xp, x: xp.det(x),
    grad_name="LinalgDetBackward0",
    x=lambda xp, g, x, out: g[..., None, None] * conj(xp, _cofactors(xp, x, out)),
)


def _slogdet_rule(xp, g, x, out):
    turn, size = g
    if x.dtype.kind == "c":
        # d sign = i sign Im tr(inv(x) dx)
        size = xp.make_complex(size, -xp.imag(conj(xp, turn) * out))
    return size[..., None, None] * adjoint(xp, xp.inverse(x))


def _slogdet(xp, x):
    sign, size = xp.linalg.slogdet(x)
    return xp.where(size == size, sign, xp.zeros_like(sign)), size


slogdet = op(
    "slogdet",
    _slogdet,
    outputs=None,
    grad_name="LinalgSlogdetBackward0",
    x=_slogdet_rule,
)
"""(sign, log of the absolute value) of the determinant."""


def _lu_rule(xp, g, out, p):
    # For sizes that differ: of the leading square part, and of what the rest, U2 = inv(L) A2 or L2 = A2 inv(U), adds.
    m, n = out.shape[-2:]
    k = min(m, n)
    square, slope = out[..., :k, :k], g[..., :k, :k]
    lh, uh = adjoint(xp, square), adjoint(xp, square)
    below = xp.tril(slope, -1)
    below = below + xp.matmul(xp.triu(lh, 1), below)
    above = xp.matmul(xp.triu(slope, 0), xp.tril(uh, 0))
    if n > k:
        below = below - xp.matmul(g[..., :, k:], adjoint(xp, out[..., :, k:]))
    if m > k:
        above = above - xp.matmul(adjoint(xp, out[..., k:, :]), g[..., k:, :])
    inner = xp.solve_triangular(lh, xp.tril(below, -1) + xp.triu(above, 0), True, True, True)
    result = xp.solve_triangular(uh, inner, False, False, False)
    if n > k:
        result = xp.concat([result, xp.solve_triangular(lh, g[..., :, k:], True, True, True)], axis=-1)
    if m > k:
        result = xp.concat([result, xp.solve_triangular(uh, g[..., k:, :], False, False, False)], axis=-2)
    return xp.matmul(p, result)


lu_factor = op(
    "lu_factor",
    lambda xp, x: xp.lu_with_permutation(x),
    outputs=3,
    aux=("p",),
    grad_name="LinalgLuFactorExBackward0",
    x=_lu_rule,
)
"""(LU, pivots, info) with x = P L U: L without its unit diagonal below the diagonal, U on and above it."""

permutation_matrix = op(
    "permutation_matrix", lambda xp, pivots, *, rows, dtype: xp.permutation_matrix(pivots, rows, dtype)
)
"""P of the pivots that lu_factor gives."""


def _qr_rule(xp, g, x, out, out1, mode):
    # Roberts and Roberts 2020, "QR and LQ decomposition matrix backpropagation algorithms for square, wide and deep
    # matrices". Of a wide x = [x1 x2], Q and R1 are those of x1, and R2 = Q^H x2.
    q, r = out, out1
    gq, gr = g
    m, n = x.shape[-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to require gradients of linalg.qr."
        )
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. Use mode='reduced'."
        )
    if n > m:
        rest = gr[..., :, m:]
        gq = gq + xp.matmul(x[..., :, m:], adjoint(xp, rest))
        return xp.concat([_deep_qr_rule(xp, q, r[..., :, :m], gq, gr[..., :, :m]), xp.matmul(q, rest)], axis=-1)
    return _deep_qr_rule(xp, q, r, gq, gr)


def _deep_qr_rule(xp, q, r, gq, gr):
    m = xp.matmul(r, adjoint(xp, gr)) - xp.matmul(adjoint(xp, gq), q)
    lower = _halved(xp, m)
    both = lower + adjoint(xp, lower)
    return xp.solve_triangular(adjoint(xp, r), gq + xp.matmul(q, both), False, False, False)


qr = op(
    "qr",
    lambda xp, x, *, mode: xp.qr(x, mode),
    outputs=None,
    grad_name="LinalgQrBackward0",
    x=_qr_rule,
)
"""(Q, R); mode "reduced", "complete", or "r" for R alone."""

householder_qr = op("geqrf", lambda xp, x: xp.householder_qr(x), outputs=2)
"""(a, tau): R, and the reflections whose product is Q."""


def _differences(xp, w):
    """w[j] - w[i] with ones on the diagonal, for divisions off it."""
    return _column(w) - _row(w) + _diagonal_matrix(xp, xp.ones_like(w))


def _eigh_rule(xp, g, out, out1):
    w, v = out, out1
    gw, gv = g
    vh = adjoint(xp, v)
    inner = xp.matmul(vh, gv)
    inner = inner - _diagonal_matrix(xp, _diagonal(xp, inner))
    slope = _chain(xp, v, inner / _differences(xp, w) + _diagonal_matrix(xp, gw), vh)
    return (slope + adjoint(xp, slope)) * 0.5


eigh = op(
    "eigh",
    lambda xp, x, *, lower: xp.eigh(x, lower),
    outputs=None,
    grad_name="LinalgEighBackward0",
    x=_eigh_rule,
)
"""(eigenvalues, eigenvectors) of Hermitian matrices, of which one triangle is read."""


def _eigvalsh_rule(xp, g, x, lower):
    v = xp.eigh(x, lower)[1]
    return xp.matmul(v * _column(g), adjoint(xp, v))


eigvalsh = op(
    "eigvalsh",
    lambda xp, x, *, lower: xp.eigvalsh(x, lower),
    grad_name="LinalgEighBackward0",
    x=_eigvalsh_rule,
)


def _eig_rule(xp, g, out, out1, x_dtype):
    # Boeddeker et al. 2017, "On the computation of complex-valued gradients with application to statistically optimum
    # beamforming", equation 4.77, for eigenvectors of norm 1.
    w, v = out, out1
    gw, gv = g
    vh = adjoint(xp, v)
    inner = xp.matmul(vh, gv)
    inner = inner - xp.matmul(vh, v * _column(xp.real(_diagonal(xp, inner))))
    inner = inner - _diagonal_matrix(xp, _diagonal(xp, inner))
    inner = inner / xp.conj(_differences(xp, w)) + _diagonal_matrix(xp, gw)
    return _as_input(xp, xp.solve_matrix(vh, xp.matmul(inner, vh)), x_dtype)


eig = op(
    "eig",
    lambda xp, x: xp.eig(x),
    outputs=None,
    grad_name="LinalgEigBackward0",
    x=_eig_rule,
)
"""(eigenvalues, eigenvectors), complex, of square matrices."""


def _eigvals_rule(xp, g, x, x_dtype):
    vh = adjoint(xp, xp.eig(x)[1])
    return _as_input(xp, xp.solve_matrix(vh, _row(g) * vh), x_dtype)


eigvals = op(
    "eigvals",
    lambda xp, x: xp.eigvals(x),
    grad_name="LinalgEigBackward0",
    x=_eigvals_rule,
)


def _svd_rule(xp, g, x, out, out1, out2):
    # Townsend 2016, "Differentiating the singular value decomposition"; for complex matrices Wan and Zhang 2019,
    # "Automatic differentiation for complex valued SVD". Of square U and V only the leading columns count.
    k = min(x.shape[-2:])
    u, s, vh = out[..., :, :k], out1, out2[..., :k, :]
    gu, gs, gvh = g[0][..., :, :k], g[1], g[2][..., :k, :]
    uh, v, gv = adjoint(xp, u), adjoint(xp, vh), adjoint(xp, gvh)
    of_u, of_v = xp.matmul(uh, gu), xp.matmul(vh, gv)
    squares = _differences(xp, s * s)
    inner = _skew(xp, of_u) / squares * _column(s) + _row(s) * (_skew(xp, of_v) / squares)
    inner = inner - _diagonal_matrix(xp, _diagonal(xp, inner)) + _diagonal_matrix(xp, gs)
    if x.dtype.kind == "c":
        turn = xp.imag(_diagonal(xp, of_u)) / s
        inner = inner + _diagonal_matrix(xp, xp.make_complex(xp.zeros_like(turn), turn))
    result = _chain(xp, u, inner, vh)
    if x.shape[-2] > k:
        result = result + xp.matmul((gu - xp.matmul(u, of_u)) / _column(s), vh)
    if x.shape[-1] > k:
        result = result + xp.matmul(u, adjoint(xp, (gv - xp.matmul(v, of_v)) / _column(s)))
    return result


def _skew(xp, x):
    return x - adjoint(xp, x)


svd = op(
    "svd",
    lambda xp, x, *, full: xp.svd(x, full),
    outputs=None,
    grad_name="LinalgSvdBackward0",
    x=_svd_rule,
)
"""(U, S, V^H) with x = U S V^H."""


def _svdvals_rule(xp, g, x):
    u, _, vh = xp.svd(x, False)
    return xp.matmul(u * _column(g), vh)


svdvals = op("svdvals", lambda xp, x: xp.svdvals(x), grad_name="LinalgSvdBackward0", x=_svdvals_rule)


def _pinv_slope(xp, g, x, y):
    """For y = pinv(x): Golub and Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares
    problems"."""
    yh, gh = adjoint(xp, y), adjoint(xp, g)
    left = xp.matmul(_chain(xp, gh, y), yh)
    left = left - _chain(xp, x, y, left)
    right = _chain(xp, yh, y, gh)
    right = right - _chain(xp, right, y, x)
    return left + right - _chain(xp, yh, g, yh)


pinv = op(
    "pinv",
    lambda xp, x, *, cutoff, hermitian: xp.pseudo_inverse(x, cutoff, hermitian),
    grad_name="LinalgPinvBackward0",
    x=lambda xp, g, x, out: _pinv_slope(xp, g, x, out),
)
"""The pseudo-inverse; cutoff (atol, rtol) says which singular values count as zero."""


def _lstsq_joint(xp, g, a, b, rcond, needs):
    y = xp.pseudo_inverse(a, (0.0, rcond), False)
    ga = _pinv_slope(xp, xp.matmul(g, adjoint(xp, b)), a, y) if needs[0] else None
    return ga, xp.matmul(adjoint(xp, y), g) if needs[1] else None


lstsq = op(
    "lstsq",
    lambda xp, a, b, *, rcond: xp.least_squares(a, b, rcond),
    outputs=3,
    broadcasts=True,
    grad_name="LinalgLstsqBackward0",
    joint=_lstsq_joint,
)
"""(x, rank, singular values): the shortest x for which |a x - b| is smallest."""


def _exp_rule(xp, g, x):
    # The derivative of exp at x^H in direction g is the upper right block of exp([[x^H, g], [0, x^H]]): Higham 2008,
    # "Functions of matrices", theorem 3.6.
    n, xh = x.shape[-1], adjoint(xp, x)
    top, bottom = xp.concat([xh, g], axis=-1), xp.concat([xp.zeros_like(xh), xh], axis=-1)
    return xp.exp_of_matrix(xp.concat([top, bottom], axis=-2))[..., :n, n:]


matrix_exp = op(
    "matrix_exp",
    lambda xp, x: xp.exp_of_matrix(x),
    grad_name="LinalgMatrixExpBackward0",
    x=_exp_rule,
)
