"""Programs as users write them, for Taper and PyTorch alike.

Each is a generator function of the library and of what compiles a function in it (or leaves it as it is), and yields the
tensors to compare after each step.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections import OrderedDict, namedtuple

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def mlp(lib, *sizes, between=None):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(lib.nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers.append((between or lib.nn.ReLU)())
    return lib.nn.Sequential(*layers)


def updated(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@program
def dropout_with_clipping_and_a_schedule(lib, compiled):
    nn, F = lib.nn, lib.nn.functional
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 5))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-2)
    schedule = lib.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=30)

    @compiled
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        return loss, norm

    for _ in range(8):
        yield [*step(lib.randn(16, 20), lib.randint(0, 5, (16,))), *model.parameters()]
        schedule.step()


@program
def batch_norm_with_a_last_batch_and_evaluation(lib, compiled):
    nn, F = lib.nn, lib.nn.functional
    model = nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10)
    )
    optimizer = lib.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)

    @compiled
    def train(x, y):
        out = model(x)
        return updated(optimizer, F.cross_entropy(out, y)), (out.argmax(1) == y).float().mean()

    evaluate = compiled(lambda x: model(x).softmax(-1))
    for n in (8, 8, 5, 8, 8, 5):
        model.train()
        found = train(lib.randn(n, 1, 8, 8), lib.randint(0, 10, (n,)))
        model.eval()
        with lib.no_grad():
            found = [*found, evaluate(lib.randn(n, 1, 8, 8))]
        yield [*found, *model.parameters(), *model.buffers()]


@program
def recurrent_classifier(lib, compiled):
    nn, F = lib.nn, lib.nn.functional

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(30, 8, padding_idx=0)
            self.recurrent = nn.LSTM(8, 12, batch_first=True, bidirectional=True)
            self.head = nn.Linear(24, 3)

        def forward(self, x):
            _, (h, _) = self.recurrent(self.embed(x))
            return self.head(lib.cat([h[-2], h[-1]], 1))

    model = Classifier()
    optimizer = lib.optim.RMSprop(model.parameters(), lr=1e-2)
    step = compiled(lambda x, y: updated(optimizer, F.cross_entropy(model(x), y, label_smoothing=0.1)))
    for _ in range(4):
        yield [step(lib.randint(0, 30, (4, 7)), lib.randint(0, 3, (4,))), model.head.weight, model.embed.weight]


@program
def language_model_with_tied_weights(lib, compiled):
    nn, F = lib.nn, lib.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(16), nn.LayerNorm(16)
            self.queries, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
            self.inner = mlp(lib, 16, 64, 16, between=nn.GELU)

        def forward(self, x):
            b, t, d = x.shape
            q, k, v = (y.view(b, t, 4, 4).transpose(1, 2) for y in self.queries(self.first(x)).split(d, -1))
            scores = (q @ k.mT) / 2
            mask = lib.triu(lib.ones(t, t, dtype=lib.bool), 1)
            weights = F.dropout(scores.masked_fill(mask, -math.inf).softmax(-1), 0.1, self.training)
            x = x + self.out((weights @ v).transpose(1, 2).reshape(b, t, d))
            return x + self.inner(self.second(x))

    embed, blocks, norm = nn.Embedding(17, 16), nn.ModuleList([Block(), Block()]), nn.LayerNorm(16)
    place = nn.Parameter(lib.randn(12, 16) * 0.02)
    head = nn.Linear(16, 17, bias=False)
    head.weight = embed.weight
    everything = [place, *embed.parameters(), *blocks.parameters(), *norm.parameters()]
    optimizer = lib.optim.AdamW(
        [
            {"params": [p for p in everything if p.ndim > 1], "weight_decay": 0.1},
            {"params": [p for p in everything if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=3e-3,
        betas=(0.9, 0.95),
    )

    @compiled
    def step(x):
        h = embed(x[:, :-1]) + place[: x.shape[1] - 1]
        for block in blocks:
            h = block(h)
        loss = F.cross_entropy(head(norm(h)).flatten(0, 1), x[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    for n in (9, 9, 6, 9):
        yield [step(lib.randint(0, 17, (3, n))), embed.weight, place, norm.weight]


@program
def variational_autoencoder(lib, compiled):
    F = lib.nn.functional
    encoder, decoder = mlp(lib, 10, 16, 8), mlp(lib, 4, 16, 10)
    optimizer = lib.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)

    @compiled
    def step(x, beta):
        mean, log_variance = encoder(x).chunk(2, -1)
        deviation = lib.exp(0.5 * log_variance)
        out = decoder(mean + deviation * lib.randn_like(deviation))
        rebuilt = F.binary_cross_entropy_with_logits(out, x, reduction="sum") / len(x)
        divergence = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(1).mean()
        updated(optimizer, rebuilt + beta * divergence)
        return {"rebuilt": rebuilt.detach(), "divergence": divergence.detach()}

    for i in range(6):
        yield [*step(lib.rand(6, 10), i / 8).values(), *encoder.parameters()]


@program
def adversarial_pair(lib, compiled):
    nn = lib.nn
    maker, critic = mlp(lib, 4, 16, 8), mlp(lib, 8, 16, 1, between=lambda: nn.LeakyReLU(0.2))
    makers, critics = (lib.optim.Adam(m.parameters(), 1e-3, betas=(0.5, 0.999)) for m in (maker, critic))
    loss_of = nn.BCEWithLogitsLoss()

    @compiled
    def step(real):
        true, false = lib.ones(len(real), 1), lib.zeros(len(real), 1)
        made = maker(lib.randn(len(real), 4))
        first = updated(critics, loss_of(critic(real), true) + loss_of(critic(made.detach()), false))
        return first, updated(makers, loss_of(critic(made), true))

    for _ in range(6):
        yield [*step(lib.randn(6, 8)), *maker.parameters(), *[p.grad for p in critic.parameters()]]


@program
def gradient_penalty(lib, compiled):
    critic = mlp(lib, 8, 16, 1, between=lib.nn.Tanh)
    optimizer = lib.optim.Adam(critic.parameters(), 1e-3)

    @compiled
    def step(real, made):
        share = lib.rand(len(real), 1)
        mixed = (share * real + (1 - share) * made).requires_grad_(True)
        (slope,) = lib.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        return updated(
            optimizer, critic(made).mean() - critic(real).mean() + 10 * ((slope.norm(2, dim=1) - 1) ** 2).mean()
        )

    for _ in range(6):
        yield [step(lib.randn(6, 8), lib.randn(6, 8) + 1), *critic.parameters()]


@program
def q_learning_with_a_soft_target(lib, compiled):
    F = lib.nn.functional
    values = mlp(lib, 4, 16, 3)
    target = copy.deepcopy(values).requires_grad_(False)
    optimizer = lib.optim.Adam(values.parameters(), 1e-2)

    @compiled
    def step(state, action, reward, after, done):
        with lib.no_grad():
            wanted = reward + 0.99 * (1 - done) * target(after).max(1).values
        found = values(state).gather(1, action[:, None]).squeeze(1)
        optimizer.zero_grad()
        loss = F.smooth_l1_loss(found, wanted)
        loss.backward()
        lib.nn.utils.clip_grad_value_(values.parameters(), 0.1)
        optimizer.step()
        with lib.no_grad():
            for slow, quick in zip(target.parameters(), values.parameters()):
                slow.mul_(0.95).add_(quick, alpha=0.05)
        return loss

    for _ in range(6):
        batch = lib.randn(8, 4), lib.randint(0, 3, (8,)), lib.randn(8), lib.randn(8, 4), (lib.rand(8) > 0.8).float()
        yield [step(*batch), *values.parameters(), *target.parameters()]


@program
def differential_equation(lib, compiled):
    model = mlp(lib, 2, 16, 1, between=lib.nn.Tanh)
    optimizer = lib.optim.Adam(model.parameters(), 1e-2)

    @compiled
    def step(x, t):
        x.requires_grad_(True)
        t.requires_grad_(True)
        u = model(lib.cat([x, t], 1))
        (u_t,) = lib.autograd.grad(u, t, lib.ones_like(u), create_graph=True)
        (u_x,) = lib.autograd.grad(u, x, lib.ones_like(u), create_graph=True)
        (u_xx,) = lib.autograd.grad(u_x, x, lib.ones_like(u_x), create_graph=True)
        return updated(optimizer, (u_t + u * u_x - 0.01 / math.pi * u_xx).square().mean())

    for _ in range(4):
        x, t = lib.rand(8, 1) * 2 - 1, lib.rand(8, 1)
        yield [step(x, t), x.grad, t.grad, *model.parameters()]


@program
def accumulated_gradients(lib, compiled):
    model = mlp(lib, 6, 8, 2)
    optimizer = lib.optim.SGD(model.parameters(), 0.1)
    part = compiled(lambda x, y: (lib.nn.functional.mse_loss(model(x), y) / 3).backward())
    for i in range(9):
        part(lib.randn(3, 6), lib.randn(3, 2))
        yield [p.grad for p in model.parameters()]
        if i % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()


@program
def averaged_weights(lib, compiled):
    model = mlp(lib, 6, 8, 2)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = lib.optim.SGD(model.parameters(), 0.1, momentum=0.5)

    @compiled
    def step(x, y, decay):
        loss = updated(optimizer, lib.nn.functional.mse_loss(model(x), y))
        with lib.no_grad():
            for name, p in model.named_parameters():
                average[name].lerp_(p, 1 - decay)
        return loss

    for i in range(6):
        yield [step(lib.randn(4, 6), lib.randn(4, 2), i / 10), *average.values()]


@program
def contrastive_pairs(lib, compiled):
    F = lib.nn.functional
    model, scale = mlp(lib, 8, 16, 6), lib.nn.Parameter(lib.tensor(math.log(1 / 0.07)))
    optimizer = lib.optim.Adam([*model.parameters(), scale], 1e-2)

    @compiled
    def step(a, b):
        a, b = F.normalize(model(a), dim=-1), F.normalize(model(b), dim=-1)
        scores, own = scale.exp().clamp(max=100) * a @ b.T, lib.arange(len(a))
        return updated(optimizer, (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2)

    for _ in range(5):
        yield [step(lib.randn(5, 8), lib.randn(5, 8)), scale, *model.parameters()]


@program
def discrete_codes(lib, compiled):
    """A codebook in buffers that the step changes in place, and a gradient that goes straight through."""
    nn, F = lib.nn, lib.nn.functional

    class Codes(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("codes", lib.randn(5, 4))
            self.register_buffer("used", lib.zeros(5))
            self.register_buffer("steps", lib.tensor(0))
            self.encode = nn.Linear(6, 4)

        def forward(self, x):
            z = self.encode(x)
            nearest = (z[:, None] - self.codes).pow(2).sum(-1).argmin(1)
            code = self.codes[nearest]
            with lib.no_grad():
                chosen = F.one_hot(nearest, 5).float()
                self.used.mul_(0.9).add_(chosen.sum(0), alpha=0.1)
                self.codes.mul_(0.9).add_(chosen.T @ z / (self.used[:, None] + 1), alpha=0.1)
                self.codes[0] = 0.5
                self.steps += 1
            return z + (code - z).detach(), F.mse_loss(z, code.detach())

    model = Codes()
    optimizer = lib.optim.SGD(model.parameters(), 0.1)

    @compiled
    def step(x):
        out, distance = model(x)
        return updated(optimizer, out.square().mean() + distance)

    for _ in range(5):
        yield [step(lib.randn(7, 6)), *model.parameters(), *model.buffers()]


@program
def chosen_experts(lib, compiled):
    """topk, scatter, sort, cumsum, einsum and masks."""
    weights, gate = lib.nn.Parameter(lib.randn(3, 6, 4)), lib.nn.Linear(6, 3)
    optimizer = lib.optim.Adam([weights, *gate.parameters()], 1e-2, amsgrad=True)

    @compiled
    def step(x, mask):
        scores = gate(x)
        best, which = scores.topk(2, -1)
        share = lib.zeros_like(scores).scatter(-1, which, best.softmax(-1))
        y = lib.einsum("be,edk,bd->bk", share, weights, x).masked_fill(~mask[:, None], 0)
        ordered, order = y.sort(1, descending=True)
        loss = ordered.cumsum(1).mean() + lib.logsumexp(y, 0).mean() + lib.where(y > 0, y, 0.1 * y).tril().amax(0).sum()
        return updated(optimizer, loss), order

    for i in range(5):
        yield [*step(lib.randn(5, 6), lib.tensor([True, True, False, True, i % 2 == 0])), weights, *gate.parameters()]


@program
def sampled_categories(lib, compiled):
    F = lib.nn.functional
    encoder, decoder = mlp(lib, 6, 12, 8), mlp(lib, 8, 12, 6)
    optimizer = lib.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-2)

    @compiled
    def step(x, temperature):
        code = F.gumbel_softmax(encoder(x), tau=temperature, hard=True)
        return updated(optimizer, F.mse_loss(decoder(code), x)), code

    for i in range(5):
        yield [*step(lib.randn(5, 6), 1.0 - 0.1 * i), *encoder.parameters()]


@program
def own_function_and_hooks(lib, compiled):
    class Signs(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return lib.sign(x) * scale

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (x.abs() <= 1) * ctx.scale, None

    model = mlp(lib, 6, 8, 2)
    model[0].weight.register_hook(lambda g: g * 2)
    model[2].register_forward_pre_hook(lambda module, given: (given[0] + 0.1,))
    optimizer = lib.optim.SGD(model.parameters(), 0.1)

    @compiled
    def step(x, y, scale):
        h = Signs.apply(model[0](x), scale)
        h.retain_grad()
        h.register_hook(lambda g: g.clamp(-0.1, 0.1))
        return updated(optimizer, lib.nn.functional.mse_loss(model[2](h), y)), h.grad

    for i in range(5):
        yield [*step(lib.randn(4, 6), lib.randn(4, 2), 1.0 + i * 0.1), *model.parameters()]


@dataclasses.dataclass
class Answer:
    loss: object
    logits: object
    more: dict = dataclasses.field(default_factory=dict)


Pair = namedtuple("Pair", "first second")


@program
def structures_given_and_returned(lib, compiled):
    model = mlp(lib, 6, 8, 2)

    @compiled
    def forward(batch, *, scale=1.0, flags=(True, False)):
        logits = model(batch.loss) * scale + (1 if flags[0] else 0)
        loss = lib.nn.functional.mse_loss(logits, batch.more["y"])
        return Answer(loss, logits, OrderedDict(pair=Pair(logits.sum(), [logits.mean(), ("word", None, 3)])))

    for i in range(4):
        given = Answer(lib.randn(4, 6), None, {"y": lib.randn(4, 2)})
        found = forward(given, scale=1.0 + i, flags=(i % 2 == 0, False))
        model.zero_grad()
        found.loss.backward()
        pair = found.more["pair"]
        assert (type(found), type(found.more), type(pair)) == (Answer, OrderedDict, Pair)
        assert pair.second[1] == ("word", None, 3)
        yield [found.loss, found.logits, pair.first, pair.second[0], *[p.grad for p in model.parameters()]]


@program
def frozen_and_swapped(lib, compiled):
    """Between steps: layers are frozen, the state is loaded, groups and options of the optimizer change, it is replaced."""
    F = lib.nn.functional
    model, head = mlp(lib, 6, 8, 2), lib.nn.Linear(2, 2)
    held = {"optimizer": lib.optim.SGD(model.parameters(), 0.1, momentum=0.9)}
    step = compiled(lambda x, y: updated(held["optimizer"], F.mse_loss(head(model(x)), y)))
    for i in range(14):
        optimizer = held["optimizer"]
        if i == 2:
            optimizer.param_groups[0]["lr"] = 0.05
            kept = copy.deepcopy(model.state_dict())
        if i == 3:
            optimizer.add_param_group({"params": head.parameters(), "lr": 0.2})
        if i == 5:
            optimizer.param_groups[0]["weight_decay"] = 0.01
        if i in (6, 8):
            model[0].requires_grad_(i == 8)
        if i == 9:
            model.load_state_dict(kept)
        if i == 11:
            model.load_state_dict(kept, assign=True)
            held["optimizer"] = lib.optim.Adam([*model.parameters(), *head.parameters()], 1e-2)
        yield [step(lib.randn(4, 6), lib.randn(4, 2)), *model.parameters(), *head.parameters()]


@program
def learning_to_learn(lib, compiled):
    F = lib.nn.functional
    model = mlp(lib, 1, 8, 1, between=lib.nn.Tanh)
    optimizer = lib.optim.Adam(model.parameters(), 1e-2)

    def at(weights, x):
        return F.linear(lib.tanh(F.linear(x, weights[0], weights[1])), weights[2], weights[3])

    @compiled
    def step(x, y, then_x, then_y, rate):
        weights = list(model.parameters())
        for _ in range(2):
            slopes = lib.autograd.grad(F.mse_loss(at(weights, x), y), weights, create_graph=True)
            weights = [w - rate * g for w, g in zip(weights, slopes)]
        return updated(optimizer, F.mse_loss(at(weights, then_x), then_y))

    for _ in range(4):
        yield [step(*[lib.randn(5, 1) for _ in range(4)], 0.1), *model.parameters()]


@program
def attacked_inputs(lib, compiled):
    """Gradients of an argument, of another tensor at each call."""
    F = lib.nn.functional
    model = mlp(lib, 6, 8, 3)

    @compiled
    def step(x, y):
        F.cross_entropy(model(x), y).backward()

    first, second = (lib.randn(4, 6).requires_grad_() for _ in range(2))
    for x in (first, second, second, first):
        step(x, lib.tensor([0, 1, 2, 0]))
        yield [x.grad for x in (first, second) if x.grad is not None] + [p.grad for p in model.parameters()]
