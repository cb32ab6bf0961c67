"""The names by which results know how they were made, where several operators here are one in PyTorch."""

from __future__ import annotations

import pytest

import taper

try:
    import torch
except ImportError:
    torch = None

ROWS = {
    "linear of rows": lambda T, x: T.nn.functional.linear(x, x, x[0]),
    "linear of a vector": lambda T, x: T.nn.functional.linear(x[0], x, x[0]),
    "linear of a stack": lambda T, x: T.nn.functional.linear(x[None], x, x[0]),
    "linear without bias": lambda T, x: T.nn.functional.linear(x, x),
    "linear of a stack without bias": lambda T, x: T.nn.functional.linear(x[None], x),
    "linear of a vector without bias": lambda T, x: T.nn.functional.linear(x[0], x),
    "matmul of a stack": lambda T, x: T.stack([x, x]) @ x,
    "matmul of stacks": lambda T, x: T.stack([x, x]) @ T.stack([x, x]),
    "number less a tensor": lambda T, x: 1 - x,
    "tensor less a tensor": lambda T, x: x.detach() - x,
    "number by a tensor": lambda T, x: 1 / x,
    "to a number's power": lambda T, x: x**0.5,
    "to a tensor's power": lambda T, x: x.abs() ** x,
    "a number to a power": lambda T, x: 2**x,
    "clamp": lambda T, x: x.clamp(0, 1),
    "clamp from below": lambda T, x: x.clamp(min=0),
    "clamp_min": lambda T, x: x.clamp_min(0),
    "clamp to tensors": lambda T, x: x.clamp(x - 1, x + 1),
    "log1p": lambda T, x: x.abs().log1p(),
    "trace": lambda T, x: x.trace(),
    "aminmax": lambda T, x: T.aminmax(x)[1],
    "var_mean": lambda T, x: T.var_mean(x)[1],
    "std_mean": lambda T, x: T.std_mean(x, 1)[0],
    "dist": lambda T, x: T.dist(x, x + 1),
    "cdist": lambda T, x: T.cdist(x, x),
    "take": lambda T, x: x.take(T.tensor([0])),
    "diag": lambda T, x: x.diag(),
    "renorm": lambda T, x: x.renorm(2, 0, 1),
    "cross": lambda T, x: T.linalg.cross(x, x),
    "index_fill": lambda T, x: x.index_fill(0, T.tensor([0]), 1.0),
    "index_add": lambda T, x: x.index_add(0, T.tensor([0]), x[:1]),
    "rfft": lambda T, x: T.fft.rfft(x),
    "fft of reals": lambda T, x: T.fft.fft(x),
    "fft of complex numbers": lambda T, x: T.fft.fft(T.complex(x, x)),
    "l1_loss": lambda T, x: T.nn.functional.l1_loss(x, x.detach()),
    "binary_cross_entropy": lambda T, x: T.nn.functional.binary_cross_entropy(x.sigmoid(), x.detach().sigmoid()),
    "binary_cross_entropy_with_logits": lambda T, x: T.nn.functional.binary_cross_entropy_with_logits(x, x.detach()),
    "cross_entropy": lambda T, x: T.nn.functional.cross_entropy(x, T.tensor([0, 1, 2])),
    "cross_entropy smoothed": lambda T, x: T.nn.functional.cross_entropy(x, T.tensor([0, 1, 2]), label_smoothing=0.1),
    "cross_entropy of probabilities": lambda T, x: T.nn.functional.cross_entropy(x, x.detach().softmax(1)),
    "cross_entropy of a picture": lambda T, x: T.nn.functional.cross_entropy(
        x[:, :, None, None], T.zeros(3, 1, 1).long()
    ),
    "soft_margin_loss": lambda T, x: T.nn.functional.soft_margin_loss(x, x.detach().sign()),
    "multi_margin_loss": lambda T, x: T.nn.functional.multi_margin_loss(x, T.tensor([0, 1, 2])),
    "multilabel_margin_loss": lambda T, x: T.nn.functional.multilabel_margin_loss(x, T.zeros(3, 3).long()),
    "pairwise_distance": lambda T, x: T.nn.functional.pairwise_distance(x, x.detach() + 1),
    "conv_transpose2d": lambda T, x: T.nn.functional.conv_transpose2d(x[None, None], x[None, None], x[0, :1]),
    "group_norm": lambda T, x: T.nn.functional.group_norm(x[None], 3, x[0], x[1]),
    "max_pool1d": lambda T, x: T.nn.functional.max_pool1d(x, 2),
    "avg_pool1d": lambda T, x: T.nn.functional.avg_pool1d(x[None], 2),
    "pooled to one": lambda T, x: T.nn.functional.adaptive_avg_pool2d(x[None, None], 1),
    "pooled to four": lambda T, x: T.nn.functional.adaptive_avg_pool2d(x[None, None], 2),
    "interpolate nearest": lambda T, x: T.nn.functional.interpolate(x[None], scale_factor=2),
    "interpolate nearest-exact": lambda T, x: T.nn.functional.interpolate(x[None, None], size=4, mode="nearest-exact"),
    "interpolate bilinear": lambda T, x: T.nn.functional.interpolate(x[None, None], size=4, mode="bilinear"),
    "interpolate antialias": lambda T, x: T.nn.functional.interpolate(
        x[None, None], size=2, mode="bicubic", antialias=True
    ),
    "pad": lambda T, x: T.nn.functional.pad(x, (1, 1)),
    "pad with a value": lambda T, x: T.nn.functional.pad(x, (1, 1), value=2.0),
    "crop": lambda T, x: T.nn.functional.pad(x, (-1, -1)),
    "reflect": lambda T, x: T.nn.functional.pad(x[None], (1, 1), mode="reflect"),
    "replicate": lambda T, x: T.nn.functional.pad(x[None, None], (1, 1, 1, 1), mode="replicate"),
    "glu": lambda T, x: T.nn.functional.glu(T.cat([x, x], 1)),
    "pixel_shuffle": lambda T, x: T.nn.functional.pixel_shuffle(x.new_ones(4, 1, 1) * x[0, 0], 2),
    "unfold": lambda T, x: T.nn.functional.unfold(x[None, None], 2),
    "embedding_bag": lambda T, x: T.nn.functional.embedding_bag(T.tensor([[0, 1]]), x),
    "RNNCell": lambda T, x: T.nn.RNNCell(3, 2)(x),
    "GRUCell": lambda T, x: T.nn.GRUCell(3, 2)(x),
    "LSTMCell": lambda T, x: T.nn.LSTMCell(3, 2)(x)[0],
    "GRU": lambda T, x: T.nn.GRU(3, 2)(x[None])[0],
    "GRU, batch first": lambda T, x: T.nn.GRU(3, 2, batch_first=True)(x[None])[0],
    "RNN both ways": lambda T, x: T.nn.RNN(3, 2, bidirectional=True)(x[None])[0],
}


@pytest.mark.skipif(torch is None, reason="PyTorch, the oracle, is not installed")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("row", ROWS)
def test_the_name_is_pytorchs(row):
    numbers = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [0.75, 1.0, -2.0]]
    names = [ROWS[row](T, T.tensor(numbers, requires_grad=True)).grad_fn.name() for T in (taper, torch)]
    assert names[0] == names[1]


def test_another_name_changes_nothing_else():
    x = taper.tensor([0.5, 2.0], requires_grad=True)
    y = 1 - x
    assert repr(y) == "tensor([ 0.5000, -1.0000], grad_fn=<RsubBackward1>)"
    y.sum().backward()
    assert x.grad.tolist() == [-1, -1]


def test_a_linear_layers_bias_is_shown_first():
    """The official tutorial walks from a loss through `next_functions[0][0]` to the bias of the last layer."""
    for T in (taper, torch) if torch is not None else (taper,):
        layers = T.nn.Sequential(T.nn.Linear(3, 2), T.nn.ReLU(), T.nn.Linear(2, 1))
        loss = T.nn.functional.mse_loss(layers(T.ones(4, 3)), T.zeros(4, 1))
        last = loss.grad_fn.next_functions[0][0]
        names = [type(node).__name__ for node, _ in last.next_functions[:2]]
        assert (type(last).__name__, names) == ("AddmmBackward0", ["AccumulateGrad", "ReluBackward0"])
        assert last.next_functions[0][0].variable is layers[2].bias
