"""Masks and padding in transformers, and the inference path that leaves zeros at padded positions, against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper
from taper import nn


def encoder(T, **options):
    T.manual_seed(0)
    layer = T.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, **options)
    return T.nn.TransformerEncoder(layer, 2, T.nn.LayerNorm(8)).eval()


def numbers(T, *shape):
    return T.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def padding(T, *lengths, size=4):
    return T.tensor([[i >= n for i in range(size)] for n in lengths])


def padded_at_the_end(T):
    model, x = encoder(T), numbers(T, 2, 4, 8)
    with T.no_grad():
        return model(x, src_key_padding_mask=padding(T, 3, 4)), model(x, src_key_padding_mask=padding(T, 2, 3))


def padded_while_recording(T):
    return encoder(T)(numbers(T, 2, 4, 8), src_key_padding_mask=padding(T, 3, 4))


def padded_at_the_front(T):
    with T.no_grad():
        return encoder(T)(numbers(T, 2, 4, 8), src_key_padding_mask=~padding(T, 1, 2))


def padded_and_masked(T):
    with T.no_grad():
        return encoder(T)(numbers(T, 2, 4, 8), T.zeros(4, 4), padding(T, 3, 4).float() * -100)


def normalised_first(T):
    with T.no_grad():
        return encoder(T, norm_first=True)(numbers(T, 2, 4, 8), src_key_padding_mask=padding(T, 3, 4))


def causal(T):
    mask = T.nn.Transformer.generate_square_subsequent_mask(4)
    model, x = encoder(T), numbers(T, 2, 4, 8)
    return mask, model(x, mask), model(x, mask, is_causal=True), model(x, mask != 0)


def whole(T):
    T.manual_seed(0)
    model = T.nn.Transformer(8, 2, 1, 1, 16, 0.0, activation="gelu", batch_first=True)
    mask = T.nn.Transformer.generate_square_subsequent_mask(3)
    source, target = numbers(T, 2, 4, 8), numbers(T, 2, 3, 8)
    return model(
        source,
        target,
        tgt_mask=mask,
        tgt_is_causal=True,
        src_key_padding_mask=padding(T, 3, 4),
        memory_key_padding_mask=padding(T, 3, 4),
    )


SCENARIOS = [
    padded_at_the_end,
    padded_while_recording,
    padded_at_the_front,
    padded_and_masked,
    normalised_first,
    causal,
    whole,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_masks_do_what_pytorchs_do(scenario):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, wanted = scenario(taper), scenario(torch)
    several = isinstance(wanted, tuple)
    for ours, theirs in zip(found if several else (found,), wanted if several else (wanted,), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=2e-5, atol=2e-6)


def test_inference_leaves_zeros_at_padded_positions():
    model = encoder(taper)
    model.norm = None
    with taper.no_grad():
        out = model(numbers(taper, 2, 4, 8), src_key_padding_mask=padding(taper, 3, 4))
    assert out[0, 3].tolist() == [0.0] * 8 and out[1, 3].abs().sum().item() > 0


def test_layers_of_a_stack_start_equal_and_are_separate():
    model = encoder(taper)
    first, second = (layer.linear1.weight for layer in model.layers)
    assert first is not second and first.tolist() == second.tolist()
    assert isinstance(model.layers, nn.ModuleList)
