"""Operations counted: as PyTorch counts them, and known numbers."""

from __future__ import annotations

import pytest

import taper


def network(m):
    return m.nn.Sequential(
        m.nn.Conv2d(3, 4, 3),
        m.nn.Flatten(),
        m.nn.Sequential(m.nn.Linear(64, 5), m.nn.ReLU(), m.nn.Linear(5, 2, bias=False)),
    )


def step(m):
    network(m)(m.rand(2, 3, 6, 6, requires_grad=True)).sum().backward()


def learned(m, *shape):
    return m.rand(*shape, requires_grad=True)


PROGRAMS = {
    "step": step,
    "forward": lambda m: network(m)(m.rand(2, 3, 6, 6)),
    "data needs no gradient": lambda m: network(m)(m.rand(2, 3, 6, 6)).sum().backward(),
    "mm": lambda m: m.rand(3, 4) @ m.rand(4, 5),
    "bmm": lambda m: m.rand(3, 2, 5) @ m.rand(3, 5, 2),
    "bmm backward": lambda m: (learned(m, 3, 2, 5) @ learned(m, 3, 5, 4)).sum().backward(),
    "mm backward, one": lambda m: (learned(m, 2, 5) @ m.rand(5, 4)).sum().backward(),
    "matrix and vector": lambda m: m.rand(2, 5) @ m.rand(5),
    "linear of three": lambda m: m.nn.functional.linear(m.rand(2, 3, 4), m.rand(5, 4), m.rand(5)),
    "groups": lambda m: m.nn.functional.conv2d(m.rand(1, 4, 5, 5), m.rand(4, 2, 2, 2), groups=2),
    "transposed": lambda m: m.nn.functional.conv_transpose2d(m.rand(1, 4, 5, 5), learned(m, 4, 3, 2, 2), stride=2).sum().backward(),
    "elementwise": lambda m: m.rand(3).exp().sum(),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_as_pytorch(name):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode as Theirs

    from taper.utils.flop_counter import FlopCounterMode as Ours

    found = []
    for m, mode in ((taper, Ours), (torch, Theirs)):
        with mode(display=False) as counter:
            PROGRAMS[name](m)
        counts = {k: {str(op): n for op, n in v.items()} for k, v in counter.get_flop_counts().items()}
        found.append((counter.get_total_flops(), counts))
    ours, theirs = found
    assert ours == theirs


def test_attention_counts_its_products():
    from taper.utils.flop_counter import FlopCounterMode

    q = taper.rand(2, 3, 5, 4, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        out = taper.nn.functional.scaled_dot_product_attention(q, q, q)
    assert counter.get_total_flops() == 2 * (2 * 2 * 3 * 5 * 5 * 4)
    with counter:
        out.sum().backward()
    assert counter.get_total_flops() == 5 * (2 * 2 * 3 * 5 * 5 * 4)


def test_self_attention_counts_its_products_and_projections():
    from taper.utils.flop_counter import FlopCounterMode

    layer, x = taper.nn.MultiheadAttention(8, 2), taper.rand(5, 3, 8)
    with FlopCounterMode(display=False) as counter:
        out, _ = layer(x, x, x, need_weights=False)
    projections, inner = 2 * 5 * 3 * 8 * 8 * 4, 2 * 2 * 3 * 5 * 5 * 8
    assert counter.get_total_flops() == projections + inner
    with counter:
        out.sum().backward()
    # Of the first projection, the weights' gradient alone is wanted.
    assert counter.get_total_flops() == 2 * 5 * 3 * 8 * 8 * (3 + 2) + 5 * inner // 2


def test_the_table(capsys):
    from taper.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(depth=1) as counter:
        network(taper)(taper.rand(2, 3, 6, 6))
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["Module", "FLOP", "%", "Total"] and shown[2].split() == ["Global", "8.232K", "100.00%"]
    assert not any("Sequential.0" in line for line in shown) and "Sequential.2.0" in counter.get_table()


def test_own_formulas():
    from taper.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False, custom_mapping={"exp": lambda x, out_shape: 7 * x[0]}) as counter:
        taper.exp(taper.ones(3, dtype=taper.float16))
    assert counter.get_flop_counts() == {"Global": {"aten.exp": 21}}
