"""50 training steps of sequence models follow PyTorch's, from the same seed: losses and parameters, eager and compiled."""

from __future__ import annotations

import numpy as np
import pytest

import taper

STEPS = 50


def recurrent(T, kind: str):
    """Predict the next of a few symbols from a window, by an embedding, two recurrent layers and a linear one."""

    class Model(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = T.nn.Embedding(11, 12)
            self.layers = getattr(T.nn, kind)(12, 24, num_layers=2, batch_first=True)
            self.out = T.nn.Linear(24, 11)

        def forward(self, x):
            return self.out(self.layers(self.embedding(x))[0])

    return Model()


def encoder(T, kind: str):
    """The same by two layers of a Transformer encoder that look back."""

    class Model(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = T.nn.Embedding(11, 16)
            layer = T.nn.TransformerEncoderLayer(
                16, 4, 32, dropout=0.0, batch_first=True, norm_first=kind == "norm first"
            )
            self.layers = T.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.out = T.nn.Linear(16, 11)

        def forward(self, x):
            mask = T.nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            return self.out(self.layers(self.embedding(x), mask=mask))

    return Model()


def trained(T, make, kind: str, compiled: bool = False):
    """The losses of the steps, and the parameters after them."""
    T.manual_seed(0)
    model = make(T, kind)
    optimizer = T.optim.Adam(model.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, 11, (4, 16, 20))

    def step(x, y):
        optimizer.zero_grad()
        loss = T.nn.functional.cross_entropy(model(x).reshape(-1, 11), y.reshape(-1))
        loss.backward()
        T.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    run = taper.compile(step, fullgraph=True) if compiled else step
    batches = [T.tensor(s) for s in symbols]
    losses = [run(batches[i % 4][:, :-1], batches[i % 4][:, 1:]).item() for i in range(STEPS)]
    # Attention does not change with the keys' bias: its gradient is all rounding, of which Adam makes whole steps.
    settled = [p.detach().numpy() for name, p in model.named_parameters() if "in_proj_bias" not in name]
    return np.array(losses), settled


CASES = [(recurrent, "LSTM"), (recurrent, "GRU"), (recurrent, "RNN"), (encoder, "norm last"), (encoder, "norm first")]


@pytest.mark.parametrize(("make", "kind"), CASES, ids=[kind for _, kind in CASES])
def test_training_follows_pytorch(make, kind):
    torch = pytest.importorskip("torch")
    losses, parameters = trained(torch, make, kind)
    assert losses[-1] < losses[0] - 0.05
    for compiled in (False, True):
        found, ours = trained(taper, make, kind, compiled)
        np.testing.assert_allclose(found, losses, rtol=1e-4)
        for p, q in zip(ours, parameters):
            np.testing.assert_allclose(p, q, rtol=0, atol=1e-3)
