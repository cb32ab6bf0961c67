"""The steps of `steps.py` as JAX programs: pure functions under jit, parameters and optimizer state handed on and donated."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from .steps import HEADS, LAYERS, WIDTH


def _array(tensor) -> jax.Array:
    found = tensor.detach().numpy()
    return jnp.asarray(found.astype(np.int32) if found.dtype == np.int64 else found)


def _trained(loss: Callable, update: Callable, first: Callable):
    """A step that keeps its parameters and the optimizer's state from call to call."""

    def make(args, parameters) -> Callable[[], jax.Array]:
        inputs = tuple(map(_array, args))
        now = [[_array(p) + 0 for p in parameters]]
        now.append(first(now[0]))

        def whole(p, state, *inputs):
            value, gradients = jax.value_and_grad(loss)(p, *inputs)
            return value, *update(p, gradients, state)

        program = jax.jit(whole, donate_argnums=(0, 1))

        def step():
            value, *now[:] = program(*now, *inputs)
            return value.block_until_ready()

        return step

    return make


def _function(compute: Callable):
    def make(args, parameters) -> Callable[[], jax.Array]:
        inputs, fixed = tuple(map(_array, args)), [_array(p) for p in parameters]
        program = jax.jit(compute)
        return lambda: program(fixed, *inputs).block_until_ready()

    return make


def _nothing(p):
    return ()


def _sgd(lr: float, momentum: float = 0.0):
    def update(p, g, v):
        if momentum:
            g = v = [momentum * a + b for a, b in zip(v, g)]
        return [a - lr * b for a, b in zip(p, g)], v

    return update, (lambda p: [jnp.zeros_like(a) for a in p]) if momentum else _nothing


def _adam(lr: float, decay: float = 0.0):
    def update(p, g, state):
        t, m, v = state
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g)]
        size = lr / (1 - 0.9**t)
        root = jnp.sqrt(1 - 0.999**t)
        p = [a * (1 - lr * decay) - size * b / (jnp.sqrt(c) / root + 1e-8) for a, b, c in zip(p, m, v)]
        return p, (t, m, v)

    return update, lambda p: (jnp.float32(0), [jnp.zeros_like(a) for a in p], [jnp.zeros_like(a) for a in p])


def _regression(p, x, y):
    return ((x @ p[0] + p[1] - y) ** 2 / 2).sum()


def _himmelblau(p):
    x = p[0]
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def _forward(p, x):
    for i in range(0, len(p), 2):
        x = x @ p[i].T + p[i + 1]
        x = jax.nn.relu(x) if i + 2 < len(p) else x
    return x


def _entropy(p, x, y):
    scores = jax.nn.log_softmax(_forward(p, x))
    return -jnp.take_along_axis(scores, y[:, None], 1).mean()


def _squares(p, x, y):
    return ((_forward(p, x) - y) ** 2).mean()


def _norm(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def _block(p, x):
    norm1, bias1, norm2, bias2, qkv, qkv_bias, out, out_bias, wide, wide_bias, narrow, narrow_bias = p
    batch, tokens, _ = x.shape
    q, k, v = (
        t.reshape(batch, tokens, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)
        for t in jnp.split(_norm(x, norm1, bias1) @ qkv.T + qkv_bias, 3, 2)
    )
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(WIDTH // HEADS)
    scores = jnp.where(np.tril(np.ones((tokens, tokens), bool)), scores, -jnp.inf)
    seen = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(batch, tokens, WIDTH)
    x = x + seen @ out.T + out_bias
    hidden = jax.nn.gelu(_norm(x, norm2, bias2) @ wide.T + wide_bias, approximate=False)
    return x + hidden @ narrow.T + narrow_bias


def _transformer(p, x, y):
    each = len(p) // LAYERS
    for i in range(LAYERS):
        x = _block(p[i * each : (i + 1) * each], x)
    return ((x - y) ** 2).mean()


def _layer_norm(p, x, g):
    return jax.vjp(lambda p, x: _norm(x, *p), p, x)[1](g)[1]


def _elementwise(_, a, b, c):
    return jnp.tanh(a * b + c) * jax.nn.sigmoid(a) + jnp.exp(-b * b)


STEPS = {
    "linear regression from scratch, 10": _trained(_regression, *_sgd(0.003)),
    "Himmelblau + Adam": _trained(_himmelblau, *_adam(1e-3)),
    "softmax regression 784-10, 256": _trained(_entropy, *_sgd(0.01)),
    "MLP 784-512-512-10 SGD, 64": _trained(_entropy, *_sgd(0.01)),
    "MLP 784-256-64-10 MSE + momentum, 512": _trained(_squares, *_sgd(0.01, 0.9)),
    "MLP 784-512-512-10, 512": _trained(_entropy, *_sgd(0.01)),
    "GPT blocks 4 x d128, 8 x 64, AdamW": _trained(_transformer, *_adam(1e-3, 0.01)),
    "tanh(a*b+c)*sigmoid(a)+exp(-b*b), 10^6": _function(_elementwise),
    "LayerNorm(768) forward + backward, 1024": _function(_layer_norm),
    "softmax 2048 x 2048": _function(lambda _, a: jax.nn.softmax(a, axis=1)),
}
"""For each case a maker: `make(args, parameters)`, tensors of the other sides, gives a step without arguments."""
