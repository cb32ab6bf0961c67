"""The 32-bit Mersenne twister as PyTorch's CPU generator runs it: seeds, states, and uniform draws.

NumPy's `MT19937` is the engine, seeded as `numpy.random.RandomState(seed)` seeds it.
Source: Matsumoto and Nishimura (1998).
"""

from __future__ import annotations

import operator

import numpy as np

from .streams_native import exact_kernels, kernels

_WORDS = 624
_COST = 4  # nanoseconds of a draw
_LOW_24, _LOW_53 = (1 << 24) - 1, (1 << 53) - 1
_UNIT_24, _UNIT_53 = 2.0**-24, 2.0**-53
_INT64_MIN = -(1 << 63)

# The bytes of `get_state`, with the padding that a C compiler puts there.
_STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "words", "x", "normal", "rho", "has_normal", "float", "has_float"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", _WORDS), "<f8", "<f8", "<f8", "<i4", "<f4", "?"],
        "offsets": [0, 8, 12, 16, 24, 5016, 5024, 5032, 5040, 5048, 5052],
        "itemsize": 5056,
    }
)


class MersenneTwister:
    """Uniform draws, and the two normal samples that a state may keep for later.

    A 64-bit draw is two 32-bit draws, the high half first.
    """

    __slots__ = ("_bits", "_next_float_normal", "_seed", "next_normal")

    def __init__(self, seed: int = 5489):
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start again from `seed`, -2^63 <= seed < 2^64; only its low 32 bits choose the stream. Else ValueError."""
        seed = operator.index(seed)
        if not _INT64_MIN <= seed < 1 << 64:
            raise ValueError(f"Overflow when unpacking long long: a seed is in [-2^63, 2^64), got {seed}")
        self._seed = seed % (1 << 64)
        self._bits = np.random.MT19937(0)
        np.random.RandomState(self._bits).seed(seed & 0xFFFFFFFF)
        self.next_normal: float | None = None
        self._next_float_normal: float | None = None

    @property
    def initial_seed(self) -> int:
        """The seed last given, modulo 2^64."""
        return self._seed

    def get_state(self) -> np.ndarray:
        """The state as the 5056 bytes of `torch.get_rng_state()`: (5056,) uint8."""
        twister = self._bits.state["state"]
        words, used = twister["key"], twister["pos"]
        if used == _WORDS and words[0] == self._seed & 0xFFFFFFFF:
            used = 0  # seeded, not yet twisted
        record = np.zeros((), _STATE)
        record["seed"], record["left"], record["seeded"] = self._seed, _WORDS + 1 - used if used else 1, 1
        record["next"], record["words"] = used, words
        if self.next_normal is not None:
            record["normal"], record["has_normal"] = self.next_normal, 1
        if self._next_float_normal is not None:
            record["float"], record["has_float"] = self._next_float_normal, True
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, state: np.ndarray) -> None:
        """Continue from a state of `get_state` or of `torch.get_rng_state()`. RuntimeError if it is none.

        state: (5056,) uint8.
        """
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG state size to be "
                f"{state.size}"
            )
        record = np.frombuffer(state.tobytes(), _STATE)[0]
        used = int(record["next"])
        left = _WORDS + 1 - used if used else 1
        if record["seeded"] != 1 or used > _WORDS or record["left"] != left:
            raise RuntimeError("Invalid mt19937 state")
        self._bits.state = {
            "bit_generator": "MT19937",
            "state": {"key": record["words"].astype(np.uint32), "pos": used or _WORDS},
        }
        self._seed = int(record["seed"])
        self.next_normal = float(record["normal"]) if record["has_normal"] else None
        self._next_float_normal = float(record["float"]) if record["has_float"] else None

    def words(self, n: int) -> np.ndarray:
        """n draws of 32 bits: (n,) uint32."""
        native = exact_kernels(n, _COST)
        return native.draw("words", self._bits, n) if native else self._bits.random_raw(n).astype(np.uint32)

    def long_words(self, n: int) -> np.ndarray:
        """n draws of 64 bits: (n,) uint64."""
        native = exact_kernels(n, 2 * _COST)
        if native:
            return native.draw("longs", self._bits, n)
        halves = self._bits.random_raw(2 * n)
        return (halves[0::2] << np.uint64(32)) | halves[1::2]

    def floats(self, n: int, low: float = 0.0, span: float = 1.0) -> np.ndarray:
        """(n,) uniform float32, low + span u: u in [0, 1) are the low 24 of 32 bits. low, span: floats of 32 bits."""
        native = (exact_kernels if span == 1.0 and low == 0.0 else kernels)(n, _COST)
        if native:
            return native.draw("floats", self._bits, n, span, low)
        draws = self._bits.random_raw(n).astype(np.int32)
        draws &= _LOW_24
        units = np.multiply(draws, _UNIT_24, dtype=np.float32)
        if span == 1.0 and low == 0.0:
            return units
        # float64 holds the product, so it rounds the sum and nothing else.
        return (units.astype(np.float64) * span + low).astype(np.float32)

    def doubles(self, n: int) -> np.ndarray:
        """(n,) uniform float64 in [0, 1): the low 53 of 64 bits."""
        native = exact_kernels(n, 2 * _COST)
        if native:
            return native.draw("doubles", self._bits, n)
        draws = self.long_words(n).view(np.int64)
        draws &= _LOW_53
        return np.multiply(draws, _UNIT_53, dtype=np.float64)

    def one_double(self) -> float:
        """The next element of `doubles`."""
        raw = self._bits.random_raw
        return ((raw() << 32 | raw()) & _LOW_53) * _UNIT_53
