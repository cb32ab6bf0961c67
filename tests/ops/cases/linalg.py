"""Functions of matrices. What is unique up to signs only is tested through what does not depend on these."""

from __future__ import annotations

import numpy as np

from ..case import COMPLEX, FLOATS, Case, Error, integers, real, rng


def spread(*shape: int, seed: str = "") -> np.ndarray:
    """Matrices whose singular values lie apart: 1, 2, 3, ..."""
    m, n = shape[-2:]
    k = min(m, n)
    g = rng(f"spread{shape}{seed}")
    q1, _ = np.linalg.qr(g.standard_normal((*shape[:-2], m, m)))
    q2, _ = np.linalg.qr(g.standard_normal((*shape[:-2], n, n)))
    return (q1[..., :, :k] * np.arange(1.0, k + 1)) @ q2[..., :k, :]


A, B = spread(3, 3), spread(2, 3, 3)
TALL, WIDE = spread(2, 4, 3), spread(2, 3, 4)
IMAG = spread(3, 3, seed="imaginary")
X, XS, V = real(3, 2), real(2, 3, 2), real(3)
F = (*FLOATS, *COMPLEX)
SINGULAR = np.array([[1.0, 2.0, 0.5], [2.0, 4.0, 1.0], [0.5, 1.0, 3.0]])


def positive(x):
    return x @ x.mH + 0.5


def hermitian(x):
    return x + x.mH


def rank_one_of(v):
    """v v^H of each column: the projectors, which do not depend on signs."""
    return v[..., :, None, :] * v[..., None, :, :].conj()


def eigh(T, x, **named):
    w, v = T.linalg.eigh(x, **named)
    return w, rank_one_of(v)


def eig(T, x):
    w, v = T.linalg.eig(x)
    return (w**3).sum(-1), (rank_one_of(v) * w[..., None, None, :]).sum(-1)


def svd(T, x, **named):
    u, s, vh = T.linalg.svd(x, **named)
    k = s.shape[-1]
    outer = u[..., :, None, :k] * vh.mT[..., None, :, :k]
    return s, rank_one_of(u[..., :k]), outer


def separated(T, x):
    """Complex matrices from real ones, with eigenvalues apart."""
    return T.complex(x, x.mT * 0.3)


CASES = [
    Case("inv", lambda T, a, b: (T.linalg.inv(a), T.inverse(b), a.inverse()), (A, B), dtypes=F, rtol=1e-4, atol=1e-5),
    Case(
        "inv.complex", lambda T, a, b: T.linalg.inv(T.complex(a, b)), (A, IMAG), rtol=1e-4, atol=1e-5, slope_rtol=1e-7
    ),
    Case("inv.empty", lambda T, a: (T.linalg.inv(a[:0, :0]), T.linalg.inv(a.expand(0, 3, 3))), (A,), grad=False),
    Case(
        "inv.info",
        lambda T, a, s: (T.linalg.inv_ex(a)[0], *T.linalg.inv_ex(a)[1:], T.linalg.inv_ex(s)[1]),
        (A, SINGULAR),
        ops=("inv",),
        rtol=1e-4,
        second=False,
    ),
    Case(
        "solve",
        lambda T, a, b, x, xs, v: (
            T.linalg.solve(a, x),
            T.linalg.solve(b, xs),
            T.linalg.solve(b, x),
            T.linalg.solve(a, xs),
            T.linalg.solve(a, v),
            T.linalg.solve(b, b[..., 0]),
        ),
        (A, B, X, XS, V),
        dtypes=F,
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "solve.right",
        lambda T, a, x: T.linalg.solve(a, x.mT, left=False),
        (A, XS),
        ops=("solve",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "solve.complex",
        lambda T, a, i, x, y: T.linalg.solve(T.complex(a, i), T.complex(x, y)),
        (A, IMAG, X, real(3, 2, seed="i")),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "solve.info",
        lambda T, a, s, x: (*T.linalg.solve_ex(a, x), T.linalg.solve_ex(s, x)[1]),
        (A, SINGULAR, X),
        ops=("solve",),
        rtol=1e-4,
        second=False,
    ),
    *[
        Case(
            f"solve_triangular.{upper}.{left}.{unit}",
            lambda T, a, xs, upper=upper, left=left, unit=unit: T.linalg.solve_triangular(
                a + 3 * T.eye(3, dtype=a.dtype), xs if left else xs.mT, upper=upper, left=left, unitriangular=unit
            ),
            (A, XS),
            ops=("solve_triangular",),
            dtypes=F,
            rtol=1e-4,
            atol=1e-5,
        )
        for upper in (True, False)
        for left in (True, False)
        for unit in (True, False)
    ],
    Case(
        "solve_triangular.large",
        lambda T, a, b: T.linalg.solve_triangular(a * 0.1 + 2 * T.eye(40, dtype=a.dtype), b, upper=False),
        (real(40, 40), real(40, 3)),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "solve_triangular.complex",
        lambda T, a, i, x: T.linalg.solve_triangular(T.complex(a, i) + 3 * T.eye(3), T.complex(x, x * 2), upper=True),
        (A, IMAG, X),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "triangular_solve",
        lambda T, a, x: (
            *T.triangular_solve(x, a + 3 * T.eye(3, dtype=a.dtype)),
            T.triangular_solve(x, a + 3 * T.eye(3, dtype=a.dtype), upper=False, transpose=True)[0],
        ),
        (A, X),
        ops=("solve_triangular",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "cholesky",
        lambda T, a, b: (
            T.linalg.cholesky(positive(a)),
            T.linalg.cholesky(positive(b), upper=True),
            T.cholesky(positive(a)),
        ),
        (A, B),
        dtypes=F,
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "cholesky.complex",
        lambda T, a, i: T.linalg.cholesky(positive(T.complex(a, i))),
        (A, IMAG),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "cholesky.info",
        lambda T, a: (
            T.linalg.cholesky_ex(positive(a))[0],
            T.linalg.cholesky_ex(-positive(a))[1],
            T.linalg.cholesky_ex(a - a)[1],
            T.linalg.cholesky_ex(positive(a) * float("nan"))[1],
        ),
        (B,),
        ops=("cholesky",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "cholesky_solve",
        lambda T, a, x: (
            T.cholesky_solve(x, T.linalg.cholesky(positive(a))),
            T.cholesky_solve(x, T.linalg.cholesky(positive(a), upper=True), upper=True),
        ),
        (A, X),
        ops=("cholesky", "cholesky_solve"),
        rtol=1e-3,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case(
        "cholesky_inverse",
        lambda T, a: (
            T.cholesky_inverse(T.linalg.cholesky(positive(a))),
            T.cholesky_inverse(T.linalg.cholesky(positive(a), upper=True), upper=True),
        ),
        (A,),
        ops=("cholesky", "cholesky_solve"),
        rtol=1e-3,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case("det", lambda T, a, b: (T.det(a), T.linalg.det(b), a.det()), (A, B), dtypes=F, rtol=1e-4),
    Case("det.complex", lambda T, a, i: T.linalg.det(T.complex(a, i)), (A, IMAG), rtol=1e-4),
    Case("det.singular", lambda T, a: T.linalg.det(a), (np.stack([SINGULAR, np.diag([1.0, 2.0, 3.0])]),), atol=1e-5),
    Case(
        "det.small",
        lambda T, a: (T.linalg.det(a[:0, :0]), T.linalg.det(a[:1, :1]), T.linalg.det(a.expand(0, 3, 3))),
        (A,),
        second=False,
    ),
    Case("slogdet", lambda T, a, b: (*T.linalg.slogdet(a), *T.slogdet(b)), (A, B), rtol=1e-4),
    Case("slogdet.complex", lambda T, a, i: tuple(T.linalg.slogdet(T.complex(a, i))), (A, IMAG), rtol=1e-4),
    Case("slogdet.singular", lambda T, a: tuple(T.linalg.slogdet(a - a)), (A,), grad=False),
    Case("logdet", lambda T, a: T.logdet(positive(a)), (B,), ops=("slogdet",), rtol=1e-4),
    Case("logdet.negative", lambda T, a: T.logdet(-positive(a)), (A,), ops=("slogdet",), grad=False),
    Case("logdet.complex", lambda T, a, i: T.logdet(T.complex(a, i)), (A, IMAG), ops=("slogdet",), rtol=1e-4),
    *[
        Case(
            f"lu.{m}x{n}",
            lambda T, a: tuple(T.linalg.lu(a)),
            (spread(2, m, n),),
            ops=("lu_factor", "permutation_matrix"),
            dtypes=F,
            rtol=1e-4,
            atol=1e-5,
        )
        for m, n in ((3, 3), (4, 3), (3, 4), (1, 3))
    ],
    Case(
        "lu.complex",
        lambda T, a, i: tuple(T.linalg.lu(T.complex(a, i))),
        (A, IMAG),
        ops=("lu_factor",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "lu.large",
        lambda T, a: tuple(T.linalg.lu(a)),
        (real(70, 50),),
        ops=("lu_factor",),
        rtol=1e-2,
        atol=1e-3,
        second=False,
        slope_rtol=1e-6,
        dtypes=("float64",),
    ),
    Case(
        "lu_factor",
        lambda T, a: (*T.linalg.lu_factor(a), *T.lu(a), *T.lu_unpack(*T.linalg.lu_factor(a))),
        (B,),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "lu_factor.info",
        lambda T, s: (T.linalg.lu_factor_ex(s - s)[2], T.lu(s, get_infos=True)[2]),
        (SINGULAR,),
        grad=False,
    ),
    Case(
        "lu_solve",
        lambda T, a, x: (
            T.lu_solve(x, *T.linalg.lu_factor(a)),
            T.linalg.lu_solve(*T.linalg.lu_factor(a), x, adjoint=True),
            T.linalg.lu_solve(*T.linalg.lu_factor(a), x.mT, left=False),
        ),
        (A, X),
        ops=("lu_factor",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case("qr.square", lambda T, a: tuple(T.linalg.qr(a)), (B,), ops=("qr",), dtypes=F, rtol=1e-4, atol=1e-5),
    Case("qr.tall", lambda T, a: (*T.linalg.qr(a), *T.qr(a)), (TALL,), ops=("qr",), rtol=1e-4, atol=1e-5),
    Case("qr.wide", lambda T, a: tuple(T.linalg.qr(a)), (WIDE,), ops=("qr",), rtol=1e-4, atol=1e-5),
    Case(
        "qr.complex",
        lambda T, a, i: tuple(T.linalg.qr(T.complex(a, i))),
        (TALL, spread(2, 4, 3, seed="i")),
        ops=("qr",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "qr.modes",
        lambda T, a: (*T.linalg.qr(a, mode="complete"), T.linalg.qr(a, mode="r")[1]),
        (TALL,),
        ops=("qr",),
        grad=False,
        rtol=1e-4,
        atol=1e-5,
    ),
    Case("geqrf", lambda T, a: tuple(T.geqrf(a)), (A,), grad=False, rtol=1e-4, atol=1e-5),
    Case(
        "householder_product",
        lambda T, a, tau: (T.linalg.householder_product(a, tau), T.orgqr(a[0], tau[0])),
        (TALL, real(2, 2)),
        ops=("matmul",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case("eigh", lambda T, a: (*eigh(T, hermitian(a)), *eigh(T, hermitian(a), UPLO="U")), (B,), rtol=1e-4, atol=1e-4),
    Case("eigh.complex", lambda T, a, i: eigh(T, hermitian(T.complex(a, i))), (A, IMAG), rtol=1e-4, atol=1e-4),
    Case(
        "eigvalsh",
        lambda T, a: (T.linalg.eigvalsh(hermitian(a)), T.linalg.eigvalsh(hermitian(a), "U")),
        (B,),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "eigvalsh.repeated",
        lambda T, a: T.linalg.eigvalsh(a - a + T.eye(3, dtype=a.dtype)),
        (A,),
        second=False,
        smooth=False,
    ),
    Case("eig", lambda T, a: eig(T, separated(T, a)), (A,), rtol=1e-3, atol=1e-3, slope_rtol=1e-7),
    Case("eig.real", lambda T, a: eig(T, a), (A,), ops=("eig",), rtol=1e-3, atol=1e-3, slope_rtol=1e-7),
    Case(
        "eigvals",
        lambda T, a: (T.linalg.eigvals(separated(T, a)) ** 3).sum(-1),
        (B,),
        rtol=1e-3,
        atol=1e-3,
        slope_rtol=1e-7,
    ),
    Case(
        "eigvals.real",
        lambda T, a: (T.linalg.eigvals(a) ** 3).sum(-1),
        (B,),
        ops=("eigvals",),
        rtol=1e-3,
        atol=1e-3,
        slope_rtol=1e-7,
    ),
    *[
        Case(
            f"svd.{m}x{n}.{full}",
            lambda T, a, full=full: svd(T, a, full_matrices=full),
            (spread(2, m, n),),
            ops=("svd",),
            rtol=1e-4,
            atol=1e-4,
            slope_rtol=1e-7,
        )
        for m, n, full in ((3, 3, True), (4, 3, False), (3, 4, False), (4, 3, True))
    ],
    Case(
        "svd.complex",
        lambda T, a, i: svd(T, T.complex(a, i), full_matrices=False),
        (TALL, spread(2, 4, 3, seed="i")),
        ops=("svd",),
        rtol=1e-4,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case(
        "svd.older",
        lambda T, a: (T.svd(a)[1], rank_one_of(T.svd(a)[2]), *T.svd(a, compute_uv=False)),
        (TALL,),
        ops=("svd",),
        rtol=1e-4,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case("svd.shapes", lambda T, a: tuple(abs(t) for t in T.linalg.svd(a)), (real(3, 0),), ops=("svd",), grad=False),
    Case(
        "svdvals", lambda T, a, b: (T.linalg.svdvals(a), T.linalg.svdvals(b)), (TALL, WIDE), rtol=1e-4, slope_rtol=1e-7
    ),
    Case(
        "pinv",
        lambda T, a, b, c: (T.linalg.pinv(a), T.linalg.pinv(b), T.pinverse(c)),
        (TALL, WIDE, A),
        dtypes=F,
        rtol=1e-4,
        atol=1e-5,
        slope_rtol=1e-7,
    ),
    Case(
        "pinv.hermitian",
        lambda T, a: T.linalg.pinv(hermitian(a), hermitian=True),
        (B,),
        rtol=1e-3,
        atol=1e-4,
        second=False,
        slope_rtol=1e-6,
    ),
    Case(
        "pinv.tolerance",
        lambda T, a: (
            T.linalg.pinv(a, rtol=0.5),
            T.linalg.pinv(a, atol=1.5),
            T.linalg.pinv(a, atol=T.tensor([0.0, 2.5], dtype=a.dtype)),
        ),
        (TALL,),
        ops=("pinv",),
        rtol=1e-4,
        atol=1e-5,
        grad=False,
    ),
    Case(
        "pinv.complex",
        lambda T, a, i: T.linalg.pinv(T.complex(a, i)),
        (TALL, spread(2, 4, 3, seed="i")),
        rtol=1e-4,
        atol=1e-5,
        slope_rtol=1e-7,
    ),
    Case(
        "lstsq", lambda T, a, b: T.linalg.lstsq(a, b)[0], (TALL, real(2, 4, 2)), rtol=1e-4, atol=1e-5, slope_rtol=1e-7
    ),
    Case(
        "lstsq.wide",
        lambda T, a, b: T.linalg.lstsq(a, b)[0],
        (WIDE, real(2, 3, 2)),
        rtol=1e-4,
        atol=1e-5,
        slope_rtol=1e-7,
    ),
    *[
        Case(
            f"lstsq.{driver}",
            lambda T, a, b, driver=driver: (
                *T.linalg.lstsq(a, b, driver=driver),
                *T.linalg.lstsq(a, b[..., 0], driver=driver),
            ),
            (TALL, real(2, 4, 2)),
            ops=("lstsq",),
            rtol=1e-4,
            atol=1e-5,
            grad=False,
        )
        for driver in ("gels", "gelsy", "gelsd", "gelss")
    ],
    Case(
        "matrix_exp",
        lambda T, a, b: (T.linalg.matrix_exp(a), T.matrix_exp(b * 4), T.matrix_exp(a * 1e-3)),
        (A, B),
        dtypes=F,
        rtol=1e-3,
        atol=1e-3,
        slope_rtol=1e-7,
    ),
    Case(
        "matrix_exp.complex",
        lambda T, a, i: T.linalg.matrix_exp(T.complex(a, i)),
        (A, IMAG),
        rtol=1e-3,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case(
        "matrix_power.inverse",
        lambda T, a: (T.linalg.matrix_power(a, -2), T.matrix_power(a, 5), a.matrix_power(1)),
        (B,),
        ops=("inv", "matmul"),
        rtol=1e-3,
        atol=1e-3,
    ),
    Case(
        "multi_dot",
        lambda T, a, b, c, v: (
            T.linalg.multi_dot([a, b, c]),
            T.linalg.multi_dot([v, b, c, v[:2]]),
            T.chain_matmul(a, b, c),
        ),
        (real(2, 3), A, X, V),
        ops=("matmul",),
        rtol=1e-4,
    ),
    Case("linalg.vander", lambda T, v: (T.linalg.vander(v), T.linalg.vander(v, N=4)), (V,), ops=("mul", "stack")),
    Case(
        "vander", lambda T, v: (T.vander(v), T.vander(v, N=2, increasing=True)), (V,), ops=("mul", "stack"), grad=False
    ),
    Case(
        "vander.gradient",
        lambda T, v: T.vander(v, N=4),
        (V,),
        ops=("mul", "stack"),
        oracle=False,
        numpy=lambda v: np.vander(v, 4),
    ),
    Case(
        "vecdot",
        lambda T, a, b: (T.linalg.vecdot(a, b), T.linalg.vecdot(a, b, dim=0)),
        (A, IMAG),
        ops=("mul", "sum"),
        rtol=2e-5,
    ),
    Case("linalg.cross", lambda T, a, b: T.linalg.cross(a, b), (A, IMAG), ops=("roll",)),
    Case("linalg.diagonal", lambda T, a: T.linalg.diagonal(a, offset=1), (B,), ops=("diagonal",)),
    Case(
        "tensorinv",
        lambda T, a: T.linalg.tensorinv(a, ind=1),
        (spread(6, 6).reshape(6, 2, 3),),
        ops=("inv",),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "tensorsolve",
        lambda T, a, b: (T.linalg.tensorsolve(a, b), T.linalg.tensorsolve(a.movedim(-1, 0), b, dims=(0,))),
        (spread(6, 6).reshape(2, 3, 6), real(2, 3)),
        ops=("solve",),
        rtol=1e-4,
        atol=1e-5,
    ),
    *[
        Case(
            f"matrix_norm.{order}",
            lambda T, a, order=order: (
                T.linalg.matrix_norm(a, order),
                T.linalg.matrix_norm(a, order, dim=(0, 2), keepdim=True),
                T.linalg.norm(a[0], order),
            ),
            (TALL,),
            ops=("svdvals", "norm"),
            dtypes=FLOATS,
            rtol=1e-4,
            slope_rtol=1e-7,
        )
        for order in ("fro", "nuc", 2, -2, 1, -1, float("inf"), -float("inf"))
    ],
    Case(
        "vector_norm",
        lambda T, a: (
            T.linalg.vector_norm(a),
            T.linalg.vector_norm(a, 3, dim=1),
            T.linalg.vector_norm(a, 1, dim=(0, 2), keepdim=True),
            T.linalg.norm(a),
            T.linalg.norm(a, dim=1),
            T.linalg.norm(a[0, 0], 3),
        ),
        (TALL,),
        ops=("norm",),
        rtol=1e-4,
    ),
    Case(
        "vector_norm.dtype",
        lambda T, a: (
            T.linalg.vector_norm(a.float(), dtype=T.float64),
            T.linalg.matrix_norm(a.float(), dtype=T.float64),
        ),
        (TALL,),
        ops=("norm",),
        grad=False,
    ),
    *[
        Case(f"cond.{p}", lambda T, a, p=p: T.linalg.cond(a, p), (B,), ops=("svdvals",), rtol=1e-3, slope_rtol=1e-7)
        for p in (None, 2, -2, "nuc")
    ],
    # PyTorch's own gradient fails here: it changes the inverse in place.
    *[
        Case(
            f"cond.{p}",
            lambda T, a, p=p: T.linalg.cond(a, p),
            (A,),
            ops=("inv",),
            oracle=False,
            numpy=lambda a, p=p: np.linalg.cond(a, p),
        )
        for p in ("fro", 1, -1, float("inf"), -float("inf"))
    ],
    Case(
        "cond.singular",
        lambda T, a: (
            T.linalg.cond(a - a, "fro"),
            T.linalg.cond(a - a, 1),
            T.linalg.cond(a - a),
            T.linalg.cond(a[:0, :0]),
        ),
        (A,),
        ops=("svdvals",),
        grad=False,
    ),
    Case(
        "matrix_rank",
        lambda T, a, s: (
            T.linalg.matrix_rank(a),
            T.linalg.matrix_rank(s),
            T.linalg.matrix_rank(s, hermitian=True),
            T.linalg.matrix_rank(a, tol=1.5),
            T.linalg.matrix_rank(a, atol=2.5, rtol=0.1),
            T.linalg.matrix_rank(a[:, :0]),
        ),
        (TALL, SINGULAR),
        ops=("svdvals",),
        grad=False,
    ),
    Error(
        "inv.rectangular",
        lambda T, a: T.linalg.inv(a),
        RuntimeError,
        "batches of square matrices, but they are 4 by 3",
        (TALL,),
    ),
    Error("inv.vector", lambda T, v: T.linalg.inv(v), RuntimeError, "must have at least 2 dimensions", (V,)),
    Error(
        "inv.integers",
        lambda T, i: T.linalg.inv(i),
        RuntimeError,
        "Expected a floating point or complex tensor",
        (integers(2, 2),),
    ),
    Error("inv.number", lambda T: T.linalg.inv(3), TypeError, "must be Tensor, not int"),
    Error("det.half", lambda T, a: T.det(a.half()), NotImplementedError, "lu_cpu", (A,)),
    Error(
        "solve.shapes",
        lambda T, a, x: T.linalg.solve(a, x),
        RuntimeError,
        "Incompatible shapes of A and B",
        (A, real(2, 2)),
    ),
    Error("solve.dtypes", lambda T, a, x: T.linalg.solve(a, x.float()), RuntimeError, "same dtype", (A, X)),
    Error(
        "solve.stacks", lambda T, a, x: T.linalg.solve(a, x), RuntimeError, "must match the size", (B, real(3, 3, 2))
    ),
    Error(
        "solve_triangular.vector",
        lambda T, a, v: T.linalg.solve_triangular(a, v, upper=True),
        RuntimeError,
        "at least 2 dimensions",
        (A, V),
    ),
    Error(
        "lstsq.driver", lambda T, a, x: T.linalg.lstsq(a, x, driver="fast"), RuntimeError, "should be one of", (A, X)
    ),
    Error("qr.mode", lambda T, a: T.linalg.qr(a, mode="full"), RuntimeError, "unrecognized mode", (A,)),
    Error(
        "qr.gradient_of_r",
        lambda T, a: T.linalg.qr(a.requires_grad_(), mode="r")[1].sum().backward(),
        RuntimeError,
        "depends on Q",
        (A,),
    ),
    Error(
        "qr.gradient_of_complete",
        lambda T, a: T.linalg.qr(a.requires_grad_(), mode="complete")[1].sum().backward(),
        RuntimeError,
        "not differentiable when mode='complete'",
        (TALL,),
    ),
    Error("eigh.triangle", lambda T, a: T.linalg.eigh(a, "X"), RuntimeError, "UPLO", (A,)),
    Error("eigh.integers", lambda T, i: T.linalg.eigh(i), NotImplementedError, "linalg_eigh_cpu", (integers(2, 2),)),
    Error(
        "eig.nan", lambda T, a: T.linalg.eig(a * float("nan")), RuntimeError, "should not contain infs or NaNs", (A,)
    ),
    Error("svd.driver", lambda T, a: T.linalg.svd(a, driver="gesvd"), RuntimeError, "only supported on CUDA", (A,)),
    Error("lu.no_pivot", lambda T, a: T.linalg.lu(a, pivot=False), RuntimeError, "without pivoting", (A,)),
    Error("lu_factor.singular", lambda T, a: T.linalg.lu_factor(a - a), RuntimeError, "is zero", (A,)),
    Error("matrix_norm.order", lambda T, a: T.linalg.matrix_norm(a, 3), RuntimeError, "not supported", (A,)),
    Error(
        "matrix_norm.dims",
        lambda T, a: T.linalg.matrix_norm(a, dim=(0, 0)),
        RuntimeError,
        "dims must be different",
        (A,),
    ),
    Error("vector_norm.word", lambda T, a: T.linalg.vector_norm(a, "fro"), TypeError, "must be Number", (A,)),
    Error("norm.three_dims", lambda T, a: T.linalg.norm(a, 2), RuntimeError, "must be 1D or 2D", (B,)),
    Error("cond.order", lambda T, a: T.linalg.cond(a, 3), RuntimeError, "invalid norm type", (A,)),
    Error("multi_dot.one", lambda T, a: T.linalg.multi_dot([a]), RuntimeError, "at least 2 tensors", (A,)),
    Error(
        "multi_dot.sizes", lambda T, a, x: T.linalg.multi_dot([a, x, a]), RuntimeError, "cannot be multiplied", (A, X)
    ),
    Error("matrix_power.fraction", lambda T, a: T.matrix_power(a, 0.5), TypeError, "must be int", (A,)),
    Error("vander.columns", lambda T, v: T.linalg.vander(v, N=1), RuntimeError, "greater than 1", (V,)),
    Error("tensorinv.ind", lambda T, a: T.linalg.tensorinv(a, ind=0), RuntimeError, "strictly positive", (A,)),
    # PyTorch cuts the factor's gradient to no triangle; so its slope is not that of the numbers that are read.
    Case(
        "cholesky_solve.factor",
        lambda T, a, x: (T.cholesky_solve(x, a), T.cholesky_solve(x, a, upper=True)),
        (A, X),
        smooth=False,
        rtol=1e-3,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case(
        "cholesky_inverse.factor",
        lambda T, a, b: (T.cholesky_inverse(a), T.cholesky_inverse(b, upper=True)),
        (A + 3 * np.eye(A.shape[-1]), B + 3 * np.eye(B.shape[-1])),  # nearly singular factors would square their errors
        smooth=False,
        rtol=1e-3,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case(
        "cholesky.complex_upper",
        lambda T, a, i: T.linalg.cholesky(positive(T.complex(a, i)), upper=True),
        (A, IMAG),
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "eigh.triangles",
        lambda T, a: (*eigh(T, a), *eigh(T, a, UPLO="U"), T.linalg.eigvalsh(a, "U")),
        (A,),
        smooth=False,
        ops=("eigh", "eigvalsh"),
        rtol=1e-3,
        atol=1e-4,
        slope_rtol=1e-7,
    ),
    Case(
        "ldl_factor",
        lambda T, a, b: (
            *T.linalg.ldl_factor(b + b.mT),
            *T.linalg.ldl_factor_ex(T.complex(a, b[0]), hermitian=True),
            *T.linalg.ldl_factor_ex(a - a),
            *T.linalg.ldl_factor(T.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]], dtype=a.dtype)),
        ),
        (A, B),
        grad=False,
        rtol=1e-4,
        atol=1e-5,
    ),
    Case(
        "ldl_solve",
        lambda T, a, b, x: (
            T.linalg.ldl_solve(*T.linalg.ldl_factor(b + b.mT), x),
            T.linalg.ldl_solve(
                *T.linalg.ldl_factor(T.complex(a, b[0]), hermitian=True), T.complex(x, x), hermitian=True
            ),
            T.linalg.ldl_solve(*T.linalg.ldl_factor(T.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]], dtype=x.dtype)), x),
        ),
        (A, B, X),
        grad=False,
        rtol=1e-3,
        atol=1e-4,
    ),
    Case(
        "ormqr",
        lambda T, a, tau, x: (
            T.ormqr(a, tau, x),
            T.ormqr(a, tau, x, transpose=True),
            T.ormqr(a, tau, x.mT, left=False),
            T.ormqr(a, tau, x.mT, left=False, transpose=True),
        ),
        (A, V, X),
        ops=("matmul",),
        rtol=1e-3,
        atol=1e-4,
    ),
    Case(
        "ormqr.complex",
        lambda T, a, i, tau, x: T.ormqr(T.complex(a, i), T.complex(tau, tau), T.complex(x, x), True, True),
        (A, IMAG, V, X),
        ops=("matmul",),
        rtol=1e-3,
        atol=1e-4,
    ),
    Case(
        "lstsq.residuals",
        lambda T, a, x: T.linalg.lstsq(a, x, driver="gelsd")[:2],
        (TALL, real(2, 4, 2)),
        rtol=1e-3,
        atol=1e-4,
        slope_rtol=1e-7,
        second=False,
    ),
    Case(
        "linalg.nothing_to_do",
        lambda T, a, v: (
            T.linalg.matrix_power(a, 0),
            T.linalg.householder_product(a, v[:0]),
            T.linalg.vander(v[0], N=3),
        ),
        (A, V),
        ops=("add",),
    ),
    Error(
        "vecdot.integers", lambda T, i: T.linalg.vecdot(i, i), RuntimeError, "floating point or complex", (integers(3),)
    ),
    Error("vander.bools", lambda T, v: T.linalg.vander(v > 0), RuntimeError, "got Bool", (V,)),
    Error(
        "householder.integers",
        lambda T, i: T.linalg.householder_product(i, i[0]),
        NotImplementedError,
        "orgqr_cpu",
        (integers(2, 2),),
    ),
    Error(
        "lu_solve.pivots",
        lambda T, a, v: T.lu_solve(v[:, None], a, T.tensor([1], dtype=T.int32)),
        RuntimeError,
        "Number of pivots",
        (A, V),
    ),
    Error("lu_solve.dtype", lambda T, a, v: T.lu_solve(v[:, None], a, v), RuntimeError, "torch.int32", (A, V)),
    Case("addr.dtypes", lambda T, x, v: T.addr(x, v.float(), v), (real(), V), ops=("mul", "add"), grad=False),
    Error(
        "lu_unpack.number",
        lambda T, v: T.lu_unpack(v[0], T.tensor([1], dtype=T.int32)),
        RuntimeError,
        "2 or more dimensions",
        (V,),
    ),
    Case(
        "slogdet.nan",
        lambda T, a: (
            *T.linalg.slogdet(a * float("nan")),
            T.linalg.lu_factor(T.tensor([[1.0, 2], [float("nan"), 3]]))[1],
        ),
        (A,),
        grad=False,
    ),
    Error("ldl_factor.singular", lambda T, a: T.linalg.ldl_factor(a - a), RuntimeError, "", (A,)),
    Error("ldl_factor.oblong", lambda T, a: T.linalg.ldl_factor(a), RuntimeError, "square matrices", (WIDE,)),
    Error("ormqr.sizes", lambda T, a, v: T.ormqr(a, v, a[:2]), RuntimeError, "must be equal to input", (A, V)),
    Error("pca_lowrank.many", lambda T, a: T.pca_lowrank(a, q=9), ValueError, "not greater than", (A,)),
    Error(
        "householder_product of a batch and a row",
        lambda T, x: T.linalg.householder_product(x, x[0, 0]),
        RuntimeError,
        "Expected tau to have one dimension less than input",
        (real(1, 3, 3),),
    ),
    Error(
        "ormqr of a batch",
        lambda T, x: T.ormqr(x[0], x[0, 0], x),
        RuntimeError,
        "same number of dimensions",
        (real(1, 3, 3),),
    ),
    Error("lstsq of a batch", lambda T, x: T.linalg.lstsq(x[0], x), RuntimeError, "greater or equal", (real(1, 3, 3),)),
    Error("renorm to nan", lambda T, x: T.renorm(x, 2, 0, float("nan")), RuntimeError, "maxnorm", (real(2, 3),)),
]
