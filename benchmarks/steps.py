"""Training steps and functions over tensors, written once for Taper and PyTorch, which are the module `T`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Problem:
    """`step(*args)` is measured; it returns a tensor. parameters: what it trains, in a fixed order."""

    step: Callable[..., Any]
    args: tuple = ()
    parameters: list = field(default_factory=list)


def linear_regression(T) -> Problem:
    """Linear regression from scratch: a batch of 10 samples of 2 features, own SGD."""
    T.manual_seed(0)
    x = T.normal(0, 1, (10, 2))
    y = (T.matmul(x, T.tensor([2, -3.4])) + 4.2).reshape((-1, 1))
    w = T.normal(0, 0.01, size=(2, 1), requires_grad=True)
    b = T.zeros(1, requires_grad=True)

    def step(features, labels):
        predicted = T.matmul(features, w) + b
        loss = ((predicted - labels.reshape(predicted.shape)) ** 2 / 2).sum()
        loss.backward()
        with T.no_grad():
            for p in (w, b):
                p -= 0.03 * p.grad / 10
                p.grad.zero_()
        return loss

    return Problem(step, (x, y), [w, b])


def himmelblau(T) -> Problem:
    """Himmelblau's function of two numbers, minimised by Adam."""
    x = T.tensor([0.0, 0.0], requires_grad=True)
    optimizer = T.optim.Adam([x], lr=1e-3)

    def step():
        loss = (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Problem(step, (), [x])


def network(*sizes: int, batch: int, squared: bool = False, momentum: float = 0.0) -> Callable[[Any], Problem]:
    """A multilayer perceptron on random inputs, SGD; cross entropy, or squared error."""

    def make(T) -> Problem:
        T.manual_seed(0)
        layers = [layer for a, b in itertools.pairwise(sizes) for layer in (T.nn.Linear(a, b), T.nn.ReLU())]
        model = T.nn.Sequential(*layers[:-1])
        x = T.rand(batch, sizes[0])
        y = T.rand(batch, sizes[-1]) if squared else T.randint(0, sizes[-1], (batch,))
        criterion = T.nn.MSELoss() if squared else T.nn.CrossEntropyLoss()
        optimizer = T.optim.SGD(model.parameters(), lr=0.01, momentum=momentum)
        return _trained(model, optimizer, criterion, x, y)

    return make


def _trained(model, optimizer, criterion, x, y) -> Problem:
    def step(x, y):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Problem(step, (x, y), list(model.parameters()))


WIDTH, HEADS, LAYERS = 128, 4, 4


def transformer(T) -> Problem:
    """Four blocks of a GPT, 128 wide, four heads, on 8 times 64 tokens; squared error, AdamW."""
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x):
            batch, tokens, width = x.shape
            heads = [
                t.view(batch, tokens, HEADS, width // HEADS).transpose(1, 2)
                for t in self.qkv(self.norm1(x)).split(width, 2)
            ]
            seen = F.scaled_dot_product_attention(*heads, is_causal=True)
            x = x + self.out(seen.transpose(1, 2).contiguous().view(batch, tokens, width))
            return x + self.narrow(F.gelu(self.wide(self.norm2(x))))

    T.manual_seed(0)
    model = nn.Sequential(*[Block() for _ in range(LAYERS)])
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-3)
    return _trained(model, optimizer, nn.MSELoss(), T.randn(8, 64, WIDTH), T.randn(8, 64, WIDTH))


def elementwise(T) -> Problem:
    """A chain of elementwise operations on a million numbers each."""
    T.manual_seed(0)
    return Problem(
        lambda a, b, c: T.tanh(a * b + c) * T.sigmoid(a) + T.exp(-b * b), tuple(T.randn(1_000_000) for _ in range(3))
    )


def layer_norm(T) -> Problem:
    """LayerNorm(768) on 1024 rows and its backward pass; the gradient of the rows is the result."""
    T.manual_seed(0)
    norm = T.nn.LayerNorm(768)
    x = T.randn(1024, 768, requires_grad=True)

    def step(x, g):
        norm(x).backward(g)
        found, x.grad = x.grad, None
        return found

    return Problem(step, (x, T.randn(1024, 768)), list(norm.parameters()))


def softmax(T) -> Problem:
    """Softmax of the rows of a matrix."""
    T.manual_seed(0)
    return Problem(lambda a: T.softmax(a, 1), (T.randn(2048, 2048),))


@dataclass(frozen=True)
class Case:
    """target: how many times as fast as PyTorch's eager engine. cold: seconds that the first call may take, if bounded."""

    make: Callable[[Any], Problem]
    target: float
    cold: float | None = None


CASES = {
    "linear regression from scratch, 10": Case(linear_regression, 40),
    "Himmelblau + Adam": Case(himmelblau, 60),
    "softmax regression 784-10, 256": Case(network(784, 10, batch=256), 4),
    "MLP 784-512-512-10 SGD, 64": Case(network(784, 512, 512, 10, batch=64), 1.6, cold=1.0),
    "MLP 784-256-64-10 MSE + momentum, 512": Case(
        network(784, 256, 64, 10, batch=512, squared=True, momentum=0.9), 1.4
    ),
    "MLP 784-512-512-10, 512": Case(network(784, 512, 512, 10, batch=512), 1.2),
    "GPT blocks 4 x d128, 8 x 64, AdamW": Case(transformer, 1.8, cold=3.0),
    "tanh(a*b+c)*sigmoid(a)+exp(-b*b), 10^6": Case(elementwise, 10),
    "LayerNorm(768) forward + backward, 1024": Case(layer_norm, 1.5),
    "softmax 2048 x 2048": Case(softmax, 1.1),
}
