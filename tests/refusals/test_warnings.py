"""What PyTorch warns of, Taper warns of: the class of the warning and its first words."""

from __future__ import annotations

import warnings

import pytest

import taper
from taper import errors

torch = pytest.importorskip("torch")


def network(T):
    return T.nn.Sequential(T.nn.Linear(2, 2), T.nn.ReLU())


def with_old_hook(T):
    module = network(T)
    module.register_backward_hook(lambda *args: None)
    module(T.ones(1, 2)).sum().backward()


def with_full_hook(T):
    module = T.nn.Linear(2, 2)
    module.register_full_backward_hook(lambda *args: None)
    module(T.ones(1, 2)).sum().backward()


def attend(T):
    x = T.ones(2, 1, 4)
    T.nn.MultiheadAttention(4, 2)(x, x, x, key_padding_mask=T.zeros(1, 2).bool(), attn_mask=T.zeros(2, 2))


def encoder(T, **options):
    return T.nn.TransformerEncoder(T.nn.TransformerEncoderLayer(4, 2, **options), 1)


def loader(T, **options):
    return next(iter(T.utils.data.DataLoader(T.utils.data.TensorDataset(T.arange(3)), **options)))


CALLS = {
    "meshgrid": lambda T: T.meshgrid(T.arange(2), T.arange(3)),
    "meshgrid with indexing": lambda T: T.meshgrid(T.arange(2), T.arange(3), indexing="xy"),
    "T of three dimensions": lambda T: T.ones(2, 3, 4).T,
    "T of a matrix": lambda T: T.ones(2, 3).T,
    "cross": lambda T: T.cross(T.ones(3, 3), T.ones(3, 3)),
    "cross with dim": lambda T: T.cross(T.ones(3, 3), T.ones(3, 3), dim=1),
    "cholesky": lambda T: T.cholesky(T.eye(2)),
    "qr": lambda T: T.qr(T.eye(2)),
    "lu": lambda T: T.lu(T.eye(2)),
    "triangular_solve": lambda T: T.triangular_solve(T.eye(2), T.eye(2)),
    "chain_matmul": lambda T: T.chain_matmul(T.eye(2), T.eye(2)),
    "storage": lambda T: T.ones(2).storage(),
    "where": lambda T: T.where(T.ones(2, dtype=T.uint8), T.ones(2), T.ones(2)),
    "softmin": lambda T: T.nn.functional.softmin(T.ones(2, 2)),
    "gumbel_softmax": lambda T: T.nn.functional.gumbel_softmax(T.ones(2), eps=1e-5),
    "pin_memory": lambda T: loader(T, pin_memory=True),
    "no pin_memory": loader,
    "an old hook on several layers": with_old_hook,
    "a full hook without inputs that need gradients": with_full_hook,
    "masks of two dtypes": attend,
    "an encoder, batch second": encoder,
    "an encoder, norm first": lambda T: encoder(T, batch_first=True, norm_first=True),
    "an encoder, batch first": lambda T: encoder(T, batch_first=True),
    "autocast for CUDA": lambda T: T.autocast("cuda"),
    "autocast in float64": lambda T: T.autocast("cpu", dtype=T.float64),
    "clipping an empty list": lambda T: T.nn.utils.clip_grad_norm_([], 1.0),
    "clipping an empty generator": lambda T: T.nn.utils.clip_grad_norm_((p for p in ()), 1.0),
    "mse_loss that broadcasts": lambda T: T.nn.functional.mse_loss(T.ones(3, 1), T.ones(3)),
}


def words(T, call):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call(T)
    return [(w.category, " ".join(str(w.message).split())[:50]) for w in seen]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_warnings(call, monkeypatch):
    monkeypatch.setattr(errors, "_said", set())
    torch.set_warn_always(True)
    try:
        theirs = words(torch, call)
    finally:
        torch.set_warn_always(False)
    assert words(taper, call) == theirs


def test_a_deprecation_is_said_once(monkeypatch):
    monkeypatch.setattr(errors, "_said", set())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(3):
            taper.meshgrid(taper.arange(2))
    assert len(seen) == 1 and seen[0].filename == __file__


LENGTHS = {
    "LambdaLR": lambda T, o: T.optim.lr_scheduler.LambdaLR(o, [lambda e: 1, lambda e: 2]),
    "MultiplicativeLR": lambda T, o: T.optim.lr_scheduler.MultiplicativeLR(o, []),
    "ReduceLROnPlateau": lambda T, o: T.optim.lr_scheduler.ReduceLROnPlateau(o, min_lr=[0.1, 0.2]),
    "CyclicLR": lambda T, o: T.optim.lr_scheduler.CyclicLR(o, [0.1, 0.2], 0.3),
}


@pytest.mark.parametrize("make", LENGTHS.values(), ids=LENGTHS)
def test_lists_of_another_length_than_the_groups(make):
    found = []
    for T in (torch, taper):
        with pytest.raises(ValueError) as error:
            make(T, T.optim.SGD([T.nn.Parameter(T.ones(1))], lr=0.1, momentum=0.9))
        found.append(str(error.value))
    assert found[0] == found[1]
