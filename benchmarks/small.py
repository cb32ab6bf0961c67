"""Small operators and steps, where the interpreter is most of the work: `python -m benchmarks.small [NAME ...]`.

Operators on tensors of some thousand elements, the same with their backward pass, and whole steps as reinforcement learning,
teaching and tables have them (`small_steps.py`), each written once for Taper and PyTorch, the module `T`. One thread; results
are compared first; the least time of many short rounds in turns counts, and geometric means are printed at the end.
"""

from __future__ import annotations

import argparse
import math
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import taper

from .small_steps import steps

FORWARD = """
    x + y; x + 1; x + bias; x * y; x ** 2; x.exp(); shares.log(); x.abs(); shares.sqrt(); x.tanh(); T.sigmoid(x);
    F.relu(x); F.gelu(x); F.silu(x); F.leaky_relu(x, 0.1); F.elu(x); F.softplus(x); F.softmax(x, -1);
    F.log_softmax(x, -1); F.softmax(logits, -1); T.logsumexp(x, 1); F.cross_entropy(x, target);
    F.cross_entropy(scores, actions); F.mse_loss(x, y); F.mse_loss(vector, vector);
    F.binary_cross_entropy_with_logits(x, shares); F.smooth_l1_loss(vector, vector); F.nll_loss(x, target);
    F.l1_loss(x, y); F.kl_div(x, shares, reduction='batchmean'); x @ weight; weight @ bias; linear(x);
    linear(one); heads @ heads; x.sum(); x.sum(1); x.mean(); x.mean(1); x.max(1); x.max(); x.argmax(1);
    logits.argmax(1); x.std(1); x.norm(); x.cumsum(1); x.var(1, keepdim=True); T.cat([x, y], 1); T.stack([x, y]);
    x.split(16, 1); x.chunk(2, 1); x.reshape(-1, 8); x.view(64, 32); x.t(); x.transpose(0, 1); x.unsqueeze(0);
    images.flatten(1); x[3]; x[2:5, ::2]; x[rows]; x[mask]; x.gather(1, columns); x.index_select(0, rows);
    T.where(mask, x, y); x.masked_fill(mask, 0.0); x.clamp(-1, 1); x.clamp(min=0); T.minimum(x, y); x.topk(5);
    x.sort(); F.one_hot(target, 64); x == y; x > 0; x.to(T.float64); mask.float(); T.zeros(32, 64);
    T.zeros_like(x); T.randn(32, 64); T.rand(64); T.arange(64); T.tensor([1.0, 2.0, 3.0]); x[0, 0].item();
    x.clone(); T.einsum('ij,jk->ik', x, weight); F.dropout(x, 0.5); x.detach(); T.tril(x); bias.expand(32, 64);
    bias.repeat(4, 1); T.outer(bias, bias); x.add_(0.0); x.lerp(y, 0.1); embedding(ids); layer_norm(x);
    batch_norm(images); batch_norm1(x); F.conv2d(images, kernel, padding=1); F.max_pool2d(images, 2);
    F.adaptive_avg_pool2d(images, 1); lstm_cell(x); lstm_cell(one, state); gru_cell(one, state[0]);
    lstm(one_step); attention(sequence, sequence, sequence, need_weights=False);
    F.scaled_dot_product_attention(heads, heads, heads); T.distributions.Categorical(logits=logits).sample();
    T.distributions.Normal(x, 1.0).log_prob(y);
"""

BACKWARD = """
    x_grad.sum(); (x_grad + y).sum(); (x_grad * y_grad).sum(); linear(x).sum(); linear(one).sum();
    F.cross_entropy(x_grad, target); F.mse_loss(x_grad, y); F.binary_cross_entropy_with_logits(x_grad, shares);
    F.smooth_l1_loss(x_grad, y); layer_norm(x_grad).sum(); F.relu(x_grad).sum(); x_grad.tanh().sum();
    F.gelu(x_grad).sum(); T.sigmoid(x_grad).sum(); F.softmax(x_grad, -1).sum(); F.log_softmax(x_grad, -1).sum();
    values_grad.gather(1, picked).sum(); x_grad[rows].sum(); x_grad.clamp(-1, 1).sum();
    T.where(mask, x_grad, y_grad).sum(); T.cat([x_grad, y_grad], 1).sum(); T.stack([x_grad, y_grad]).sum();
    embedding(ids).sum(); F.dropout(x_grad, 0.5).sum(); x_grad.max(1)[0].sum(); x_grad.mean(1).sum();
    x_grad.view(64, 32).sum(); x_grad[3].sum(); batch_norm1(x_grad).sum();
    F.conv2d(images, kernel.requires_grad_(), padding=1).sum(); T.einsum('ij,jk->ik', x_grad, weight).sum();
    (x_grad @ weight).sum(); (x_grad ** 2).mean(); x_grad.exp().sum(); x_grad.norm();
    T.logsumexp(x_grad, 1).sum(); lstm_cell(one, state)[0].sum(); (heads @ heads.requires_grad_()).sum();
"""
"""Expressions over what `tensors` makes. Backward goes from a sum, or a number as it is."""

DRAWN = ("dropout", "rand", "sample")
"""Words of expressions whose results are drawn, and are not compared."""


def tensors(T) -> dict[str, Any]:
    """What expressions name."""
    F, nn = T.nn.functional, T.nn
    T.manual_seed(0)
    x, y, one = T.randn(32, 64), T.randn(32, 64), T.randn(1, 64)
    return dict(
        T=T,
        F=F,
        x=x,
        y=y,
        one=one,
        weight=T.randn(64, 64),
        bias=T.randn(64),
        x_grad=T.randn(32, 64, requires_grad=True),
        y_grad=T.randn(32, 64, requires_grad=True),
        shares=T.rand(32, 64),
        mask=x > 0,
        target=T.randint(0, 64, (32,)),
        scores=T.randn(64, 4),
        actions=T.randint(0, 4, (64,)),
        values_grad=T.randn(64, 4, requires_grad=True),
        picked=T.randint(0, 4, (64, 1)),
        logits=T.randn(1, 4),
        vector=T.randn(64),
        rows=T.randint(0, 32, (8,)),
        columns=T.randint(0, 64, (32, 4)),
        images=T.randn(4, 8, 16, 16),
        kernel=T.randn(8, 8, 3, 3),
        heads=T.randn(4, 4, 16, 16),
        sequence=T.randn(4, 16, 64),
        state=(T.randn(1, 64), T.randn(1, 64)),
        one_step=T.randn(1, 1, 64),
        ids=T.randint(0, 100, (32, 8)),
        embedding=nn.Embedding(100, 32),
        linear=nn.Linear(64, 64),
        layer_norm=nn.LayerNorm(64),
        batch_norm=nn.BatchNorm2d(8),
        batch_norm1=nn.BatchNorm1d(64),
        lstm_cell=nn.LSTMCell(64, 64),
        gru_cell=nn.GRUCell(64, 64),
        lstm=nn.LSTM(64, 64, batch_first=True),
        attention=nn.MultiheadAttention(64, 4, batch_first=True),
    )


def written(table: str) -> list[str]:
    """The expressions of a table."""
    return [e.strip() for e in table.split(";") if e.strip()]


def backward(call: Callable[[], Any]) -> Callable[[], Any]:
    """The call and its backward pass."""

    def run():
        loss = call()
        loss.backward()
        return loss

    return run


def pairs(table: str, made: Callable = lambda call: call) -> dict[str, tuple[Callable, Callable]]:
    """Name: (ours, theirs) of a table of expressions."""
    ours, theirs = tensors(taper), tensors(torch)
    found = {}
    for e in written(table):
        code = compile(f"lambda: {e}", e, "eval")
        found[e] = made(eval(code, dict(ours))), made(eval(code, dict(theirs)))
    return found


def agree(name: str, mine, other) -> None:
    """SystemExit unless both sides' results are equal but for rounding."""
    if isinstance(mine, (tuple, list)):
        for a, b in zip(mine, other, strict=True):
            agree(name, a, b)
    elif hasattr(mine, "detach"):
        a, b = mine.detach().numpy(), other.detach().numpy()
        if a.shape != b.shape or not np.allclose(a, b, rtol=1e-3, atol=1e-4):
            raise SystemExit(f"{name}: results differ")
    elif mine != other:
        raise SystemExit(f"{name}: {mine} and {other} differ")


def least(ours: Callable, theirs: Callable, rounds: int, seconds: float = 8e-4) -> tuple[float, float]:
    """The least seconds of a call on both sides, in many short rounds in turns."""
    sides = ours, theirs
    counts = [max(1, int(seconds / max(1e-7, min(timeit.repeat(f, number=3, repeat=2)) / 3))) for f in sides]
    best = [math.inf, math.inf]
    for _ in range(rounds):
        for i, f in enumerate(sides):
            best[i] = min(best[i], timeit.timeit(f, number=counts[i]) / counts[i])
    return best[0], best[1]


def show(title: str, calls: dict[str, tuple[Callable, Callable]], rounds: int, drawn: tuple[str, ...] = DRAWN) -> None:
    """Measure and print a table, the slowest beside PyTorch first, and the geometric mean."""
    rows = []
    for name, (ours, theirs) in calls.items():
        results = ours(), theirs()
        if not any(word in name for word in drawn):
            agree(name, *results)
        mine, other = least(ours, theirs, rounds)
        rows.append((other / mine, name, mine, other))
    if rows:
        print(f"\n| {title} | Taper, us | PyTorch, us | times as fast |\n|---|---|---|---|")
        for ratio, name, mine, other in sorted(rows):
            print(f"| {name} | {mine * 1e6:.1f} | {other * 1e6:.1f} | {ratio:.2f} |")
        mean = math.exp(sum(math.log(r[0]) for r in rows) / len(rows))
        print(f"\n{title}: geometric mean {mean:.2f}, {sum(r[0] < 1 for r in rows)} of {len(rows)} below 1", flush=True)


def main() -> None:
    """Measure all, or what has one of the given words in its name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small")
    parser.add_argument("words", nargs="*", help="parts of names, or forward, backward, steps")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    taper.set_num_threads(given.threads)
    torch.set_num_threads(given.threads)

    def chosen(title: str, calls: dict) -> dict:
        words = given.words
        return {n: c for n, c in calls.items() if not words or title in words or any(w in n for w in words)}

    with taper.no_grad(), torch.no_grad():
        show("forward", chosen("forward", pairs(FORWARD)), given.rounds)
    show("backward", chosen("backward", pairs(BACKWARD, backward)), given.rounds)
    ours, theirs = steps(taper), steps(torch)
    both = {name: (call, theirs[name]) for name, call in ours.items()}
    show("steps", chosen("steps", both), given.rounds, ("action", "batch norm and dropout"))


if __name__ == "__main__":
    main()
