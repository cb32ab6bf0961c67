"""Autocast and the gradient scaler, against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper

RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 4)).astype(np.float32)
P = (A @ A.T + np.eye(4, dtype=np.float32)).astype(np.float32)
U = RNG.random((4, 4)).astype(np.float32)
V = RNG.random(4).astype(np.float32)
S = RNG.standard_normal((2, 4, 4)).astype(np.float32)
I1, I2, I3 = (RNG.random((2, 3, *(8,) * n)).astype(np.float32) for n in (1, 2, 3))
K1, K2, K3 = (RNG.random((3, 3, *(3,) * n)).astype(np.float32) for n in (1, 2, 3))
CLASSES = np.array([0, 1, 2, 3])

# What a function computes in under autocast, for inputs of float32 and of bfloat16.
LOWER = {
    "matmul": (lambda T, a, b: a @ b, A, A),
    "matmul of a vector": (lambda T, a, b: T.matmul(a, b), A, V),
    "mm": (lambda T, a, b: T.mm(a, b), A, A),
    "bmm": (lambda T, a, b: T.bmm(a, b), S, S),
    "addmm": (lambda T, a, b, c: T.addmm(a, b, c), A, A, A),
    "baddbmm": (lambda T, a, b, c: T.baddbmm(a, b, c), S, S, S),
    "addbmm": (lambda T, a, b, c: T.addbmm(a, b, c), A, S, S),
    "einsum": (lambda T, a, b: T.einsum("ij,jk->ik", a, b), A, A),
    "linear": (lambda T, a, b: T.nn.functional.linear(a, b), A, A),
    "conv1d": (lambda T, x, k: T.nn.functional.conv1d(x, k), I1, K1),
    "conv2d": (lambda T, x, k: T.nn.functional.conv2d(x, k), I2, K2),
    "conv3d": (lambda T, x, k: T.nn.functional.conv3d(x, k), I3, K3),
    "conv_transpose2d": (lambda T, x, k: T.nn.functional.conv_transpose2d(x, k), I2, K2),
    "prelu": (lambda T, a, w: T.nn.functional.prelu(a, w), A, V[:1]),
    "attention": (lambda T, q, k, v: T.nn.functional.scaled_dot_product_attention(q, k, v), S, S, S),
    "vecdot": (lambda T, a, b: T.linalg.vecdot(a, b), A, A),
}
WIDER = {
    "prod": (lambda T, a: a.prod(), A),
    "trace": (lambda T, a: a.trace(), A),
    "mse_loss": (lambda T, a, b: T.nn.functional.mse_loss(a, b), A, A),
    "l1_loss": (lambda T, a, b: T.nn.functional.l1_loss(a, b), A, A),
    "huber_loss": (lambda T, a, b: T.nn.functional.huber_loss(a, b), A, A),
    "cross_entropy": (lambda T, a: T.nn.functional.cross_entropy(a, T.tensor(CLASSES)), A),
    "nll_loss": (lambda T, a: T.nn.functional.nll_loss(a, T.tensor(CLASSES)), A),
    "binary_cross_entropy": (lambda T, a: T.nn.functional.binary_cross_entropy(a, a), U),
    "bce_with_logits": (lambda T, a: T.nn.functional.binary_cross_entropy_with_logits(a, a), U),
    "kl_div": (lambda T, a: T.nn.functional.kl_div(a, a, reduction="sum"), U),
    "max_pool3d": (lambda T, x: T.nn.functional.max_pool3d(x, 2), I3),
    "adaptive_avg_pool3d": (lambda T, x: T.nn.functional.adaptive_avg_pool3d(x, 2), I3),
    "reflection_pad": (lambda T, x: T.nn.functional.pad(x, (1, 1), mode="reflect"), I1),
    "inv": (lambda T, a: T.linalg.inv(a), P),
    "cholesky": (lambda T, a: T.linalg.cholesky(a), P),
    "svdvals": (lambda T, a: T.linalg.svdvals(a), P),
    "quantile": (lambda T, a: T.quantile(a, 0.5), U),
    "cdist": (lambda T, a, b: T.cdist(a, b), U, A),
    "fft": (lambda T, a: T.fft.fft(a), U),
}
SAME = {
    "softmax": (lambda T, a: a.softmax(-1), A),
    "layer_norm": (lambda T, a: T.nn.functional.layer_norm(a, (4,)), A),
    "sum": (lambda T, a: a.sum(), A),
    "add": (lambda T, a: a + a, A),
    "exp": (lambda T, a: a.exp(), A),
    "mv": (lambda T, a, b: T.mv(a, b), A, V),
    "max_pool2d": (lambda T, x: T.nn.functional.max_pool2d(x, 2), I2),
    "cat": (lambda T, a: T.cat([a, a.float()]), A),
}
EVERY = {**LOWER, **WIDER, **SAME}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def results(T, name, dtype):
    call, *arrays = EVERY[name]
    with T.autocast("cpu"):
        return call(T, *(T.tensor(a).to(getattr(T, dtype)) for a in arrays))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("name", EVERY)
def test_dtypes_and_values_are_pytorchs(torch, name, dtype):
    found, expected = results(taper, name, dtype), results(torch, name, dtype)
    assert str(found.dtype) == str(expected.dtype)
    wide = taper.complex128 if found.is_complex() else taper.float64
    tolerance = 0.02 if "bfloat16" in (dtype, str(found.dtype)[6:]) else 1e-4
    np.testing.assert_allclose(
        found.to(wide).numpy(),
        expected.to(getattr(torch, str(wide)[6:])).numpy(),
        rtol=tolerance,
        atol=2 * tolerance,
    )


def test_gradients_come_in_the_parameters_dtype():
    layer = taper.nn.Linear(4, 3)
    x = taper.tensor(A)
    with taper.autocast("cpu", dtype=taper.bfloat16):
        y = layer(x)
        assert y.dtype == taper.bfloat16
    y.float().sum().backward()
    assert layer.weight.grad.dtype == taper.float32
    np.testing.assert_allclose(layer.weight.grad.numpy(), np.tile(A.sum(0), (3, 1)), rtol=0.02, atol=0.02)


def test_nested_scopes_and_what_they_leave():
    a = taper.tensor(A)
    assert not taper.is_autocast_enabled("cpu")
    with taper.autocast("cpu"):
        with taper.autocast("cpu", enabled=False):
            assert (a @ a).dtype == taper.float32
        with taper.autocast("cpu", dtype=taper.float16):
            assert (a @ a).dtype == taper.float16
        assert (a @ a).dtype == taper.bfloat16 and taper.is_autocast_cpu_enabled()
    assert (a @ a).dtype == taper.float32
    with pytest.raises(ZeroDivisionError), taper.autocast("cpu"):
        1 / 0  # noqa: B018
    assert not taper.is_autocast_enabled("cpu") and taper.get_autocast_dtype("cpu") == taper.bfloat16


def test_decorator_and_aliases():
    @taper.autocast("cpu")
    def product(a):
        return a @ a

    assert product(taper.tensor(A)).dtype == taper.bfloat16
    assert taper.amp.autocast is taper.autocast
    with pytest.warns(FutureWarning, match="torch.amp.autocast"), taper.cpu.amp.autocast():
        assert (taper.tensor(A) @ taper.tensor(A)).dtype == taper.bfloat16


def test_a_changed_parameter_is_cast_again():
    w = taper.nn.Parameter(taper.ones(2, 2))
    with taper.autocast("cpu"):
        assert (w @ taper.ones(2, 2)).float().sum().item() == 8
        with taper.no_grad():
            w.fill_(2.0)
        assert (w @ taper.ones(2, 2)).float().sum().item() == 16


def test_without_gpu_cuda_scopes_warn_and_do_nothing():
    for scope in (lambda: taper.autocast("cuda"), lambda: taper.amp.autocast(device_type="cuda", dtype=taper.float16)):
        with pytest.warns(UserWarning, match="CUDA is not available"), scope():
            assert (taper.tensor(A) @ taper.tensor(A)).dtype == taper.float32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with taper.cuda.amp.autocast():
            assert (taper.tensor(A) @ taper.tensor(A)).dtype == taper.float32


def test_refusals():
    with pytest.raises(ValueError, match="device_type"):
        taper.autocast(3)
    with pytest.raises(RuntimeError, match="device type"):
        taper.autocast("abacus")
    with pytest.warns(UserWarning, match="not supported"), taper.autocast("cpu", dtype=taper.float64):
        assert not taper.is_autocast_enabled("cpu")


def test_custom_function_runs_backward_as_forward():
    seen = []

    class Product(taper.autograd.Function):
        @staticmethod
        @taper.amp.custom_fwd(device_type="cpu")
        def forward(ctx, a):
            seen.append((a @ a).dtype)
            ctx.save_for_backward(a)
            return a * 2

        @staticmethod
        @taper.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            seen.append((a @ a).dtype)
            return g * 2

    x = taper.tensor(A, requires_grad=True)
    with taper.autocast("cpu"):
        y = Product.apply(x)
    y.sum().backward()
    assert seen == [taper.bfloat16, taper.bfloat16]


def train(T, overflow_at=None):
    T.manual_seed(0)
    model = T.nn.Linear(4, 2)
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    scaler = T.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    scales = []
    for i in range(5):
        optimizer.zero_grad()
        loss = (model(T.tensor(A)) ** 2).mean()
        scaler.scale(loss).backward()
        if i == overflow_at:
            model.weight.grad[0, 0] = float("inf")
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return scales, model.weight.detach().numpy(), scaler.state_dict()


@pytest.mark.parametrize("overflow_at", [None, 2])
def test_scaled_training_is_pytorchs(torch, overflow_at):
    found, expected = train(taper, overflow_at), train(torch, overflow_at)
    assert found[0] == expected[0] and found[2] == expected[2]
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)


def test_scaler_states_its_misuse():
    model = taper.nn.Linear(2, 1)
    optimizer = taper.optim.SGD(model.parameters(), lr=0.1)
    scaler = taper.amp.GradScaler("cpu")
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)
    scaler = taper.amp.GradScaler("cpu")
    scaler.scale(model(taper.ones(1, 2)).sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="empty"):
        scaler.load_state_dict({})


def test_scaler_for_an_absent_gpu_does_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scalers = [taper.amp.GradScaler(), taper.cuda.amp.GradScaler(), taper.GradScaler("cuda", enabled=False)]
    for scaler in scalers:
        model = taper.nn.Linear(2, 1)
        loss = model(taper.ones(1, 2)).sum()
        assert scaler.scale(loss) is loss and not scaler.is_enabled() and scaler.get_scale() == 1.0
        loss.backward()
        scaler.step(taper.optim.SGD(model.parameters(), lr=0.1))
        scaler.update()
        assert scaler.state_dict() == {}
