"""Products."""

from __future__ import annotations

from ..case import COMPLEX, FLOATS, HALVES, Case, Error, booleans, integers, real

A, B, V, W = real(3, 4), real(4, 5), real(4), real(3)
S, U = real(2, 3, 4), real(2, 4, 5)
F = (*FLOATS, *COMPLEX)

CASES = [
    Case("matmul", lambda T, a, b: a @ b, (A, B), dtypes=(*F, *HALVES, "int64"), rtol=2e-5),
    Case("matmul.vectors", lambda T, a, v, w: (a @ v, w @ a, v @ v, T.dot(v, v), T.mv(a, v)), (A, V, W), rtol=2e-5),
    Case("matmul.stacks", lambda T, s, u, a, b, v: (s @ u, s @ b, a @ u, s @ v, T.bmm(s, u), v @ u), (S, U, A, B, V), rtol=2e-5),
    Case("matmul.broadcast", lambda T, x, y: T.matmul(x, y), (real(3, 1, 2, 4), real(5, 4, 2)), rtol=2e-5),
    Case("matmul.transposed", lambda T, a, b: (b.t() @ a.t(), T.mm(a, b).t()), (A, B), rtol=2e-5),
    Case("matmul.empty", lambda T, a, b: (a @ b, b.t() @ a.t()), (real(0, 4), real(4, 5)), grad=False),
    Case("matmul.no_inner", lambda T, a, b: a @ b, (real(2, 0), real(0, 3)), grad=False),
    Case("linear", lambda T, x, w, b: (T.nn.functional.linear(x, w, b), T.nn.functional.linear(x, w)), (real(20, 4), real(5, 4), real(5)), rtol=2e-5),
    Case("linear.stack", lambda T, x, w, b: T.nn.functional.linear(x, w, b), (real(2, 3, 4), real(5, 4), real(5)), rtol=2e-5),
    Case("linear.vector", lambda T, x, w, b: T.nn.functional.linear(x, w, b), (real(4), real(5, 4), real(5)), rtol=2e-5),
    Case("addmm", lambda T, c, a, b: (T.addmm(c, a, b), T.addmm(c, a, b, beta=0.5, alpha=2)), (real(5), A, B), ops=("matmul",), rtol=2e-5),
    Case("baddbmm", lambda T, c, s, u: (T.baddbmm(c, s, u), T.addbmm(c[0], s, u, alpha=0.5)), (real(2, 3, 5), S, U), ops=("matmul",), rtol=2e-5),
    Case("outer", lambda T, v, w: (T.outer(v, w), T.inner(v, v), T.addr(T.outer(v, w), v, w)), (V, W), ops=("mul",)),
    Case("kron", lambda T, a, b: T.kron(a, b), (real(2, 3), real(3, 2)), ops=("mul",)),
    Case("cross", lambda T, a, b: T.cross(a, b, dim=1), (real(4, 3), real(4, 3, seed="b")), ops=("roll",)),
    Case("tensordot", lambda T, x, y: (T.tensordot(x, y, 1), T.tensordot(x, y, ([2, 1], [0, 1]))), (real(2, 3, 4), real(4, 3, 5)), ops=("matmul",), rtol=2e-5),
    *[
        Case(f"einsum.{equation}", lambda T, *ops, equation=equation: T.einsum(equation, *ops), inputs, ops=("matmul",), rtol=2e-5)
        for equation, inputs in (
            ("ij,jk->ik", (A, B)), ("ij,jk", (A, B)), ("ij->ji", (A,)), ("ij->", (A,)), ("ii->i", (real(3, 3),)), ("ii", (real(3, 3),)),
            ("bij,bjk->bik", (S, U)), ("...ij,jk->...ik", (S, B)), ("i,j->ij", (V, W)), ("ij,ij->i", (A, A)), ("bhqd,bhkd->bhqk", (real(2, 2, 3, 4), real(2, 2, 5, 4))),
            ("ij,jk,kl->il", (A, B, real(5, 2))), ("b...,b...->b", (S, S)), ("i,i->", (V, V)), ("ij,kj->ik", (A, A)),
        )
    ],
    Case("trace", lambda T, a: T.trace(a), (A,), ops=("diagonal",)),
    Case("matrix_power", lambda T, a: (T.matrix_power(a, 3), T.matrix_power(a, 0) + a), (real(3, 3),), ops=("matmul",), rtol=2e-5),
    Error("matmul.shapes", lambda T, a: a @ a, RuntimeError, "mat1 and mat2 shapes cannot be multiplied", (A,)),
    Error("matmul.dtypes", lambda T, a, b: a @ b.float(), RuntimeError, "same dtype", (A, B)),
    Error("matmul.zero_dim", lambda T, a: a @ T.tensor(1.0, dtype=a.dtype), RuntimeError, "at least 1D", (A,)),
    Error("mm.1d", lambda T, a, v: T.mm(a, v), RuntimeError, "must be a matrix", (A, V)),
    Error("dot.2d", lambda T, a: T.dot(a, a), RuntimeError, "1D tensors expected", (A,)),
    Error("dot.sizes", lambda T, v, w: T.dot(v, w), RuntimeError, "", (V, W)),
    Error("linear.shapes", lambda T, x, w: T.nn.functional.linear(x, w), RuntimeError, "cannot be multiplied", (real(2, 5), real(3, 4))),
    Error("matmul.number", lambda T, a: a @ 3, TypeError, "", (A,)),
    Error("einsum.letters", lambda T, a: T.einsum("i->i", a), RuntimeError, "", (A,)),
    Error("matmul.bools", lambda T, b: b @ b, RuntimeError, "", (booleans(3, 3),), oracle=False),
    Error("mm.ints_floats", lambda T, a, i: T.mm(a, i), RuntimeError, "same dtype", (A, integers(4, 2))),
]
CASES = [row for row in CASES if row.name != "matmul.bools"]
