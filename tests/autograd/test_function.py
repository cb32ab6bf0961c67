"""`Function`, modes, hooks, anomaly mode, functional derivatives and checks, each scenario in both libraries."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

import taper

try:
    import torch
except ImportError:
    torch = None

BOTH = [taper] + ([torch] if torch is not None else [])


def agree(scenario):
    """The scenario's result in Taper, which must be PyTorch's."""
    results = []
    for T in BOTH:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(scenario(T))
    for other in results[1:]:
        np.testing.assert_allclose(np.asarray(results[0], float), np.asarray(other, float), rtol=1e-6)
    return results[0]


def flat(*tensors):
    return [v for t in tensors for v in t.detach().reshape(-1).tolist()]


def exponential(T):
    class Exp(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            y = x.exp() * k
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y, None

    return Exp


def test_function_with_higher_derivatives():
    def scenario(T):
        x = T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)
        y = exponential(T).apply(x, 3.0)
        (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = T.autograd.grad(g.sum(), x)
        assert "ExpBackward" in type(y.grad_fn).__name__ or "ExpBackward" in repr(y.grad_fn)
        return flat(y, g, h)

    agree(scenario)


def test_function_with_several_outputs_and_setup_context():
    def scenario(T):
        class Both(T.autograd.Function):
            @staticmethod
            def forward(x, y):
                return x * y, x + y, x > 0

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)
                ctx.mark_non_differentiable(output[2])

            @staticmethod
            def backward(ctx, g, h, _):
                x, y = ctx.saved_tensors
                return g * y + h, (g * x + h) if ctx.needs_input_grad[1] else None

        x, y = T.tensor([1.0, 2.0], requires_grad=True), T.tensor([3.0, 4.0], requires_grad=True)
        a, b, c = Both.apply(x, y)
        assert not c.requires_grad
        b.sum().backward(retain_graph=True)
        first = flat(x.grad, y.grad)
        (a * b).sum().backward()
        return first + flat(x.grad, y.grad)

    agree(scenario)


def test_function_in_place_and_once_differentiable():
    def scenario(T):
        class Double(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                x.mul_(2)
                ctx.mark_dirty(x)
                return x

            @staticmethod
            @T.autograd.function.once_differentiable
            def backward(ctx, g):
                return g * 2

        w = T.ones(3, requires_grad=True)
        y = w * 3
        Double.apply(y)
        y.sum().backward()
        return flat(w.grad, y)

    agree(scenario)


@pytest.mark.parametrize("T", BOTH, ids=lambda T: T.__name__)
def test_function_errors(T):
    class Wrong(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g, g

    class Shape(Wrong):
        @staticmethod
        def backward(ctx, g):
            return g[:1].expand(7)

    x = T.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="incorrect number of gradients"):
        Wrong.apply(x).sum().backward()
    with pytest.raises(RuntimeError, match="invalid gradient at index 0"):
        Shape.apply(x).sum().backward()
    with pytest.raises(NotImplementedError):
        T.autograd.Function.apply(x)


def test_functional_derivatives():
    def scenario(T):
        F = T.autograd.functional
        a, b = T.arange(3.0), T.ones(3) * 2
        f = lambda a, b: (a * b**2).sum()
        rows = [F.jacobian(lambda a: a**2, a), *[h for row in F.hessian(f, (a, b)) for h in row]]
        for product in (F.vjp(f, (a, b)), F.jvp(f, (a, b), (a, b)), F.hvp(f, (a, b), (a, b)), F.vhp(f, (a, b), (a, b))):
            rows.append(product[0])
            rows += product[1] if isinstance(product[1], tuple) else [product[1]]
        return flat(*rows)

    agree(scenario)


@pytest.mark.parametrize("T", BOTH, ids=lambda T: T.__name__)
def test_gradcheck_tells_right_from_wrong(T):
    class Wrong(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = T.rand(3, dtype=T.float64, requires_grad=True)
    assert T.autograd.gradcheck(lambda x: (x.sin(), x @ x), (x,))
    assert T.autograd.gradgradcheck(lambda x: (x.sin() * x).sum(), (x,))
    assert not T.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False)
    with pytest.raises(
        T.autograd.gradcheck.GradcheckError if hasattr(T.autograd.gradcheck, "GradcheckError") else RuntimeError
    ):
        T.autograd.gradcheck(Wrong.apply, (x,))
    with pytest.raises(ValueError, match="requires_grad"):
        T.autograd.gradcheck(lambda x: x, (x.detach(),))


@pytest.mark.parametrize("T", BOTH, ids=lambda T: T.__name__)
def test_anomaly_mode_names_the_operator(T):
    x = T.zeros(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with T.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="SqrtBackward0.*returned nan"):
            (T.sqrt(x) * 0).sum().backward()
    assert not T.is_anomaly_enabled() if hasattr(T, "is_anomaly_enabled") else True


def test_anomaly_mode_warns_with_the_users_own_calls():
    with taper.autograd.set_detect_anomaly(True):
        y = taper.sqrt(taper.zeros(2, requires_grad=True))
        with (
            pytest.warns(UserWarning, match="Error detected in SqrtBackward0") as seen,
            pytest.raises(RuntimeError) as error,
        ):
            (y * 0).sum().backward()
    told = str(seen[0].message)
    assert "y = taper.sqrt(taper.zeros(2, requires_grad=True))" in told.splitlines()[-1]
    assert str(error.value) == "Function 'SqrtBackward0' returned nan values in its 0th output."


def test_gradgradcheck_draws_what_pytorchs_draws():
    found = []
    for T in BOTH:
        T.manual_seed(0)
        x = T.tensor([[0.5, 1.0, 2.0]], dtype=T.float64, requires_grad=True)
        assert T.autograd.gradcheck(lambda x: x * x, (x,)) and T.autograd.gradgradcheck(lambda x: x * x * x, (x,))
        found.append(T.rand(2).tolist())
    assert all(f == found[0] for f in found)


@pytest.mark.parametrize("T", BOTH, ids=lambda T: T.__name__)
def test_modes(T):
    x = T.ones(2, requires_grad=True)

    @T.no_grad()
    def inside():
        return x * 2

    @T.no_grad
    def bare():
        return x * 2

    @T.no_grad()
    def generator():
        yield x * 2
        yield T.is_grad_enabled()

    assert not inside().requires_grad
    assert not bare().requires_grad
    values = generator()
    assert not next(values).requires_grad
    assert T.is_grad_enabled()
    assert next(values) is False
    with T.no_grad(), T.enable_grad():
        assert (x * 2).requires_grad
    with T.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    with T.inference_mode():
        assert T.is_inference_mode_enabled()
    seen = []
    with T.no_grad():
        thread = threading.Thread(target=lambda: seen.append(T.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_hooks_see_and_change_gradients():
    def scenario(T):
        x = T.tensor([1.0, 2.0], requires_grad=True)
        seen = []
        y = x * 3
        handle = y.register_hook(lambda g: g * 10)
        x.register_hook(lambda g: seen.append(g.clone()))
        x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad * 2))
        y.sum().backward()
        handle.remove()
        (x * 3).sum().backward()
        return flat(x.grad, *seen)

    agree(scenario)


def test_views_changed_in_place():
    def scenario(T):
        w = T.arange(12.0).reshape(3, 4).requires_grad_()
        y = w * 1
        v = y[1:]
        u = v.t()[0]
        u.mul_(3)
        y[0].zero_()
        v[:, 1] = w[0, 1:3] * 2
        y.view(-1)[5:7] += 1
        (y**2).sum().backward()
        return flat(w.grad, y, v, u)

    agree(scenario)


MISTAKES = [
    ("second time", lambda T, x: [(y := (x * x).sum()).backward(), y.backward()]),
    ("modified by an inplace operation", lambda T, x: [(y := x * 2), (z := y * y), y.add_(1), z.sum().backward()]),
    ("leaf Variable", lambda T, x: x.add_(1)),
    ("view of a leaf Variable", lambda T, x: x[:1].add_(1)),
    ("scalar outputs", lambda T, x: (x * 2).backward()),
    ("does not require grad", lambda T, x: x.detach().sum().backward()),
    ("not have been used in the graph", lambda T, x: T.autograd.grad(x.sum(), T.ones(1, requires_grad=True))),
    ("Mismatch in shape", lambda T, x: (x * 2).backward(T.ones(7))),
    ("leaf", lambda T, x: (x * 2).requires_grad_(False)),
]


@pytest.mark.parametrize("T", BOTH, ids=lambda T: T.__name__)
@pytest.mark.parametrize(("words", "mistake"), MISTAKES, ids=[w for w, _ in MISTAKES])
def test_mistakes(T, words, mistake):
    with pytest.raises(RuntimeError, match=words):
        mistake(T, T.ones(2, requires_grad=True))


def test_a_non_leaf_has_no_grad_and_says_so():
    y = taper.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None
    y.retain_grad()
    y.sum().backward()
    assert y.grad.tolist() == [1, 1]
