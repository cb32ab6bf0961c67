"""Random streams on the CPU: the numbers that PyTorch's CPU generator gives for the same seed.

What each distribution makes of its draws, how many it takes and in which precision it computes are part of the stream,
since the next call continues where this one stopped; PyTorch 2.13 is followed on all three. Arrays are filled in C order.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import ml_dtypes
import numpy as np

from ..dtypes import HALF, bfloat16
from . import streams_rejection as rejection
from .streams_normal import GROUP, fused_multiply_add, libm, transform
from .streams_shuffle import shuffled
from .streams_twister import MersenneTwister

Size: TypeAlias = int | Sequence[int]

_F32, _F64, _I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
_WIDE_RANGE = 1 << 28  # from here on an integer is made from 64 bits
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1

_LARGEST = {np.dtype(t): float(ml_dtypes.finfo(t).max) for t in (np.float16, bfloat16.np, np.float32, np.float64)}
_DIGITS = {d: ml_dtypes.finfo(d).nmant + 1 for d in _LARGEST}


class MT19937Stream(MersenneTwister):
    """A stream of random numbers. Methods return new arrays of shape `size` (an int or a sequence) and advance it.

    Real floating results may be float16, bfloat16, float32 or float64; errors are RuntimeError, worded as PyTorch's.
    """

    __slots__ = ()

    def copy(self) -> MT19937Stream:
        """A stream that will give the same numbers."""
        twin = MT19937Stream()
        twin.set_state(self.get_state())
        return twin

    def uniform(self, size: Size, low: float = 0.0, high: float = 1.0, dtype=_F32) -> np.ndarray:
        """Uniform numbers in [low, high). A complex dtype has both parts uniform."""
        dtype = np.dtype(dtype)
        if dtype.kind == "c":
            return _complex(self.uniform, size, low, high, dtype)
        check_floating("check_uniform_bounds", dtype)
        low, high = float(low), float(high)
        if low != 0.0 or high != 1.0:
            _check_uniform(low, high, dtype)
        size, n = _shape_and_count(size)
        if dtype == _F64:
            out = self.doubles(n)
        else:
            first, last = _F32.type(low), _F32.type(high)
            out = self.floats(n, float(first), float(last - first))
        if low == 0.0 and high == 1.0:
            if dtype.itemsize >= 4:
                return out.reshape(size)
        elif dtype == _F64:
            out = fused_multiply_add(out, high - low, low)
        out = out.astype(dtype, copy=False)
        reached = out == dtype.type(high)  # by rounding
        if reached.any():
            out[reached] = low
        return out.reshape(size)

    def normal(self, size: Size, mean: float = 0.0, std: float = 1.0, dtype=_F32) -> np.ndarray:
        """Normal numbers by Box and Muller's method: `normal_` on a contiguous tensor.

        Below 16 elements this is `normal_serial`. From 16 on every 16 draws make 16 samples, and where the size is no
        multiple of 16 the last 16 samples are made anew. A complex dtype has parts of standard deviation std / sqrt(2).
        """
        dtype = np.dtype(dtype)
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        if dtype.kind == "c":
            return _complex(self.normal, size, mean, std / math.sqrt(2), dtype)
        check_floating("normal_kernel_cpu", dtype)
        size, n = _shape_and_count(size)
        if n < GROUP:
            return _cast(self._serial_normals(n, mean, std), dtype).reshape(size)
        drawn = self._normal_draws(n, dtype)
        samples = transform(drawn, mean, std)
        if n % GROUP:
            samples[n - GROUP : n] = samples[-GROUP:]
        return samples[:n].astype(dtype, copy=False).reshape(size)

    def _normal_draws(self, n, dtype):
        """Uniform numbers for the whole groups in n and, where a rest remains, for one more."""
        draw = self.doubles if dtype == _F64 else self.floats
        whole, rest = n // GROUP * GROUP, n % GROUP
        if not rest or dtype in HALF:
            return draw(whole + GROUP if rest else whole)
        # The wider types draw for the rest as well, and drop it.
        drawn = draw(n + GROUP)
        return np.concatenate((drawn[:whole], drawn[n:]))

    def normal_serial(self, size: Size, mean: float = 0.0, std: float = 1.0, dtype=_F32) -> np.ndarray:
        """Normal numbers one after the other: `normal_` on a tensor that is not contiguous, whatever its size.

        A pair is made of two 64-bit draws in float64; the second of a pair is kept for the next call.
        """
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        dtype = np.dtype(dtype)
        check_floating("normal_kernel_cpu", dtype)
        size, n = _shape_and_count(size)
        return _cast(self._serial_normals(n, mean, std), dtype).reshape(size)

    def _serial_normals(self, n, mean, std):
        standard = np.empty(n, _F64)
        filled = 0
        if n and self.next_normal is not None:
            standard[0], self.next_normal, filled = self.next_normal, None, 1
        pairs = (n - filled + 1) // 2
        if pairs:
            samples = []
            uniforms = iter(self.doubles(2 * pairs).tolist())
            for u1, u2 in zip(uniforms, uniforms):
                radius, angle = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
                samples += radius * math.cos(angle), radius * math.sin(angle)
            standard[filled:] = samples[: n - filled]
            if (n - filled) % 2:
                self.next_normal = samples[-1]
        return fused_multiply_add(standard, float(std), float(mean))

    def log_normal(self, size: Size, mean: float = 1.0, std: float = 2.0, dtype=_F32) -> np.ndarray:
        """exp of `normal_serial`, in float64."""
        if not std > 0.0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
        dtype = np.dtype(dtype)
        check_floating("log_normal_cpu", dtype)
        size, n = _shape_and_count(size)
        return _cast(libm("exp", self._serial_normals(n, mean, std)), dtype).reshape(size)

    def integers(self, size: Size, low: int, high: int, dtype=_I64) -> np.ndarray:
        """Integers in [low, high), of any integer, boolean or floating dtype: `randint`, `random_(low, high)`."""
        dtype = np.dtype(dtype)
        low, high = operator.index(low), operator.index(high)
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        _check_bounds(dtype, **{"from": low, "to - 1": high - 1})
        if dtype in _DIGITS:
            low, high = _lowest_held(low, dtype), _bound_held(high, dtype)
            if low >= high:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
                    f"from={low} >= to={high}"
                )
        return self._integers(size, low, high - low, dtype)

    def integers_from(self, size: Size, low: int, dtype=_I64) -> np.ndarray:
        """Integers from low to the dtype's largest (2^digits for a floating dtype): `random_(low, None)`."""
        dtype, low = np.dtype(dtype), operator.index(low)
        if low == _INT64_MIN:
            if dtype not in (_I64, _F64, _F32, bfloat16.np):
                raise RuntimeError("random_ over all 64 bits handles only int64, double, float and bfloat16")
            size, n = _shape_and_count(size)
            return _cast(self.long_words(n).view(_I64), dtype).reshape(size)
        if dtype in _DIGITS:
            high, low = 1 << _DIGITS[dtype], _lowest_held(low, dtype)
            if low >= high:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but "
                    f"got from={low} > to_inc={high}"
                )
        else:
            high = 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)
        _check_bounds(dtype, **{"from": low, "to - 1": high})
        return self._integers(size, low, high + 1 - low, dtype)

    def integers_all(self, size: Size, dtype=_I64) -> np.ndarray:
        """Integers from 0 to the dtype's largest (2^digits for a floating dtype): `random_()`."""
        dtype = np.dtype(dtype)
        size, n = _shape_and_count(size)
        if dtype.kind == "b":
            draws = self.words(n).astype(np.uint64) & np.uint64(1)
        elif dtype in _DIGITS:
            draws = self.long_words(n) if dtype == _F64 else self.words(n).astype(np.uint64)
            draws %= np.uint64((1 << _DIGITS[dtype]) + 1)
        elif dtype.kind == "u" and dtype.itemsize > 1:
            raise NotImplementedError(f'"random_kernel_cpu" not implemented for {dtype.name}; give random_ both bounds')
        else:
            draws = self.long_words(n) if dtype == _I64 else self.words(n).astype(np.uint64)
            draws &= np.uint64(np.iinfo(dtype).max)
        return _cast(draws.view(_I64), dtype).reshape(size)

    def _integers(self, size, low, count, dtype):
        size, n = _shape_and_count(size)
        if count >= _WIDE_RANGE:
            draws = self.long_words(n)
            if count < 1 << 64:
                draws %= np.uint64(count)
            values = (draws + np.uint64(low % (1 << 64))).view(_I64)
        else:
            draws = self.words(n)
            # NumPy divides several numbers at a time, but takes remainders one by one.
            draws -= draws // np.uint32(count) * np.uint32(count)
            values = draws.astype(_I64)
            if low:
                values += low
        return _cast(values, dtype).reshape(size)

    def permutation(self, n: int, dtype=_I64) -> np.ndarray:
        """A permutation of 0..n-1: element i changes places with one of the elements from i on. (n,) of `dtype`."""
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
        dtype = np.dtype(dtype)
        check_counts(n, dtype)
        offsets = np.zeros(n, _I64)
        if n > 1:
            offsets[:-1] = self.words(n - 1) % np.arange(n, 1, -1, np.uint64 if n >> 32 else np.uint32)
        return _cast(shuffled(offsets), dtype)

    def bernoulli(self, size: Size, p: float, dtype=_F32) -> np.ndarray:
        """1 with probability p, else 0, in any real dtype: `bernoulli_(p)`, dropout."""
        if not 0.0 <= p <= 1.0:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        size, n = _shape_and_count(size)
        return (self.doubles(n) < p).astype(dtype).reshape(size)

    def bernoulli_each(self, p: np.ndarray, dtype=_F32) -> np.ndarray:
        """1 with the probability that p has there, else 0, of p's shape: `bernoulli(p)`, `bernoulli_(tensor)`.

        p: any shape, floating; float64 probabilities take 64-bit draws, all others 32-bit ones.
        """
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError("bernoulli expects p_in >= 0 && p_in <= 1 to be true, but got false")
        draw = self.doubles if p.dtype == _F64 else self.floats
        return (draw(p.size).reshape(p.shape) < p.astype(_F64 if p.dtype == _F64 else _F32)).astype(dtype)

    def exponential(self, size: Size, rate: float = 1.0, dtype=_F32) -> np.ndarray:
        """-log(1 - u) / rate."""
        if not rate > 0.0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
        dtype = np.dtype(dtype)
        check_continuous("Exponential", dtype)
        size, n = _shape_and_count(size)
        return _cast(-1.0 / rate * libm("log1p", -self.doubles(n)), dtype).reshape(size)

    def geometric(self, size: Size, p: float, dtype=_F32) -> np.ndarray:
        """The trials up to the first success, ceil(log(u) / log(1 - p)), in any real dtype but bool."""
        if not 0.0 < p < 1.0:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        dtype = np.dtype(dtype)
        if dtype.kind == "b":
            raise NotImplementedError("\"geometric_cpu\" not implemented for 'bool'")
        size, n = _shape_and_count(size)
        return _cast(np.ceil(libm("log", self.doubles(n)) / math.log1p(-p)), dtype).reshape(size)

    def cauchy(self, size: Size, median: float = 0.0, sigma: float = 1.0, dtype=_F32) -> np.ndarray:
        """median + sigma tan(pi (u - 1/2))."""
        if not sigma > 0.0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        dtype = np.dtype(dtype)
        check_continuous("Cauchy", dtype)
        size, n = _shape_and_count(size)
        tangent = libm("tan", math.pi * (self.doubles(n) - 0.5))
        return _cast(fused_multiply_add(tangent, float(sigma), float(median)), dtype).reshape(size)

    def multinomial(self, weights: np.ndarray, n: int, replacement: bool = False) -> np.ndarray:
        """n categories for each row of weights, which need not sum to one. Returns (n,) or (rows, n) int64.

        weights: (categories,) or (rows, categories), floating, non-negative.
        """
        check_weights(weights, n, replacement)
        rows = weights.reshape(-1, weights.shape[-1])
        picked = self._with_replacement(rows, n) if replacement and n > 1 else self._without_replacement(rows, n)
        return picked.reshape(*weights.shape[:-1], n)

    def _with_replacement(self, rows, n):
        if rows.dtype != _F64:
            rows = rows.astype(_F32)
        cumulative = np.cumsum(rows, axis=1)
        cumulative /= cumulative[:, -1:]
        cumulative[:, -1] = 1
        picked = np.empty((len(rows), n), _I64)
        for row, chosen in zip(cumulative.astype(_F64), picked):
            chosen[:] = np.searchsorted(row, self.doubles(n))
        return picked

    def _without_replacement(self, rows, n):
        """The n largest of weight / exponential: the weighted order statistics of a race."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = rows / self.exponential(rows.shape, dtype=rows.dtype)
        if n == 1:
            return scores.argmax(axis=1, keepdims=True)
        return _order_of_largest(scores, n)

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        """Poisson numbers of these rates, in their shape and dtype (floating)."""
        if not (rates >= 0).all():
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
        return self._each(rates.dtype, rejection.poisson, rates.astype(_F64))

    def gamma(self, concentrations: np.ndarray) -> np.ndarray:
        """Gamma numbers of rate 1, in the shape and dtype of `concentrations` (float32 or float64), never 0."""
        dtype = concentrations.dtype
        samples = self._each(dtype, partial(rejection.gamma, normal=self._one_normal), concentrations)
        return np.maximum(samples, np.finfo(dtype).tiny)

    def dirichlet(self, concentrations: np.ndarray) -> np.ndarray:
        """Points of the simplex along the last dim: gamma numbers, made in float64, over their sum."""
        dtype = concentrations.dtype
        gammas = self.gamma(concentrations.astype(_F64))
        shares = (gammas / gammas.sum(axis=-1, keepdims=True)).astype(dtype)
        return shares.clip(np.finfo(dtype).tiny, np.nextafter(dtype.type(1), dtype.type(0)))

    def binomial(self, counts: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Successes among `counts` trials of probability p, both of one shape and dtype (float32 or float64)."""
        return self._each(counts.dtype, rejection.binomial, counts, p)

    def _each(self, dtype, sample, *parameters):
        flat = [sample(*row, uniform=self.one_double) for row in zip(*(x.ravel() for x in parameters))]
        return _cast(np.array(flat, _F64), dtype).reshape(parameters[0].shape)

    def _one_normal(self):
        return float(self._serial_normals(1, 0.0, 1.0)[0])


def _order_of_largest(scores: np.ndarray, n: int) -> np.ndarray:
    """Where each row has its n largest, from the largest on; of equal ones the first comes first."""
    falling = -scores
    if n > falling.shape[1] // 8:
        return np.argsort(falling, axis=1, kind="stable")[:, :n]
    order = np.empty((len(falling), n), _I64)
    for row, places in zip(falling, order):
        candidates = np.flatnonzero(~(row > np.partition(row, n - 1)[n - 1]))
        places[:] = candidates[np.argsort(row[candidates], kind="stable")[:n]]
    return order


def _shape_and_count(size):
    if isinstance(size, int):
        return (size,), size
    return size, math.prod(size)


def _complex(draw, size, first, second, dtype):
    size, _ = _shape_and_count(size)
    part = _F32 if dtype.itemsize == 8 else _F64
    return draw((*size, 2), first, second, part).view(dtype).reshape(size)


def _cast(values, dtype):
    """As C converts: half precision by way of float32."""
    if dtype in HALF:
        values = values.astype(_F32)
    return values.astype(dtype, copy=False)


def _lowest_held(low, dtype):
    """The least integer that, converted to dtype, does not fall below low."""
    after = int(dtype.type(low + 1))
    return after + (1 << (abs(low + 1).bit_length() - _DIGITS[dtype])) if after < low else low


def _bound_held(high, dtype):
    """The largest bound below which no integer, converted to dtype, reaches high."""
    before = int(dtype.type(high - 1))
    return before - (1 << (abs(high - 1).bit_length() - _DIGITS[dtype])) if before >= high else high


def _check_bounds(dtype, **bounds):
    if dtype in _DIGITS:
        lowest, highest = -_LARGEST[dtype], _LARGEST[dtype]
    elif dtype.kind == "b":
        lowest, highest = 0, 1
    else:
        info = np.iinfo(dtype)
        lowest, highest = int(info.min), min(int(info.max), _INT64_MAX)
    for name, bound in bounds.items():
        if not lowest <= bound <= highest:
            raise RuntimeError(f"{name} is out of bounds for {dtype.name}")


def check_counts(n, dtype):
    if dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize > 1):
        raise NotImplementedError(f"\"randperm\" not implemented for '{dtype.name}'")
    most = (1 << _DIGITS[dtype]) + 1 if dtype in _DIGITS else int(np.iinfo(dtype).max) + 1
    if n > most and dtype != bfloat16.np:  # bfloat16 PyTorch lets round
        raise RuntimeError(f"n cannot be greater than {most} for {dtype.name}, got {n}")


def check_floating(kernel, dtype):
    if dtype not in _DIGITS:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtype.name}': give a floating dtype")


def check_continuous(name, dtype):
    if dtype not in _DIGITS:
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {dtype.name}"
        )


def _check_uniform(low, high, dtype):
    top = _LARGEST[dtype]
    for name, bound in (("from", low), ("to", high)):
        if not -top <= bound <= top:
            raise RuntimeError(f"{name} is out of bounds for {dtype.name}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if high - low > top:
        raise RuntimeError(
            f"uniform_ expects to-from <= the largest {dtype.name}, but found to={high} and from={low} which result in "
            "to-from to exceed the limit"
        )


def check_weights(weights, n, replacement):
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if weights.dtype not in _DIGITS:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {weights.dtype.name}")
    if n <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and n > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if replacement and n > 1:
        if not (weights >= 0).all():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
        if np.isinf(weights).any():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    elif not ((weights >= 0) & (weights < np.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (weights > 0).any(axis=-1).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
