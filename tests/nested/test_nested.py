"""Nested tensors: what they hold, print and compute, as PyTorch's; what PyTorch's refuse is not compared."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import taper

pytestmark = pytest.mark.filterwarnings("ignore")


def nest(m, layout):
    return m.nested.nested_tensor([m.arange(6.0).view(2, 3), m.ones(1, 3)], layout=getattr(m, layout))


SAME = {
    "itself": lambda m, x: x,
    "sizes": lambda m, x: (x.size(0), x.size(2), x.size(-1), x.dim(), x.numel(), x.layout, x.is_nested, x.is_leaf, x.dtype),
    "irregular size": lambda m, x: x.size(1),
    "shape": lambda m, x: x.shape,
    "part": lambda m, x: x[0],
    "parts": lambda m, x: x.unbind(),
    "values": lambda m, x: x.values(),
    "offsets": lambda m, x: x.offsets(),
    "padded": lambda m, x: x.to_padded_tensor(-1.0),
    "padded more": lambda m, x: m.nested.to_padded_tensor(x, 0.0, (2, 4, 3)),
    "padded less": lambda m, x: m.nested.to_padded_tensor(x, 0.0, (2, 1, 3)),
    "plus": lambda m, x: x + 1,
    "from the left": lambda m, x: 2 * x,
    "minus": lambda m, x: -x,
    "squares": lambda m, x: x * x,
    "quotient": lambda m, x: x / 2,
    "linear": lambda m, x: m.nn.functional.linear(x, m.arange(12.0).view(4, 3), m.ones(4)),
    "relu": lambda m, x: m.relu(x - 2),
    "tanh": lambda m, x: m.nn.Tanh()(x),
    "silu": lambda m, x: m.nn.functional.silu(x),
    "softmax": lambda m, x: x.softmax(-1),
    "compared": lambda m, x: x > 1,
    "transposed": lambda m, x: x.transpose(1, 2),
    "dropout": lambda m, x: m.nn.Dropout(0.0)(x),
    "double": lambda m, x: x.double(),
    "to": lambda m, x: x.to(m.float64).dtype,
    "row sums": lambda m, x: x.sum(-1, keepdim=True),
    "unsqueezed": lambda m, x: x.unsqueeze(-1),
    "chunk": lambda m, x: x.chunk(3, -1)[1],
    "viewed": lambda m, x: x.view(2, -1, 3, 1).values(),
    "list": lambda m, x: x.tolist(),
    "array": lambda m, x: x.numpy(),
    "of lists": lambda m, x: m.nested.nested_tensor([[1, 2], [3]]),
    "of a tensor": lambda m, x: m.nested.nested_tensor(m.ones(2)),
    "of unlike tensors": lambda m, x: m.nested.nested_tensor([m.ones(2), m.ones(2, 2)]),
    "of rows": lambda m, x: m.nested.as_nested_tensor(m.ones(2, 3)).unbind(),
    "from jagged": lambda m, x: m.nested.nested_tensor_from_jagged(m.ones(3, 2), m.tensor([0, 1, 3])),
    "dtype": lambda m, x: m.nested.nested_tensor([m.ones(1)], dtype=m.float64).dtype,
    "not nested": lambda m, x: m.nested.to_padded_tensor(m.ones(2), 0.0),
}  # fmt: skip
JAGGED = {
    "sum": lambda m, x: x.sum(),
    "sums": lambda m, x: x.sum(1),
    "means": lambda m, x: x.mean(1),
    "of rows and a row": lambda m, x: x * m.ones(3),
    "by a matrix": lambda m, x: x @ m.ones(3, 2),
    "exp": lambda m, x: x.exp(),
    "mean": lambda m, x: x.mean(-1, keepdim=True),
}
ROWS = [(name, call, layout) for name, call in SAME.items() for layout in ("strided", "jagged")]
ROWS += [(name, call, "jagged") for name, call in JAGGED.items()]


def said(call, m, layout):
    try:
        return re.sub(r"\bj\d+", "j", repr(call(m, nest(m, layout))))
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        return type(error)


@pytest.mark.parametrize(("name", "call", "layout"), ROWS, ids=[f"{n}-{lay}" for n, _, lay in ROWS])
def test_as_pytorch(name, call, layout):
    torch = pytest.importorskip("torch")
    assert said(call, taper, layout) == said(call, torch, layout)


def test_products_of_parts():
    x = nest(taper, "strided")
    made = taper.matmul(x, x.transpose(1, 2)).unbind()
    for part, product in zip(x.unbind(), made):
        np.testing.assert_allclose(product.numpy(), part.numpy() @ part.numpy().T)


def test_gradients_flow_to_the_parts():
    a, b = taper.ones(2, 3, requires_grad=True), taper.ones(1, 3, requires_grad=True)
    layer = taper.nn.Linear(3, 1)
    nested = taper.nested.as_nested_tensor([a, b])
    (taper.nn.functional.layer_norm(layer(nested) * 2, (1,)) + nested.sum(-1, keepdim=True)).to_padded_tensor(
        0.0
    ).sum().backward()
    assert a.grad.tolist() == [[1.0] * 3] * 2 and b.grad.tolist() == [[1.0] * 3]
    assert layer.weight.grad is not None
    leaf = taper.nested.nested_tensor([taper.ones(2), taper.ones(1)], requires_grad=True)
    (leaf * 3).to_padded_tensor(0.0).sum().backward()
    assert [g.tolist() for g in leaf.grad.unbind()] == [[3.0, 3.0], [3.0]]
    leaf.grad = None
    (leaf * leaf).backward(taper.nested.nested_tensor([taper.ones(2), taper.zeros(1)]))
    assert [g.tolist() for g in leaf.grad.unbind()] == [[2.0, 2.0], [0.0]]


def test_from_jagged_are_views():
    values = taper.zeros(3)
    taper.nested.nested_tensor_from_jagged(values, lengths=taper.tensor([1, 2]))[1].fill_(7.0)
    assert values.tolist() == [0.0, 7.0, 7.0]
    with pytest.raises(RuntimeError, match="offsets or lengths"):
        taper.nested.nested_tensor_from_jagged(values)


def test_copies():
    x = nest(taper, "jagged")
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.clone()):
        assert made.layout is taper.jagged and [p.tolist() for p in made.unbind()] == [p.tolist() for p in x.unbind()]


@pytest.mark.parametrize(
    "call", [taper.zeros_like, taper.sort, lambda x: x.softmax(0), lambda x: taper.linalg.norm(x), lambda x: x[1:]]
)
def test_what_needs_one_size_says_what_to_do(call):
    with pytest.raises(NotImplementedError, match=r"unbind\(\)|slice of all parts"):
        call(nest(taper, "strided"))
