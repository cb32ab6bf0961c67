"""Small steps as reinforcement learning, teaching and tables have them, written once for Taper and PyTorch, the module `T`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _network(T, *sizes: int, between: str = "ReLU"):
    layers = []
    for one, other in zip(sizes, sizes[1:]):
        layers += [T.nn.Linear(one, other), getattr(T.nn, between)()]
    return T.nn.Sequential(*layers[:-1])


def _policies(T) -> dict[str, Callable[[], Any]]:
    policy, seen = _network(T, 4, 64, 64, 2, between="Tanh"), T.randn(1, 4)

    def best():
        with T.no_grad():
            return policy(seen).argmax(1).item()

    def action():
        with T.no_grad():
            choice = T.distributions.Categorical(logits=policy(seen))
            drawn = choice.sample()
            return drawn.item(), choice.log_prob(drawn)

    def slopes(n: int):
        x = T.randn(n, 4)

        def run():
            policy.zero_grad()
            total = policy(x).sum()
            total.backward()
            return total

        return run

    return {
        "policy of batch 1": best,
        "the same with a graph": lambda: policy(seen),
        "an action and its log-probability": action,
        "backward of batch 1": slopes(1),
        "backward of batch 32": slopes(32),
    }


def _learners(T) -> dict[str, Callable[[], Any]]:
    F = T.nn.functional
    states, after, picked, rewards, done = (
        T.randn(64, 4),
        T.randn(64, 4),
        T.randint(0, 2, (64, 1)),
        T.randn(64),
        T.zeros(64),
    )
    values, frozen = _network(T, 4, 64, 64, 2), _network(T, 4, 64, 64, 2)
    adam = T.optim.Adam(values.parameters(), 1e-3)

    def dqn():
        with T.no_grad():
            wanted = rewards + 0.99 * (1 - done) * frozen(after).max(1)[0]
        loss = F.smooth_l1_loss(values(states).gather(1, picked).squeeze(1), wanted)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    actor, critic = (_network(T, 4, 64, 64, n, between="Tanh") for n in (2, 1))
    both = [*actor.parameters(), *critic.parameters()]
    together = T.optim.Adam(both, 1e-3)
    advantages, before, returns, actions = T.randn(64), T.full((64,), -0.69), T.randn(64), T.randint(0, 2, (64,))

    def ppo():
        choice = T.distributions.Categorical(logits=actor(states))
        ratio = (choice.log_prob(actions) - before).exp()
        policy = T.max(-advantages * ratio, -advantages * T.clamp(ratio, 0.8, 1.2)).mean()
        value = 0.5 * ((critic(states).view(-1) - returns) ** 2).mean()
        loss = policy - 0.01 * choice.entropy().mean() + 0.5 * value
        together.zero_grad()
        loss.backward()
        T.nn.utils.clip_grad_norm_(both, 0.5)
        together.step()
        return loss

    return {"DQN, 64": dqn, "PPO, 64": ppo}


def _optimizers(T) -> dict[str, Callable[[], Any]]:
    parameters = [T.randn(64, 64, requires_grad=True) for _ in range(6)]
    for p in parameters:
        p.grad = T.randn(64, 64)
    makers = {
        "Adam": lambda: T.optim.Adam(parameters, 1e-5),
        "AdamW": lambda: T.optim.AdamW(parameters, 1e-5),
        "SGD": lambda: T.optim.SGD(parameters, 1e-5),
        "SGD, momentum": lambda: T.optim.SGD(parameters, 1e-5, momentum=0.9),
        "RMSprop": lambda: T.optim.RMSprop(parameters, 1e-5),
    }
    found: dict[str, Callable[[], Any]] = {f"{name}, 6 parameters": make().step for name, make in makers.items()}
    return {**found, "clip_grad_norm_, 6 parameters": lambda: T.nn.utils.clip_grad_norm_(parameters, 1.0)}


def _sequences(T) -> dict[str, Callable[[], Any]]:
    F, nn = T.nn.functional, T.nn
    cell, inputs = nn.LSTMCell(32, 64), T.randn(8, 1, 32)
    lstm, longer = nn.LSTM(32, 64), T.randn(16, 8, 32)
    encoder, words = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True), T.randn(8, 32, 64)

    class Block(nn.Module):
        """A block of a GPT."""

        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(64), nn.LayerNorm(64)
            self.qkv, self.out = nn.Linear(64, 192), nn.Linear(64, 64)
            self.up, self.down = nn.Linear(64, 256), nn.Linear(256, 64)

        def forward(self, x):
            b, t, c = x.shape
            q, k, v = (z.view(b, t, 4, 16).transpose(1, 2) for z in self.qkv(self.first(x)).split(64, 2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).contiguous().view(b, t, c)
            x = x + self.out(y)
            return x + self.down(F.gelu(self.up(self.second(x))))

    block = Block()

    def unrolled():
        h, c = T.zeros(1, 64), T.zeros(1, 64)
        for x in inputs:
            h, c = cell(x, (h, c))
        return h.sum()

    def without(call):
        def run():
            with T.no_grad():
                return call()

        return run

    def backward(call):
        def run():
            total = call()
            total.backward()
            return total

        return run

    return {
        "LSTMCell, 8 steps": without(unrolled),
        "LSTMCell, 8 steps, backward": backward(unrolled),
        "LSTM, 16 x 8, backward": backward(lambda: lstm(longer)[0].sum()),
        "encoder layer": without(lambda: encoder(words)),
        "encoder layer, backward": backward(lambda: encoder(words).sum()),
        "GPT block, backward": backward(lambda: block(words).sum()),
    }


def _classifiers(T) -> dict[str, Callable[[], Any]]:
    F, nn = T.nn.functional, T.nn
    head = nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2)
    table = nn.Sequential(*head, nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
    adam, rows, kinds = T.optim.AdamW(table.parameters(), 1e-3), T.randn(128, 20), T.randint(0, 3, (128,))
    convolution = nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    images, digits = T.randn(8, 1, 14, 14), T.randint(0, 10, (8,))
    network = nn.Sequential(*convolution, nn.Linear(8 * 49, 10))

    def tabular():
        loss = F.cross_entropy(table(rows), kinds)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    def convolved():
        loss = F.cross_entropy(network(images), digits)
        loss.backward()
        return loss

    return {"a table of 128, batch norm and dropout": tabular, "a convolution of 8 images": convolved}


def steps(T) -> dict[str, Callable[[], Any]]:
    """Name: step."""
    found: dict[str, Callable[[], Any]] = {}
    for family in (_policies, _learners, _optimizers, _sequences, _classifiers):
        T.manual_seed(0)
        found |= family(T)
    return found
