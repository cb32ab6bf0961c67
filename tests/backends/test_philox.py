"""Philox: its known answers, what the distributions look like, and that streams are what was asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

import taper

from .gpus import PLACES, gpus


@pytest.fixture(scope="module", params=PLACES)
def gpu(request):
    with gpus(request.param, 1):
        yield


# Of "Random123", kat_vectors: counter, key, answer.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_known_answers(gpu, counter, key, answer):
    from taper.backends.cuda import library, philox

    low, high = counter[0] | counter[1] << 32, counter[2] | counter[3] << 32
    words = philox.philox(library.asarray(np.array([low, low], np.uint64)), key, high)
    assert [w.get().tolist() for w in words] == [[a, a] for a in answer]


def on_gpu(function):
    taper.manual_seed(7)
    return function().cpu().double().numpy()


N = 40000
DRAWS = {
    "rand": (lambda: taper.rand(N, device="cuda"), 0.5, 1 / 12),
    "rand64": (lambda: taper.rand(N, device="cuda", dtype=taper.float64), 0.5, 1 / 12),
    "uniform_": (lambda: taper.empty(N, device="cuda").uniform_(-2, 4), 1.0, 3.0),
    "randn": (lambda: taper.randn(N, device="cuda"), 0.0, 1.0),
    "randn64": (lambda: taper.randn(N, device="cuda", dtype=taper.float64), 0.0, 1.0),
    "normal_": (lambda: taper.empty(N, device="cuda").normal_(3, 2), 3.0, 4.0),
    "randint": (lambda: taper.randint(0, 10, (N,), device="cuda"), 4.5, 8.25),
    "exponential_": (lambda: taper.empty(N, device="cuda").exponential_(2.0), 0.5, 0.25),
    "geometric_": (lambda: taper.empty(N, device="cuda").geometric_(0.25), 4.0, 12.0),
    "bernoulli": (lambda: taper.full((N,), 0.3, device="cuda").bernoulli(), 0.3, 0.21),
    "poisson": (lambda: taper.poisson(taper.full((N,), 4.0, device="cuda")), 4.0, 4.0),
    "log_normal_": (lambda: taper.empty(N, device="cuda").log_normal_(0, 0.25).log(), 0.0, 0.0625),
    "multinomial": (lambda: taper.tensor([1.0, 0, 3], device="cuda").multinomial(N, replacement=True), 1.5, 0.75),
}


@pytest.mark.parametrize("name", DRAWS)
def test_mean_and_variance(gpu, name):
    draw, mean, variance = DRAWS[name]
    found = on_gpu(draw)
    assert abs(found.mean() - mean) < 6 * math.sqrt(variance / N)
    assert abs(found.var() / variance - 1) < 0.1


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_gives_the_same_numbers_and_another_others(gpu, name):
    draw = DRAWS[name][0]
    first, again = on_gpu(draw), on_gpu(draw)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(again, draw().cpu().double().numpy()), "the stream does not move on"


def test_uniform_numbers_fill_the_interval(gpu):
    counts, _ = np.histogram(on_gpu(DRAWS["rand"][0]), 20, (0, 1))
    assert ((counts - N / 20) ** 2 / (N / 20)).sum() < 45  # chi-square with 19 degrees of freedom: 1 in 1500


def test_normal_numbers_are_normal(gpu):
    drawn = np.sort(on_gpu(DRAWS["randn"][0]))
    exact = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in drawn])
    assert np.abs(exact - np.arange(1, N + 1) / N).max() < 2 / math.sqrt(N)  # Kolmogorov and Smirnov


def test_permutations_have_every_number_once(gpu):
    taper.manual_seed(1)
    assert sorted(taper.randperm(1000, device="cuda").tolist()) == list(range(1000))


def test_without_replacement_nothing_comes_twice_and_nothing_without_weight(gpu):
    taper.manual_seed(2)
    drawn = taper.tensor([[1.0, 0, 2, 5], [0, 1, 1, 1]], device="cuda").multinomial(3)
    assert [sorted(row) for row in drawn.tolist()] == [[0, 2, 3], [1, 2, 3]]


def test_states_and_generators(gpu):
    generator = taper.Generator(device="cuda").manual_seed(5)
    state = generator.get_state()
    assert state.shape == (16,) and state.device.type == "cpu"
    first = taper.rand(3, device="cuda", generator=generator)
    generator.set_state(state)
    assert taper.equal(first, taper.rand(3, device="cuda", generator=generator))
    assert generator.initial_seed() == 5
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found 'cuda'"):
        taper.rand(3, generator=generator)
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        taper.rand(3, device="cuda", generator=taper.Generator())
    with pytest.raises(RuntimeError, match="RNG state is wrong size"):
        generator.set_state(taper.zeros(3, dtype=taper.uint8))


def test_cuda_seeds(gpu):
    taper.cuda.manual_seed(11)
    before = taper.cuda.get_rng_state()
    first = taper.randn(4, device="cuda")
    assert taper.cuda.initial_seed() == 11
    taper.cuda.set_rng_state(before)
    assert taper.equal(first, taper.randn(4, device="cuda"))
    taper.cuda.manual_seed_all(11)
    assert taper.equal(first, taper.randn(4, device="cuda"))
    with taper.random.fork_rng():
        taper.randn(100, device="cuda")
    after = taper.randn(4, device="cuda")
    taper.cuda.manual_seed_all(11)
    taper.randn(4, device="cuda")
    assert taper.equal(after, taper.randn(4, device="cuda"))


def test_dropout_keeps_the_mean(gpu):
    taper.manual_seed(3)
    dropped = taper.nn.functional.dropout(taper.ones(N, device="cuda"), 0.25)
    assert abs(dropped.mean().item() - 1) < 0.02
    assert abs((dropped == 0).double().mean().item() - 0.25) < 0.02
