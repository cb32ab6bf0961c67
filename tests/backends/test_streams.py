from __future__ import annotations

import hashlib
import math

import ml_dtypes
import numpy as np
import pytest

from taper.backends.streams import MT19937Stream
from taper.backends.streams_shuffle import shuffled

f16, bf16, f32, f64 = (np.dtype(t) for t in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64))
c64, c128 = np.dtype(np.complex64), np.dtype(np.complex128)
FLOATS = (f16, bf16, f32, f64)
WEIGHTS = np.array([1, 2, 3, 4], f32)
EIGHTHS = np.linspace(0, 1, 8, dtype=f32)

# Recorded from PyTorch 2.13 after manual_seed(42): a call, its numbers, and the number in [0, 1000) that is drawn next.
# fmt: off
RECORDED = [
    (lambda s: s.uniform(4), [0.88226926, 0.91500396, 0.38286376, 0.95930564], 26),
    (lambda s: s.uniform((1, 3), dtype=f64), [0.05815448596142969, 0.06291016742457756, 0.12358607277440903], 620),
    (lambda s: s.uniform(4, dtype=f16), [0.88232421875, 0.9150390625, 0.3828125, 0.95947265625], 26),
    (lambda s: s.uniform(4, dtype=bf16), [0.8828125, 0.9140625, 0.3828125, 0.9609375], 26),
    (lambda s: s.uniform((2, 2), -1, 3), [2.529077, 2.6600158, 0.53145504, 2.8372226], 26),
    (lambda s: s.normal(3), [0.33669037, 0.1288094, 0.23446237], 950),
    (lambda s: s.normal(3, dtype=f64), [0.33669035438385886, 0.1288094051365897, 0.23446236336153173], 950),
    (lambda s: s.normal(17),
     [1.9269153, -0.15959747, -0.49739754, 0.43958926, -0.75813115, 1.0783176, 0.80080056, 1.6806206, 0.3558599,
      1.2964228, 0.6104665, 1.3347378, -0.23162432, 0.04175949, -0.2515753, 0.8598585, -0.30972677], 329),
    (lambda s: s.normal(17, dtype=bf16),
     [1.9296875, 1.640625, -0.1591796875, -0.498046875, 0.439453125, -0.7578125, 1.078125, 0.80078125, 1.6796875,
      1.28125, 1.296875, 0.609375, 1.3359375, -0.2314453125, 0.041748046875, -0.251953125, 0.859375], 475),
    (lambda s: s.normal((4, 4), dtype=f64),
     [0.2995562877502637, 0.24237779080894106, 0.28320739441795323, -0.23294220898382634, 0.6711532211923003,
      0.7817673742546976, -1.7903080050220619, -1.748402801489203, 0.17347640142361004, 0.26684314514213736,
      0.4285173645433462, 0.2318702888580676, -1.0214571469180447, -0.8272632292381021, 1.7342104609172728,
      -1.4920727283504345], 475),
    (lambda s: s.normal(16, 2, 0.5),
     [2.9634576, 2.743642, 2.4503586, 0.9472395, 2.3392093, 1.3827276, 1.9784663, 1.1976665, 1.6239324, 2.8243616,
      1.8037606, 1.2981964, 1.6360593, 1.7202849, 1.6155806, 2.3812227], 315),
    (lambda s: s.normal(2, dtype=c64), [0.23807603 + 0.09108201j, 0.16578993 + 0.16287005j], 950),
    (lambda s: s.normal_serial((8, 4))[0], [0.33669037, 0.1288094, 0.23446237, 0.23033303], 470),
    (lambda s: s.log_normal(3), [5.3301573, 3.5170367, 4.344561], 950),
    (lambda s: s.integers((2, 3), 0, 10), [2, 7, 6, 4, 6, 5], 620),
    (lambda s: s.integers(3, -2**40, 2**40), [-658003837517, 395924837646, -640896347065], 620),
    (lambda s: s.integers(4, 3, 250, np.uint8), [151, 206, 204, 150], 26),
    (lambda s: s.integers(4, -5, 5, f32), [-3, 2, 1, -1], 26),
    (lambda s: s.integers_from(3, 100, np.int16), [32654, 2535, 15652], 414),
    (lambda s: s.integers_from(2, -2**63), [6909045637428952499, -909160480315697906], 26),
    (lambda s: s.integers_all(4, np.bool_), [False, True, False, False], 26),
    (lambda s: s.integers_all(4, np.uint8), [102, 179, 92, 14], 26),
    (lambda s: s.integers_all(4, np.int8), [102, 51, 92, 14], 26),
    (lambda s: s.integers_all(4, np.int16), [23654, 15795, 860, 5390], 26),
    (lambda s: s.integers_all(4, np.int32), [1608637542, 1273642419, 1935803228, 787846414], 26),
    (lambda s: s.integers_all(2), [6909045637428952499, 8314211556539077902], 26),
    (lambda s: s.integers_all(4, f16), [426, 923, 745, 1816], 26),
    (lambda s: s.integers_all(4, bf16), [12, 149, 201, 64], 26),
    (lambda s: s.integers_all(4, f32), [14801927, 15351016, 6423145, 16094432], 26),
    (lambda s: s.integers_all(2, f64), [523809042610868, 566644413140339], 26),
    (lambda s: s.permutation(10), [2, 6, 1, 8, 4, 5, 0, 9, 3, 7], 113),
    (lambda s: s.bernoulli(8, 0.3), [1, 1, 1, 1, 0, 0, 0, 0], 315),
    (lambda s: s.bernoulli(8, 0.3, np.bool_), [True, True, True, True, False, False, False, False], 315),
    (lambda s: s.bernoulli_each(EIGHTHS), [0, 0, 0, 0, 1, 1, 1, 1], 950),
    (lambda s: s.bernoulli_each(np.linspace(0, 1, 8)), [0, 1, 1, 1, 1, 1, 0, 1], 315),
    (lambda s: s.exponential(3, 2), [0.029957008, 0.032488063, 0.06595839], 620),
    (lambda s: s.geometric(5, 0.3, np.int64), [8, 8, 6, 9, 2], 378),
    (lambda s: s.cauchy(3, 1, 2), [-9.824975, -8.987402, -3.8897486], 620),
    (lambda s: s.multinomial(WEIGHTS, 1), [3], 950),
    (lambda s: s.multinomial(WEIGHTS, 3), [3, 1, 2], 950),
    (lambda s: s.multinomial(WEIGHTS, 1, True), [3], 950),
    (lambda s: s.multinomial(WEIGHTS, 5, True), [0, 0, 1, 0, 2], 378),
    (lambda s: s.multinomial(np.stack((WEIGHTS, WEIGHTS[::-1])), 2), [3, 1, 0, 1], 315),
    (lambda s: s.poisson(np.array([0, 0.5, 3, 40, 500], f32)), [0, 0, 1, 26, 498], 231),
    (lambda s: s.gamma(np.array([0.3, 2, 50], f32)), [1.2379944, 1.93527, 34.235565], 315),
    (lambda s: s.dirichlet(np.array([[0.5, 2, 3]], f32)), [0.40799046, 0.5065236, 0.08548596], 315),
    (lambda s: s.binomial(np.array([10, 100, 100, 5], f32), np.array([0.3, 0.4, 0.9, 1], f32)), [1, 33, 90, 5], 210),
]

FAILURES = [
    (lambda s: s.seed(2**64), ValueError, "Overflow when unpacking long long"),
    (lambda s: s.seed(-(2**63) - 1), ValueError, "Overflow when unpacking long long"),
    (lambda s: s.set_state(np.zeros(5056, f32)), TypeError, "RNG state must be a torch.ByteTensor"),
    (lambda s: s.set_state(np.zeros(505, np.uint8)), RuntimeError, "size 5056 but found .* 505"),
    (lambda s: s.set_state(np.zeros(5056, np.uint8)), RuntimeError, "Invalid mt19937 state"),
    (lambda s: s.uniform(2, 2, 1), RuntimeError, r"return a \[from, to\) range, but found from=2.0 > to=1.0"),
    (lambda s: s.uniform(2, -1e6, 1, f16), RuntimeError, "from is out of bounds for float16"),
    (lambda s: s.uniform(2, -3e38, 3e38), RuntimeError, "to-from to exceed the limit"),
    (lambda s: s.uniform(2, dtype=np.int64), NotImplementedError, "not implemented for 'int64'"),
    (lambda s: s.normal(2, 0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda s: s.normal_serial(2, 0, -1), RuntimeError, "normal expects std >= 0.0"),
    (lambda s: s.normal(2, dtype=np.int64), NotImplementedError, "not implemented for 'int64'"),
    (lambda s: s.log_normal(2, 0, 0), RuntimeError, "log_normal_ expects std > 0.0, but found std=0"),
    (lambda s: s.integers(2, 3, 3), RuntimeError, "'from' to be less than 'to', but got from=3 >= to=3"),
    (lambda s: s.integers(2, 0, 300, np.uint8), RuntimeError, "to - 1 is out of bounds for uint8"),
    (lambda s: s.integers(2, -1, 3, np.bool_), RuntimeError, "from is out of bounds for bool"),
    (lambda s: s.integers_from(2, -(2**63), np.int32), RuntimeError, "handles only int64, double, float and bfloat16"),
    (lambda s: s.integers_all(2, np.uint16), NotImplementedError, "not implemented for uint16"),
    (lambda s: s.permutation(-1), RuntimeError, "negative dimension -1"),
    (lambda s: s.permutation(300, np.uint8), RuntimeError, "n cannot be greater than 256 for uint8"),
    (lambda s: s.permutation(2050, f16), RuntimeError, "n cannot be greater than 2049 for float16"),
    (lambda s: s.permutation(3, np.bool_), NotImplementedError, "not implemented for 'bool'"),
    (lambda s: s.bernoulli(2, 1.5), RuntimeError, r"bernoulli_ expects p to be in \[0, 1\], but got p=1.5"),
    (lambda s: s.bernoulli_each(np.array([math.nan])), RuntimeError, "p_in >= 0 && p_in <= 1"),
    (lambda s: s.exponential(2, 0), RuntimeError, "exponential_ expects lambda > 0.0, but found lambda=0"),
    (lambda s: s.exponential(2, dtype=np.int64), RuntimeError, "dtype must be a floating point"),
    (lambda s: s.geometric(2, 1.0), RuntimeError, r"geometric_ expects p to be in \(0, 1\), but got p=1.0"),
    (lambda s: s.geometric(2, 0.5, np.bool_), NotImplementedError, "geometric_cpu"),
    (lambda s: s.cauchy(2, 0, 0), RuntimeError, "cauchy_ expects sigma > 0.0, but found sigma=0"),
    (lambda s: s.cauchy(2, dtype=np.int64), RuntimeError, "dtype must be a floating point"),
    (lambda s: s.multinomial(WEIGHTS, 0), RuntimeError, "cannot sample n_sample <= 0 samples"),
    (lambda s: s.multinomial(WEIGHTS, 5), RuntimeError, r"n_sample > prob_dist.size\(-1\) samples without replacement"),
    (lambda s: s.multinomial(-WEIGHTS, 1), RuntimeError, "contains either `inf`, `nan` or element < 0"),
    (lambda s: s.multinomial(-WEIGHTS, 2, True), RuntimeError, "encountering probability entry < 0"),
    (lambda s: s.multinomial(WEIGHTS / f32.type(0), 2, True), RuntimeError, "probability entry = infinity or NaN"),
    (lambda s: s.multinomial(0 * WEIGHTS, 2), RuntimeError, r"sum of probabilities <= 0"),
    (lambda s: s.multinomial(np.arange(3), 1), RuntimeError, "only supports floating-point dtypes for input"),
    (lambda s: s.multinomial(np.ones((2, 2, 2)), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    (lambda s: s.poisson(-WEIGHTS), RuntimeError, "invalid Poisson rate, expected rate to be non-negative"),
]
# fmt: on


@pytest.mark.parametrize(("call", "numbers", "following"), RECORDED)
def test_recorded_numbers_and_the_draw_after_them(call, numbers, following):
    stream = MT19937Stream(42)
    result = call(stream)
    assert np.array_equal(result.ravel(), np.array(numbers).astype(result.dtype))
    assert stream.integers((), 0, 1000) == following


@pytest.mark.parametrize(("call", "error", "message"), FAILURES)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_wrong_argument_is_named_and_nothing_is_drawn(call, error, message):
    stream = MT19937Stream(1)
    before = stream.get_state()
    with pytest.raises(error, match=message):
        call(stream)
    assert np.array_equal(stream.get_state(), before)


@pytest.mark.parametrize(
    ("seed", "initial_seed", "numbers"),
    [
        (7, 7, [741615, 413892]),
        (2**32 + 7, 2**32 + 7, [741615, 413892]),
        (-1, 2**64 - 1, [326371, 346978]),
        (2**64 - 1, 2**64 - 1, [326371, 346978]),
    ],
)
def test_the_low_half_of_a_seed_chooses_the_stream(seed, initial_seed, numbers):
    stream = MT19937Stream(0)
    stream.normal(1)
    stream.seed(seed)
    assert stream.initial_seed == initial_seed
    assert stream.integers(2, 0, 10**6).tolist() == numbers


def test_states_have_the_bytes_that_pytorch_writes():
    def digest():
        return hashlib.sha256(stream.get_state().tobytes()).hexdigest()[:16]

    stream = MT19937Stream(42)
    assert digest() == "5feb54a46230d321"
    stream.uniform(5)
    stream.normal(1)
    assert digest() == "3544ccc349812b0f"


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 1248])
def test_a_stream_continues_from_its_state(drawn):
    stream = MT19937Stream(3)
    stream.uniform(drawn)
    stream.normal(1)  # leaves a sample behind
    twin = stream.copy()
    other = MT19937Stream(4)
    other.set_state(stream.get_state())
    expected = stream.normal(21), stream.uniform(4)
    for same in (twin, other):
        assert np.array_equal(same.normal(21), expected[0])
        assert np.array_equal(same.uniform(4), expected[1])
        assert same.initial_seed == 3


@pytest.mark.parametrize("n", [0, 1, 2, 255, 256, 257, 5000])
def test_shuffle_makes_the_swaps_one_after_the_other(n):
    offsets = (np.random.default_rng(n).random(n) * np.arange(n, 0, -1)).astype(np.int64)
    order = list(range(n))
    for i, offset in enumerate(offsets):
        order[i], order[i + offset] = order[i + offset], order[i]
    assert shuffled(offsets).tolist() == order


def test_log_normal_overflows_to_infinity():
    assert np.isinf(MT19937Stream(0).log_normal(4, 1000.0, 1.0, f64)).all()


@pytest.mark.parametrize("size", [0, (), (0, 3), (2, 0)])
def test_an_empty_result_draws_nothing_and_a_scalar_draws_one(size):
    stream = MT19937Stream(5)
    drawn = stream.uniform(size)
    assert drawn.shape == (size if isinstance(size, tuple) else (size,))
    follower = MT19937Stream(5)
    follower.words(drawn.size)
    assert np.array_equal(stream.get_state(), follower.get_state())


# What follows runs both libraries.


def torch_dtype(dtype):
    torch = pytest.importorskip("torch")
    return getattr(torch, np.dtype(dtype).name)


def to_torch(array):
    torch = pytest.importorskip("torch")
    if array.dtype == bf16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def from_torch(tensor):
    torch = pytest.importorskip("torch")
    return tensor.view(torch.int16).numpy().view(bf16) if tensor.dtype == torch.bfloat16 else tensor.numpy()


def assert_same_stream(ours, theirs, seed=123):
    """The same numbers, then the same state; each takes part twice, so that kept samples are met as well."""
    torch = pytest.importorskip("torch")
    stream = MT19937Stream(seed)
    torch.manual_seed(seed)
    for _ in range(2):
        a, b = ours(stream), from_torch(theirs(torch))
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.array_equal(a, b)
        assert np.array_equal(stream.get_state(), torch.get_rng_state().numpy())


SIZES = (0, 1, 2, 15, 16, 17, 47, 3001)

# fmt: off
CONTINUOUS = {
    "rand":         (lambda s, n, d: s.uniform(n, dtype=d),           lambda x: x.uniform_()),
    "uniform_":     (lambda s, n, d: s.uniform(n, -0.3, 0.7, d),      lambda x: x.uniform_(-0.3, 0.7)),
    "randn":        (lambda s, n, d: s.normal(n, dtype=d),            lambda x: x.normal_()),
    "normal_":      (lambda s, n, d: s.normal(n, 1.7, 0.3, d),        lambda x: x.normal_(1.7, 0.3)),
    "log_normal_":  (lambda s, n, d: s.log_normal(n, dtype=d),        lambda x: x.log_normal_()),
    "exponential_": (lambda s, n, d: s.exponential(n, 1.3, d),        lambda x: x.exponential_(1.3)),
    "cauchy_":      (lambda s, n, d: s.cauchy(n, 0.5, 1.3, d),        lambda x: x.cauchy_(0.5, 1.3)),
    "geometric_":   (lambda s, n, d: s.geometric(n, 0.2, d),          lambda x: x.geometric_(0.2)),
    "bernoulli_":   (lambda s, n, d: s.bernoulli(n, 0.2, d),          lambda x: x.bernoulli_(0.2)),
    "random_":      (lambda s, n, d: s.integers_all(n, d),            lambda x: x.random_()),
    "random_to":    (lambda s, n, d: s.integers(n, -7, 90, d),        lambda x: x.random_(-7, 90)),
    "random_from":  (lambda s, n, d: s.integers_from(n, -7, d),       lambda x: x.random_(-7, None)),
}
# fmt: on


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_floating_fills_are_pytorchs(name, dtype):
    ours, theirs = CONTINUOUS[name]
    for n in SIZES:
        assert_same_stream(
            lambda s, n=n: ours(s, n, dtype), lambda torch, n=n: theirs(torch.empty(n, dtype=torch_dtype(dtype)))
        )


@pytest.mark.parametrize("dtype", [c64, c128], ids=lambda d: d.name)
@pytest.mark.parametrize("n", [1, 7, 8, 9, 100])
def test_complex_numbers_are_pytorchs(n, dtype):
    assert_same_stream(lambda s: s.uniform(n, dtype=dtype), lambda t: t.rand(n, dtype=torch_dtype(dtype)))
    assert_same_stream(lambda s: s.normal(n, dtype=dtype), lambda t: t.randn(n, dtype=torch_dtype(dtype)))


def test_a_hundred_thousand_normal_numbers_are_pytorchs():
    assert_same_stream(lambda s: s.normal(100_003), lambda torch: torch.randn(100_003))


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -5, -(2**63)])
def test_seeds_are_pytorchs(seed):
    assert_same_stream(lambda s: s.uniform(700), lambda torch: torch.rand(700), seed)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.int64])
def test_integer_fills_are_pytorchs(dtype):
    d = torch_dtype(dtype)
    assert_same_stream(lambda s: s.integers((3, 50), 0, 100, dtype), lambda t: t.randint(0, 100, (3, 50), dtype=d))
    assert_same_stream(lambda s: s.integers_from(99, 3, dtype), lambda t: t.empty(99, dtype=d).random_(3, None))
    assert_same_stream(lambda s: s.integers_all(99, dtype), lambda t: t.empty(99, dtype=d).random_())
    assert_same_stream(lambda s: s.bernoulli(99, 0.4, dtype), lambda t: t.empty(99, dtype=d).bernoulli_(0.4))
    assert_same_stream(lambda s: s.geometric(99, 0.4, dtype), lambda t: t.empty(99, dtype=d).geometric_(0.4))


RANGES = [
    (0, 2**28 - 1, np.int64),
    (0, 2**28, np.int64),
    (-5, 2**40, np.int64),
    (-(2**63), 2**63 - 1, np.int64),
    (0, 2**28, np.uint32),
    (5, 60000, np.uint16),
    (5, 2**62, np.uint64),
    (0, 2, np.bool_),
    (0, 65504, f16),
    (-65500, 65504, f16),
    (-3001, 3001, bf16),
    (-(2**40) - 3, 2**40 + 7, f32),
    (-(2**60) - 3, 2**60 + 7, f64),
]


@pytest.mark.parametrize(("low", "high", "dtype"), RANGES)
@pytest.mark.filterwarnings("ignore:.*is out of bounds.*:UserWarning")
def test_ranges_are_pytorchs(low, high, dtype):
    assert_same_stream(
        lambda s: s.integers(999, low, high, dtype),
        lambda torch: torch.empty(999, dtype=torch_dtype(dtype)).random_(low, high),
    )


@pytest.mark.parametrize("dtype", [np.int64, f64, f32, bf16])
def test_all_64_bits_are_pytorchs(dtype):
    assert_same_stream(
        lambda s: s.integers_from(99, -(2**63), dtype),
        lambda torch: torch.empty(99, dtype=torch_dtype(dtype)).random_(-(2**63), None),
    )


@pytest.mark.parametrize("n", [0, 1, 2, 255, 256, 3001])
def test_permutations_are_pytorchs(n):
    assert_same_stream(lambda s: s.permutation(n), lambda torch: torch.randperm(n))
    assert_same_stream(lambda s: s.permutation(n, f32), lambda torch: torch.randperm(n, dtype=torch.float32))


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
def test_each_probability_is_pytorchs(dtype):
    p = np.linspace(0, 1, 300).astype(dtype).reshape(3, 100)
    assert_same_stream(lambda s: s.bernoulli_each(p, dtype), lambda torch: torch.bernoulli(to_torch(p)))


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("shape", [(100,), (3, 100)])
def test_choices_by_weight_are_pytorchs(shape, n, replacement, dtype):
    weights = np.linspace(0, 1, math.prod(shape)).astype(dtype).reshape(shape)
    assert_same_stream(
        lambda s: s.multinomial(weights, n, replacement),
        lambda torch: torch.multinomial(to_torch(weights), n, replacement),
    )


@pytest.mark.parametrize("dtype", [f32, f64], ids=lambda d: d.name)
def test_rejection_sampling_is_pytorchs(dtype):
    rates = np.concatenate((np.linspace(0, 9.9, 200), np.linspace(10, 300, 200))).astype(dtype)
    assert_same_stream(lambda s: s.poisson(rates), lambda torch: torch.poisson(to_torch(rates)))
    assert_same_stream(lambda s: s.gamma(rates), lambda torch: torch._standard_gamma(to_torch(rates)))
    counts = (np.arange(600) % 200).astype(dtype)
    p = np.resize(np.linspace(0, 1, 77), 600).astype(dtype)
    assert_same_stream(lambda s: s.binomial(counts, p), lambda torch: torch.binomial(to_torch(counts), to_torch(p)))


def test_dirichlet_is_pytorchs_up_to_the_order_of_its_sum():
    torch = pytest.importorskip("torch")
    concentrations = np.linspace(0.1, 20, 120).reshape(-1, 6)
    torch.manual_seed(9)
    stream = MT19937Stream(9)
    np.testing.assert_allclose(
        stream.dirichlet(concentrations), torch._sample_dirichlet(to_torch(concentrations)).numpy(), rtol=2e-15
    )
    assert np.array_equal(stream.get_state(), torch.get_rng_state().numpy())


def test_mixed_calls_stay_in_step_with_pytorch():
    torch = pytest.importorskip("torch")
    stream = MT19937Stream(11)
    torch.manual_seed(11)
    rounds = [
        (lambda: stream.normal(3), lambda: torch.randn(3)),
        (lambda: stream.permutation(7), lambda: torch.randperm(7)),
        (lambda: stream.normal((2, 2), dtype=f64), lambda: torch.randn(2, 2, dtype=torch.float64)),
        (lambda: stream.normal(20), lambda: torch.randn(20)),
        (lambda: stream.log_normal(2), lambda: torch.empty(2).log_normal_()),
        (lambda: stream.bernoulli((2, 3), 0.5), lambda: torch.empty(2, 3).bernoulli_(0.5)),
        (lambda: stream.normal_serial((5, 4), 0.5, 2.0), lambda: torch.empty(5, 4).t().normal_(0.5, 2.0).t()),
        (lambda: stream.gamma(WEIGHTS), lambda: torch._standard_gamma(to_torch(WEIGHTS))),
    ]
    for _ in range(3):
        for ours, theirs in rounds:
            assert np.array_equal(ours(), theirs().numpy())


def test_states_are_exchanged_with_pytorch():
    torch = pytest.importorskip("torch")
    stream = MT19937Stream(21)
    stream.uniform(100)
    stream.normal(1)
    torch.set_rng_state(torch.from_numpy(stream.get_state()))
    assert torch.initial_seed() == 21
    assert np.array_equal(stream.normal(5), torch.randn(5).numpy())
    torch.rand(700)
    stream.set_state(torch.get_rng_state().numpy())
    assert np.array_equal(stream.uniform(5), torch.rand(5).numpy())
