"""Random numbers on a GPU: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2,
3"), a function from a counter and a key to four words of 32 bits.

A stream is a seed (the key) and how many counters it has used. Every draw takes the next ones, so the numbers depend on
the seed and on what was drawn before, not on the device, its threads or their order. They are not the CPU's.
"""

from __future__ import annotations

import math

import numpy

from ..streams import MT19937Stream, check_continuous, check_counts, check_floating, check_weights
from . import library as np

WORD = 0xFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10

F32, F64, I64 = numpy.dtype(numpy.float32), numpy.dtype(numpy.float64), numpy.dtype(numpy.int64)


def philox(counters, key: tuple[int, int], high: int = 0):
    """Four uint64 arrays of 32-bit words for each counter (uint64): the words of the counter are (low, high, `high`, 0)."""
    word = numpy.uint64(WORD)
    shift = numpy.uint64(32)
    a, b = counters & word, counters >> shift
    c, d = np.full_like(counters, high & WORD), np.full_like(counters, high >> 32)
    k0, k1 = key
    for _ in range(ROUNDS):
        first, second = a * numpy.uint64(MULTIPLIERS[0]), c * numpy.uint64(MULTIPLIERS[1])
        a, b, c, d = (
            (second >> shift) ^ b ^ numpy.uint64(k0),
            second & word,
            (first >> shift) ^ d ^ numpy.uint64(k1),
            first & word,
        )
        k0, k1 = (k0 + INCREMENTS[0]) & WORD, (k1 + INCREMENTS[1]) & WORD
    return a, b, c, d


class PhiloxStream(MT19937Stream):
    """A stream of random numbers on one GPU, with the functions and the errors of the CPU's.

    What there is made of words one after the other is made here of all at once, so the numbers are other ones.
    """

    __slots__ = ("index", "initial_seed", "used")

    def __init__(self, seed: int, index: int):
        self.index = index
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start again from a seed in [0, 2**64)."""
        self.initial_seed, self.used = seed % 2**64, 0

    def get_state(self) -> bytes:
        """The seed and the number of counters used: 16 bytes, as PyTorch's."""
        return self.initial_seed.to_bytes(8, "little") + self.used.to_bytes(8, "little")

    def set_state(self, state) -> None:
        """Continue from what `get_state` gave. RuntimeError for another size."""
        state = bytes(state)
        if len(state) != 16:
            raise RuntimeError(f"RNG state is wrong size: it has {len(state)} bytes, a GPU's has 16")
        self.initial_seed, self.used = int.from_bytes(state[:8], "little"), int.from_bytes(state[8:], "little")

    def copy(self) -> PhiloxStream:
        """A stream that will give the same numbers."""
        twin = PhiloxStream(self.initial_seed, self.index)
        twin.used = self.used
        return twin

    def words(self, n: int):
        """n words of 32 bits, as uint64."""
        blocks = -(-n // 4)
        start, self.used = self.used, self.used + blocks
        with self._there():
            counters = np.arange(blocks, dtype=numpy.uint64) + numpy.uint64(start)
            return np.stack(philox(counters, (self.initial_seed & WORD, self.initial_seed >> 32)), axis=1).reshape(-1)[
                :n
            ]

    def long_words(self, n: int):
        """n words of 64 bits."""
        words = self.words(2 * n).reshape(n, 2)
        return (words[:, 0] << numpy.uint64(32)) | words[:, 1]

    def floats(self, n: int, low: float = 0.0, span: float = 1.0):
        """n float32 numbers in [low, low + span), of 24 bits."""
        share = (self.words(n) & numpy.uint64(0xFFFFFF)).astype(numpy.float32) * numpy.float32(2.0**-24)
        return share if low == 0.0 and span == 1.0 else share * numpy.float32(span) + numpy.float32(low)

    def doubles(self, n: int):
        """n float64 numbers in [0, 1), of 53 bits."""
        return (self.long_words(n) & numpy.uint64((1 << 53) - 1)).astype(numpy.float64) * 2.0**-53

    def _there(self):
        return np.cuda.Device(self.index)

    def uniform(self, size, low: float = 0.0, high: float = 1.0, dtype=F32):
        with self._there():
            return super().uniform(size, low, high, dtype)

    def normal(self, size, mean: float = 0.0, std: float = 1.0, dtype=F32):
        """Normal numbers, by Box and Muller's pairs."""
        dtype = numpy.dtype(dtype)
        if dtype.kind == "c":
            part = F32 if dtype.itemsize == 8 else F64
            with self._there():
                return self.normal((*size, 2), mean, std * 0.5**0.5, part).view(dtype).reshape(tuple(size))
        check_floating("normal_kernel", dtype)

        def draw(n, unit, kind):
            half = -(-n // 2)
            radius = np.sqrt(-2 * np.log(1 - unit(half)))
            angle = unit(half) * kind(2 * math.pi)
            pairs = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
            return pairs.reshape(-1)[:n] * kind(std) + kind(mean)

        return self._drawn(size, dtype, draw)

    normal_serial = normal

    def log_normal(self, size, mean: float = 1.0, std: float = 2.0, dtype=F32):
        """Numbers whose logarithm is normal."""
        if not std > 0.0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
        check_floating("log_normal_kernel", numpy.dtype(dtype))
        with self._there():
            return np.exp(self.normal(size, mean, std, F64)).astype(dtype)

    def _integers(self, size, low, count, dtype):
        with self._there():
            return super()._integers(size, low, count, dtype)

    def integers_all(self, size, dtype=I64):
        with self._there():
            return super().integers_all(size, dtype)

    def bernoulli(self, size, p: float, dtype=F32):
        with self._there():
            return super().bernoulli(size, p, dtype)

    def bernoulli_each(self, p, dtype=F32):
        with self._there():
            return super().bernoulli_each(p, dtype)

    def permutation(self, n: int, dtype=I64):
        """0 ... n - 1 in the order of n random words."""
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
        check_counts(n, numpy.dtype(dtype))
        with self._there():
            return np.argsort(self.long_words(n)).astype(dtype)

    def exponential(self, size, rate: float = 1.0, dtype=F32):
        """Exponential numbers of a rate."""
        if not rate > 0.0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
        check_continuous("Exponential", numpy.dtype(dtype))
        return self._drawn(size, dtype, lambda n, unit, kind: np.log(1 - unit(n)) * kind(-1.0 / rate))

    def geometric(self, size, p: float, dtype=F32):
        """The trials up to the first success."""
        if not 0.0 < p < 1.0:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        if numpy.dtype(dtype).kind == "b":
            raise NotImplementedError("\"geometric_cuda\" not implemented for 'bool'")
        trials = lambda n, unit, kind: np.maximum(np.ceil(np.log(1 - self.doubles(n)) / math.log1p(-p)), 1.0)
        return self._drawn(size, dtype, trials)

    def cauchy(self, size, median: float = 0.0, sigma: float = 1.0, dtype=F32):
        """median + sigma tan(pi (u - 1/2))."""
        if not sigma > 0.0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        check_continuous("Cauchy", numpy.dtype(dtype))
        tangent = lambda n, unit, kind: np.tan(math.pi * (self.doubles(n) - 0.5)) * float(sigma) + float(median)
        return self._drawn(size, dtype, tangent)

    def multinomial(self, weights, n: int, replacement: bool = False):
        """n categories for each row of weights: by their running sums, or, without replacement, by races."""
        with self._there():
            check_weights(weights, n, replacement)
            rows = weights.reshape(-1, weights.shape[-1]).astype(numpy.float64)
            if replacement:
                upto = np.cumsum(rows, axis=1)
                drawn = self.doubles(len(rows) * n).reshape(len(rows), n) * upto[:, -1:]
                picked = np.stack([np.searchsorted(sums, u, side="right") for sums, u in zip(upto, drawn)])
                # A number that rounds up to the whole sum falls behind the last category that has a weight.
                last = rows.shape[1] - 1 - np.argmax(rows[:, ::-1] > 0, axis=1)
                picked = np.minimum(picked, last[:, None])
            else:
                arrival = -np.log(1 - self.doubles(rows.size)).reshape(rows.shape)
                arrival = np.where(rows > 0, arrival / np.where(rows > 0, rows, 1.0), math.inf)
                picked = np.argsort(arrival, axis=1)[:, :n]
            return np.ascontiguousarray(picked.astype(numpy.int64)).reshape(*weights.shape[:-1], n)

    def poisson(self, rates):
        """Poisson numbers of these rates, by CuPy's generator, which this stream seeds."""
        with self._there():
            if not bool((rates >= 0).all()):
                raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
            return self._by_cupy(rates.dtype, lambda g: g.poisson(rates.astype(numpy.float64), rates.shape))

    def binomial(self, counts, p):
        """The successes in each number of trials, by CuPy's generator."""
        with self._there():
            counts, p = np.broadcast_arrays(counts, p)
            trials, share = counts.astype(numpy.int64), p.astype(numpy.float64)
            return self._by_cupy(counts.dtype, lambda g: g.binomial(trials, share, counts.shape))

    def gamma(self, concentrations):
        """Numbers of the gamma distributions of scale 1, by CuPy's generator."""
        shape = concentrations.shape
        with self._there():
            wide = concentrations.astype(numpy.float64)
            return self._by_cupy(concentrations.dtype, lambda g: g.standard_gamma(wide, shape))

    def dirichlet(self, concentrations):
        """Vectors of the Dirichlet distribution along the last dimension."""
        with self._there():
            drawn = self.gamma(concentrations.astype(numpy.float64))
            return (drawn / drawn.sum(axis=-1, keepdims=True)).astype(concentrations.dtype)

    def _by_cupy(self, dtype, draw):
        start, self.used = self.used, self.used + 1
        seed = (self.initial_seed + start * 0x9E3779B97F4A7C15) % 2**63
        return draw(np.random.Generator(np.random.Philox4x3210(seed))).astype(dtype)

    def _drawn(self, size, dtype, draw):
        """draw(n, the function of n uniform numbers, their type) in a shape and a dtype."""
        dtype = numpy.dtype(dtype)
        shape = (size,) if isinstance(size, int) else tuple(size)
        n = math.prod(shape)
        with self._there():
            if dtype == F64:
                made = draw(n, self.doubles, numpy.float64)
            else:
                made = draw(n, self.floats, numpy.float32)
            return made.astype(dtype, copy=False).reshape(shape)
