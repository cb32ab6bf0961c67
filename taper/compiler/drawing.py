"""Random numbers in a captured step: drawn from the eager engine's stream before the program runs, and then computed with.

Where probabilities are tensors of the step, what the eager stream draws for them is drawn, and the program chooses by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..backends.streams import MT19937Stream, check_weights
from ..tensor.random import Generator
from .captured import Draw
from .computing import applied, found, reduced
from .errors import CaptureError
from .host import host
from .symbol import Symbol, made

if TYPE_CHECKING:
    from .capture import Capture


class Stream:
    """Stands for a generator's stream: notes what is drawn, in order, and gives symbols."""

    def __init__(self, capture: Capture, generator: Generator, stream):
        self._capture, self._generator, self._stream = capture, generator, stream.copy()

    def __getattr__(self, name: str):
        method = getattr(self._stream, name)
        if not callable(method) or name in ("seed", "set_state", "get_state", "copy"):
            raise CaptureError(f"the state of a random generator ({name}) is not available while a step is captured")

        def draw(*args, **kwargs):
            if any(isinstance(a, Symbol) for a in (*args, *kwargs.values())):
                raise CaptureError(f"drawing random numbers ({name}) by probabilities that are tensors is not captured")
            result = method(*args, **kwargs)
            results = list(result) if isinstance(result, tuple) else [result]
            home = self._capture.home
            if not all(isinstance(r, (np.ndarray, home.kind)) for r in results):
                raise CaptureError(f"a random number ({name}) that is no tensor is not captured")
            self._capture.draws.append((Draw(self._generator, name, args, kwargs), nodes := []))
            symbols = []
            for i, r in enumerate(results):
                key = len(self._capture.draws) - 1, i
                nodes.append(self._capture.graph.leaf("draw", key, r.shape, r.dtype))
                symbols.append(made(nodes[-1], np.empty_like(r if isinstance(r, np.ndarray) else home.stand_in(r))))
            return tuple(symbols) if isinstance(result, tuple) else symbols[0]

        return draw

    def drawn(self) -> bytes:
        """Something that changes with each draw."""
        return str(len(self._capture.draws)).encode()

    def _chooses(self, probabilities) -> bool:
        """Whether the program chooses by probabilities that are not known: as the CPU's stream does."""
        return isinstance(probabilities, Symbol) and isinstance(self._stream, MT19937Stream)

    def bernoulli_each(self, p, dtype=np.float32):
        """As MT19937Stream's."""
        if not self._chooses(p):
            return self.__getattr__("bernoulli_each")(p, dtype)
        found(_outside(p, 1))
        wide = np.float64 if p.dtype == np.float64 else np.float32
        drawn = self.doubles(p.size) if wide is np.float64 else self.floats(p.size)
        return (drawn.reshape(p.shape) < p.astype(wide)).astype(dtype)

    def multinomial(self, weights, n: int, replacement: bool = False):
        """As MT19937Stream's."""
        if not self._chooses(weights):
            return self.__getattr__("multinomial")(weights, n, replacement)
        check_weights(np.ones_like(weights.shadow), n, replacement)
        rows = weights.reshape(-1, weights.shape[-1])
        found(_outside(rows, np.finfo(rows.dtype).max))
        found(reduced("max", rows, 1, False) <= 0)
        picked = self._race(rows, n) if n == 1 or not replacement else self._among(rows, n)
        return picked.reshape(*weights.shape[:-1], n)

    def _race(self, rows, n: int):
        scores = rows / self.exponential(rows.shape, dtype=rows.dtype)
        if n == 1:
            return reduced("argmax", scores, 1, True)
        return host(np.argsort, -scores, axis=1, kind="stable")[:, :n]

    def _among(self, rows, n: int):
        rows = rows if rows.dtype == np.float64 else rows.astype(np.float32)
        cumulative = host(np.cumsum, rows, axis=1)
        shares = (cumulative / cumulative[:, -1:]).astype(np.float64)
        shares[:, -1] = 1
        drawn = self.doubles(len(rows) * n).reshape(len(rows), n, 1)
        return reduced("sum", (shares.reshape(len(rows), 1, -1) < drawn).astype(np.int64), 2, False)


def _outside(x, highest):
    """Where x is not in [0, highest], which NaN is not."""
    inside = applied(np.logical_and, (x >= 0, x <= highest))
    return applied(np.logical_not, (inside,))
