"""Modules, optimizers and training runs on a GPU give the CPU's numbers."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import taper
from taper import nn, optim
from taper.nn import functional as F

from .gpus import PLACES, gpus


@pytest.fixture(scope="module", params=PLACES)
def gpu(request):
    with gpus(request.param):
        yield


def image(*shape):
    return taper.from_numpy(np.random.default_rng(1).standard_normal(shape).astype(np.float64))


MODULES = {
    "Linear": (lambda: nn.Linear(5, 3), (4, 5)),
    "Bilinear-free MLP": (lambda: nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3)), (4, 5)),
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3, padding=1, groups=1), (2, 3, 8)),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 7, 7)),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2, dilation=2), (2, 2, 5, 5, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, output_padding=1), (2, 3, 5, 5)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (4, 3, 5, 5)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (3, 4, 5, 5)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3, affine=True), (2, 3, 4, 4)),
    "RMSNorm": (lambda: nn.RMSNorm(6), (2, 6)),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), (2, 3, 4, 4)),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, padding=1), (2, 3, 8, 8)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, ceil_mode=True), (2, 3, 7, 7)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((3, 2)), (2, 3, 7, 7)),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(3), (2, 3, 7, 7)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 4, 4)),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d(1), (2, 3, 4, 4)),
    "RNN": (lambda: nn.RNN(3, 4, 2), (5, 2, 3)),
    "LSTM": (lambda: nn.LSTM(3, 4, bidirectional=True), (5, 2, 3)),
    "GRU": (lambda: nn.GRU(3, 4, batch_first=True), (2, 5, 3)),
    "MultiheadAttention": (lambda: _SelfAttention(8, 2), (5, 2, 8)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), (5, 2, 8)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (1, 8, 3, 3)),
    "Unfold": (lambda: nn.Unfold(2), (1, 2, 4, 4)),
    "PReLU": (lambda: nn.PReLU(3), (2, 3, 4)),
    "LazyLinear": (lambda: nn.LazyLinear(3), (4, 5)),
}


class _SelfAttention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


def _first(out):
    return out[0] if isinstance(out, tuple) else out


@pytest.mark.parametrize("name", MODULES)
def test_modules(gpu, name):
    make, shape = MODULES[name]
    taper.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = make().double()
        x = image(*shape)
        here(x)  # lazy ones find their shapes
        there = copy.deepcopy(here).cuda()
        assert all(t.is_cuda for t in there.state_dict().values())
        a, b = x.clone().requires_grad_(), x.cuda().requires_grad_()
        here_out, there_out = _first(here(a)), _first(there(b))
    assert there_out.is_cuda
    np.testing.assert_allclose(there_out.detach().cpu().numpy(), here_out.detach().numpy(), rtol=1e-9, atol=1e-12)
    weight = image(*here_out.shape)
    (here_out * weight).sum().backward()
    (there_out * weight.cuda()).sum().backward()
    np.testing.assert_allclose(b.grad.cpu().numpy(), a.grad.numpy(), rtol=1e-8, atol=1e-11)
    for p, q in zip(here.parameters(), there.parameters()):
        assert q.grad.is_cuda
        np.testing.assert_allclose(q.grad.cpu().numpy(), p.grad.numpy(), rtol=1e-8, atol=1e-11)
    for p, q in zip(here.buffers(), there.buffers()):
        np.testing.assert_allclose(q.cpu().numpy(), p.numpy(), rtol=1e-10)
    assert not any(t.is_cuda for t in there.cpu().state_dict().values())


LOSSES = {
    "cross_entropy": lambda x, y: F.cross_entropy(x, y),
    "smoothed": lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1, ignore_index=1),
    "nll_loss": lambda x, y: F.nll_loss(F.log_softmax(x, 1), y),
    "mse_loss": lambda x, y: F.mse_loss(x, F.one_hot(y, 4).to(x.dtype)),
    "huber": lambda x, y: F.huber_loss(x, F.one_hot(y, 4).to(x.dtype)),
    "bce": lambda x, y: F.binary_cross_entropy_with_logits(x, F.one_hot(y, 4).to(x.dtype)),
    "kl_div": lambda x, y: F.kl_div(F.log_softmax(x, 1), F.softmax(-x, 1), reduction="batchmean"),
    "multi_margin": lambda x, y: F.multi_margin_loss(x, y),
    "triplet": lambda x, y: F.triplet_margin_loss(x, -x, x * 2 + 1),
    "cosine": lambda x, y: F.cosine_embedding_loss(x, x.flip(1), (y > 1).long() * 2 - 1),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(gpu, name):
    x, y = image(6, 4), taper.tensor([0, 3, 2, 1, 1, 0])
    a, b = x.clone().requires_grad_(), x.cuda().requires_grad_()
    here, there = LOSSES[name](a, y), LOSSES[name](b, y.cuda())
    assert there.is_cuda
    np.testing.assert_allclose(there.item(), here.item(), rtol=1e-10)
    here.backward()
    there.backward()
    np.testing.assert_allclose(b.grad.cpu().numpy(), a.grad.numpy(), rtol=1e-8, atol=1e-11)


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": lambda p: optim.Adam(p, 0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, 0.01),
    "NAdam": lambda p: optim.NAdam(p, 0.01),
    "RAdam": lambda p: optim.RAdam(p, 0.01),
    "Adamax": lambda p: optim.Adamax(p, 0.01),
    "Adagrad": lambda p: optim.Adagrad(p, 0.01),
    "Adadelta": lambda p: optim.Adadelta(p),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01, centered=True, momentum=0.5),
    "Rprop": lambda p: optim.Rprop(p, 0.01),
    "ASGD": lambda p: optim.ASGD(p, 0.01),
    "LBFGS": lambda p: optim.LBFGS(p, 0.1, line_search_fn="strong_wolfe"),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(gpu, name):
    taper.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    x, y = image(8, 4), image(8, 2)

    def trained(model, x, y):
        optimizer = OPTIMIZERS[name](model.parameters())

        def closure():
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            return loss

        for _ in range(4):
            optimizer.step(closure)
        return optimizer

    there = copy.deepcopy(model).cuda()
    trained(model, x, y)
    optimizer = trained(there, x.cuda(), y.cuda())
    for p, q in zip(model.parameters(), there.parameters()):
        np.testing.assert_allclose(q.detach().cpu().numpy(), p.detach().numpy(), rtol=1e-7, atol=1e-10)
    again = OPTIMIZERS[name](there.parameters())
    again.load_state_dict(optimizer.state_dict())
    for state in again.state.values():
        for slot in state.values():
            if isinstance(slot, taper.Tensor) and slot.ndim:
                assert slot.is_cuda


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        )
        self.classifier = nn.Sequential(
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)
        )

    def forward(self, x):
        return self.classifier(self.features(x))


def test_a_lenet_trains_to_the_cpus_losses(gpu):
    taper.manual_seed(2)
    here = LeNet()
    there = copy.deepcopy(here).to("cuda")
    x, y = image(3, 16, 1, 28, 28).float(), taper.randint(0, 10, (3, 16))
    losses = []
    for model, device in ((here, "cpu"), (there, "cuda")):
        optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        found = []
        for _ in range(2):
            for images, labels in zip(x, y):
                loss = F.cross_entropy(model(images.to(device)), labels.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                found.append(loss.item())
        losses.append(found)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    assert losses[1][-1] < losses[1][0]
    here.eval()
    there.eval()
    np.testing.assert_allclose(there(x[0].cuda()).detach().cpu(), here(x[0]).detach(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", [taper.float16, taper.bfloat16], ids=str)
def test_mixed_precision(gpu, dtype):
    taper.manual_seed(3)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4)).cuda()
    x, y = image(64, 20).float().cuda(), taper.randint(0, 4, (64,), device="cuda")
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    scaler = taper.amp.GradScaler("cuda", enabled=dtype is taper.float16)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        with taper.autocast("cuda", dtype=dtype):
            assert taper.is_autocast_enabled("cuda") and not taper.is_autocast_enabled("cpu")
            out = model(x)
            loss = F.cross_entropy(out, y)
            assert out.dtype == dtype and out.softmax(1).dtype == taper.float32 and out.relu().dtype == dtype
            assert (out.cpu() @ out.cpu().T).dtype == dtype and (x.cpu() @ x.cpu().T).dtype == taper.float32
        scaler.scale(loss).backward()
        assert model[0].weight.grad.dtype == taper.float32
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_the_scaler_skips_a_step_that_overflows(gpu):
    p = nn.Parameter(taper.ones(2, device="cuda"))
    optimizer, scaler = optim.SGD([p], 1.0), taper.amp.GradScaler("cuda", init_scale=4.0)
    scaler.scale((p * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert p.tolist() == [1.0, 1.0] and scaler.get_scale() == 2.0


INITS = {
    "xavier_uniform_": nn.init.xavier_uniform_,
    "kaiming_normal_": nn.init.kaiming_normal_,
    "trunc_normal_": nn.init.trunc_normal_,
    "wide trunc_normal_": lambda t: nn.init.trunc_normal_(t, 0, 5, -0.1, 0.1),
    "orthogonal_": nn.init.orthogonal_,
    "eye_": nn.init.eye_,
    "sparse_": lambda t: nn.init.sparse_(t, 0.5),
    "constant_": lambda t: nn.init.constant_(t, 3),
}


@pytest.mark.parametrize("name", INITS)
def test_initial_values(gpu, name):
    t = taper.empty(6, 4, device="cuda")
    INITS[name](t)
    assert t.is_cuda and bool(taper.isfinite(t).all())
    if name == "orthogonal_":
        np.testing.assert_allclose((t.T @ t).cpu(), np.eye(4), atol=1e-5)


def test_clipping_and_schedules(gpu):
    model = nn.Linear(3, 2).cuda()
    (model(taper.ones(4, 3, device="cuda")) ** 2).sum().mul(100).backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    assert norm.is_cuda and norm.item() > 1
    total = sum(float((p.grad**2).sum()) for p in model.parameters()) ** 0.5
    assert total == pytest.approx(1, rel=1e-4)
    vector = nn.utils.parameters_to_vector(model.parameters())
    assert vector.is_cuda
    nn.utils.vector_to_parameters(vector * 0, model.parameters())
    assert model.weight.abs().sum().item() == 0


def test_checkpointed_parts_are_computed_again(gpu):
    from taper.utils.checkpoint import checkpoint

    layer = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1)).cuda()
    x = taper.ones(64, 4, device="cuda", requires_grad=True)
    taper.manual_seed(0)
    checkpoint(layer, x, use_reentrant=False).sum().backward()
    found, x.grad = x.grad, None
    taper.manual_seed(0)
    layer(x).sum().backward()
    assert taper.equal(found, x.grad), "the same numbers were dropped"
