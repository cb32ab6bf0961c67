"""Settings of libraries that PyTorch may use and Taper does not: kept, and without effect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Switch:
    """One library's settings. `available`: what `is_available()` says; further settings are attributes."""

    def __init__(self, name: str, available: bool, **settings):
        self.__name__ = f"taper.backends.{name}"
        self._available = available
        self.__dict__.update(settings)

    def is_available(self) -> bool:
        """Whether the library can be used."""
        return self._available

    @contextmanager
    def flags(self, **settings) -> Iterator[None]:
        """A scope with other settings."""
        before = dict(self.__dict__)
        self.__dict__.update(settings)
        try:
            yield
        finally:
            self.__dict__.update(before)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"


mkl = Switch("mkl", False)
mkldnn = Switch("mkldnn", False, enabled=True, deterministic=False, allow_tf32=True)
openmp = Switch("openmp", False)
nnpack = Switch("nnpack", False)
opt_einsum = Switch("opt_einsum", False, enabled=False, strategy=None)
quantized = Switch("quantized", False, engine="none", supported_engines=["none"])
