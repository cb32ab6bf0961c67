"""What the operator tables cannot say of products: names, memory, other libraries' operands, errors' classes."""

from __future__ import annotations

import numpy as np
import pytest

import taper


@pytest.fixture
def matrix():
    return taper.arange(4.0).reshape(2, 2).clone().requires_grad_()


@pytest.mark.parametrize(
    "product, name",
    [
        (lambda m: m @ m, "MmBackward0"),
        (lambda m: m @ m[0], "MvBackward0"),
        (lambda m: m[0] @ m[0], "DotBackward0"),
        (lambda m: taper.bmm(m[None], m[None]), "BmmBackward0"),
        (lambda m: taper.nn.functional.linear(m, m, m[0]), "AddmmBackward0"),
        (lambda m: taper.addmm(m, m, m), "AddmmBackward0"),
        (lambda m: taper.baddbmm(m[None], m[None], m[None]), "BaddbmmBackward0"),
        (lambda m: taper.linalg.inv(m), "LinalgInvExBackward0"),
        (lambda m: taper.linalg.det(m), "LinalgDetBackward0"),
        (lambda m: taper.linalg.eigh(m)[1], "LinalgEighBackward0"),
        (lambda m: taper.linalg.svd(m)[0], "LinalgSvdBackward0"),
    ],
)
def test_grad_fn_has_pytorchs_name(matrix, product, name):
    assert product(matrix).grad_fn.name() == name


def test_numpy_arrays_are_operands():
    t, a = taper.ones(2, 3), np.ones((3, 2), np.float32)
    assert isinstance(t @ a, taper.Tensor) and isinstance(a @ t, taper.Tensor)
    assert (t @ a).tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_in_place_product_keeps_the_tensor():
    t = taper.tensor([[1.0, 2.0], [3.0, 4.0]])
    same = t
    t @= taper.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert t is same and t.tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_halves_are_summed_in_single_precision():
    # In float16 arithmetic the sum stops growing at 2048.
    ones = taper.ones(4096, dtype=taper.float16)
    assert float(ones @ ones) == 4096.0


def test_integer_products_wrap_around():
    t = taper.full((2, 2), 100, dtype=taper.int8)
    assert (t @ t).tolist() == [[32, 32], [32, 32]] and (t @ t).dtype == taper.int8


def test_results_and_gradients_are_contiguous_for_transposed_operands():
    x, w = taper.ones(5, 3).requires_grad_(), taper.ones(4, 3).requires_grad_()
    y = x @ w.t()
    y.sum().backward()
    for t in (y, x.grad, w.grad):
        assert t.is_contiguous()


def test_linear_does_not_change_its_bias():
    b = taper.ones(2)
    taper.nn.functional.linear(taper.ones(3, 4), taper.ones(2, 4), b)
    assert b.tolist() == [1.0, 1.0]


def test_out_receives_the_product():
    out = taper.empty(0)
    assert taper.mm(taper.ones(2, 3), taper.ones(3, 2), out=out) is out
    assert out.tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_power_one_is_a_copy():
    t = taper.eye(2)
    taper.linalg.matrix_power(t, 1).fill_(5.0)
    assert t.tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda z: taper.linalg.inv(z), "linalg.inv: The diagonal element 1 is zero"),
        (lambda z: taper.linalg.inv(taper.stack([taper.eye(2), z])), "Batch element 1"),
        (lambda z: taper.linalg.solve(z, z), "the input matrix is singular"),
        (lambda z: taper.linalg.cholesky(taper.tensor([[1.0, 2.0], [2.0, 1.0]])), "leading minor of order 2"),
        (lambda z: taper.linalg.inv_ex(z, check_errors=True), "linalg.inv_ex"),
        (lambda z: z.matrix_power(-1), "linalg.inv"),
        (
            lambda z: taper.cholesky_inverse(taper.stack([taper.eye(2), z])),
            "Batch element 1.: The diagonal element 1 is",
        ),
    ],
)
def test_failures_are_linalg_errors(call, words):
    with pytest.raises(taper.linalg.LinAlgError, match=words) as caught:
        call(taper.zeros(2, 2))
    assert isinstance(caught.value, RuntimeError) and type(caught.value).__name__ == "_LinAlgError"


def test_what_is_not_a_number_is_no_surprise_to_factorisations():
    stack = taper.eye(4).repeat(2, 1, 1)
    stack[1, 2, 1] = stack[1, 1, 2] = stack[1, 0, 0] = float("nan")
    LD, pivots, info = taper.linalg.ldl_factor_ex(stack)
    assert info[0] == 0 and info[1] > 0
    x = taper.linalg.ldl_solve(LD, pivots, taper.ones(2, 4, 1))
    assert x[0].flatten().tolist() == [1.0] * 4 and x[1].isnan().any()
    for refuses in (taper.linalg.svd, taper.linalg.eigvalsh, taper.linalg.pinv):
        with pytest.raises(taper.linalg.LinAlgError, match="Batch element 1.*non-finite"):
            refuses(stack)


def test_factors_give_back_the_matrix_of_any_size():
    generator = np.random.default_rng(0)
    for n in (1, 15, 16, 17, 33, 100):
        a = taper.from_numpy(generator.standard_normal((n, n)))
        P, L, U = taper.linalg.lu(a)
        np.testing.assert_allclose((P @ L @ U).numpy(), a.numpy(), atol=1e-12)
        x = taper.linalg.solve_triangular(L, a, upper=False, unitriangular=True)
        np.testing.assert_allclose((L @ x).numpy(), a.numpy(), atol=1e-10)


def test_exponential_of_large_and_small_matrices():
    big = taper.tensor([[0.0, 50.0], [-50.0, 0.0]], dtype=taper.float64)
    c, s = np.cos(50.0), np.sin(50.0)
    np.testing.assert_allclose(taper.matrix_exp(big).numpy(), [[c, s], [-s, c]], atol=1e-11)
    assert taper.matrix_exp(taper.zeros(2, 2)).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_results_are_named_tuples():
    result = taper.linalg.svd(taper.eye(1))
    assert result.U is result[0] and result.Vh is result[2]
    assert repr(taper.linalg.slogdet(taper.eye(1))).startswith("torch.return_types.linalg_slogdet(\nsign=")
    assert repr(taper.slogdet(taper.eye(1))).startswith("torch.return_types.slogdet(\nsign=")
    P, L, U = taper.linalg.lu(taper.eye(2))
    assert U.shape == (2, 2)


def test_lists_of_names_are_what_can_be_imported():
    assert [n for n in taper.linalg.__all__ if not hasattr(taper.linalg, n)] == []
